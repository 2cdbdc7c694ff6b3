"""`telehub powercut`: a sample of the cuts passes, each can be tried again, and each kind of broken promise is seen."""

import json
from contextlib import nullcontext

import pytest

from firmware.journal import recovery
from firmware.journal.finder import Finder
from firmware.journal.frame import HEAD, SECTOR, UNIT, Sectors, frame
from firmware.journal.heads import read_head
from firmware.journal.index import Index
from firmware.journal.journal import Journal
from firmware.sealing import Sealing
from tools.cli import run
from tools.simulator.nor import Misuse, Nor, PowerCut
from tools.simulator.powercut.looked_through import looked_through_once
from tools.simulator.powercut.points import Cuts, Worker, ways
from tools.simulator.powercut.story import DAYS, Op, month

SUMMARY = {
    "days", "readings", "program_points", "torn_points", "erase_points", "single_cuts", "double_cuts", "lost",
    "doubled", "changed", "stuck", "first_failure",
}  # fmt: skip


@pytest.fixture(scope="module")
def worker():
    return Worker(0)


@pytest.mark.promise("P2")
@pytest.mark.promise("P4")
@pytest.mark.promise("P6")
@pytest.mark.needs("micropython")
@pytest.mark.timeout(900)
def test_a_sample_of_all_cuts_of_another_month_breaks_nothing(capsys):
    code = run(["powercut", "--json", "--seed", "1"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    summary = lines[-1]
    assert code == 0 and summary["ok"] is True and lines[:-1] == [], lines
    assert SUMMARY <= set(summary)
    assert [summary[name] for name in ("lost", "doubled", "changed", "stuck")] == [0, 0, 0, 0]
    assert summary["single_cuts"] > 1500 and summary["double_cuts"] > 500 and summary["first_failure"] is None
    assert summary["days"] == DAYS == 30 and summary["readings"] > 300


def test_every_octet_of_every_program_is_a_point_in_both_ways(worker):
    ordinary, encrypted = worker.months
    octets = sum(len(op.octets) for op in ordinary.tape.ops if op.octets)
    erases = sum(op.octets is None for op in ordinary.tape.ops)
    assert len(ordinary) == 2 * octets + len(ordinary.tape.ops) - erases + 12 * erases
    assert len(worker) > 100_000 and erases >= 15 and len(encrypted) > 10_000
    last = ordinary.where(len(ordinary) - 1)
    assert (last.op, last.how) == (len(ordinary.tape.ops) - 1, "after")
    for op in range(0, len(ordinary.tape.ops), 97):
        assert ordinary.where(ordinary.first_of(op)).op == op
        assert ordinary.where(ordinary.first_of(op)).how == "before"
    assert ways(Op(0, bytes(16), ""), "ff")[1:17:15] == [("prefix", 1), ("half_cleared", 0)]


def test_the_month_holds_what_homes_and_platforms_do(worker):
    for points in worker.months:
        tape = points.tape
        assert {op.doing for op in tape.ops} == {"idle", "capture", "session", "fix", "describe", "plan", "receipt"}
        assert min(tape.erases_by_sector) >= 1, "both lanes wrap"
        boots = sum(word == "booted" for _at, word, _facts in tape.events)
        assert boots > 5 and len(tape.model.done) > 300


def test_two_months_of_one_seed_are_the_same_to_the_octet():
    one, other = month(3, "noise"), month(3, "noise")
    assert one.ops == other.ops and one.image() == other.image()
    assert month(4, "noise").ops != one.ops


# --- it must see what is broken


def _tally(worker, numbers):
    total = Cuts()
    for part in worker.singles(numbers):
        total.add(part)
    return total


def _points_in(worker, doing, how, month_index=0, count=12):
    """Points of that kind, spread over a month."""
    base = sum(len(points) for points in worker.months[:month_index])
    points = worker.months[month_index]
    found = []
    for op, one in enumerate(points.tape.ops):
        if one.doing == doing and one.octets:
            first, all_ways = points.first_of(op), ways(one, points.tape.erased)
            matching = [index for index, (way, _at) in enumerate(all_ways) if way == how]
            found.append(base + first + matching[len(matching) // 2])
    step = max(1, len(found) // count)
    return found[step // 2 :: step]


@pytest.mark.parametrize("month_index", [0, 1], ids=["ff", "noise"])
def test_a_boot_that_goes_on_where_something_was_torn_is_stuck(worker, monkeypatch, month_index):
    monkeypatch.setattr(recovery, "first_clean", lambda _sectors, _lane, _generation, unit: unit)
    assert _tally(worker, _points_in(worker, "session", "prefix", month_index)).stuck


def test_a_reading_that_cannot_be_read_is_lost(worker, monkeypatch):
    monkeypatch.setattr(Finder, "_in_capture_sector", lambda *_arguments: None)
    assert _tally(worker, _points_in(worker, "plan", "prefix")).lost


def test_a_receipt_that_is_forgotten_is_doubled(worker, monkeypatch):
    points = _points_in(worker, "idle", "prefix") + _points_in(worker, "session", "prefix")
    assert _tally(worker, sorted(points)).doubled == 0
    monkeypatch.setattr(Index, "add_receipt", lambda _self, _sequence: None)
    assert _tally(worker, sorted(points)).doubled


def test_another_payload_is_changed(worker, monkeypatch):
    monkeypatch.setattr(Sealing, "_repeats", lambda *_arguments: True)
    assert _tally(worker, _points_in(worker, "receipt", "before")).changed


def test_a_torn_frame_that_is_taken_for_whole_is_changed_or_lost(worker, monkeypatch):
    def unchecked(self, at, unit, _prefix):
        head = self.view(at, 16)
        size = (head[0] | head[1] << 8) & 1023
        if not 0 < size <= 1000 or unit + (size + 21) // 16 > 256:
            return None
        if head[2] + head[3] + head[4] + head[5] + (size & 255) + (size >> 8) & 63 != (head[0] | head[1] << 8) >> 10:
            return None
        return self.view(at, size + 6)[6:]

    monkeypatch.setattr(worker, "_known", {})
    monkeypatch.setattr(Sectors, "_payload", unchecked)
    tally = _tally(worker, _points_in(worker, "capture", "prefix"))
    assert tally.changed + tally.lost + tally.stuck


def test_tidying_without_end_is_stuck(worker, monkeypatch):
    monkeypatch.setattr(Journal, "tidy", lambda _self: True)
    assert _tally(worker, _points_in(worker, "receipt", "after", count=3)).stuck


def test_what_is_remembered_of_sectors_changes_nothing(worker, monkeypatch):
    encrypted = len(worker.months[0]) + 3000
    numbers = [*range(40_000, 40_120), *range(encrypted, encrypted + 40)]

    def tallies():
        return [vars(one) for one in (*worker.singles(numbers), *worker.doubles(41_288, 7))]

    remembered = tallies()
    monkeypatch.setattr("tools.simulator.powercut.points.looked_through_once", nullcontext)
    assert remembered == tallies()


@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_frames_are_the_same_whether_remembered_or_not(erased):
    chip = month(5, erased)
    sectors, wrote = Sectors(chip), Sectors(chip)
    wrote.salt = sectors.salt = read_head(wrote, 0)[2]
    places = [(lane, generation, unit) for lane in (0, 1) for generation in range(1, 40) for unit in (HEAD, 9, 77)]

    def seen():
        found = []
        for lane, generation, unit in places:
            sectors.stale()
            found.append([(at, bytes(payload)) for at, payload in sectors.frames(lane, generation, unit)])
        return found

    production = seen()
    assert sum(map(len, production)) > 300
    with looked_through_once({}):
        assert seen() == production and seen() == production


def test_a_window_that_is_older_than_the_flash_is_not_helped():
    """Whoever forgets to say that somebody programmed since must be seen to miss it, as on the chip."""
    chip = Nor(6)
    sectors = Sectors(chip)
    prefix = sectors.prefix(0, 1)
    chip.program(SECTOR + HEAD * UNIT, frame(b"one", HEAD, prefix))
    with looked_through_once({}):
        assert [unit for unit, _payload in sectors.frames(0, 1)] == [HEAD]
        sectors.view(SECTOR + HEAD * UNIT, 16)
        chip.program(SECTOR + (HEAD + 1) * UNIT, frame(b"two", HEAD + 1, prefix))
        assert [unit for unit, _payload in sectors.frames(0, 1)] == [HEAD]
        sectors.stale()
        assert [unit for unit, _payload in sectors.frames(0, 1)] == [HEAD, HEAD + 1]


def test_a_failure_is_one_line_to_replay(worker, monkeypatch, capsys):
    monkeypatch.setattr(Index, "add_receipt", lambda _self, _sequence: None)
    tried = worker.singles(_points_in(worker, "session", "after"))
    broken = next(part.failures[0][0] for part in tried if part.failures)
    monkeypatch.setattr("tools.simulator.powercut.Worker", lambda _seed: worker)
    assert run(["powercut", "--json", "--point", broken]) == 1
    line, summary = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert line["replay"] == summary["first_failure"] == f"telehub powercut --point {broken}"
    assert line["broken"].startswith("doubled") and summary["doubled"] == 1
    monkeypatch.undo()
    monkeypatch.setattr("tools.simulator.powercut.Worker", lambda _seed: worker)
    assert run(["powercut", "--json", "--point", broken]) == 0
    assert run(["powercut", "--json", "--point", f"{broken}:17"]) == 0


@pytest.mark.needs("micropython")
def test_a_point_of_the_files_can_be_tried_again(worker, monkeypatch, capsys):
    monkeypatch.setattr("tools.simulator.powercut.Worker", lambda _seed: worker)
    for point in (f"{len(worker) + 500}", f"{len(worker) + 500}:40"):
        assert run(["powercut", "--json", "--point", point]) == 0
        summary = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert summary["single_cuts"] + summary["double_cuts"] == 1


def test_what_is_no_point_is_wrong_use(worker, monkeypatch, capsys):
    monkeypatch.setattr("tools.simulator.powercut.Worker", lambda _seed: worker)
    assert run(["powercut", "--json", "--point", "x"]) == 2
    assert "error" in json.loads(capsys.readouterr().out)


def test_a_forked_chip_keeps_what_was_torn_and_goes_its_own_way():
    chip = Nor(6)
    chip.cut_at(octet=20, tear="half_cleared")
    with pytest.raises(PowerCut):
        chip.program(0, bytes(64))
    chip.power_on()
    other = chip.fork(1)
    with pytest.raises(Misuse):
        other.program(16, bytes(16))
    other.program(64, bytes(16))
    chip.program(64, b"\x55" * 16)
    assert other.image() != chip.image() and not other.blank(16, 16)


@pytest.mark.promise("P2", "P4", "P6")
@pytest.mark.parametrize("seed", [2, 3])
def test_another_month_is_lived_and_some_cuts_of_each_kind_break_nothing(seed):
    """Small, and in one process: what `make mutants` asks first of whatever is wrong with the journal."""
    worker = Worker(seed)
    tally = _tally(worker, worker.stratified(60))
    for part in worker.doubles(worker.stratified(12)[5], 9):
        tally.add(part)
    assert tally.single_cuts > 40 and tally.double_cuts > 10
    assert not tally.failures, tally.failures
