"""P-256's points on machine code: one of the two roads of p256.py, imported only where the emitter is present.

Points are (X, Y, ZZ, ZZZ), x = X / ZZ, y = Y / ZZZ and ZZ^3 = ZZZ^2 (hyperelliptic.org/EFD, "xyzz", madd-2008-s and
dbl-2008-s-1). Which programs run, and in which order, depends on nothing; what a secret chooses is which octets of the
table are read, and whether a point or its negative is added.
"""

from micropython import const

from firmware.seal.p256_domain import B, N, P
from firmware.seal.p256_limbs import entry, invert, join, run, split

# The comb of the base point (tools/host/p256_table.py makes it): 8 teeth, 32 bits apart. Entry i of column 0 .. 7 is
# (2^224 + s6 2^192 + … + s0) 2^(4 column) G, where s_t is +1 when bit t of i is set, else -1: x and y, 19 limbs each.
_STEPS = const(4)
_COLUMNS = const(8)
_POINT_OCTETS = const(76)
_COLUMN_OCTETS = const(9728)  # 128 points

_SLOTS_AT = const(154)  # of slot 0, which is none (p256_limbs.py)
_SLOT_OCTETS = const(38)
_NUMBER_OCTETS = const(34)  # what split and join work on

# Slots: what never changes, then the sum, the point to add, and what lies between.
_4P, _16P = const(1), const(2)  # to take differences from, in limbs too large to be borrowed from
_ZERO = const(3)
_ONE = const(4)
_RR = const(5)  # R^2 mod p: times it is into Montgomery's form, times one is out of it
_CURVE_B = const(6)
_MODULUS_P = const(7)
_MODULUS_N = const(8)
_CONSTANTS = const(8)
_X, _Y, _ZZ, _ZZZ = const(9), const(10), const(11), const(12)
_PX, _PY, _MINUS_PY = const(13), const(14), const(15)
_A, _B, _C, _D, _E, _F = const(16), const(17), const(18), const(19), const(20), const(21)
_ODDS = const(22)  # x, y, -y of 1, 3 .. 15 times a point
_SLOTS = const(45)  # the last

_TOP = 1 << 255
_INVERSE_P = const(0x3FFF)  # 1 / p and 1 / n modulo 2^14
_INVERSE_N = const(0x03B1)


def _program(*steps) -> bytearray:
    return bytearray(b"".join([bytes(step) for step in steps]))


