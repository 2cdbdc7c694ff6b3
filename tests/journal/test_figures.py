"""What a reading costs, counted by the flash model."""

import random

from firmware.journal.journal import Journal
from firmware.journal.records import Plan, Receipt, Session
from tools.simulator.nor import Nor

_LONE_MAX = 288
_OF_16_MAX = 84
_RECOVERY_READS_MAX = 256 + 64  # one of each sector; the walks through the newest two of each lane and what is ready


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
    assert visits(1, 1)[0] <= _LONE_MAX
    assert visits(1, 16)[0] <= _OF_16_MAX
    for readings, limit in ((1, _LONE_MAX), (16, _OF_16_MAX)):  # heads and snapshots of sectors included
        octets, _erases, inside = visits(3000 // readings, readings)
        assert octets <= limit
        assert inside == 0


def test_a_year_without_a_network_and_a_power_cut_each_day_fits_into_one_mebibyte():
    flash, chance = Nor(256, erased="noise"), random.Random(2)
    visit = 0
    for day in range(365):
        flash.reads = 0
        journal = Journal(flash, chance.randbytes)
        assert day == 0 or flash.reads <= _RECOVERY_READS_MAX
        for _reading in range(10):
            visit += 1
            assert journal.room() >= journal.needed(30, 19)
            journal.session(_session(visit, journal.boot))
            journal.capture(visit, 0, 14, 15, visit, 1_800_000_000, 1, bytes(19))
            while journal.tidy():
                pass
    assert journal.waiting() == 3650
    for number in (1, 1800, 3650):
        assert journal.session_of(journal.read(number)).visit == number
