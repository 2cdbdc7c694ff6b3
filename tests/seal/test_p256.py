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
FIELD = 2**256 - 2**224 + 2**192 + 2**96 - 1
CURVE_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
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


def on_curve(x):
    """The points of the curve with this x, by the square root modulo p (p is 3 modulo 4)."""
    square = (x**3 - 3 * x + CURVE_B) % FIELD
    y = pow(square, (FIELD + 1) // 4, FIELD)
    return [(x, y), (x, FIELD - y)] if y * y % FIELD == square else []


def encoded(x, y):
    return b"\x04" + octets(x) + octets(y)


@pytest.mark.parametrize("x", [0, 1, 2, 5, FIELD - 1, FIELD - 3, 2**224, 2**255])
def test_agreements_with_awkward_points_are_openssls(x):
    for point_x, y in on_curve(x):
        public = ec.EllipticCurvePublicNumbers(point_x, y, ec.SECP256R1()).public_key()
        for scalar in (1, 2, 3, ORDER - 1, ORDER - 2, ORDER - 3, 2**255 + 1, 0x0F0F << 200):
            shared = p256.ecdh(octets(scalar), encoded(point_x, y))
            assert shared == other(scalar).exchange(ec.ECDH(), public)


def test_some_of_the_awkward_points_exist():
    assert [len(on_curve(x)) for x in (0, 5, FIELD - 3)].count(2) >= 2


def test_an_x_above_the_order_is_reduced_before_it_is_compared():
    # The x of u1 G + u2 Q may lie between n and p (one in 2^128 does): r is x - n. Q = (R - u1 G) / u2.
    x = next(x for x in range(ORDER, ORDER + 1000) if on_curve(x))
    for total in on_curve(x):
        u1, u2 = 0x1234567 << 90, 0x7654321 << 120
        _, y = affine(u1)
        rest = add(total, (affine(u1)[0], FIELD - y))
        public = times(pow(u2, -1, ORDER), rest)
        r = x - ORDER
        s = r * pow(u2, -1, ORDER) % ORDER
        digest, signature = octets(u1 * s % ORDER), octets(r) + octets(s)
        key = ec.EllipticCurvePublicNumbers(*public, ec.SECP256R1()).public_key()
        key.verify(encode_dss_signature(r, s), digest, ALGORITHM)
        assert p256.verify(encoded(*public), digest, signature)
        # r + n, below p and the same x, is no signature: r is below n.
        assert not p256.verify(encoded(*public), digest, octets(x) + octets(s))


def affine(scalar):
    numbers = other(scalar % ORDER).public_key().public_numbers()
    return numbers.x, numbers.y


def add(one, two):
    """Add two points that are neither the same nor each other's negative."""
    slope = (two[1] - one[1]) * pow(two[0] - one[0], -1, FIELD) % FIELD
    x = (slope * slope - one[0] - two[0]) % FIELD
    return x, (slope * (one[0] - x) - one[1]) % FIELD


def times(scalar, point):
    """Double and add, for a scalar that meets no exception."""
    total, power = None, point
    while scalar:
        if scalar & 1:
            total = power if total is None else add(total, power)
        scalar >>= 1
        slope = 3 * (power[0] ** 2 - 1) * pow(2 * power[1], -1, FIELD) % FIELD
        x = (slope * slope - 2 * power[0]) % FIELD
        power = x, (slope * (power[0] - x) - power[1]) % FIELD
    return total


@pytest.mark.parametrize("change", ["negative s", "s + n", "r and s changed about", "of another curve"])
def test_what_wycheproof_tries_is_judged_as_openssl_judges_it(change):
    scalar, digest = 0x1122334455 << 180, octets(2**255 - 19)
    r, s = decode_dss_signature(other(scalar).sign(digest, ALGORITHM))
    public = point(other(scalar).public_key())
    if change == "negative s":  # -s is as good: who counts on one signature per message is wrong
        assert p256.verify(public, digest, octets(r) + octets(ORDER - s))
    elif change == "s + n":
        assert s + ORDER >= 2**256 or not p256.verify(public, digest, octets(r) + octets(s + ORDER))
    elif change == "r and s changed about":
        assert not p256.verify(public, digest, octets(s) + octets(r))
    else:  # a point of y^2 = x^3 - 3 x + 1, whose group falls apart into small ones
        x = next(x for x in range(2, 99) if is_square(x**3 - 3 * x + 1))
        y = pow(x**3 - 3 * x + 1, (FIELD + 1) // 4, FIELD)
        with pytest.raises(ValueError):
            p256.ecdh(octets(scalar), encoded(x, y))


def is_square(value):
    return pow(value, (FIELD - 1) // 2, FIELD) == 1
