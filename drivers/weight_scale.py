"""Weight scale (service 0x181D): 2A9D Weight Measurement, 2A9E Feature.

Layout: GATT Specification Supplement, Weight Measurement. The value's own resolution is kept: 16000 * 0.005
kg is (80000, -3). What the scale's display can show is coarser and stands in 2A9E, not in the value.
"""

from micropython import const

from drivers import Driver, make
from drivers.formats import need, nothing, take_time, uint
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x181D)
_MEASUREMENT = const(0x2A9D)
_FEATURE = const(0x2A9E)
_DATE_TIME = const(0x2A08)

_IMPERIAL = const(0x01)
_HAS_TIME = const(0x02)
_HAS_USER = const(0x04)
_HAS_BMI_AND_HEIGHT = const(0x08)
_RESERVED = const(0xF0)
_UNSUCCESSFUL = const(0xFFFF)  # Weight Scale Service: the measurement did not succeed


def decode(octets) -> list:
    """Read one Weight Measurement (2A9D)."""
    need(octets, 1)
    flags = octets[0]
    length = 3
    for flag, size in ((_HAS_TIME, 7), (_HAS_USER, 1), (_HAS_BMI_AND_HEIGHT, 4)):
        if flags & flag:
            length += size
    need(octets, length)
    measurement = Measurement("body_weight", (), len(octets) - length)
    raw = uint(octets, 1, 2)
    notes = []
    quantities: list = []
    if raw == _UNSUCCESSFUL:
        quantities.append((codes.BODY_MASS, "unsuccessful"))
        notes.append("unsuccessful")
    elif flags & _IMPERIAL:
        quantities.append((codes.BODY_MASS, raw, -2, codes.LB))
    else:
        quantities.append((codes.BODY_MASS, raw * 5, -3, codes.KG))
    at = 3
    if flags & _HAS_TIME:
        take_time(measurement, octets, at)
        at += 7
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    if flags & _HAS_BMI_AND_HEIGHT:
        quantities.append((codes.BMI, uint(octets, at, 2), -1, codes.KG_PER_M2))
        exponent, unit = (-1, codes.INCH) if flags & _IMPERIAL else (-3, codes.METRE)
        quantities.append((codes.BODY_HEIGHT, uint(octets, at + 2, 2), exponent, unit))
    if flags & _RESERVED:
        notes.append("reserved_bits")
    measurement.flags = tuple(notes)
    measurement.quantities = tuple(quantities)
    return [measurement]


_standard = make(
    "weight_scale",
    "Weight scale (standard)",
    services=(_SERVICE,),
    clock=_DATE_TIME,
    subscribe=((_MEASUREMENT, "indicate"),),
    features=_FEATURE,
    memory="until_confirmed",
    burst=60,
    value_octets_max=15,
)

DRIVER = Driver(
    {_MEASUREMENT: decode, _FEATURE: nothing, _DATE_TIME: nothing},
    (
        _standard,
        # Of the same family as the UA-651BLE cuff: bond before discovery, clock in the health service, oldest
        # first.
        make(
            "ad_uc352ble",
            "A&D UC-352BLE",
            _standard,
            name_prefixes=("A&D_UC-352BLE",),
            pairing_mode="limited",
            bond_first=True,
            burst=90,  # its memory
        ),
    ),
)
