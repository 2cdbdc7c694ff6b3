"""ECDSA and Diffie-Hellman on P-256 with Python's big integers (FIPS 186-5, SP 800-186, RFC 6979).

Not constant-time: the time of big-integer arithmetic depends on its operands, and a table is read at a
place that depends on the secret. What is done against that: the sequence of point operations does not
depend on a secret scalar, every secret multiplication starts from a scaled point that an observer cannot
know, and the nonce is blinded before it is inverted. The blinding is derived from key and message: it needs
no random source.

`pow(x, -1, n)` is silently 0 on MicroPython, so inverses are powers (Fermat). Points are Jacobian, (x/z^2,
y/z^3); None is the point at infinity. Formulas: hyperelliptic.org/EFD, dbl-2001-b and the additions of
Cohen, Miyaji, Ono.
"""

import hashlib

from firmware.seal.hmac import hmac_sha256

_P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

# The comb of the base point: 5 teeth, 52 columns. Entry i of the table is
# (2^208 + s3 2^156 + s2 2^104 + s1 2^52 + s0) G, where s_j is +1 when bit j of i is set, else -1.
_TEETH = 5
_COLUMNS = 52


def sign(key, digest) -> bytes:
    """Sign a 32-octet digest: r and s, 32 octets each, the same for the same input (RFC 6979)."""
    d = _scalar(key)
    if len(digest) != 32:
        raise ValueError
    z = int.from_bytes(digest, "big")
    blind = hashlib.sha256(b"blind")
    blind.update(key)
    blind.update(digest)
    seed = blind.digest()
    for k in _nonces(bytes(key), z % _N):
        r = _affine_x(_of_base(k, seed)) % _N
        b = int.from_bytes(hashlib.sha256(seed).digest(), "big") % (_N - 1) + 1
        s = _inverse(k * b % _N, _N) * (b * (z + r * d) % _N) % _N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    raise ValueError  # not reached: _nonces never ends


def verify(public, digest, signature) -> bool:
    """Tell whether `signature` (64 octets) over `digest` was made with the key of `public`."""
    x, y = _point(public)
    if len(digest) != 32 or len(signature) != 64:
        raise ValueError
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < _N and 0 < s < _N):
        return False
    w = _inverse(s, _N)
    u1 = int.from_bytes(digest, "big") * w % _N
    u2 = r * w % _N
    total = _times(u2, x, y, 1)
    if u1:
        total = _add(total, _of_base(u1, b""))
    return total is not None and _affine_x(total) % _N == r


def public_key(key) -> bytes:
    """Return the public point of a key: 65 octets, uncompressed (SEC 1, 2.3.3)."""
    x, y, z = _of_base(_scalar(key), hashlib.sha256(key).digest())
    w = _inverse(z, _P)
    ww = w * w % _P
    return b"\x04" + (x * ww % _P).to_bytes(32, "big") + (y * ww % _P * w % _P).to_bytes(32, "big")


def key_id(public) -> bytes:
    """Return the kid of a public point: the first 8 octets of SHA-256 over its 65."""
    return hashlib.sha256(public).digest()[:8]


def ecdh(key, public) -> bytes:
    """Return the shared x-coordinate, 32 octets (SP 800-56A, 5.7.1.2); a key only after a key derivation."""
    d = _scalar(key)
    x, y = _point(public)
    start = int.from_bytes(hashlib.sha256(key).digest(), "big") % (_P - 1) + 1
    return _affine_x(_times(d, x, y, start)).to_bytes(32, "big")


def _scalar(key):
    """Read a private key: 1 .. n-1."""
    if len(key) != 32:
        raise ValueError
    d = int.from_bytes(key, "big")
    if not 0 < d < _N:
        raise ValueError
    return d


def _point(public):
    """Read an uncompressed point of the curve."""
    if len(public) != 65 or public[0] != 4:
        raise ValueError
    x, y = int.from_bytes(public[1:33], "big"), int.from_bytes(public[33:], "big")
    if x >= _P or y >= _P or (y * y - (x * x - 3) * x - _B) % _P:
        raise ValueError
    return x, y


def _nonces(key, z):
    """Give nonce after nonce (RFC 6979, 3.2; hash and order have 256 bits)."""
    h = z.to_bytes(32, "big")
    v = b"\x01" * 32
    k = b"\x00" * 32
    k = hmac_sha256(k, v, b"\x00", key, h)
    v = hmac_sha256(k, v)
    k = hmac_sha256(k, v, b"\x01", key, h)
    v = hmac_sha256(k, v)
    while True:
        v = hmac_sha256(k, v)
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < _N:
            yield nonce
        k = hmac_sha256(k, v, b"\x00")
        v = hmac_sha256(k, v)


