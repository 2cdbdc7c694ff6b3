"""What p256.py offers, loaded for one call. (firmware/board/passing.py forgets it.)

What is done against whoever watches or disturbs: the sequence of operations on a secret is always the same one; sums
begin with a scaled point, and a nonce is multiplied by a random number before it is inverted; a point that is not on
the curve is given to nobody, since two signatures of one digest, of which one was disturbed, tell the key. Scaling
mixes key, message and the random source: neither a known key nor a poor source is enough to know it. What stays open:
which octets of the table are read is on the flash's wires.
"""

import hashlib
import os
import sys

from firmware.seal.p256 import Road
from firmware.seal.p256_domain import GX, GY, N, P, on_curve

_TABLE = __file__[: __file__.rfind("/") + 1] + "p256_table.bin"
_TABLE_SHA256 = (
    b"\x17\x77\xaa\x53\xe6\xf6\xf3\x47\x0b\xc4\x56\x42\x13\xcd\x6e\x98"
    b"\x60\xbe\x68\x1b\x5e\xf8\xe7\xa6\xda\xe9\x73\xc7\x14\xab\xba\x06"
)

# RFC 6979, A.2.5: a key and its public point.
_KNOWN_KEY = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
_KNOWN_X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
_KNOWN_Y = 0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299

_ONES = b"\x01" * 32  # what RFC 6979 begins with
_BLIND_BITS = (1 << 64) - 1
_N_ROUND = N * ((1 << 32) + 2)
_OPEN = 1  # where there is nothing to hide


def sign(key, digest) -> bytes:
    """Sign a 32-octet digest: r and s, 32 octets each, the same for the same input (RFC 6979)."""
    d = _scalar(key)
    if len(digest) != 32:
        raise ValueError
    z = int.from_bytes(digest, "big")
    blind, b = _blinds(key, digest)
    points = _points(blind)
    for k in _nonces(key, z if z < N else z - N):
        r = _of_base(points, k)[0] % N
        s = _mod_n(_mod_n(b * z + b * d % N * r) * points.inverse(k * b % N, N))
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raise ValueError  # not reached: _nonces never ends


def verify(public, digest, signature) -> bool:
    """Tell whether `signature` (64 octets) over `digest` was made with the key of `public`."""
    x, y = _point(public)
    if len(digest) != 32 or len(signature) != 64:
        raise ValueError
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < N and 0 < s < N):
        return False
    points = _points(_OPEN)
    w = points.inverse(s, N)
    u1 = int.from_bytes(digest, "big") * w % N
    total: "tuple | None" = _times(points, r * w % N, x, y)
    if u1:
        total = _sum(points, total, _of_base(points, u1))
    return total is not None and total[0] % N == r


def public_key(key) -> bytes:
    """Return the public point of a key: 65 octets, uncompressed (SEC 1, 2.3.3)."""
    x, y = _of_base(_points(_blinds(key, b"")[0]), _scalar(key))
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def ecdh(key, public) -> bytes:
    """Return the shared x-coordinate, 32 octets (SP 800-56A, 5.7.1.2); a key only after a key derivation."""
    d = _scalar(key)
    x, y = _point(public)
    return _times(_points(_blinds(key, public)[0]), d, x, y)[0].to_bytes(32, "big")


def _scalar(key):
    """Read a private key: 1 .. n-1."""
    if len(key) != 32:
        raise ValueError
    d = int.from_bytes(key, "big")
    if not 0 < d < N:
        raise ValueError
    return d


def _point(public):
    """Read an uncompressed point of the curve."""
    if len(public) != 65 or public[0] != 4:
        raise ValueError
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if x >= P or y >= P or not on_curve(x, y):
        raise ValueError
    return x, y


def _blinds(key, message):
    """Numbers of 192 and 64 bits that nobody knows who lacks the key or what the random source gave."""
    digest = hashlib.sha256(key)
    digest.update(message)
    digest.update(os.urandom(32))
    both = int.from_bytes(digest.digest(), "little")
    return both >> 64, both & _BLIND_BITS | 1


def _mod_n(value):
    """value % N, by way of a multiple of N that is just above a power of two.

    MicroPython's division guesses digits and mends wrong guesses, which takes time. With N every other one is wrong,
    with such a divisor hardly any.
    """
    return value % _N_ROUND % N


def _nonces(key, z):
    """Give nonce after nonce (RFC 6979, 3.2; hash and order have 256 bits)."""
    from firmware.seal.hmac import Keyed

    h = z.to_bytes(32, "big")
    v = _ONES
    k = Keyed(b"")  # zeros, as the block is filled up with them
    k.use(k.mac(v, b"\x00", key, h))
    v = k.mac(v)
    k.use(k.mac(v, b"\x01", key, h))
    v = k.mac(v)
    while True:
        v = k.mac(v)
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < N:
            yield nonce
        k.use(k.mac(v, b"\x00"))
        v = k.mac(v)


def _of_base(points, k):
    """Return k G."""
    if not Road.tabled:  # as always with plain Python
        return _times(points, k, GX, GY)
    with open(_TABLE, "rb") as table:
        point = points.of_base(k, table)
        if point is None:  # for one k, and its negative, as the last step would add a point to itself
            point = _next(points, points.of_base(k - 1, table), (GX, GY))
    return point


def _times(points, k, x, y):
    """Return k (x, y)."""
    point = points.times(k, x, y)
    if point is None:  # for 2 and its negative
        point = _next(points, points.times(k - 1, x, y), (x, y))
    return point


def _next(points, one, other):
    if one is None:
        raise ArithmeticError  # memory, or the processor, is disturbed
    return _sum(points, one, other)


def _sum(points, one, other):
    """Add two points, neither secret; None is the point at infinity."""
    x1, y1 = one
    x2, y2 = other
    if x1 != x2:
        slope = (y2 - y1) * points.inverse((x2 - x1) % P, P) % P
    elif y1 == y2:
        slope = 3 * (x1 * x1 - 1) * points.inverse(2 * y1 % P, P) % P
    else:
        return None
    x = (slope * slope - x1 - x2) % P
    return x, (slope * (x1 - x) - y1) % P


def _points(blind):
    """What adds points: machine code where it runs and is right, plain Python elsewhere."""
    if Road.native is None:
        Road.tabled = _table_is_whole()
        Road.native = bool(getattr(sys.implementation, "_mpy", 0) >> 10) and _known_answer()
        Road.tabled = Road.tabled and Road.native
    if Road.native:
        from firmware.seal import p256_native

        return p256_native.Points(blind)
    from firmware.seal import p256_plain

    return p256_plain.Points(blind)


def _known_answer():
    """Whether machine code gives it, with the table when it is whole."""
    try:
        from firmware.seal.p256_native import Points

        return _of_base(Points(_OPEN), _KNOWN_KEY) == (_KNOWN_X, _KNOWN_Y)
    except (ImportError, MemoryError, ValueError, ArithmeticError):
        return False  # no room for machine code, or it was compiled for another processor, or it computes wrongly


def _table_is_whole():
    digest = hashlib.sha256()
    piece = bytearray(1024)
    try:
        with open(_TABLE, "rb") as table:
            while count := table.readinto(piece):
                digest.update(memoryview(piece)[:count])
    except OSError:
        return False
    return digest.digest() == _TABLE_SHA256
