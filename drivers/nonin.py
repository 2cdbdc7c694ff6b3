"""Nonin 3230: standard spot-checks, and its own continuous service (big-endian, one notification a second).

Layout of the own service: Nonin specification 113142-000-02 as public decoders of it read it. Never seen on a
device here. Bit 0 of its status is not described there and stays unnamed.
"""

from micropython import const

from drivers import Driver, Sampling, make
from drivers.formats import need, uuid128
from drivers.pulse_oximeter import DECODERS, STANDARD
from firmware.contracts import PeerError
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = uuid128("46A970E0-0D5F-11E2-8B5E-0002A5D5C51B")
_OXIMETRY = uuid128("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B")

_NO_SPO2 = const(127)
_NO_PULSE = const(511)


def decode(octets) -> list:
    """Read one Nonin oximetry value: length, status, battery, amplitude, counter, SpO2, pulse."""
    need(octets, 10)
    if octets[0] != len(octets):
        raise PeerError("length", octets[0], len(octets))
    spo2, pulse = octets[7], octets[8] << 8 | octets[9]
    measurement = Measurement(
        "pulse_oximetry_continuous",
        (
            (codes.SPO2, "no_reading") if spo2 == _NO_SPO2 else (codes.SPO2, spo2, 0, codes.PERCENT),
            (codes.PULSE_OXIMETER, "no_reading") if pulse == _NO_PULSE else (codes.PULSE_OXIMETER, pulse, 0, codes.BPM),
            (codes.PULSE_AMPLITUDE, octets[3] << 8 | octets[4], -2, codes.PERCENT),
        ),
        len(octets) - 10,
    )
    measurement.status_raw = octets[1]
    measurement.named_by = "nonin"
    return [measurement]


_decoders = {_OXIMETRY: decode}
_decoders.update(DECODERS)

_spot_check = make(
    "nonin_3230",
    "Nonin 3230",
    STANDARD,
    name_prefixes=("Nonin3230_",),
    bond_first=True,
)

DRIVER = Driver(
    _decoders,
    (
        _spot_check,
        make(
            "nonin_3230_continuous",
            "Nonin 3230 (its own continuous service)",
            _spot_check,
            services=(_SERVICE,) + _spot_check.services,
            subscribe=_spot_check.subscribe + ((_OXIMETRY, "notify"),),
            sampling=(Sampling(_OXIMETRY, 10000, 6),),
            burst=_spot_check.burst + 6,
        ),
    ),
    {},
)
