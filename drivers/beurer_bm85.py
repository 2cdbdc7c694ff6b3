"""Beurer BM85: blood pressure by the standard's characteristic, and not quite by its layout.

As one owner recorded it (four frames, one model): the user's slot comes without its flag, pulse and status have their
octets swapped, bit 6 of the flags is set, and a mean pressure of 0 is sent for none.
"""

from micropython import const

from drivers import Driver, make
from drivers.blood_pressure import DECODERS, decode
from drivers.cuffs import BEURER
from drivers.formats import lengths, need

_MEASUREMENT = const(0x2A35)
_HAS_PULSE = const(0x04)
_HAS_USER = const(0x08)
_HAS_STATUS = const(0x10)
_AS_SEEN = const(0x40)
_KNOWN = const(0x1F)
_LENGTHS = lengths(7, (0, 7, 2, 0, 2))


def decode_swapped(octets) -> list:
    """Read one value as the BM85 sends it; any other by the book."""
    need(octets, 1)
    flags = octets[0]
    length = _LENGTHS[flags & _KNOWN]
    if not flags & _AS_SEEN or flags & _HAS_USER or len(octets) != length + 1:
        return decode(octets)
    plain = bytearray([octets[at] for at in range(length + 1)])
    plain[0] = flags & _KNOWN | _HAS_USER
    user_at = length - (2 if flags & _HAS_STATUS else 0)
    if flags & _HAS_STATUS:
        plain[user_at + 1], plain[user_at + 2] = plain[user_at + 2], plain[user_at + 1]
    if flags & _HAS_PULSE:
        plain[user_at - 2], plain[user_at - 1] = plain[user_at - 1], plain[user_at - 2]
    return decode(plain)


_decoders = dict(DECODERS)
_decoders[_MEASUREMENT] = decode_swapped

DRIVER = Driver(
    _decoders,
    (make("beurer_bm85", "Beurer BM85", BEURER, name_prefixes=("BM85",)),),
    {},
)
