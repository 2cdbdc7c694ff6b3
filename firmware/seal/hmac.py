"""HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869); MicroPython has neither."""

import hashlib

from micropython import const

_BLOCK_OCTETS = const(64)  # SHA-256
_DIGEST_OCTETS = const(32)


class Hmac:
    """HMAC-SHA-256 over what `update` is given."""

    def __init__(self, key):
        if len(key) > _BLOCK_OCTETS:
            key = hashlib.sha256(key).digest()
        inner = bytearray(_BLOCK_OCTETS)
        outer = bytearray(_BLOCK_OCTETS)
        for at in range(_BLOCK_OCTETS):
            octet = key[at] if at < len(key) else 0
            inner[at] = octet ^ 0x36
            outer[at] = octet ^ 0x5C
        self._inner = hashlib.sha256(inner)
        self._outer = hashlib.sha256(outer)

    def update(self, octets) -> None:
        """Take more of the message."""
        self._inner.update(octets)

    def digest(self) -> bytes:
        """Return the 32 octets. Ends this object: MicroPython's hashes give one digest."""
        self._outer.update(self._inner.digest())
        return self._outer.digest()


def hmac_sha256(key, *parts) -> bytes:
    """Return HMAC-SHA-256 of the parts in a row."""
    mac = Hmac(key)
    for part in parts:
        mac.update(part)
    return mac.digest()


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
