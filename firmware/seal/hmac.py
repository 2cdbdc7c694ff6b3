"""HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869); MicroPython has neither."""

import hashlib

from micropython import const

_BLOCK_OCTETS = const(64)  # SHA-256
_DIGEST_OCTETS = const(32)
_INNER = b"\x36" * 64
_OUTER = b"\x5c" * 64



class Keyed:
    """HMAC-SHA-256 under one key after another, for who makes many."""

    def __init__(self, key):
        self._inner = bytearray(_BLOCK_OCTETS)
        self._outer = bytearray(_BLOCK_OCTETS)
        self.use(key)

    def use(self, key) -> None:
        """Take another key."""
        if len(key) > _BLOCK_OCTETS:
            key = hashlib.sha256(key).digest()
        inner, outer = self._inner, self._outer
        inner[:] = _INNER
        outer[:] = _OUTER
        at = 0
        for octet in key:
            inner[at] = octet ^ 0x36
            outer[at] = octet ^ 0x5C
            at += 1

    def inner(self):
        """Return the hash that takes the message."""
        return hashlib.sha256(self._inner)

    def outer(self):
        """Return the hash that takes the inner one's digest, and gives the MAC."""
        return hashlib.sha256(self._outer)

    def mac(self, *parts) -> bytes:
        """Return the 32 octets for the parts in a row."""
        inner, outer = self.inner(), self.outer()
        for part in parts:
            inner.update(part)
        outer.update(inner.digest())
        return outer.digest()


class Hmac:
    """HMAC-SHA-256 over what `update` is given."""

    def __init__(self, key):
        keyed = Keyed(key)
        self._inner, self._outer = keyed.inner(), keyed.outer()

    def update(self, octets) -> None:
        """Take more of the message."""
        self._inner.update(octets)

    def digest(self) -> bytes:
        """Return the 32 octets. Ends this object: MicroPython's hashes give one digest."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def hmac_sha256(key, *parts) -> bytes:
    """Return HMAC-SHA-256 of the parts in a row."""
    return Keyed(key).mac(*parts)


def hkdf_sha256(secret, info, length: int = _DIGEST_OCTETS, salt=b"") -> bytes:
    """Return `length` octets (at most 8160) of key material; an empty salt is 32 zeros."""
    if not 0 < length <= 255 * _DIGEST_OCTETS:
        raise ValueError(length)
    key = hmac_sha256(salt, secret)
    out = block = b""
    count = 0
    while len(out) < length:
        count += 1
        block = hmac_sha256(key, block, info, bytes((count,)))
        out += block
    return out[:length]


def equal(one, other) -> bool:
    """Compare two secrets in a time that tells nothing but their lengths."""
    if len(one) != len(other):
        return False
    difference = 0
    for at in range(len(one)):
        difference |= one[at] ^ other[at]
    return difference == 0
