"""The journal on a flash of a few lines: the same on CPython and on the hub's interpreter."""

import micropython

from firmware.contracts import Full
from firmware.journal.journal import Journal
from firmware.journal.records import Fix, Plan, Receipt, Session

_STACK_OCTETS_MAX = 2048


class Ram:
    """Flash in memory; remembers the deepest stack at which it was called."""

    sector_octets = 4096

    def __init__(self, sector_count):
        self.sector_count = sector_count
        self.cells = bytearray(b"\xff" * (4096 * sector_count))
        self.view = memoryview(self.cells)
        self.refuse = False
        self.erases = 0
        self.stack = 0

    def read(self, at, into):
        index = 0
        while index < len(into):
            into[index] = self.cells[at + index]
            index += 1

    def program(self, at, octets):
        if hasattr(micropython, "stack_use"):
            self.stack = max(self.stack, micropython.stack_use())
        assert at % 16 == 0 and len(octets) % 16 == 0
        if self.refuse:
            raise OSError(5)
        index = 0
        while index < len(octets):
            assert self.cells[at + index] == 0xFF
            self.cells[at + index] = octets[index]
            index += 1

    def erase(self, sector):
        self.erases += 1
        for at in range(sector * 4096, (sector + 1) * 4096):
            self.cells[at] = 0xFF


def _random(count):
    return bytes(range(count))


def _session(visit, boot):
    facts = ((10, b"\x35\x2a"), (12, b"\x08\x2a"))
    return Session(visit, boot, 3, b"ABCDEF", 1, "ua-651ble", 7, 1000, b"1234567", 1100, True, 60, facts, 0)


def _plan(journal, captures):
    sequence = journal.next_sequence
    return Plan(
        sequence,
        journal.last_hash,
        captures,
        1800000000,
        1,
        1,
        5,
        b"k" * 8,
        1,
        bytes((sequence & 255,)) * 32,
        0,
    )


def test_a_reading_is_kept_planned_receipted_and_then_known_as_done_after_a_boot():
    flash = Ram(6)
    journal = Journal(flash, _random)
    assert (journal.boot, journal.notes) == (1, ["formatted"])
    journal.session(_session(1, 1))
    assert journal.capture(1, 3, 10, 3, 2000, 1800000000, 1, b"reading") == 1
    journal.fix(Fix(1, 2500, 1800000001, 1, 40))
    assert journal.pending(9) == [1]
    assert journal.waiting() == 1 and journal.waiting_ms(5000) == 3000
    capture = journal.read(1)
    assert capture.value == b"reading" and capture.time_s == 1800000000 and capture.mono_ms == 2000
    assert journal.session_of(capture) == _session(1, 1) == journal.last_session(3)
    journal.plan(_plan(journal, ((1, 1),)))
    assert journal.pending(9) == [] and journal.open_plans() == [1]
    again = Journal(flash, _random)
    assert again.boot == 2 and again.open_plans() == [1] and again.last_hash == b"\x01" * 32
    assert again.chain == journal.chain and again.waiting() == 1
    assert again.fix_for(1) == Fix(1, 2500, 1800000001, 1, 40)
    again.receipt(Receipt(1, 0, 0))
    third = Journal(flash, _random)
    assert (third.waiting(), third.open_plans(), third.pending(9), third.next_sequence) == (0, [], [], 2)
    assert third.capture(1, 3, 10, 3, 2000, 1800000000, 1, b"next") == 2


def test_a_capture_allocates_nothing_and_takes_little_stack():
    flash = Ram(6)
    journal = Journal(flash, _random)
    while journal.tidy():
        pass
    values = [memoryview(b"x" * 19), memoryview(b"y" * 244), b"z" * 512]
    time_s, mono_ms = 1800000000, (1 << 39) + 5  # both wider than a small whole number
    journal.capture(1, 3, 10, 3, mono_ms, time_s, 1, values[0])  # what is done once is done
    erases, trouble, base = flash.erases, None, 0
    if hasattr(micropython, "heap_lock"):
        base = micropython.stack_use()
        flash.stack = 0
        micropython.heap_lock()
    try:
        for _time in range(7):  # crosses into the second sector
            for value in values:
                journal.capture(1, 3, 10, 3, mono_ms, time_s, 1, value)
    except MemoryError as error:
        trouble = error
    if hasattr(micropython, "heap_lock"):
        micropython.heap_unlock()
        assert 0 < flash.stack - base <= _STACK_OCTETS_MAX, flash.stack - base
    assert trouble is None
    assert flash.erases == erases
    assert journal.next_capture == 23
    for number in range(2, 23):
        capture = journal.read(number)
        assert capture.value == bytes(values[(number - 2) % 3]) and capture.mono_ms == mono_ms
        assert capture.time_s == time_s


def test_a_value_that_cannot_be_kept_is_refused_loudly():
    flash = Ram(6)
    journal = Journal(flash, _random)
    flash.refuse = True
    try:
        journal.capture(1, 3, 10, 3, 1, 1, 1, b"x")
        raise AssertionError
    except OSError:
        pass
    flash.refuse = False
    assert journal.next_capture == 1
    while True:
        try:
            journal.capture(1, 3, 10, 3, 1, 1, 1, b"x" * 300)
        except Full:
            break
    assert journal.room() == 0


def test_the_index_of_a_full_journal_fits():
    if not hasattr(micropython, "mem_info"):
        return  # measured where the hub runs
    import gc

    flash = Ram(6)
    gc.collect()
    before = gc.mem_alloc()
    journal = Journal(flash, _random)
    journal.session(_session(1, 1))
    for number in range(1, 41):
        journal.capture(1, 3, 10, 3, 1, 1, 1, b"x")
        if number % 2 and number < 40:
            journal.plan(_plan(journal, ((number, 1),)))
            journal.receipt(Receipt(journal.next_sequence - 1, 0, 0))
    gc.collect()
    assert gc.mem_alloc() - before < 8192, gc.mem_alloc() - before