# In brackets: how many p a number is below. A product of a p and b p is below (1 + a b / 1024) p.
# Which point is to be added is written into the first two programs each time.
# The sum becomes the point, scaled by C.
_START = _program(
    (_MINUS_PY, _ZERO, _4P, _PY),
    (_ZZ, _C, _C, 0),
    (_ZZZ, _ZZ, _C, 0),
    (_X, _PX, _ZZ, 0),
    (_Y, _PY, _ZZZ, 0),
)
_START_X = const(13)  # where the program says which x, and which y
_START_Y = const(17)
# The sum becomes sum + point. Were both the same, or each other's negative, ZZZ would become 0, and x and y too.
_ADD = _program(
    (_MINUS_PY, _ZERO, _4P, _PY),
    (_A, _PX, _ZZ, 0),
    (_B, _PY, _ZZZ, 0),
    (_A, _A, _16P, _X),  # [17.1]
    (_B, _B, _16P, _Y),  # [17.1]
    (_C, _A, _A, 0),
    (_D, _A, _C, 0),
    (_E, _X, _C, 0),
    (_X, _B, _B, 0),
    (_X, _X, _4P, _D),
    (_X, _X, _4P, _E),
    (_X, _X, _4P, _E),  # [13.4]
    (_F, _Y, _D, 0),
    (_E, _E, _16P, _X),  # [17.1]
    (_Y, _B, _E, 0),
    (_Y, _Y, _4P, _F),  # [5.4]
    (_ZZ, _ZZ, _C, 0),
    (_ZZZ, _ZZZ, _D, 0),
)
_ADD_X = const(5)
_ADD_Y = const(9)
# The sum becomes twice the sum. A: 2 Y, B: A^2, C: A^3, D: X B, E: 3 (X^2 - ZZ^2).
_DOUBLE = _program(
    (_A, _Y, _Y, _ZERO),  # [10.8]
    (_B, _A, _A, 0),
    (_C, _A, _B, 0),
    (_D, _X, _B, 0),
    (_F, _ZZ, _ZZ, 0),
    (_E, _X, _X, 0),
    (_F, _E, _4P, _F),  # [5.2]
    (_E, _F, _F, _ZERO),
    (_E, _E, _F, _ZERO),  # [15.6]
    (_X, _E, _E, 0),
    (_X, _X, _4P, _D),
    (_X, _X, _4P, _D),  # [9.3]
    (_D, _D, _16P, _X),  # [17.1]
    (_F, _C, _Y, 0),
    (_Y, _E, _D, 0),
    (_Y, _Y, _4P, _F),  # [5.3]
    (_ZZ, _B, _ZZ, 0),
    (_ZZZ, _C, _ZZZ, 0),
)
_DENOMINATOR = _program((_A, _ZZZ, _ONE, 0))
# With A = 1 / ZZZ: the sum becomes (x, y), out of Montgomery's form, and D what is 0 on the curve alone:
# x^3 - 3 x + b - y^2. 1 / ZZ = (ZZ / ZZZ)^2.
_AFFINE = _program(
    (_A, _A, _RR, 0),
    (_B, _ZZ, _A, 0),
    (_B, _B, _B, 0),
    (_X, _X, _B, 0),
    (_Y, _Y, _A, 0),
    (_D, _X, _X, 0),
    (_D, _D, _X, 0),
    (_D, _D, _CURVE_B, _ZERO),
    (_D, _D, _4P, _X),
    (_D, _D, _4P, _X),
    (_D, _D, _4P, _X),  # [14.1]
    (_F, _Y, _Y, 0),
    (_D, _D, _4P, _F),  # [18.1]
    (_D, _D, _ONE, 0),
    (_X, _X, _ONE, 0),
    (_Y, _Y, _ONE, 0),
)
_SCALE_ONE = _program((_C, _RR, _ONE, 0))


class Points:
    """Sums of points, for one purpose at a time; `blind` scales the point that a sum begins with."""

    def __init__(self, blind):
        self._blind = blind
        self._workspace = _workspace(_F)

    def of_base(self, k, table):
        """Return k G as (x, y) for 0 < k < n, None for a k whose last step would add a point to itself.

        `table` is the comb as an open file.
        """
        workspace = self._workspace
        point = memoryview(workspace)[_SLOTS_AT + _SLOT_OCTETS * _PX : _SLOTS_AT + _SLOT_OCTETS * _PX + _POINT_OCTETS]
        digits = _halves(k).to_bytes(32, "little")
        _put(workspace, _C, self._blind)
        _START[_START_X] = _ADD[_ADD_X] = _PX
        program, y = _START, _START_Y
        for step in range(_STEPS - 1, -1, -1):
            if step < _STEPS - 1:
                run(workspace, 0, _DOUBLE, len(_DOUBLE))
            at = 0
            for column in range(step, _STEPS * _COLUMNS, _STEPS):
                table.seek(at + entry(digits, column, program, y, _MINUS_PY) * _POINT_OCTETS)
                table.readinto(point)
                run(workspace, 0, program, len(program))
                program, y = _ADD, _ADD_Y
                at += _COLUMN_OCTETS
        return _affine(workspace, k)

    def times(self, k, x, y):
        """Return k (x, y) for 0 < k < n, None for a k whose last step would add a point to itself."""
        workspace = _workspace(_SLOTS)
        _odd_multiples(workspace, x, y)
        # 64 windows w of 4 bits stand for the odd digits 2 w - 15.
        windows = _halves(k).to_bytes(32, "big")
        _put(workspace, _C, self._blind)
        program, at = _START, _START_Y
        for window in range(64):
            digit = windows[window >> 1] >> (0 if window & 1 else 4) & 15
            positive = digit >> 3
            slot = _ODDS + 3 * ((digit ^ (positive - 1)) & 7)
            if window:
                for _ in range(4):
                    run(workspace, 0, _DOUBLE, len(_DOUBLE))
                if window == 1:
                    program, at = _ADD, _ADD_Y
            program[_ADD_X if window else _START_X] = slot
            program[at] = slot + 2 - positive
            run(workspace, 0, program, len(program))
        return _affine(workspace, k)

    def inverse(self, value, modulus):
        """Return 1 / value modulo p or n, for 0 < value < modulus."""
        workspace = self._workspace
        _put(workspace, _A, value)
        if modulus == P:
            invert(workspace, 0, _A, _MODULUS_P, _INVERSE_P)
        else:
            invert(workspace, 0, _A, _MODULUS_N, _INVERSE_N)
        return _get(workspace, _A) % modulus


