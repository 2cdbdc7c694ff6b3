"""HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869); MicroPython has neither."""

import hashlib

from micropython import const

_BLOCK_OCTETS = const(64)  # SHA-256
_DIGEST_OCTETS = const(32)


_INNER = b"\x36" * 64
_OUTER = b"\x5c" * 64


class Hmac:
    """HMAC-SHA-256 over what `update` is given."""

    def __init__(self, key):
        block = bytearray(_BLOCK_OCTETS)
        self._inner = _begun(block, _INNER, key)
        self._outer = _begun(block, _OUTER, key)

    def update(self, octets) -> None:
        """Take more of the message."""
        self._inner.update(octets)

    def digest(self) -> bytes:
        """Return the 32 octets. Ends this object: MicroPython's hashes give one digest."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def _begun(block, pad, key):
    """The inner or the outer hash, with its key; `block` is 64 octets to work in."""
    if len(key) > _BLOCK_OCTETS:
        key = hashlib.sha256(key).digest()
    block[:] = pad
    for at in range(len(key)):
        block[at] ^= key[at]
    return hashlib.sha256(block)


def hmac_sha256(key, *parts) -> bytes:
    """Return HMAC-SHA-256 of the parts in a row."""
    return hmac_in(bytearray(_BLOCK_OCTETS), key, *parts)


def hmac_in(block, key, *parts) -> bytes:
    """The same, for who makes many: `block` is 64 octets to work in."""
    inner = _begun(block, _INNER, key)
    for part in parts:
        inner.update(part)
    outer = _begun(block, _OUTER, key)
    outer.update(inner.digest())
    return outer.digest()


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
