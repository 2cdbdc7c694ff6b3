"""Body composition (service 0x181B): 2A9C Measurement, 2A9B Feature; scales that have it weigh by 2A9D too.

Layout: GATT Specification Supplement, Body Composition Measurement. Impedance is taken as 0.1 Ω, which real frames
fit. A full value is longer than a default link carries, so a scale may send it in two packets, both with bit 12.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.formats import extra, need, nothing, take_time
from drivers.joining import ALONE, BROKEN, LAST, PART
from drivers.weight_scale import DECODERS as WEIGHT_DECODERS
from drivers.weight_scale import STANDARD as WEIGHT
from firmware.contracts import PeerError
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x181B)
_WEIGHT_SERVICE = const(0x181D)
_USER_DATA_SERVICE = const(0x181C)
_CURRENT_TIME_SERVICE = const(0x1805)
_MEASUREMENT = const(0x2A9C)
_WEIGHT = const(0x2A9D)
_FEATURE = const(0x2A9B)
_CURRENT_TIME = const(0x2A2B)
_USER_CONTROL_POINT = const(0x2A9F)

_IMPERIAL = const(0x0001)
_HAS_TIME = const(0x0002)
_HAS_USER = const(0x0004)
_FIRST_BIT = const(3)  # of the fields in the order of codes.KINDS, behind body fat
_MULTIPLE = const(0x1000)
_RESERVED = const(0xE000)
_FIELDS = const(0x0FFA)  # each may come once
_UNSUCCESSFUL = const(0xFFFF)

_IS_MASS = const(1)  # 0.005 kg or 0.01 lb
_IS_HEIGHT = const(2)  # 0.001 m or 0.1 in
# exponent of each quantity of the kind
_SCALES = (-1, 0, -1, _IS_MASS, _IS_MASS, _IS_MASS, _IS_MASS, -1, _IS_MASS, _IS_HEIGHT)


def decode(octets) -> list:
    """Read one Body Composition Measurement (2A9C)."""
    return _decode((octets,))


def _decode(packets):
    measurement = Measurement("body_composition", ())
    found: dict = {}  # place in the kind -> quantity
    notes: tuple = ()
    for octets in packets:
        notes += _read(measurement, found, octets)
    if len(packets) == 1 and packets[0][1] << 8 & _MULTIPLE:
        notes += ("incomplete",)
    if notes:
        measurement.flags = tuple([flag for flag in codes.FLAGS if flag in notes])
    measurement.quantities = tuple([found[place] for place in sorted(found)])
    return [measurement]


def _read(measurement, found, octets):
    """Read one packet into what was found before; return what speaks against it."""
    need(octets, 2)
    flags = octets[0] | octets[1] << 8
    length = 4 + (7 if flags & _HAS_TIME else 0) + (1 if flags & _HAS_USER else 0)
    fields = flags >> _FIRST_BIT & 0x1FF
    while fields:
        length += 2 if fields & 1 else 0
        fields >>= 1
    measurement.extra += extra(octets, length)
    at = 4
    if flags & _HAS_TIME:
        take_time(measurement, octets, at)
        at += 7
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    table = codes.KINDS["body_composition"][1]
    place = 0
    field_at = 2
    notes: tuple = ("reserved_bits",) if flags & _RESERVED else ()
    for place in range(len(table)):
        if place:
            if not flags >> (_FIRST_BIT + place - 1) & 1:
                continue
            field_at = at
            at += 2
        raw = octets[field_at] | octets[field_at + 1] << 8
        if place == 0 and raw == _UNSUCCESSFUL:
            found[0] = table[0][0], "unsuccessful"
            notes += ("unsuccessful",)
        else:
            found[place] = _quantity(table[place], _SCALES[place], raw, flags & _IMPERIAL)
    return notes


def _quantity(kind, scale, raw, imperial):
    code, unit = kind
    if scale == _IS_MASS:
        return (code, raw, -2, codes.LB) if imperial else (code, raw * 5, -3, unit)
    if scale == _IS_HEIGHT:
        return (code, raw, -1, codes.INCH) if imperial else (code, raw, -3, unit)
    return code, raw, scale, unit


def _takes(parts, uuid, octets):
    """Tell whether a packet is one of two."""
    if len(octets) < 2 or not octets[1] << 8 & _MULTIPLE:
        return ALONE
    if not parts:
        return PART
    before = parts[0][1]
    both = (octets[0] & before[0] | (octets[1] & before[1]) << 8) & _FIELDS
    if both or (octets[0] ^ before[0]) & _IMPERIAL:
        return BROKEN  # a field again: the first of another measurement
    try:
        _read(Measurement("", ()), {}, octets)
    except PeerError:
        return BROKEN
    return LAST


def _join(parts):
    return _decode([octets for _, octets in parts])


def _body(parts):
    return b"".join([bytes(octets) for _, octets in parts])


DECODERS = {
    _MEASUREMENT: decode,
    _FEATURE: nothing,
    _CURRENT_TIME: nothing,
    _USER_CONTROL_POINT: nothing,
}
DECODERS.update(WEIGHT_DECODERS)

_standard = make(
    "body_composition",
    "Body composition scale (standard)",
    WEIGHT,
    services=(_SERVICE, _WEIGHT_SERVICE, _CURRENT_TIME_SERVICE),
    clock=_CURRENT_TIME,
    subscribe=((_WEIGHT, "indicate"), (_MEASUREMENT, "indicate")),
    features=_FEATURE,
    mtu=True,
    burst=90,
    value_octets_max=30,
)

DRIVER = Driver(DECODERS, (_standard,), {_MEASUREMENT: Joint(_takes, _join, _body, False)})
