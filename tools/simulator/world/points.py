"""P-256's base point times a number by OpenSSL, for as long as a world lives: the same points, thirty times as fast.

All else of firmware/seal/p256.py stays, RFC 6979 above all; tests/simulator/world compares the signatures.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import ec

from firmware.seal import p256_plain
from firmware.seal.p256_domain import GX, GY


@contextmanager
def by_openssl() -> Iterator[None]:
    """Let OpenSSL multiply the base point."""
    plain = p256_plain.Points.times

    def times(points: p256_plain.Points, k: int, x: int, y: int):
        if (x, y) != (GX, GY):
            return plain(points, k, x, y)
        numbers = ec.derive_private_key(k, ec.SECP256R1()).public_key().public_numbers()
        return numbers.x, numbers.y

    p256_plain.Points.times = times  # type: ignore[method-assign]
    try:
        yield
    finally:
        p256_plain.Points.times = plain  # type: ignore[method-assign]
