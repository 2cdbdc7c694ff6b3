"""P-256 against published vectors: RFC 6979 and NIST's CAVP, and all that is no key, point or signature."""

import hashlib
import sys
from binascii import unhexlify

from firmware.seal import p256, p256_plain, p256_schemes

# RFC 6979, A.2.5
KEY = unhexlify("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
PUBLIC = unhexlify(
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
SIGNATURES = (
    (
        b"sample",
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ),
    (
        b"test",
        "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
        "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083",
    ),
)

# NIST CAVP, "CAVS 14.1 ECC CDH Primitive" (SP 800-56A, 5.7.1.2), P-256, counts 0 and 1: QCAVS, dIUT, ZIUT
AGREEMENTS = (
    (
        "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
        "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
        "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
        "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b",
    ),
    (
        "04809f04289c64348c01515eb03d5ce7ac1a8cb9498f5caa50197e58d43a86a7ae"
        "b29d84e811197f25eba8f5194092cb6ff440e26d4421011372461f579271cda3",
        "38f65d6dce47676044d58ce5139582d568f64bb16098d179dbab07741dd5caf5",
        "057d636096cb80b67a8c038c890e887d1adfa4195e9b3ce241c8a778c59cda67",
    ),
)

# NIST CAVP, "FIPS 186-4 ECDSA SigGen", [P-256,SHA-256], first case: message, Q, R and S
SIGNED = (
    "5905238877c77421f73e43ee3da6f2d9e2ccad5fc942dcec0cbd25482935faaf416983fe165b1a045ee2bcd2e6dca3bd"
    "f46c4310a7461f9a37960ca672d3feb5473e253605fb1ddfd28065b53cb5858a8ad28175bf9bd386a5e471ea7a65c17c"
    "c934a9d791e91491eb3754d03799790fe2d308d16146d5c9b0d0debd97d79ce8",
    "041ccbe91c075fc7f4f033bfa248db8fccd3565de94bbfb12f3c59ff46c271bf83"
    "ce4014c68811f9a21a1fdb2c0e6113e06db7ca93b7404e78dc7ccd5ca89a4ca9",
    "f3ac8061b514795b8843e3d6629527ed2afd6b1f6a555a7acabb5e6f79c8c2ac"
    "8bf77819ca05a6b2786c76262bf7371cef97b218e96f175a3ccdda2acc058903",
)

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
FIELD = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF


BASE = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
HAS_EMITTER = getattr(sys.implementation, "_mpy", 0) >> 10


def on_every_road(test):
    """Do a test with machine code and its table, without the table, and in plain Python, as far as they are here."""

    def each():
        p256.public_key(KEY)
        found = p256.Road.native, p256.Road.tabled
        test()
        try:
            for road in ((True, False), (False, False)) if found[0] else ():
                p256.Road.native, p256.Road.tabled = road
                test()
        finally:
            p256.Road.native, p256.Road.tabled = found

    return each


def octets(value):
    return value.to_bytes(32, "big")


def negative(public):
    return public[:33] + octets(FIELD - int.from_bytes(public[33:], "big"))


def refused(function, *args):
    try:
        function(*args)
    except ValueError:
        return True
    return False


@on_every_road
def test_signatures_are_those_of_rfc_6979():
    for message, signature in SIGNATURES:
        assert p256.sign(KEY, hashlib.sha256(message).digest()) == unhexlify(signature)


@on_every_road
def test_the_public_key_is_that_of_rfc_6979():
    assert p256.public_key(KEY) == PUBLIC
    assert p256.key_id(PUBLIC) == hashlib.sha256(PUBLIC).digest()[:8]


@on_every_road
def test_agreements_are_those_of_nist():
    for public, key, shared in AGREEMENTS:
        assert p256.ecdh(unhexlify(key), unhexlify(public)) == unhexlify(shared)


@on_every_road
def test_a_signature_of_nist_verifies_and_no_other_does():
    message, public, signature = [unhexlify(part) for part in SIGNED]
    digest = hashlib.sha256(message).digest()
    assert p256.verify(public, digest, signature)
    assert not p256.verify(public, hashlib.sha256(message + b"!").digest(), signature)
    assert not p256.verify(PUBLIC, digest, signature)
    for at in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[at] ^= 1
        assert not p256.verify(public, digest, changed)


@on_every_road
def test_numbers_out_of_range_are_no_signature():
    digest = bytes(32)
    good = p256.sign(KEY, digest)
    for r, s in ((0, 1), (1, 0), (ORDER, 1), (1, ORDER), (ORDER + 1, 1), (2**256 - 1, 1)):
        assert not p256.verify(PUBLIC, digest, octets(r) + octets(s))
    assert p256.verify(PUBLIC, digest, good)  # a digest of zeros is a digest


@on_every_road
def test_small_and_large_keys_agree_with_each_other():
    # k and n - k have the same x and opposite y; the ends of the range meet the exceptions of the formulas.
    for k in (1, 2, 3, 15, 16, 31, 2**32, 2**224 + 1, ORDER >> 1):
        one, other = p256.public_key(octets(k)), p256.public_key(octets(ORDER - k))
        assert one[:33] == other[:33]
        assert (int.from_bytes(one[33:], "big") + int.from_bytes(other[33:], "big")) == FIELD
        assert p256.ecdh(octets(k), PUBLIC) == p256.ecdh(KEY, one)


@on_every_road
def test_what_is_no_key_is_refused():
    digest = bytes(32)
    for key in (b"", bytes(31), bytes(33), bytes(32), octets(ORDER), octets(ORDER + 1), b"\xff" * 32):
        assert refused(p256.sign, key, digest)
        assert refused(p256.public_key, key)
        assert refused(p256.ecdh, key, PUBLIC)


@on_every_road
def test_what_is_no_point_is_refused():
    off_curve = PUBLIC[:64] + bytes((PUBLIC[64] ^ 1,))
    x_too_large = b"\x04" + octets(FIELD + 5) + PUBLIC[33:]
    compressed = b"\x02" + PUBLIC[1:33]
    hybrid = b"\x06" + PUBLIC[1:]
    zero = b"\x04" + bytes(64)
    for point in (
        b"",
        b"\x00",
        PUBLIC[:64],
        PUBLIC + b"\x00",
        off_curve,
        x_too_large,
        compressed,
        hybrid,
        zero,
    ):
        assert refused(p256.ecdh, KEY, point)
        assert refused(p256.verify, point, bytes(32), bytes(64))


@on_every_road
def test_what_is_no_digest_is_refused():
    for digest in (b"", bytes(31), bytes(33), bytes(64)):
        assert refused(p256.sign, KEY, digest)
        assert refused(p256.verify, PUBLIC, digest, bytes(64))
    for signature in (b"", bytes(63), bytes(65)):
        assert refused(p256.verify, PUBLIC, bytes(32), signature)


@on_every_road
def test_views_and_byte_arrays_are_as_good_as_bytes():
    digest = bytearray(hashlib.sha256(b"sample").digest())
    assert p256.sign(bytearray(KEY), memoryview(digest)) == unhexlify(SIGNATURES[0][1])


def test_the_fast_road_is_taken_where_it_is():
    p256.public_key(KEY)
    assert p256.Road.native == bool(HAS_EMITTER)
    assert p256.Road.tabled == bool(HAS_EMITTER)


@on_every_road
def test_keys_whose_last_step_adds_a_point_to_itself_are_right():
    # Of windows: n - 2, as its last digit is -1, and so is what stands before it.
    for k in range(2, 34, 2):
        for public, key in ((p256.public_key(octets(k)), k), (negative(p256.public_key(octets(k))), ORDER - k)):
            assert p256.public_key(octets(key)) == public
            assert p256.ecdh(octets(key), PUBLIC) == p256.ecdh(KEY, public)
    # Of the comb: n with its last entry taken away twice.
    k = ORDER - 2 * last_entry()
    assert p256.public_key(octets(k)) == negative(p256.public_key(octets(ORDER - k)))
    # The same point by another road.
    assert p256.ecdh(octets(k), p256.public_key(octets(3))) == p256.ecdh(octets(3), p256.public_key(octets(k)))


def last_entry():
    """What the comb adds last for n: the bits 28, 60 … 252 of its digits -1 and 1."""
    digits = (ORDER + 2**256 - 1) >> 1
    return sum([(1 if digits >> bit & 1 else -1) << bit for bit in range(28, 256, 32)])


def test_such_keys_do_lose_their_sum():
    # Else the test above would show nothing.
    if not HAS_EMITTER:
        return
    points = p256_schemes._points(7)
    lost = ORDER - 2 * last_entry()
    with open(p256_schemes._TABLE, "rb") as table:
        assert [points.of_base(k, table) for k in (lost, ORDER - lost)] == [None, None]
        assert points.of_base(1, table) == BASE
    assert points.times(2, *BASE) is points.times(ORDER - 2, *BASE) is None
    assert points.times(1, *BASE) == BASE


def test_the_sequence_of_operations_is_the_same_for_every_secret():
    keys = (1, 3, 2**255, ORDER - 1, ORDER >> 1, 0x5555 << 200, int.from_bytes(KEY, "big"))
    for work, second in ((p256.sign, KEY), (p256.ecdh, PUBLIC)):
        assert len({counted(work, octets(k), second) for k in keys}) == 1


def counted(work, *args):
    """Every operation on points that `work` does, in order, as a hash: programs of machine code, or sums."""
    done = hashlib.sha256()
    if p256.Road.native:
        from firmware.seal import p256_native as road

        names = ("run", "invert")
    else:
        road, names = p256_plain, ("_double", "_add")
    kept = [getattr(road, name) for name in names]
    for at, name in enumerate(names):
        setattr(road, name, noting(done, name, kept[at]))
    try:
        work(*args)
    finally:
        for at, name in enumerate(names):
            setattr(road, name, kept[at])
    return done.digest()


def noting(done, name, function):
    def noted(*args):
        done.update(name.encode())
        if name == "run":
            program = bytearray(args[2])
            for at in (5, 9, 13, 17):  # which point of a table, and which of its y
                if len(program) in (72, 20):
                    program[at] = 0
            done.update(program)
        return function(*args)

    return noted
