"""Thermometer (service 0x1809): 2A1C Measurement, 2A1E Intermediate, 2A1D Type.

Layout: GATT Specification Supplement, Temperature Measurement. Where it was measured is part of the code (IEEE
11073-10408); a value that does not say is a body temperature, and 2A1D then says where for the device as a whole.
"""

from micropython import const

from drivers import Driver, make
from drivers.formats import extra, float32, lengths, need, nothing, take_time
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1809)
_MEASUREMENT = const(0x2A1C)
_INTERMEDIATE = const(0x2A1E)
_TYPE = const(0x2A1D)
_DATE_TIME = const(0x2A08)

_FAHRENHEIT = const(0x01)
_HAS_TIME = const(0x02)
_HAS_TYPE = const(0x04)
_KNOWN = const(0x07)
_LENGTHS = lengths(5, (0, 7, 1))

# By Temperature Type: MDC_TEMP_BODY where it is not told, AXILLA, BODY, EAR, FINGER, GIT, ORAL, RECT, TOE, TYMP
_CODES = (150364, 188452, 150364, 188428, 188432, 188456, 188424, 188420, 188448, 150392)


def decode(octets) -> list:
    """Read one Temperature Measurement (2A1C)."""
    need(octets, 1)
    flags = octets[0]
    measurement = Measurement("body_temperature", (), extra(octets, _LENGTHS[flags & _KNOWN]))
    at = 5
    if flags & _HAS_TIME:
        take_time(measurement, octets, at)
        at += 7
    site = octets[at] if flags & _HAS_TYPE else 0
    code = _CODES[site if site < len(_CODES) else 0]
    number = float32(octets, 1)
    if isinstance(number, str):
        measurement.quantities = ((code, number),)
    else:
        unit = codes.FAHR if flags & _FAHRENHEIT else codes.DEGC
        measurement.quantities = ((code, number[0], number[1], unit),)
    if flags > _KNOWN:
        measurement.flags = ("reserved_bits",)
    return [measurement]


_standard = make(
    "thermometer",
    "Thermometer (standard)",
    services=(_SERVICE,),
    clock=_DATE_TIME,
    subscribe=((_MEASUREMENT, "indicate"),),
    features=_TYPE,
    memory="until_confirmed",
    burst=30,
    value_octets_max=13,
)

DRIVER = Driver(
    {_MEASUREMENT: decode, _INTERMEDIATE: nothing, _TYPE: nothing, _DATE_TIME: nothing},
    (
        _standard,
        make(
            "ad_ut201ble",
            "A&D UT-201BLE",
            _standard,
            name_prefixes=("UT201BLE", "A&D_UT201BLE"),
            pairing_mode="limited",
            bond_first=True,
        ),
        # Sends one indication and switches itself off.
        make(
            "taidoc_thermometer",
            "TaiDoc thermometer",
            _standard,
            name_prefixes=("TAIDOC", "NT-100B"),
            bonds=False,
            memory="none",
            burst=1,
        ),
    ),
    {},
)
