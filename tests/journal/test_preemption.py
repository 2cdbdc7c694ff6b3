"""The Bluetooth callback comes between any two lines of the main loop's calls (and any two bytecodes)."""

import random
import sys

import pytest

from firmware.contracts import Full
from firmware.journal.journal import Journal
from firmware.journal.records import Fix, Plan, Receipt, Session
from tools.simulator.nor import Nor


class _Callback:
    """Calls capture() at one chosen step of whatever the main loop runs, by Python's tracer."""

    def __init__(self, journal, kept):
        self.journal = journal
        self.kept = kept
        self.at = self.step = 0

    def capture(self):
        value = random.Random(len(self.kept)).randbytes(19 + len(self.kept) % 60)
        try:
            number = self.journal.capture(1, 1, 10, 3, 1, 1_800_000_000, 1, value)
        except Full:
            return
        assert number not in self.kept
        self.kept[number] = value

    def run(self, act, every=None, at=None):
        """Do `act` with a capture at step `at`, or at each step that `every` divides. Steps are bytecodes."""
        if not every:
            self.step = 0

        def trace(frame, event, _argument):
            if "/firmware/journal/" not in frame.f_code.co_filename:
                return None
            frame.f_trace_opcodes = True
            if event == "opcode":
                self.step += 1
                if self.step == at or (every and self.step % every == 0):
                    sys.settrace(None)
                    self.capture()
                    sys.settrace(trace)
            return trace

        sys.settrace(trace)
        try:
            return act()
        finally:
            sys.settrace(None)


def _session(visit):
    return Session(visit, 1, 1, b"ABCDEF", 1, "cuff", 7, 5, b"", 0, False, 0, ((10, b"\x35\x2a"),), 0)


def _plan(journal, numbers):
    sequence = journal.next_sequence
    return Plan(
        sequence, journal.last_hash, numbers, 1, 1, 1, 0, b"kid kid ", 1, bytes([sequence & 255]) * 32, 0
    )


def _seal(journal):
    numbers = journal.pending(16)
    if numbers and numbers == list(range(numbers[0], numbers[-1] + 1)):
        journal.plan(_plan(journal, ((numbers[0], len(numbers)),)))


def _deliver(journal):
    for sequence in journal.open_plans()[:2]:
        journal.receipt(Receipt(sequence, 0, 0))


def _check(flash, journal, kept, done):
    """What the callback was told is there, now and after a boot."""
    for owner in (journal, Journal(Nor(flash.sector_count, flash.image()), random.Random(5).randbytes)):
        assert owner.next_capture == max(kept) + 1
        assert owner.waiting() == len(kept) - done
        for number, value in kept.items():
            if number in owner.pending(10_000):
                assert owner.read(number).value == value


ACTS = {
    "session": lambda journal: journal.session(_session(2)),
    "fix": lambda journal: journal.fix(Fix(1, 100, 1_800_000_000, 1, 5)),
    "describe": lambda journal: journal.describe(b"a cuff"),
    "plan": _seal,
    "receipt": _deliver,
    "tidy": lambda journal: journal.tidy(),
    "room": lambda journal: journal.room(),
    "read": lambda journal: [journal.read(number) for number in journal.pending(3)],
    "session of": lambda journal: journal.session_of(journal.read(journal.next_capture - 1)),
    "waiting": lambda journal: (journal.waiting(), journal.waiting_ms(5)),
}


def _used(captures):
    """A journal with something of everything, its capture lane `captures` captures of 48 octets far."""
    flash, kept = Nor(6), {}
    journal = Journal(flash, random.Random(4).randbytes)
    callback = _Callback(journal, kept)
    journal.session(_session(1))
    done = 0
    for turn in range(captures):
        callback.capture()
        if turn % 8 == 7:
            _seal(journal)
            for sequence in journal.open_plans():
                done += sum(count for _first, count in journal.read_plan(sequence).captures)
                journal.receipt(Receipt(sequence, 0, 0))
            while journal.tidy():
                pass
    _seal(journal)
    callback.capture()
    return flash, journal, callback, done


@pytest.mark.promise("P1")
@pytest.mark.parametrize("name", list(ACTS))
@pytest.mark.parametrize("captures", [11, 41])  # the second is close to the end of a sector
def test_a_capture_between_any_two_bytecodes_is_kept(name, captures):
    act = ACTS[name]
    flash, journal, callback, done = _used(captures)
    callback.run(lambda: act(journal))
    steps = callback.step
    assert steps > 5
    for at in range(1, steps, max(1, steps // 40)):
        flash, journal, callback, done = _used(captures)
        open_before = [
            sum(count for _first, count in journal.read_plan(one).captures) for one in journal.open_plans()
        ]
        callback.run(lambda journal=journal: act(journal), at=at)
        if name == "receipt":
            done += sum(open_before[:2])
        _check(flash, journal, callback.kept, done)


@pytest.mark.promise("P1")
def test_a_storm_of_captures_through_a_long_life_is_kept():
    flash, kept = Nor(8), {}
    journal = Journal(flash, random.Random(4).randbytes)
    callback = _Callback(journal, kept)
    done = 0
    for turn in range(60):
        callback.run(lambda turn=turn: journal.session(_session(turn + 1)), every=199)
        for _plan_of_this_turn in range(8):
            callback.run(lambda: _seal(journal), every=9001)
        for sequence in journal.open_plans():
            done += sum(count for _first, count in journal.read_plan(sequence).captures)
            callback.run(lambda sequence=sequence: journal.receipt(Receipt(sequence, 0, 0)), every=997)
        while callback.run(journal.tidy, every=49999):
            pass
    assert len(kept) > 300
    _check(flash, journal, kept, done)
