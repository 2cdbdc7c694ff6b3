"""CBOR against the examples of RFC 8949, Appendix A, and against what a peer may send instead."""

from binascii import hexlify, unhexlify

from firmware.contracts import Full, PeerError
from firmware.seal.cbor import Writer, head_octets
from firmware.seal.reader import Reader

# RFC 8949, Appendix A
INTEGERS = (
    (0, "00"),
    (1, "01"),
    (10, "0a"),
    (23, "17"),
    (24, "1818"),
    (25, "1819"),
    (100, "1864"),
    (1000, "1903e8"),
    (1000000, "1a000f4240"),
    (1000000000000, "1b000000e8d4a51000"),
    (18446744073709551615, "1bffffffffffffffff"),
    (-18446744073709551616, "3bffffffffffffffff"),
    (-1, "20"),
    (-10, "29"),
    (-100, "3863"),
    (-1000, "3903e7"),
)
TEXTS = (
    ("", "60"),
    ("a", "6161"),
    ("IETF", "6449455446"),
    ('"\\', "62225c"),
    ("\u00fc", "62c3bc"),
    ("\u6c34", "63e6b0b4"),
)


def written(room=64):
    return Writer(bytearray(room))


def out(writer):
    return hexlify(bytes(writer.buffer[: writer.at])).decode()


def complaint(octets, ask):
    try:
        ask(Reader(octets))
    except PeerError as error:
        assert error.args[0] == "cbor"
        return error.args[1]
    return None


def test_integers_are_those_of_the_rfc():
    for value, expected in INTEGERS:
        writer = written()
        writer.int(value)
        assert out(writer) == expected
        reader = Reader(unhexlify(expected))
        assert reader.int(2**64) == value
        reader.end()
        if value >= 0:
            writer = written()
            writer.uint(value)
            assert out(writer) == expected
            assert head_octets(value) == len(expected) // 2


def test_strings_are_those_of_the_rfc():
    for value, expected in TEXTS:
        writer = written()
        writer.text(value)
        assert out(writer) == expected
        assert Reader(unhexlify(expected)).text(10) == value
    writer = written()
    writer.bytes(b"\x01\x02\x03\x04")
    assert out(writer) == "4401020304"
    assert bytes(Reader(unhexlify("4401020304")).bytes(4, 4)) == b"\x01\x02\x03\x04"


def test_structures_are_those_of_the_rfc():
    writer = written()
    writer.map(2)
    writer.text("a")
    writer.uint(1)
    writer.text("b")
    writer.array(2)
    writer.uint(2)
    writer.uint(3)
    assert out(writer) == "a26161016162820203"  # {"a": 1, "b": [2, 3]}
    writer = written()
    writer.tag(1)
    writer.uint(1363896240)
    writer.null()
    writer.bool(True)
    writer.bool(False)
    writer.raw(b"\x80")
    assert out(writer) == "c11a514b67b0" + "f6" + "f5" + "f4" + "80"


def test_long_heads_are_written_whole():
    for count, expected in ((23, "97"), (24, "9818"), (256, "990100"), (65536, "9a00010000")):
        writer = written()
        writer.array(count)
        assert out(writer) == expected


def test_a_full_buffer_takes_nothing_of_what_has_no_room():
    for write in (
        lambda writer: writer.uint(256),
        lambda writer: writer.bytes(b"ab"),
        lambda writer: writer.text("ab"),
        lambda writer: writer.raw(b"abc"),
        lambda writer: writer.int(-300),
    ):
        writer = written(4)
        writer.uint(0)
        writer.uint(0)
        try:
            write(writer)
        except Full:
            assert writer.at == 2 and len(writer.buffer) == 4
            continue
        assert False


def test_a_number_that_cbor_has_no_head_for_is_refused():
    for value in (2**64, -1):
        try:
            written().uint(value)
        except Full:
            continue
        assert False


def test_a_head_grows_and_what_follows_moves_along():
    for count in (3, 30, 300):
        writer = written(400)
        writer.uint(7)
        at = writer.at
        writer.array(0)
        for value in range(count):
            writer.uint(value % 24)
        writer.widen(at, 4, count)
        expected = written(400)
        expected.uint(7)
        expected.array(count)
        for value in range(count):
            expected.uint(value % 24)
        assert out(writer) == out(expected)


def test_longer_heads_than_needed_are_refused():
    for octets in (
        "1817",
        "190017",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3800",
        "5801aa",
        "780161",
    ):
        octets = unhexlify(octets)
        asks = {
            0: lambda r: r.uint(2**64),
            1: lambda r: r.int(2**64),
            2: lambda r: r.bytes(0, 9),
            3: lambda r: r.text(9),
        }
        assert complaint(octets, asks[octets[0] >> 5]) == "not shortest"


def test_indefinite_and_reserved_heads_are_refused():
    for octets, ask in (
        (b"\x5f\x41\x00\xff", lambda reader: reader.bytes(0, 9)),
        (b"\x9f\x00\xff", lambda reader: reader.array(9)),
        (b"\xbf\xff", lambda reader: reader.map(9)),
        (b"\x1c", lambda reader: reader.uint()),
    ):
        assert complaint(octets, ask) == "head"


def test_what_is_cut_off_is_refused_at_every_octet():
    whole = unhexlify("a201190100024468616c6c")  # a map that promises more than comes

    def ask(reader):
        reader.map(2)
        reader.key(1)
        reader.uint()
        reader.key(2)
        reader.bytes(4, 4)
        reader.end()

    for length in range(len(whole)):
        assert complaint(whole[:length], ask) == "truncated", length
    assert complaint(whole, ask) is None
    assert complaint(whole + b"\x00", ask) == "trailing"


def test_another_type_or_length_or_range_than_asked_for_is_refused():
    assert complaint(b"\x01", lambda reader: reader.bytes(0, 9)) == "type"
    assert complaint(b"\x41\x00", lambda reader: reader.uint()) == "type"
    assert complaint(b"\x42\x00\x00", lambda reader: reader.bytes(3, 9)) == "length"
    assert complaint(b"\x42\x00\x00", lambda reader: reader.bytes(0, 1)) == "length"
    assert complaint(b"\x18\xff", lambda reader: reader.uint(254)) == "range"
    assert complaint(b"\x38\xff", lambda reader: reader.int(254)) == "range"
    assert complaint(b"\x85", lambda reader: reader.array(4)) == "length"
    assert complaint(b"\xa5", lambda reader: reader.map(4)) == "length"
    assert complaint(b"\x02", lambda reader: reader.key(1)) == "key"
    assert complaint(b"\xd1", lambda reader: reader.tag(18)) == "tag"
    assert complaint(b"\x62\xff\xfe", lambda reader: reader.text(9)) == "text"
    assert complaint(b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff", lambda reader: reader.bytes(0, 9)) == "length"


def test_null_is_stepped_over_only_where_it_is():
    reader = Reader(b"\xf6\x01")
    assert reader.null() and not reader.null()
    assert reader.uint() == 1
    assert not reader.null()
