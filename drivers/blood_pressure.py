"""Blood pressure (service 0x1810): 2A35 Measurement, 2A36 Intermediate Cuff Pressure, 2A49 Feature.

Layout: GATT Specification Supplement, Blood Pressure Measurement. A mean pressure of NaN (Omron) is a reason;
one of 0 (Beurer) is what the device sent and stays 0: it is for the one who reads to know the device.
"""

from micropython import const

from drivers import Driver, make
from drivers.formats import need, nothing, quantity, sfloat, take_time, uint
from firmware.measurement import codes
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
_RESERVED = const(0xE0)

_STATUS = ("body_movement", "cuff_loose", "irregular_pulse", None, None, "improper_position")
_PULSE_RANGE = (None, "pulse_above_range", "pulse_below_range", "pulse_range_rfu")  # bits 3, 4: one number


def decode(octets) -> list:
    """Read one Blood Pressure Measurement (2A35)."""
    need(octets, 1)
    flags = octets[0]
    length = 7
    for flag, size in ((_HAS_TIME, 7), (_HAS_PULSE, 2), (_HAS_USER, 1), (_HAS_STATUS, 2)):
        if flags & flag:
            length += size
    need(octets, length)
    unit = codes.KPA if flags & _IN_KPA else codes.MMHG
    quantities = [
        quantity(code, sfloat(octets, at), unit)
        for code, at in ((codes.PRESS_SYS, 1), (codes.PRESS_DIA, 3), (codes.PRESS_MEAN, 5))
    ]
    measurement = Measurement("blood_pressure", (), len(octets) - length)
    at = 7
    if flags & _HAS_TIME:
        take_time(measurement, octets, at)
        at += 7
    if flags & _HAS_PULSE:
        quantities.append(quantity(codes.PULSE_CUFF, sfloat(octets, at), codes.BPM))
        at += 2
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    if flags & _HAS_STATUS:
        measurement.status_raw = uint(octets, at, 2)
        measurement.status = status_names(measurement.status_raw)
    if flags & _RESERVED:
        measurement.flags = ("reserved_bits",)
    measurement.quantities = tuple(quantities)
    return [measurement]


def status_names(raw: int) -> tuple:
    """Name the bits of a measurement status, in bit order."""
    names = []
    for index, name in enumerate(_STATUS):
        if index == 3:
            name = _PULSE_RANGE[raw >> 3 & 3]
        elif not raw >> index & 1:
            continue
        if name is not None:
            names.append(name)
    return tuple(names)


_standard = make(
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

DRIVER = Driver(
    {_MEASUREMENT: decode, _INTERMEDIATE_CUFF: nothing, _FEATURE: nothing, _DATE_TIME: nothing},
    (
        _standard,
        # Switches itself off when it is discovered before it is bonded (error E10). Bonds by Just Works. Its
        # clock is in the health service. It sends what it holds, oldest first, deletes each reading once
        # confirmed, hangs up.
        make(
            "ad_ua651ble",
            "A&D UA-651BLE",
            _standard,
            name_prefixes=("A&D_UA-651BLE",),
            pairing_mode="limited",
            bond_first=True,
            burst=30,  # its memory
        ),
    ),
)
