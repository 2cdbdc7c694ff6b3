"""What is asked for takes few reads, however full the journal is: a read is a slow thing on a busy chip."""

import random

import pytest

from firmware.journal.journal import Journal
from firmware.journal.records import Plan, Receipt
from tests.journal.owner import Owner
from tools.simulator.nor import Nor

_SECTORS = 64


@pytest.fixture(scope="module")
def image():
    """Twenty-odd sectors of each lane full of visits with three readings each; the cells alone, which last."""
    owner = Owner(_SECTORS, "noise", seed=1)
    owner.start()
    while owner.journal.captures.generation < 20:
        owner.session()
        for _value in range(3):
            assert owner.capture(19)
        owner.fix() if owner.visit % 50 == 1 else None
        owner.tidy()
    return owner.flash.image(), owner.kept, owner.sessions


class Asked:
    """A journal just booted, and how many reads a question took."""

    def __init__(self, image):
        cells, self.kept, self.sessions = image
        self.flash = Nor(_SECTORS, cells, "noise", seed=1)
        self.journal = Journal(self.flash, random.Random(3).randbytes)

    def reads(self, act, *facts):
        before = self.flash.reads
        act(*facts)
        return self.flash.reads - before


@pytest.mark.promise("P11")
def test_a_backlog_is_read_in_its_order_with_one_read_a_reading(image):
    asked = Asked(image)
    journal, count = asked.journal, len(asked.kept)
    assert asked.reads(journal.pending, 1) <= 6 and asked.reads(journal.pending, 64) <= 66
    reads = 0
    for number, (boot, visit, value) in asked.kept.items():
        before = asked.flash.reads
        capture = journal.read(number)
        reads += asked.flash.reads - before
        assert (capture.number, capture.boot, capture.visit, capture.value) == (number, boot, visit, value)
    assert reads <= count + 3 * 20  # and each sector's first capture once


@pytest.mark.promise("P11")
def test_any_reading_and_its_session_take_few_reads_wherever_they_lie(image):
    asked = Asked(image)
    journal, chance = asked.journal, random.Random(5)
    for capture_number in asked.kept:
        journal.read(capture_number)  # from now on it is known what each sector begins with
    numbers = [chance.randrange(1, len(asked.kept) + 1) for _ in range(150)]
    for number in numbers:
        assert asked.reads(journal.read, number) <= 5
    for number in numbers:
        capture = journal.read(number)
        before = asked.flash.reads
        assert journal.session_of(capture) == asked.sessions[capture.boot, capture.visit]
        assert asked.flash.reads - before <= 12
        assert asked.reads(journal.session_of, capture) == 0, "the last one found is remembered"


@pytest.mark.promise("P11")
def test_the_first_reading_after_a_boot_is_found_without_looking_through_all(image):
    for number in (1, 77, 600, len(image[1])):
        asked = Asked(image)
        assert asked.reads(asked.journal.read, number) <= 10
        capture = asked.journal.read(number)
        assert asked.reads(asked.journal.session_of, capture) <= 24


@pytest.mark.promise("P9")
def test_the_last_reading_is_at_hand_after_a_boot(image):
    """Its time is the clock's floor: each boot asks for it."""
    asked = Asked(image)
    assert asked.reads(asked.journal.read, len(asked.kept)) <= 1


@pytest.mark.promise("P1")
def test_what_the_callback_keeps_between_two_questions_is_seen(image):
    """What was read at once is older than what the callback programmed since."""
    asked = Asked(image)
    journal = asked.journal
    for turn in range(20):
        number = journal.capture(1, 0, 10, 3, 5, 1_800_000_000, 1, b"%d" % turn)
        assert journal.read(number).value == b"%d" % turn
        assert journal.pending(1, number) == [number]


def test_a_session_that_is_written_anew_is_the_one_that_counts(image):
    asked = Asked(image)
    journal = asked.journal
    visit = max(visit for _boot, visit in asked.sessions)
    session = asked.sessions[1, visit]._replace(boot=journal.boot, visit=1)
    journal.session(session)
    capture = journal.read(journal.capture(1, 0, 10, 3, 5, 1_800_000_000, 1, b"now"))
    assert journal.session_of(capture) == session
    journal.session(session._replace(description=3, offset_min=60))
    assert journal.session_of(capture).description == 3


@pytest.mark.promise("P11")
def test_how_long_the_oldest_waits_is_read_once(image):
    asked = Asked(image)
    journal = asked.journal
    oldest = journal.read(1)
    assert oldest.boot == 1 < journal.boot
    asked.flash.reads = 0
    assert journal.waiting_ms(5000) == 5000 and asked.flash.reads <= 6, "of an earlier boot: at least since this one"
    assert asked.reads(journal.waiting_ms, 6000) == 0 and journal.oldest_boot() == 1
    assert asked.reads(journal.waiting) == 0
    fresh = journal.capture(1, 0, 10, 3, 1234, 1_800_000_000, 1, b"now")
    assert journal.waiting_ms(9000) == 9000
    _deliver(journal, fresh)
    assert journal.waiting() == 1 and journal.waiting_ms(9000) == 9000 - 1234
    assert journal.oldest_boot() == journal.boot


def test_with_nothing_kept_nothing_waits():
    journal = Journal(Nor(8), random.Random(1).randbytes)
    assert (journal.waiting(), journal.waiting_ms(5000), journal.oldest_boot()) == (0, 0, journal.boot + 1)
    for number in (0, 1, -1, 1 << 30):
        with pytest.raises(ValueError):
            journal.read(number)


def _plan(journal, captures):
    sequence = journal.next_sequence
    octets = sequence.to_bytes(32, "big")
    return Plan(sequence, journal.last_hash, captures, 1, 1, 1, 0, b"kid kid ", 1, octets, 0)


def _deliver(journal, end):
    """Deliver everything below `end`, in plans as large as may be."""
    first = 1
    while first < end:
        count = min(500, end - first)
        plan = _plan(journal, ((first, count),))
        journal.plan(plan)
        journal.receipt(Receipt(plan.sequence, 0, 0))
        first += count
