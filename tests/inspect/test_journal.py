"""`telehub journal`: the image of a dead hub is read, checked and saved, however damaged it is."""

import json
import random
import stat
import struct

import pytest

from firmware.journal.frame import SECTOR
from firmware.journal.journal import Journal
from firmware.journal.records import Fix, Plan, Receipt, Session
from tests.journal.owner import Owner
from tools.cli import run
from tools.inspect import journal_octets, journal_state
from tools.simulator.nor import Nor, PowerCut

ADDRESS = bytes.fromhex("c0a1b2c3d401")


def blood_pressure(minute, systolic=128):
    """A UA-651BLE's value: 19 octets with time, pulse and status (GATT 2A35)."""
    time = struct.pack("<HBBBBB", 2026, 1, 5, 9, minute, 0)
    return struct.pack("<BHHH", 0x16, systolic, 82, 97) + time + struct.pack("<HH", 71, 0)


class Hub:
    """A journal with a cuff's readings in it; the first `delivered` of them have their receipts."""

    def __init__(self, readings=6, delivered=2, erased="ff", sectors=12):
        self.flash = Nor(sectors, erased=erased, seed=3)
        self.journal = Journal(self.flash, random.Random(1).randbytes)
        for number in range(1, readings + 1):
            facts = ((18, b"\x35\x2a"), (30, b"\x19\x2a"))
            self.journal.session(
                Session(number, 1, 0, ADDRESS, 1, "ad_ua651ble", 10, 5, b"", 0, True, 60, facts, 0)
            )
            value = blood_pressure(number, 120 + number)
            self.journal.capture(number, 0, 18, 11, 10_000 * number, 1_767_600_000, 0, value)
            if number <= delivered:
                self.sent(number)
                self.journal.receipt(Receipt(number, 0, 0))
            while self.journal.tidy():
                pass
        self.journal.fix(Fix(1, 100_000, 1_767_700_100, 1, 1000))

    def sent(self, number):
        sequence = self.journal.next_sequence
        digest = bytes([sequence]) * 32
        self.journal.plan(
            Plan(sequence, self.journal.last_hash, ((number, 1),), 1_767_600_000, 0, 1, 0, b"kid kid ", 1, digest, 0)
        )


@pytest.fixture
def told(tmp_path, capsys):
    """Run the command on an image; (exit code, lines, summary)."""

    def go(image, *options):
        path = tmp_path / "hub.bin"
        path.write_bytes(image)
        code = run(["journal", str(path), "--json", *options])
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return code, lines[:-1], lines[-1]

    return go


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_unsent_readings_are_exported_decoded_and_as_they_came(told, tmp_path, erased):
    out = tmp_path / "unsent.jsonl"
    hub = Hub(erased=erased)
    hub.sent(3)
    code, lines, summary = told(hub.flash.image(), "--export", str(out))
    assert code == 0 and summary["ok"] is True
    assert (summary["unsent"], summary["unsent_readings"], summary["captures"]) == (4, 4, 6)
    assert (summary["next_capture"], summary["last_sequence"], summary["open_plans"]) == (7, 3, [3])
    exported = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["capture"] for line in exported] == [3, 4, 5, 6]
    assert [line["planned"] for line in exported] == [3, None, None, None]
    one = exported[0]
    assert one["hex"] == blood_pressure(3, 123).hex() and one["characteristic"] == "2A35"
    assert (one["device"], one["row"]) == ("c0:a1:b2:c3:d4:01", "ad_ua651ble")
    assert one["link"] == ["indicated", "encrypted", "bonded"]
    reading = one["readings"][0]
    assert (reading["kind"], reading["device_time"]) == ("blood_pressure", "2026-01-05T09:03:00")
    assert [quantity["value"] for quantity in reading["quantities"]][:2] == ["123", "82"]
    assert one["hub_clock"] == "none" and one["timed_afterwards"] == "2026-01-06T11:47:10Z"  # the fix less 70 s
    assert [line["unsent"] for line in lines if "unsent" in line] == [3, 4, 5, 6]


def test_what_is_exported_is_for_its_owner_alone(told, tmp_path):
    out = tmp_path / "unsent.jsonl"
    told(Hub().flash.image(), "--export", str(out))
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_the_partition_is_found_in_a_dump_of_the_whole_chip(told):
    image = Hub().flash.image()
    table = b"".join(
        struct.pack("<HBBII16sI", 0x50AA, kind, 0x40, at, size, label, 0)
        for kind, at, size, label in ((0, 0x10000, 0x1000, b"factory"), (1, 0x20000, len(image), b"journal"))
    )
    chip = bytearray(b"\xff" * 0x40000)
    chip[0x8000 : 0x8000 + len(table)] = table
    chip[0x20000 : 0x20000 + len(image)] = image
    assert told(bytes(chip))[2] == told(image)[2]


def test_people_are_shown_the_same(tmp_path, capsys):
    path = tmp_path / "hub.bin"
    path.write_bytes(Hub(readings=4, delivered=1).flash.image())
    assert run(["journal", str(path), "--records"]) == 0
    text = capsys.readouterr().out
    for word in ("3 unsent captures", "blood_pressure", "Everything is as it was written", "snapshot", "session"):
        assert word in text, word


def test_a_file_that_is_no_journal_is_said_to_be_none(tmp_path, capsys):
    for octets, why in ((b"", "too few"), (b"\xff" * 65536, "no sector head"), (bytes(65536), "no sector head")):
        path = tmp_path / "other.bin"
        path.write_bytes(octets)
        assert run(["journal", str(path), "--json"]) == 1
        assert why in json.loads(capsys.readouterr().out)["error"]
    assert run(["journal", str(tmp_path / "missing"), "--json"]) == 2


