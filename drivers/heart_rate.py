"""Heart rate strap (service 0x180D): 2A37 Measurement, 2A38 Body Sensor Location. A stream, sampled.

Layout: GATT Specification Supplement, Heart Rate Measurement. RR intervals fill the rest of a value, in 1/1024 s, for
which the nomenclature has no unit: they travel in the octets. A rate of 0 is what a strap sends off the skin.
"""

from micropython import const

from drivers import STREAM_REST_MS, Driver, Sampling, make
from drivers.formats import extra, lengths, need, nothing
from firmware.contracts import PeerError
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x180D)
_MEASUREMENT = const(0x2A37)
_LOCATION = const(0x2A38)

_WIDE = const(0x01)
_CONTACT = const(0x06)
_CONTACT_SUPPORTED = const(0x04)
_HAS_ENERGY = const(0x08)
_HAS_RR = const(0x10)
_KNOWN = const(0x1F)
_LENGTHS = lengths(2, (1, 0, 0, 2))
_SATURATED = const(0xFFFF)


def decode(octets) -> list:
    """Read one Heart Rate Measurement (2A37)."""
    need(octets, 1)
    flags = octets[0]
    more = extra(octets, _LENGTHS[flags & 0x0F])
    if flags & _HAS_RR:
        if more & 1:
            raise PeerError("length", len(octets))  # half an interval
        more = 0
    (rate_code, rate_unit), (energy_code, energy_unit) = codes.KINDS["heart_rate"][1]
    rate, at = (octets[1] | octets[2] << 8, 3) if flags & _WIDE else (octets[1], 2)
    quantities: tuple = ((rate_code, rate, 0, rate_unit) if rate else (rate_code, "no_reading"),)
    if flags & _HAS_ENERGY:
        energy = octets[at] | octets[at + 1] << 8
        quantities += ((energy_code, "overrun") if energy == _SATURATED else (energy_code, energy, 0, energy_unit),)
    measurement = Measurement("heart_rate", quantities, more)
    if flags & _CONTACT_SUPPORTED:
        measurement.status_raw = (flags & _CONTACT) >> 1
    if flags > _KNOWN:
        measurement.flags = ("reserved_bits",)
    return [measurement]


DRIVER = Driver(
    {_MEASUREMENT: decode, _LOCATION: nothing},
    (
        make(
            "heart_rate_strap",
            "Heart rate strap (standard)",
            bonds=False,
            services=(_SERVICE,),
            subscribe=((_MEASUREMENT, "notify"),),
            features=_LOCATION,
            sampling=(Sampling(_MEASUREMENT, 10000, 6),),
            burst=6,
            rest_ms=STREAM_REST_MS,
        ),
    ),
    {},
)
