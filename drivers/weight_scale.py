"""Weight scale (service 0x181D): 2A9D Weight Measurement, 2A9E Feature.

Layout: GATT Specification Supplement, Weight Measurement. The value's own resolution is kept: 16000 * 0.005
kg is (80000, -3). What the scale's display can show is coarser and stands in 2A9E, not in the value.
"""

from micropython import const

from drivers import Driver, make
from drivers.formats import lengths, need, nothing, uuid128
from firmware.measurement import codes
from firmware.measurement.device_time import parse
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x181D)
_MEASUREMENT = const(0x2A9D)
_FEATURE = const(0x2A9E)
_DATE_TIME = const(0x2A08)
_VENDOR_SERVICE = uuid128("23434100-1FE4-1EFF-80CB-00FF78297D8B")
_VENDOR_MEASUREMENT = uuid128("23434101-1FE4-1EFF-80CB-00FF78297D8B")

_IMPERIAL = const(0x01)
_HAS_TIME = const(0x02)
_HAS_USER = const(0x04)
_HAS_BMI_AND_HEIGHT = const(0x08)
_KNOWN = const(0x0F)
_UNSUCCESSFUL = const(0xFFFF)  # Weight Scale Service: the measurement did not succeed
_LENGTHS = lengths(3, (0, 7, 1, 4))


def decode(octets) -> list:
    """Read one Weight Measurement (2A9D)."""
    flags = octets[0] if len(octets) else need(octets, 1)
    more = len(octets) - _LENGTHS[flags & _KNOWN]
    if more < 0:
        need(octets, len(octets) - more)
    measurement = Measurement("body_weight", (), more)
    raw = octets[1] | octets[2] << 8
    notes: tuple = ()
    if raw == _UNSUCCESSFUL:
        quantities: tuple = ((codes.BODY_MASS, "unsuccessful"),)
        notes = ("unsuccessful",)
    elif flags & _IMPERIAL:
        quantities = ((codes.BODY_MASS, raw, -2, codes.LB),)
    else:
        quantities = ((codes.BODY_MASS, raw * 5, -3, codes.KG),)
    at = 3
    if flags & _HAS_TIME:
        measurement.device_time, measurement.device_time_state = parse(octets, at)
        at += 7
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    if flags & _HAS_BMI_AND_HEIGHT:
        bmi = octets[at] | octets[at + 1] << 8
        height = octets[at + 2] | octets[at + 3] << 8
        quantities += (
            (codes.BMI, bmi, -1, codes.KG_PER_M2),
            (codes.BODY_HEIGHT, height, -1, codes.INCH)
            if flags & _IMPERIAL
            else (codes.BODY_HEIGHT, height, -3, codes.METRE),
        )
    if flags > _KNOWN:
        notes += ("reserved_bits",)
    if notes:
        measurement.flags = notes
    measurement.quantities = quantities
    return [measurement]


STANDARD = make(
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

DECODERS = {_MEASUREMENT: decode, _VENDOR_MEASUREMENT: decode, _FEATURE: nothing, _DATE_TIME: nothing}

# Of the same family as the UA-651BLE cuff: bond before discovery, clock in the health service, oldest first. Old
# firmware has the same value in a service of its own.
_and = make(
    "ad_uc352ble",
    "A&D UC-352BLE",
    STANDARD,
    name_prefixes=("A&D_UC-352BLE",),
    pairing_mode="limited",
    bond_first=True,
    services=(_SERVICE, _VENDOR_SERVICE),
    subscribe=STANDARD.subscribe + ((_VENDOR_MEASUREMENT, "indicate"),),
    burst=90,  # its memory
)

DRIVER = Driver(
    DECODERS,
    (STANDARD, _and, make("ad_uc421ble", "A&D UC-421BLE", _and, name_prefixes=("A&D_UC-421BLE", "UC-421BLE"))),
    {},
)
