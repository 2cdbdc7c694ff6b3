"""What a reading costs, counted by the flash model."""

import random

import pytest

from firmware.journal.journal import Journal
from firmware.journal.records import Plan, Receipt, Session
from tools.host.budget import JOURNAL_LONE_OCTETS_MAX, JOURNAL_OF_16_OCTETS_MAX
from tools.simulator import journal as measured
from tools.simulator.nor import Nor


def _session(visit, boot=1):
    facts = ((14, b"\x35\x2a"), (17, b"\x49\x2a"), (20, b"\x08\x2a"), (23, b"\x19\x2a"))
    clock = b"\xea\x07\x01\x05\x08\x00\x09"
    return Session(visit, boot, 0, b"ABCDEF", 1, "ua-651ble", 14, 1000, clock, 1200, True, 60, facts, 1)


def visits(count, readings, sectors=128):
    """Programmed octets and erases per reading over `count` visits, and the erases while the callback ran."""
    flash = Nor(sectors)
    journal = Journal(flash, random.Random(1).randbytes)
    journal.capture(1, 0, 14, 15, 1, 1_800_000_000, 1, bytes(19))
    while journal.tidy():
        pass
    octets, erases, inside = flash.programmed_octets, flash.erases, 0
    for visit in range(1, count + 1):
        journal.session(_session(visit))
        before = flash.erases
        for _reading in range(readings):
            number = journal.capture(visit, 0, 14, 15, visit, 1_800_000_000, 1, bytes(19))
        inside += flash.erases - before
        sequence, captures = journal.next_sequence, ((number - readings + 1, readings),)
        journal.plan(
            Plan(
                sequence,
                journal.last_hash,
                captures,
                1,
                1,
                1,
                5,
                b"kid kid ",
                1,
                sequence.to_bytes(32, "big"),
                0,
            )
        )
        journal.receipt(Receipt(sequence, 0, 0))
        while journal.tidy():
            pass
    total = count * readings
    return (flash.programmed_octets - octets) / total, (flash.erases - erases) / total, inside


def test_a_lone_reading_and_one_of_sixteen_cost_what_was_promised():
    assert visits(1, 1)[0] <= JOURNAL_LONE_OCTETS_MAX
    assert visits(1, 16)[0] <= JOURNAL_OF_16_OCTETS_MAX
    # heads and snapshots of sectors included
    for readings, limit in ((1, JOURNAL_LONE_OCTETS_MAX), (16, JOURNAL_OF_16_OCTETS_MAX)):
        octets, _erases, inside = visits(3000 // readings, readings)
        assert octets <= limit
        assert inside == 0


def test_a_year_without_a_network_and_a_power_cut_each_day_fits_and_is_delivered_without_a_live_reading_waiting():
    figures = measured.offline()
    assert [figure.figure for figure in figures if not figure.ok] == [], [figure.line() for figure in figures]


@pytest.mark.needs("micropython32")
def test_a_frame_costs_little_more_than_its_payload_and_a_fiftieth_of_littlefs_erases():
    figures = measured.frames()
    assert [figure.figure for figure in figures if not figure.ok] == [], [figure.line() for figure in figures]


@pytest.mark.promise("P5")
@pytest.mark.needs("micropython32")
@pytest.mark.parametrize("erased", ["ff", "noise"])
def test_a_boot_reads_little_of_a_full_journal_and_finds_the_same_with_any_one_head_destroyed(erased):
    """Every ninth head, and all around both lanes' ends; `telehub bench` takes them all."""
    ends = (*range(46, 54), *range(210, 220))
    figures = measured.recovery((*ends, *range(0, 256, 9)), erased)
    assert [figure.figure for figure in figures if not figure.ok] == [], [figure.line() for figure in figures]
