"""Makes the comb of P-256's base point that the hub reads from flash, from the curve's definition alone.

8 teeth, 32 bits apart; 8 columns, 4 bits apart; in each column one point for every choice of the lower seven signs:
point i of column j is (2^224 + s6 2^192 + … + s0) 2^4j G, where s_t is +1 when bit t of i is set, else -1. Every point
is x and y, each times 2^266 modulo p (Montgomery's form) in 19 limbs of 14 bits, lowest first, two octets each.
"""

from functools import cache

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)

NAME = "p256_table.bin"
OCTETS_MAX = 96 * 1024  # of flash that faster signatures may take

TEETH = 8
TOOTH_BITS = 32
COLUMNS = 8
COLUMN_BITS = 4
POINT_OCTETS = 76

_LIMBS, _LIMB_BITS = 19, 14

Point = tuple[int, int]


@cache
def table() -> bytes:
    """The file: 8 columns of 128 points, 77 824 octets."""
    return b"".join(_octets(point) for column in columns() for point in column)


def columns() -> list[list[Point]]:
    """The same as points."""
    powers = [_G]  # 2^i G
    while len(powers) < TEETH * TOOTH_BITS:
        powers.append(_add(powers[-1], powers[-1]))
    return [_column(powers, COLUMN_BITS * column) for column in range(COLUMNS)]


def _column(powers: list[Point], at: int) -> list[Point]:
    first = powers[TOOTH_BITS * (TEETH - 1) + at]
    for tooth in range(TEETH - 1):
        x, y = powers[TOOTH_BITS * tooth + at]
        first = _add(first, (x, _P - y))
    points = [first]
    for tooth in range(TEETH - 1):
        twice = powers[TOOTH_BITS * tooth + at + 1]  # from -1 to +1
        points += [_add(point, twice) for point in points]
    return points


def _add(one: Point, other: Point) -> Point:
    """Neither is the other's negative."""
    if one == other:
        slope = 3 * (one[0] ** 2 - 1) * pow(2 * one[1], -1, _P) % _P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P) % _P
    x = (slope * slope - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _octets(point: Point) -> bytes:
    out = bytearray()
    for number in point:
        number = (number << _LIMBS * _LIMB_BITS) % _P
        for limb in range(_LIMBS):
            out += (number >> _LIMB_BITS * limb & (1 << _LIMB_BITS) - 1).to_bytes(2, "little")
    return bytes(out)
