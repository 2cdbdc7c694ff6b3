"""Record Access Control Point (2A52): which stored records a device is asked for, and what it answers. Never deletes.

Layout: GATT Specification Supplement, Record Access Control Point.
"""

from micropython import const

RACP = const(0x2A52)

_REPORT = const(1)
_NUMBER_RESPONSE = const(5)
_RESPONSE = const(6)
_ALL = const(1)
_GREATER_OR_EQUAL = const(3)
_LAST = const(6)
_BY_SEQUENCE = const(1)  # the filter type; also time offset (CGM) and record number (generic health sensor)

ALL_RECORDS = bytes((_REPORT, _ALL))
LAST_RECORD = bytes((_REPORT, _LAST))

# Response values that say "not in this way": ask for all instead
_NOT_SUPPORTED = (2, 3, 4, 5, 9)


def from_sequence(first: int, size: int = 2) -> bytes:
    """Write: report the records from this number on. `size`: octets of a number, 4 for a generic health sensor."""
    return bytes((_REPORT, _GREATER_OR_EQUAL, _BY_SEQUENCE)) + bytes([first >> 8 * at & 0xFF for at in range(size)])


def answer(octets) -> tuple:
    """Read an indication: ("number", records), ("done" / "none" / "not supported" / "refused", request, value)."""
    if len(octets) >= 4 and octets[0] == _NUMBER_RESPONSE:
        number = 0
        for at in range(len(octets) - 1, 1, -1):
            number = number << 8 | octets[at]
        return "number", number
    if len(octets) < 4 or octets[0] != _RESPONSE:
        return "refused", None, None
    value = octets[3]
    if value == 1:
        word = "done"
    elif value == 6:
        word = "none"
    else:
        word = "not supported" if value in _NOT_SUPPORTED else "refused"
    return word, octets[2], value


def next_request(last: "int | None", held: "int | None" = None, size: int = 2) -> bytes:
    """Write the request that gets what came after the last record kept.

    `last`: its number, None when there was none. `held`: the number of the device's own newest record where it is
    known; when it fell behind `last` the device was reset or its numbers wrapped, and everything is asked for.
    """
    top = (1 << 8 * size) - 1
    if last is None or last >= top or (held is not None and held < last):
        return ALL_RECORDS
    return from_sequence(last + 1, size)
