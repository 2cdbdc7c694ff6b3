"""ECDSA and Diffie-Hellman on P-256 (FIPS 186-5, SP 800-186, RFC 6979): keys are 32 octets, public points 65.

Two roads lead to the same octets: p256_native.py with machine code, p256_plain.py without. The first time that a point
is needed, machine code must give a known answer, and the table of the base point its hash; what does not is left
alone, and the hub is slow but right.

ValueError for all that is no key, point, digest or signature; ArithmeticError when memory or processor is disturbed.
"""

import hashlib


class Road:
    """Which road is taken."""

    native: "bool | None" = None  # whether machine code gave the known answer; None until it is asked
    tabled = False  # whether it may use the table


def sign(key, digest) -> bytes:
    """Sign a 32-octet digest: r and s, 32 octets each, the same for the same input (RFC 6979)."""
    from firmware.seal import p256_schemes

    return p256_schemes.sign(key, digest)


def verify(public, digest, signature) -> bool:
    """Tell whether `signature` (64 octets) over `digest` was made with the key of `public`."""
    from firmware.seal import p256_schemes

    return p256_schemes.verify(public, digest, signature)


def public_key(key) -> bytes:
    """Return the public point of a key: 65 octets, uncompressed (SEC 1, 2.3.3)."""
    from firmware.seal import p256_schemes

    return p256_schemes.public_key(key)


def ecdh(key, public) -> bytes:
    """Return the shared x-coordinate, 32 octets (SP 800-56A, 5.7.1.2); a key only after a key derivation."""
    from firmware.seal import p256_schemes

    return p256_schemes.ecdh(key, public)


def key_id(public) -> bytes:
    """Return the kid of a public point: the first 8 octets of SHA-256 over its 65."""
    return hashlib.sha256(public).digest()[:8]
