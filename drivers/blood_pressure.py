"""Blood pressure (service 0x1810): 2A35 Measurement, 2A36 Intermediate Cuff Pressure, 2A49 Feature.

Layout: GATT Specification Supplement, Blood Pressure Measurement. A mean pressure of NaN (Omron) is a reason;
one of 0 (Beurer) is what the device sent and stays 0: it is for the one who reads to know the device.
"""

from micropython import const

from drivers import Driver, make
from drivers.formats import lengths, need, nothing, quantity
from firmware.measurement import codes
from firmware.measurement.device_time import parse
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1810)
_MEASUREMENT = const(0x2A35)
_INTERMEDIATE_CUFF = const(0x2A36)
_FEATURE = const(0x2A49)
_DATE_TIME = const(0x2A08)

_IN_KPA = const(0x01)
_HAS_TIME = const(0x02)
_HAS_PULSE = const(0x04)
_HAS_USER = const(0x08)
_HAS_STATUS = const(0x10)
_KNOWN = const(0x1F)

_LENGTHS = lengths(7, (0, 7, 2, 1, 2))


def decode(octets) -> list:
    """Read one Blood Pressure Measurement (2A35)."""
    flags = octets[0] if len(octets) else need(octets, 1)
    more = len(octets) - _LENGTHS[flags & _KNOWN]
    if more < 0:
        need(octets, len(octets) - more)
    measurement = Measurement("blood_pressure", (), more)
    unit = codes.KPA if flags & _IN_KPA else codes.MMHG
    systolic = quantity(codes.PRESS_SYS, octets, 1, unit)
    diastolic = quantity(codes.PRESS_DIA, octets, 3, unit)
    mean = quantity(codes.PRESS_MEAN, octets, 5, unit)
    at = 7
    if flags & _HAS_TIME:
        measurement.device_time, measurement.device_time_state = parse(octets, at)
        at += 7
    if flags & _HAS_PULSE:
        pulse = quantity(codes.PULSE_CUFF, octets, at, codes.BPM)
        measurement.quantities = systolic, diastolic, mean, pulse
        at += 2
    else:
        measurement.quantities = systolic, diastolic, mean
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    if flags & _HAS_STATUS:
        measurement.status_raw = octets[at] | octets[at + 1] << 8
    if flags > _KNOWN:
        measurement.flags = ("reserved_bits",)
    return [measurement]


STANDARD = make(
    "blood_pressure",
    "Blood pressure monitor (standard)",
    services=(_SERVICE,),
    clock=_DATE_TIME,
    subscribe=((_MEASUREMENT, "indicate"),),
    features=_FEATURE,
    memory="until_confirmed",
    burst=60,  # usual memories hold 30 to 60 readings for each user
    value_octets_max=19,
)

# Switches itself off when it is discovered before it is bonded (error E10). Bonds by Just Works. Its clock is in the
# health service. It sends what it holds, oldest first, deletes each reading once confirmed, hangs up.
_and = make(
    "ad_ua651ble",
    "A&D UA-651BLE",
    STANDARD,
    name_prefixes=("A&D_UA-651BLE",),
    pairing_mode="limited",
    bond_first=True,
    burst=30,  # its memory
)

DECODERS = {_MEASUREMENT: decode, _INTERMEDIATE_CUFF: nothing, _FEATURE: nothing, _DATE_TIME: nothing}

DRIVER = Driver(
    DECODERS,
    (
        STANDARD,
        _and,
        make("ad_ua656ble", "A&D UA-656BLE", _and, name_prefixes=("A&D_UA-656BLE",)),
        make("ad_ua1200ble", "A&D UA-1200BLE", _and, name_prefixes=("UA-1200BLE", "A&D_UA-1200BLE")),
    ),
    {},
)
