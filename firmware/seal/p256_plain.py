"""P-256's points with Python's big integers: one of the two roads of p256.py, for where machine code does not run.

The time of big-integer arithmetic depends on its operands. What is done against that: the sequence of point operations
does not depend on the scalar, and the sum begins with a point scaled by what an observer cannot know.

`pow(x, -1, n)` is silently 0 on MicroPython, so inverses are powers (Fermat). Points are Jacobian, (x/z^2, y/z^3); None
is the point at infinity. Formulas: hyperelliptic.org/EFD, dbl-2001-b and the additions of Cohen, Miyaji, Ono.
"""

from firmware.seal.p256_domain import N, P, on_curve


class Points:
    """Sums of points; `blind` scales the point that a sum begins with."""

    def __init__(self, blind):
        self._blind = blind  # 0 < blind < p

    def times(self, k, x, y):
        """Return k (x, y) for 0 < k < n, None should it be no point: 64 windows of 4 bits, odd digits -15 .. 15."""
        odd = k & 1
        windows = ((k if odd else N - k) + (1 << 256) - 1) >> 1  # k = sum of (2 w_i - 15) 16^i
        start = self._blind
        ss = start * start % P
        one = x * ss % P, y * ss % P * start % P, start
        two = _double(one)
        odds = [one]
        for _ in range(7):
            odds.append(_add(odds[-1], two))
        total = None
        for shift in range(252, -1, -4):
            digit = (windows >> shift & 15) * 2 - 15
            qx, qy, qz = odds[abs(digit) >> 1]
            addend = qx, (qy, P - qy)[digit < 0], qz
            if total is None:
                total = addend
            else:
                for _ in range(4):
                    total = _double(total)
                total = _add(total, addend)
        assert total is not None  # k is no multiple of n
        x, y, z = total
        w = self.inverse(z, P)
        ww = w * w % P
        x = x * ww % P
        y = y * ww % P * w % P
        return (x, (P - y, y)[odd]) if on_curve(x, y) else None

    def inverse(self, value, modulus):
        """Return 1 / value modulo p or n, for 0 < value < modulus."""
        return pow(value, modulus - 2, modulus)


def _double(point):
    if point is None:
        return None
    x, y, z = point
    delta = z * z % P
    gamma = y * y % P
    beta = x * gamma % P
    alpha = 3 * (x - delta) * (x + delta) % P
    x3 = (alpha * alpha - 8 * beta) % P
    z += y
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % P, (z * z - gamma - delta) % P


def _add(one, other):
    if one is None:
        return other
    x1, y1, z1 = one
    x2, y2, z2 = other
    zz1 = z1 * z1 % P
    zz2 = z2 * z2 % P
    u1 = x1 * zz2 % P
    s1 = y1 * zz2 % P * z2 % P
    h = (x2 * zz1 - u1) % P
    r = (y2 * zz1 % P * z1 - s1) % P
    if h == 0:
        return None if r else _double(one)
    hh = h * h % P
    hhh = h * hh % P
    v = u1 * hh % P
    x3 = (r * r - hhh - v - v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, z1 * z2 % P * h % P