def _inverse(value, modulus):
    return pow(value, modulus - 2, modulus)


def _affine_x(point):
    w = _inverse(point[2], _P)
    return point[0] * (w * w % _P) % _P


def _of_base(k, seed):
    """Return k G for 0 < k < n; `seed` scales the start, b"" for a k that is no secret."""
    from firmware.seal.p256_table import COMB

    odd = k & 1
    # k odd = sum of s_i 2^i over 260 bits, each s_i +1 or -1: bit i of (k + 2^260 - 1) / 2 says which.
    signs = ((k if odd else _N - k) + (1 << _TEETH * _COLUMNS) - 1) >> 1
    start = int.from_bytes(seed, "big") % (_P - 1) + 1
    total: "tuple | None" = None
    for column in range(_COLUMNS - 1, -1, -1):
        bits = signs >> column
        teeth = bits & 1 | bits >> 51 & 2 | bits >> 102 & 4 | bits >> 153 & 8 | bits >> 204 & 16
        positive = teeth >> 4
        at = ((teeth & 15) ^ (0 if positive else 15)) << 6
        x = int.from_bytes(COMB[at : at + 32], "big")
        y = int.from_bytes(COMB[at + 32 : at + 64], "big")
        y = (_P - y, y)[positive]
        if column == _COLUMNS - 1:
            ss = start * start % _P
            total = x * ss % _P, y * ss % _P * start % _P, start
        else:
            total = _add_affine(_double(total), x, y)
    assert total is not None  # k is no multiple of n
    x, y, z = total
    return x, (_P - y, y)[odd], z


def _times(k, x, y, start):
    """Return k (x, y) for 0 < k < n: 64 windows of 4 bits, each an odd digit -15 .. 15."""
    odd = k & 1
    windows = ((k if odd else _N - k) + (1 << 256) - 1) >> 1  # k = sum of (2 w_i - 15) 16^i
    ss = start * start % _P
    one = x * ss % _P, y * ss % _P * start % _P, start
    two = _double(one)
    odds = [one]
    for _ in range(7):
        odds.append(_add(odds[-1], two))
    total = None
    for shift in range(252, -1, -4):
        digit = (windows >> shift & 15) * 2 - 15
        qx, qy, qz = odds[abs(digit) >> 1]
        addend = qx, (qy, _P - qy)[digit < 0], qz
        if total is None:
            total = addend
        else:
            for _ in range(4):
                total = _double(total)
            total = _add(total, addend)
    if total is None or odd:
        return total
    return total[0], _P - total[1], total[2]


def _double(point):
    if point is None:
        return None
    x, y, z = point
    delta = z * z % _P
    gamma = y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    x3 = (alpha * alpha - 8 * beta) % _P
    z += y
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % _P, (z * z - gamma - delta) % _P


def _add_affine(point, x2, y2):
    """Add a point with z = 1."""
    if point is None:
        return x2, y2, 1
    x1, y1, z1 = point
    zz = z1 * z1 % _P
    h = (x2 * zz - x1) % _P
    r = (y2 * zz % _P * z1 - y1) % _P
    if h == 0:
        return None if r else _double(point)
    hh = h * h % _P
    hhh = h * hh % _P
    v = x1 * hh % _P
    x3 = (r * r - hhh - v - v) % _P
    return x3, (r * (v - x3) - y1 * hhh) % _P, z1 * h % _P


def _add(one, other):
    """Add two points."""
    if one is None:
        return other
    if other is None:
        return one
    x1, y1, z1 = one
    x2, y2, z2 = other
    zz1 = z1 * z1 % _P
    zz2 = z2 * z2 % _P
    u1 = x1 * zz2 % _P
    s1 = y1 * zz2 % _P * z2 % _P
    h = (x2 * zz1 - u1) % _P
    r = (y2 * zz1 % _P * z1 - s1) % _P
    if h == 0:
        return None if r else _double(one)
    hh = h * h % _P
    hhh = h * hh % _P
    v = u1 * hh % _P
    x3 = (r * r - hhh - v - v) % _P
    return x3, (r * (v - x3) - s1 * hhh) % _P, z1 * z2 % _P * h % _P