def test_a_newer_version_is_named(told):
    image = bytearray(Hub().flash.image())
    for sector in range(12):
        _set_version(image, sector, 3)
    code, lines, _last = told(bytes(image))
    assert code == 1 and not lines


def _set_version(image, sector, version):
    base = sector * SECTOR
    if image[base : base + 2] == b"TJ":
        image[base + 2] = version
        crc = journal_octets.crc(bytes(image[base : base + 52]))
        image[base + 52 : base + 56] = crc.to_bytes(4, "little")


# --- damage: named, counted, and no more than it is


def _findings(image):
    journal = journal_state.read(bytes(image))
    return journal, {finding.what: finding for finding in journal.findings if finding.corrupt}


def _long(erased="ff"):
    """Three sectors of captures; those of the first are delivered."""
    hub = Hub(readings=180, delivered=80, sectors=16, erased=erased)
    return hub, bytearray(hub.flash.image())


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_a_rotten_reading_is_named_and_the_others_are_saved(erased):
    hub, image = _long(erased)
    journal = journal_state.read(bytes(image))
    image[journal.captures[100]["place"] * 16 + 33] ^= 4
    damaged, found = _findings(image)
    assert set(damaged.waiting) == set(range(81, 181)) - {100}
    assert found["capture"].cost == "capture 100: not on flash, and no receipt"
    assert set(found) <= {"capture", "units"}
    if erased == "ff":  # in noise a gap inside a segment that is in use cannot be told from an unused unit
        assert found["units"].cost == "captures 100"
    assert hub.journal.read(100).number == 100


def test_a_rotten_reading_that_was_delivered_costs_nothing():
    _hub, image = _long()
    journal = journal_state.read(bytes(image))
    image[journal.captures[40]["place"] * 16 + 33] ^= 4
    damaged, found = _findings(image)
    assert damaged.waiting == list(range(81, 181))
    assert set(found) == {"units"} and found["units"].cost.startswith("nothing")


def test_a_rotten_head_costs_nothing():
    for sector in range(16):
        _hub, image = _long()
        if image[sector * SECTOR : sector * SECTOR + 2] != b"TJ":
            continue
        image[sector * SECTOR + 40] ^= 1
        damaged, found = _findings(image)
        assert damaged.waiting == list(range(81, 181)), sector
        assert damaged.state.last_sequence == 80 and "capture" not in found, sector


def test_a_destroyed_sector_of_captures_costs_its_captures():
    _hub, image = _long()
    whole = journal_state.read(bytes(image))
    sector = whole.captures[100]["place"] // 256
    image[sector * SECTOR : (sector + 1) * SECTOR] = random.Random(1).randbytes(SECTOR)
    damaged, found = _findings(image)
    gone = {number for number, one in whole.captures.items() if one["place"] // 256 == sector}
    assert damaged.waiting == sorted(set(range(81, 181)) - gone)
    first, last = min(gone - set(range(81))), max(gone)
    assert found["capture"].cost == f"captures {first} to {last}: not on flash, and no receipt"
    assert found["sector"].cost == f"captures {first} to {last}"


def test_a_lost_newest_region_is_told():
    hub, image = _long()
    main = hub.journal.main
    newest = hub.journal.sectors.sector(1, main.generation)
    image[newest * SECTOR : (newest + 1) * SECTOR] = bytes(SECTOR)
    for ahead in range(main.generation + 1, main.ready_end):
        sector = hub.journal.sectors.sector(1, ahead)
        image[sector * SECTOR : sector * SECTOR + 64] = bytes(64)
    damaged, found = _findings(image)
    assert "newest region" in found and "new chain" in found["newest region"].cost
    assert set(range(81, 181)) <= set(damaged.waiting), "captures lie in the other lane"


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_what_power_cuts_leave_is_not_taken_for_damage(erased):
    owner, cuts = Owner(7, erased, seed=5), 0
    owner.start()
    for step in range(60):
        owner.flash.cut_at(octet=37 * step, tear=("prefix", "half_cleared", "page")[step % 3])
        try:
            while True:
                owner.session()
                owner.capture(19 + step)
                owner.plan(4)
                owner.receipt()
                owner.tidy()
        except PowerCut:
            cuts += 1
        damaged, found = _findings(owner.flash.image())
        assert not found, (step, found)
        owner.start()
        assert damaged.waiting == sorted(set(owner.kept) - owner.done) or owner.journal.notes == []
    assert cuts == 60


def test_no_damage_whatever_ends_the_reader(told):
    chance = random.Random(7)
    for erased in ("ff", "noise"):
        _hub, good = _long(erased)
        for turn in range(20):
            image = bytearray(good)
            for _fault in range(chance.choice((1, 5, 40))):
                at = chance.randrange(len(image))
                count = chance.choice((1, 1, 16, 300, 4096))
                image[at : at + count] = chance.randbytes(len(image[at : at + count]))
            code, lines, last = told(bytes(image))
            assert code in (0, 1) and ("error" in last or last["summary"] == "journal"), turn
            assert "error" in last or last["unsent"] == sum("unsent" in line for line in lines)


def test_valid_frames_with_rubbish_in_them_do_not_either(told):
    """A CRC proves that octets are as they were written, not that they were sense."""
    hub = Hub(sectors=24)
    chance = random.Random(3)
    for kind in range(1, 16):
        for size in (0, 1, 5, 17, 40, 100, 300):
            while hub.journal.main.free_units() < 100:
                hub.journal.upkeep()._prepare(1, hub.journal.main)
            hub.journal.main.append(kind, chance.randbytes(size))
    hub.journal.captures.capture(1, 9, 9, 31, (1 << 40) - 1, 0xFFFFFFFF, 3, b"\xff" * 40)
    code, _lines, summary = told(hub.flash.image())
    assert code in (0, 1) and summary["summary"] == "journal"