def _halves(k):
    """The odd one of k and n - k is the sum of s_i 2^i, i = 0 .. 255, each s_i +1 or -1: bit i of this says which."""
    return (N - k, k)[k & 1] >> 1 | _TOP  # half of the sum of k and 2^256 - 1


def _workspace(last_slot):
    workspace = bytearray(_SLOTS_AT + _SLOT_OCTETS * (last_slot + 1))
    workspace[_SLOTS_AT + _SLOT_OCTETS : _SLOTS_AT + _SLOT_OCTETS * (_CONSTANTS + 1)] = _constants
    return workspace


def _put(workspace, slot, value):
    split(value.to_bytes(_NUMBER_OCTETS, "little"), workspace, slot)


def _get(workspace, slot):
    join(workspace, slot, _octets)
    return int.from_bytes(_octets, "little")


def _affine(workspace, k=1):
    """Return the sum, or its negative when k is even, as (x, y); None when it is no point of the curve."""
    run(workspace, 0, _DENOMINATOR, len(_DENOMINATOR))
    invert(workspace, 0, _A, _MODULUS_P, _INVERSE_P)
    run(workspace, 0, _AFFINE, len(_AFFINE))
    if _get(workspace, _D) % P:
        return None
    y = _get(workspace, _Y) % P
    return _get(workspace, _X) % P, (P - y, y)[k & 1]


def _odd_multiples(workspace, x, y):
    """Put 1, 3 .. 15 times a point, and their negatives, into the slots from _ODDS on."""
    _ADD[_ADD_X], _ADD[_ADD_Y] = _PX, _PY
    _enter(workspace, _ODDS, x, y)
    for slot in range(_ODDS, _ODDS + 24, 3):
        _START[_START_X], _START[_START_Y] = slot, slot + 1
        if slot == _ODDS:
            run(workspace, 0, _SCALE_ONE, len(_SCALE_ONE))
            run(workspace, 0, _START, len(_START))
            run(workspace, 0, _DOUBLE, len(_DOUBLE))
            _enter(workspace, _PX, *_affine(workspace))
        if slot < _ODDS + 21:
            run(workspace, 0, _SCALE_ONE, len(_SCALE_ONE))
            run(workspace, 0, _START, len(_START))
            run(workspace, 0, _ADD, len(_ADD))
            _enter(workspace, slot + 3, *_affine(workspace))


def _enter(workspace, slot, x, y):
    """Put a point and its negative into three slots."""
    _put(workspace, slot, x)
    _put(workspace, slot + 1, y)
    program = _program(
        (slot, slot, _RR, 0), (slot + 1, slot + 1, _RR, 0), (slot + 2, _ZERO, _4P, slot + 1)
    )
    run(workspace, 0, program, len(program))


def _make_constants():
    workspace = bytearray(_SLOTS_AT + _SLOT_OCTETS * (_CONSTANTS + 1))
    for slot, value in (
        (_4P, 4 * P), (_16P, 16 * P), (_ONE, 1), (_RR, pow(2, 532, P)),
        (_CURVE_B, (B << 266) % P), (_MODULUS_P, P), (_MODULUS_N, N),
    ):  # fmt: skip
        _put(workspace, slot, value)
        if slot <= _16P:
            # Lend every limb three times what the next one stands for: nothing below 3 * 2^14 is ever taken from it.
            at = _SLOTS_AT + _SLOT_OCTETS * slot
            for limb in range(19):
                number = workspace[at] | workspace[at + 1] << 8
                number += 0xC000 if limb == 0 else -3 if limb == 18 else 0xBFFD
                workspace[at], workspace[at + 1] = number & 0xFF, number >> 8
                at += 2
    return bytes(memoryview(workspace)[_SLOTS_AT + _SLOT_OCTETS :])


_octets = bytearray(_NUMBER_OCTETS)
_constants = _make_constants()
