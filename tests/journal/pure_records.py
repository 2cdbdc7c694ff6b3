"""Records and frames against octets packed by hand from FORMAT.md."""

import binascii
import struct

from firmware.journal import records
from firmware.journal.frame import CRC_HIGH, CRC_LOW, Sectors, frame
from firmware.journal.index import Index, add_range, gaps


def _hex(text):
    return binascii.unhexlify(text.replace(" ", ""))


CAPTURE = records.Capture(
    0x01020304, 0x070605, 0x0A0908, 9, 0x0B0C, 0x13, 0x1122334455, 0x6B49D200, 2, b"\x1e\x80\x00"
)
CAPTURE_OCTETS = _hex("04030201 0c0b 09 53 08090a 050607 5544332211 00d2496b 1e8000")

SESSION = records.Session(
    0x020304, 0x050607, 8, b"\x01\x02\x03\x04\x05\x06", 1, "cuff", 0x17, 0x0100000002, b"\xea\x07\x01",
    0x0100000003, True, -60, ((0x0010, b"\x35\x2a"), (0x0020, bytes(range(16)))), 0x0301,
)  # fmt: skip
SESSION_OCTETS = _hex(
    "070605 040302 08 81 010203040506 17 0200000001 0300000001 c4ff 0103 64000000 0200 ffff 04 03 02 02"
    " 63756666 ea0701 1000 352a 2000 000102030405060708090a0b0c0d0e0f"
)

FIX = records.Fix(3, 0x0504030201, 0x6B49D200, 2, 250)
FIX_OCTETS = _hex("030000 0102030405 00d2496b 02 fa000000")

PLAN = records.Plan(
    7, b"p" * 32, ((5, 2), (9, 1)), 0x6B49D200, 1, 2, 0x0504030201, b"kid12345", 1, b"h" * 32, 6
)  # fmt: skip
PLAN_OCTETS = (
    _hex("07000000") + b"p" * 32 + _hex("00d2496b 01 020000 0102030405") + b"kid12345" + b"\x01" + b"h" * 32
    + _hex("06000000 02 05000000 0200 09000000 0100 0301")
)  # fmt: skip


def test_records_are_packed_as_the_format_says():
    assert records.pack_capture(CAPTURE) == CAPTURE_OCTETS
    assert records.pack_session(SESSION, 100, 102, None) == SESSION_OCTETS
    assert records.pack_fix(FIX) == FIX_OCTETS
    assert records.pack_plan(PLAN, (0x0103,)) == PLAN_OCTETS


def test_records_are_read_as_the_format_says():
    assert records.unpack_capture(CAPTURE_OCTETS) == CAPTURE
    assert records.unpack_session(SESSION_OCTETS) == (SESSION, 100, 102, None)
    assert records.unpack_fix(FIX_OCTETS) == FIX
    assert records.unpack_plan(PLAN_OCTETS) == (PLAN, (0x0103,))
    chain = records.Chain(b"c" * 8, b"b" * 8, 5, 6, True)
    assert records.pack_chain(chain) == b"c" * 8 + b"b" * 8 + _hex("05000000 06000000 01")
    assert records.unpack_chain(records.pack_chain(chain)) == chain


def test_records_that_were_cut_short_are_refused():
    for unpack, octets in (
        (records.unpack_capture, CAPTURE_OCTETS[:22]),
        (records.unpack_session, SESSION_OCTETS[:-1]),
        (records.unpack_fix, FIX_OCTETS[:-1]),
        (records.unpack_plan, PLAN_OCTETS[:90]),
        (records.unpack_chain, b""),
    ):
        try:
            unpack(octets)
            raise AssertionError
        except ValueError:
            pass


def _frame(payload, unit, lane, generation, salt):
    """A frame after FORMAT.md 3, in one piece."""
    octets = payload + bytes(-(len(payload) + 6) % 16)
    crc = binascii.crc32(
        salt + struct.pack("<BI", lane, generation) + struct.pack("<BH", unit, len(payload)) + octets
    )
    tail = struct.pack("<I", crc)
    check = (sum(tail) + len(payload) % 256 + len(payload) // 256) % 64
    return struct.pack("<H", len(payload) | check << 10) + tail + octets


class _Nothing:
    sector_octets = 4096
    sector_count = 6


def test_frames_are_made_as_the_format_says():
    sectors = Sectors(_Nothing())
    sectors.salt = b"saltsalt"
    for size in (1, 10, 11, 42, 255, 256, 600, 1000):
        payload = bytes([index & 255 for index in range(size)])
        made = frame(payload, 6, sectors.prefix(1, 77))
        assert made == _frame(payload, 6, 1, 77, b"saltsalt")


def test_the_halves_of_the_crc_are_those_of_binascii():
    high, low = 0xFFFF, 0xFFFF
    for octet in b"123456789":  # check value of CRC-32/ISO-HDLC: 0xCBF43926
        index = (low ^ octet) & 255
        low = (low >> 8 | (high & 255) << 8) ^ CRC_LOW[index]
        high = high >> 8 ^ CRC_HIGH[index]
    assert (high ^ 0xFFFF, low ^ 0xFFFF) == (0xCBF4, 0x3926)


def test_ranges_join_and_leave_gaps():
    ranges = []
    for first, end in ((5, 7), (1, 2), (9, 12), (7, 9), (20, 21)):
        ranges = add_range(ranges, first, end)
    assert ranges == [1, 2, 5, 12, 20, 21]
    assert list(gaps(ranges, 1, 25)) == [(2, 5), (12, 20), (21, 25)]
    assert list(gaps(ranges, 6, 12)) == []
    assert list(gaps([], 1, 3)) == [(1, 3)]


def test_a_snapshot_with_all_tables_full_fits_into_a_frame_and_comes_back():
    index = Index()
    index.chain, index.boot, index.renewed, index.sequence = b"c" * 8, 7, True, 9
    for number in range(1, 129, 2):
        index.done = add_range(index.done, number, number + 1)
    for number in range(24):
        index.add_plan(300 + number, _plan(10 + number), ())
        index.sessions[number] = 500 + number
    for number in range(24):
        index.fixes.append((number + 1, number, 400 + number, 1, 0))
    for number in range(1, 33):
        index.add_description(600 + number, number)
    octets = bytes(index.snapshot())
    assert len(octets) == index.snapshot_octets() < 1000
    other = Index()
    bodies = {400: records.pack_fix(FIX), 300: records.pack_plan(PLAN, ())}
    other.load(octets, lambda place, _kind: bodies.get(place))
    assert (other.done, other.sessions, other.boot, other.renewed) == (index.done, index.sessions, 7, True)
    assert [plan.place for plan in other.plans] == [300 + number for number in range(24)]
    other.read_fixes(lambda place, _kind: bodies.get(place))
    assert [fix[:3] for fix in other.fixes] == [(FIX.boot, FIX.mono_ms, 400)], "the others were moved since"
    assert other.plans[0].sequence == 10 and not other.plans[0].captures, (
        "place 300 holds another plan's record"
    )
    assert other.descriptions == index.descriptions and other.hash == index.hash


def _plan(sequence):
    return records.Plan(sequence, *PLAN[1:])
