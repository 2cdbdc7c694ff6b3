"""P-256 against OpenSSL on random and on awkward input."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firmware.seal import p256

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
SCALARS = st.one_of(
    st.integers(1, ORDER - 1),
    st.integers(1, 2**20),
    st.integers(1, 2**20).map(lambda small: ORDER - small),
    st.integers(0, 255).map(lambda bit: 1 << bit).filter(lambda k: 0 < k < ORDER),
    st.integers(0, 255).map(lambda bit: (1 << bit) - 1).filter(lambda k: 0 < k < ORDER),
)
DIGESTS = st.one_of(st.binary(min_size=32, max_size=32), st.sampled_from([bytes(32), b"\xff" * 32]))


def octets(scalar):
    return scalar.to_bytes(32, "big")


def other(scalar):
    return ec.derive_private_key(scalar, ec.SECP256R1())


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@settings(max_examples=150, deadline=None)
@given(SCALARS, DIGESTS)
@example(ORDER - 1, octets(ORDER))
@example(1, octets(ORDER - 1))
def test_keys_and_signatures_are_openssls(scalar, digest):
    key = other(scalar)
    r, s = decode_dss_signature(key.sign(digest, ALGORITHM))
    assert p256.public_key(octets(scalar)) == point(key.public_key())
    assert p256.sign(octets(scalar), digest) == octets(r) + octets(s)
    assert p256.verify(point(key.public_key()), digest, octets(r) + octets(s))


@settings(max_examples=100, deadline=None)
@given(SCALARS, SCALARS)
@example(1, 1)
@example(ORDER - 1, ORDER - 1)
@example(2, ORDER - 2)
def test_agreements_are_openssls(one, two):
    public = other(two).public_key()
    assert p256.ecdh(octets(one), point(public)) == other(one).exchange(ec.ECDH(), public)


@settings(max_examples=150, deadline=None)
@given(SCALARS, DIGESTS, st.integers(0, 511), st.booleans())
def test_verify_says_what_openssl_says(scalar, digest, bit, flip):
    key = other(scalar)
    signature = bytearray(p256.sign(octets(scalar), digest))
    if flip:
        signature[bit >> 3] ^= 1 << (bit & 7)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.public_key().verify(encode_dss_signature(r, s), digest, ALGORITHM)
        valid = True
    except InvalidSignature:
        valid = False
    assert p256.verify(point(key.public_key()), digest, signature) == valid == (not flip)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, ORDER - 1), st.integers(1, ORDER - 1), st.integers(1, ORDER - 1))
def test_made_up_signatures_of_made_up_sums_verify_as_openssl_says(u1, u2, scalar):
    # R = u1 G + u2 Q gives a valid signature of some digest: among these are all the exceptions of adding.
    key = other(scalar)
    total = (u1 + u2 * scalar) % ORDER
    if total == 0:
        return
    r = int.from_bytes(point(other(total).public_key())[1:33], "big") % ORDER
    s = r * pow(u2, -1, ORDER) % ORDER
    digest = octets(u1 * s % ORDER)
    assert p256.verify(point(key.public_key()), digest, octets(r) + octets(s))


@pytest.mark.parametrize("u1, u2, scalar", [(5, 5, 1), (7, 1, 7), (1, 1, ORDER - 3), (6, 2, 3), (15, 1, 15)])
def test_sums_of_equal_points_are_doubled(u1, u2, scalar):
    total = (u1 + u2 * scalar) % ORDER
    r = int.from_bytes(point(other(total).public_key())[1:33], "big") % ORDER
    s = r * pow(u2, -1, ORDER) % ORDER
    public = point(other(scalar).public_key())
    assert p256.verify(public, octets(u1 * s % ORDER), octets(r) + octets(s))


def test_a_sum_at_infinity_is_no_signature():
    # u1 G + u2 Q = infinity with Q = -G: u1 = u2
    public = point(other(ORDER - 1).public_key())
    r, s = 12345, 67890
    assert not p256.verify(public, octets(r), octets(r) + octets(s))
