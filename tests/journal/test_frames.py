"""What counts as a frame and as a head: octets made by hand from FORMAT.md, one thing wrong in each."""

import random
import struct
import zlib

import pytest

from firmware.contracts import PeerError
from firmware.journal.frame import Sectors
from firmware.journal.heads import first_clean, prepare, read_head
from firmware.journal.journal import Journal
from tools.simulator.nor import Nor

SALT = b"saltsalt"


def framed(payload, unit, lane=0, generation=1, salt=SALT, check=None):
    """FORMAT.md 3, with what is to be wrong."""
    size, fill = len(payload), bytes(-(len(payload) + 6) % 16)
    crc = zlib.crc32(salt + struct.pack("<BIBH", lane, generation, unit, size) + payload + fill)
    tail = struct.pack("<I", crc)
    told = (sum(tail) + size % 256 + size // 256) % 64 if check is None else check
    return struct.pack("<H", size | told << 10) + tail + payload + fill


def headed(lane=0, generation=1, version=2, salt=SALT, captures=3, total=6, magic=b"TJ"):
    """FORMAT.md 2, of a sector that reads 0xFF."""
    marks = [zlib.crc32(b"\xff" * 16 * units) for units in [26] * 9 + [18]]
    head = magic + struct.pack("<BBI8sHH", version, lane, generation, salt, captures, total)
    head += b"".join(struct.pack("<I", mark) for mark in marks[:8])
    return head + struct.pack("<I", zlib.crc32(head)) + struct.pack("<2I", *marks[8:])


def _sectors(octets=b"", at=0):
    flash = Nor(6)
    flash._cells[at : at + len(octets)] = octets
    sectors = Sectors(flash)
    sectors.salt = SALT
    return sectors


def _found(octets, unit=4):
    """What a reader finds in sector 1, which generation 1 of the capture lane lies in."""
    sectors = _sectors(octets, 4096 + 16 * unit)
    return [(at, bytes(payload)) for at, payload in sectors.frames(0, 1)]


@pytest.mark.promise("P2")
@pytest.mark.parametrize("size", [1, 9, 10, 11, 26, 255, 256, 257, 999, 1000])
def test_a_frame_that_is_as_the_format_says_is_read(size):
    payload = random.Random(size).randbytes(size)
    assert _found(framed(payload, 9), 9) == [(9, payload)]
    two = framed(payload, 9)
    after = 9 + len(two) // 16
    assert _found(two + framed(b"next", after), 9) == [(9, payload), (after, b"next")]


@pytest.mark.promise("P2")
@pytest.mark.promise("P3")
def test_a_frame_with_one_thing_wrong_is_none():
    payload = b"sixteen octets."
    for wrong in (
        {"unit": 5}, {"lane": 1}, {"generation": 2}, {"generation": 4}, {"salt": b"saltsalu"}, {"check": 63},
        {"check": 0},
    ):  # fmt: skip
        good = framed(payload, 4)
        bad = framed(payload, **{"unit": 4} | wrong)
        if bad == good:
            continue  # the check that was chosen is the right one
        assert _found(bad) == [], wrong
    for bit in range(8 * len(framed(payload, 4))):
        octets = bytearray(framed(payload, 4))
        octets[bit // 8] ^= 1 << bit % 8
        assert _found(bytes(octets)) == [], bit
    assert _found(framed(b"", 4)) == [] and _found(framed(bytes(1001), 4)) == []


def test_a_frame_ends_with_its_sector():
    sectors = _sectors(framed(bytes(26), 254), 4096 + 16 * 254)
    assert [at for at, _payload in sectors.frames(0, 1)] == [254]
    sectors = _sectors(framed(bytes(27), 254), 4096 + 16 * 254)  # a third unit lies in the next sector
    assert list(sectors.frames(0, 1)) == []


@pytest.mark.promise("P2")
def test_a_frame_is_found_behind_what_is_none():
    rubbish = random.Random(1).randbytes(80)
    torn = framed(bytes(100), 4)[:48]
    for before in (rubbish, torn, b"\0" * 16, framed(b"other", 4, salt=b"another.")):
        assert _found(before + framed(b"it", 4 + len(before) // 16)) == [(4 + len(before) // 16, b"it")]


def test_a_head_that_is_as_the_format_says_is_read_and_one_with_one_thing_wrong_is_none():
    assert read_head(_sectors(headed(), 4096), 1) == (0, 1, SALT, 2)
    main = _sectors(headed(1, 5), 4096 * 5)  # c + g mod m = 3 + 5 mod 3
    assert read_head(main, 5) == (1, 5, SALT, 2)
    for wrong in (
        {"magic": b"TK"}, {"magic": b"UJ"}, {"lane": 2}, {"generation": 2}, {"captures": 4}, {"total": 7}, {"total": 5},
    ):  # fmt: skip
        assert read_head(_sectors(headed(**wrong), 4096), 1) is None, wrong
        assert read_head(_sectors(headed(**wrong), 4096), 1, front=True) is None, wrong
    for octet in range(64):
        octets = bytearray(headed())
        octets[octet] ^= 0x10
        sectors = _sectors(bytes(octets), 4096)
        assert (read_head(sectors, 1) is None) == (octet < 56), octet
        assert first_clean(sectors, 0, 1, 4) == (238 if 56 <= octet < 60 else 256), octet


@pytest.mark.promise("P2")
@pytest.mark.parametrize("version", [0, 3, 255])
def test_a_version_that_nobody_here_knows_is_told_when_its_head_is_whole(version):
    with pytest.raises(PeerError) as refused:
        read_head(_sectors(headed(version=version), 4096), 1)
    assert refused.value.args == ("journal: version", version)
    rotten = bytearray(headed(version=version))
    rotten[30] ^= 1
    assert read_head(_sectors(bytes(rotten), 4096), 1) is None


@pytest.mark.promise("P2")
@pytest.mark.parametrize("segment", range(10))
def test_a_lane_goes_on_at_the_first_segment_that_nobody_touched_nor_any_behind_it(segment):
    first, last = 4 + 26 * segment, min(29 + 26 * segment, 255)
    for touched in {first, (first + last) // 2, last}:
        sectors = _sectors(headed(), 4096)
        sectors.flash._cells[4096 + 16 * touched + 7] ^= 0x40
        for asked in (4, first, first + 1, touched + 1, 255):
            clean = [unit for unit in range(4, 256, 26) if unit >= asked]
            expected = next((unit for unit in clean if unit > touched), 256)
            assert first_clean(sectors, 0, 1, asked) == (expected if asked <= first else (clean or [256])[0])


@pytest.mark.promise("P11")
@pytest.mark.parametrize("failures", [0, 1, 2, 3])
def test_a_sector_is_tried_thrice_and_then_left_out(failures):
    sectors = _sectors()
    sectors.flash.refuse_erase(failures)
    assert prepare(sectors, 0, 1) == (failures < 3)
    assert (read_head(sectors, 1) is not None) == (failures < 3)
    sectors = _sectors()
    sectors.flash.silent = failures  # programs that say that all is well
    assert prepare(sectors, 0, 1) == (failures < 3)
    sectors = _sectors()
    sectors.flash.refuse_program(failures)
    assert prepare(sectors, 1, 4) == (failures < 3)


def test_what_is_prepared_is_what_the_format_says():
    sectors = _sectors()
    assert prepare(sectors, 0, 4) and prepare(sectors, 1, 7)
    assert sectors.flash.octets(4096, 64) == headed(0, 4)
    assert sectors.flash.octets(4 * 4096, 64) == headed(1, 7)
    sectors.version = 1
    assert prepare(sectors, 0, 2)
    head = struct.pack("<2sBBI8sHH", b"TJ", 1, 0, 2, SALT, 3, 6)
    head += b"".join(struct.pack("<H", zlib.crc32(b"\xff" * 16 * units) & 0xFFFF) for units in [12] + [16] * 15)
    assert sectors.flash.octets(2 * 4096, 64) == head + struct.pack("<I", zlib.crc32(head)) + bytes(8)


@pytest.mark.parametrize(("count", "captures"), [(6, 3), (7, 3), (8, 3), (9, 3), (11, 4), (16, 6), (256, 96)])
def test_lanes_share_a_partition_as_the_format_says(count, captures):
    sectors = Sectors(Nor(count))
    assert sectors.counts == (captures, count - captures)
    assert sectors.sector(0, captures + 1) == 1
    assert sectors.sector(1, count - captures + 1) == captures + 1


def test_what_is_no_partition_for_a_journal_is_refused():
    with pytest.raises(ValueError):
        Sectors(Nor(5))
    odd = Nor(6)
    odd.sector_octets = 8192
    with pytest.raises(ValueError):
        Sectors(odd)


def test_what_is_beyond_256_sectors_stays_unused():
    flash = Nor(258)
    assert Sectors(flash).counts == (96, 160)
    Journal(flash, random.Random(1).randbytes)
    assert flash.blank(256 * 4096, 2 * 4096)
