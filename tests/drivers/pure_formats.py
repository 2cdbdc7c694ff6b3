"""Expected values: IEEE 11073-20601 and the GATT Specification Supplement, worked by hand."""

from drivers import formats
from drivers.device_information import battery, text
from firmware.contracts import PeerError


def test_sfloat():
    for octets, expected in (
        (b"\x78\x00", (120, 0)),
        (b"\xa0\xf0", (160, -1)),  # 16.0 kPa
        (b"\xd4\xf3", (980, -1)),  # 98.0 as a Nonin writes it
        (b"\x6c\xf1", (364, -1)),
        (b"\xff\xf7", (2047, -1)),  # 204.7: a NaN's mantissa with an exponent is a number
        (b"\x00\xf8", (-2048, -1)),
        (b"\xfe\x17", (2046, 1)),
        (b"\x00\x00", (0, 0)),
        (b"\xff\x0f", (-1, 0)),
        (b"\xfd\x07", (2045, 0)),
        (b"\x03\x08", (-2045, 0)),
        (b"\x01\x80", (1, -8)),
        (b"\x01\x70", (1, 7)),
        (b"\xff\x07", "NaN"),
        (b"\x00\x08", "NRes"),
        (b"\xfe\x07", "+INF"),
        (b"\x02\x08", "-INF"),
        (b"\x01\x08", "RFU"),
    ):
        assert formats.sfloat(octets, 0) == expected, octets
        assert formats.sfloat(b"\xff\xff" + octets, 2) == expected, octets


def test_float32():
    for octets, expected in (
        (b"\x6c\x01\x00\xff", (364, -1)),  # 36.4, twice
        (b"\x38\x0e\x00\xfe", (3640, -2)),
        (b"\xff\xff\x7f\x00", "NaN"),
        (b"\x00\x00\x80\x00", "NRes"),
        (b"\xfe\xff\x7f\x00", "+INF"),
        (b"\x02\x00\x80\x00", "-INF"),
        (b"\x01\x00\x80\x00", "RFU"),
        (b"\xff\xff\x7f\x01", (8388607, 1)),
        (b"\x00\x00\x80\xff", (-8388608, -1)),
        (b"\xff\xff\xff\x80", (-1, -128)),
        (b"\x01\x00\x00\x7f", (1, 127)),
    ):
        assert formats.float32(octets, 0) == expected, octets


def test_uint():
    assert formats.uint(b"\x01\x02\x03\x04", 0, 2) == 0x0201
    assert formats.uint(b"\x01\x02\x03\x04", 1, 3) == 0x040302
    assert formats.uint(b"", 0, 0) == 0


def test_need():
    formats.need(b"abc", 3)
    try:
        formats.need(b"ab", 3)
    except PeerError as error:
        assert error.args == ("short", 2, 3)
    else:
        raise AssertionError


def test_uuid128_is_least_significant_first():
    octets = formats.uuid128("0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B")
    assert octets == b"\x1b\xc5\xd5\xa5\x02\x00\x3c\x8e\xe2\x11\x60\x0d\xa0\x7e\xad\x0a"


def test_device_texts():
    for octets, expected in (
        (b"A&D Medical ", "A&D Medical"),  # trailing blanks as real cuffs send them
        (b"UA-651BLE\0\0\0", "UA-651BLE"),
        (b"5170700001\0garbage", "5170700001"),
        (b"", ""),
        (b"\0", ""),
        ("Måler".encode(), "Måler"),
        (b"ab\xffc", "ab?c"),
        (b"x" * 100, "x" * 24),
    ):
        assert text(octets, 24) == expected, octets
    assert text("xå".encode(), 2) == "x?"  # cut inside a letter


def test_battery():
    for octets, expected in ((b"\x00", 0), (b"\x64", 100), (b"\x65", None), (b"\xff", None), (b"", None)):
        assert battery(octets) == expected
