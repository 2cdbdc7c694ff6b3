"""From captures on flash to envelopes that a foreign library reads: the hub's stages joined, without a radio."""

import hashlib
import itertools
import os
import struct

import pytest

from firmware.contracts import PeerError
from firmware.health import Health
from firmware.journal import records
from firmware.journal.journal import Journal
from firmware.seal import cose, p256
from firmware.seal.batch import BUFFER_OCTETS
from firmware.sealing import Sealing
from firmware.timekeeping import Timekeeper
from firmware.visiting import SESSION_FIELDS
from tools.backend.keys import load_point
from tools.inspect.envelope import decode_envelope
from tools.simulator.nor import Nor
from tools.simulator.world.points import by_openssl

START_S = 1_767_600_000
CUFF = bytes.fromhex("c0a1b2c3d401")
KEY = hashlib.sha256(b"a test's signing key").digest()
POINT = p256.public_key(KEY)
MEASUREMENT, CLOCK = 0x2A35, b"\xea\x07\x01\x05\x09\x00\x00"


class Ticks:
    """Time that stands until it is moved."""

    def __init__(self):
        self.ms = 0

    def now_ms(self):
        return self.ms

    def flag(self):
        return None


class Keys:
    hub_id = bytes.fromhex("a1b2c3d4e5f6")
    signing = KEY
    signing_kid = p256.key_id(POINT)


class Bench:
    """What a hub is, as far as sealing asks."""

    def __init__(self, flash=None, sectors=16):
        self.flash = flash or Nor(sectors)
        self.ticks = Ticks()
        self.journal = Journal(self.flash, os.urandom)
        self.timekeeper = Timekeeper(self.ticks.now_ms, START_S, self.journal.boot)
        self.keys = Keys
        self.health = Health(self)
        self.buffer = bytearray(BUFFER_OCTETS)
        self.sealing = Sealing(self, self.buffer)
        self.visit = 0
        while self.journal.tidy():
            pass

    def fixed(self, time_s):
        self.timekeeper.ntp(time_s, 1040)
        self.journal.fix(self.timekeeper.new_fix())

    def visited(self, values, row="ad_ua651ble", security=10, device=0, description=0):
        """A visit as firmware/listening.py leaves it: session, then captures."""
        self.visit += 1
        facts = (self.visit, self.journal.boot, device, CUFF, 1, row, security, self.ticks.ms, CLOCK, self.ticks.ms)
        characteristics = ((18, struct.pack("<H", MEASUREMENT)), (30, b"\x19\x2a"))
        self.journal.session(records.Session(*facts, True, 60, characteristics, description))
        for value in values:
            self.ticks.ms += 400
            clock = self.timekeeper
            self.journal.capture(
                self.visit, device, 18, security | 1, self.ticks.ms, clock.time_s(), clock.quality, value
            )

    def sent(self):
        """Every open plan's envelope, as it would travel."""
        while self.sealing.seal():
            pass
        return {sequence: self.envelope(sequence) for sequence in self.journal.open_plans()}

    def envelope(self, sequence):
        """As Hub.envelope makes it."""
        at, length, header = self.sealing.payload(sequence)
        return bytes(cose.sign1_in(self.buffer, at, length, KEY, header))


def blood_pressure(minute, systolic=128, clock=True):
    """A UA-651BLE's value: 19 octets with time, pulse and status (GATT 2A35)."""
    flags = 0x16 if clock else 0x14
    time = struct.pack("<HBBBBB", 2026, 1, 5, 9, minute, 0) if clock else b""
    return struct.pack("<BHHH", flags, systolic, 82, 97) + time + struct.pack("<HH", 71, 0)


def opened(octets):
    return decode_envelope(octets, lambda kid: load_point(POINT))


def test_session_fields_are_those_of_the_record():
    assert records.Session._fields == SESSION_FIELDS


@pytest.mark.promise("P5")
def test_envelopes_join_into_a_chain_and_name_every_capture():
    bench = Bench()
    for minute in range(3):
        bench.visited([blood_pressure(minute), blood_pressure(minute, 131)])
        bench.sealing.seal()
    envelopes = [opened(octets) for octets in bench.sent().values()]
    assert [one.sequence for one in envelopes] == [1, 2, 3]
    assert envelopes[0].previous == bytes(16)
    for before, after in itertools.pairwise(envelopes):
        assert after.previous == before.hash[:16]
    assert [number for one in envelopes for first, count in one.captures for number in range(first, first + count)] == [
        1, 2, 3, 4, 5, 6,
    ]  # fmt: skip


@pytest.mark.promise("P6")
def test_a_retry_after_a_reboot_gives_the_same_octets():
    bench = Bench()
    bench.visited([blood_pressure(0)])
    bench.fixed(START_S + 7000)
    bench.visited([blood_pressure(1), blood_pressure(2)])
    first = bench.sent()
    bench.fixed(START_S + 9000)  # a later fix changes nothing that was sealed
    assert bench.sent() == first
    again = Bench(flash=bench.flash)
    again.fixed(START_S + 20000)
    assert {sequence: again.envelope(sequence) for sequence in again.journal.open_plans()} == first


@pytest.mark.promise("P9")
def test_a_capture_from_before_the_first_fix_is_timed_afterwards():
    bench = Bench()
    bench.ticks.ms = 10_000
    bench.visited([blood_pressure(0)])  # at 10.4 s after the boot, by the floor
    bench.ticks.ms = 70_000
    bench.fixed(START_S + 86_400)
    envelope = opened(bench.sent()[1])
    assert envelope.readings[0]["hub_time"] == "2026-01-06T07:59:00Z"  # a day later, less 59.6 s
    assert "timed_afterwards" in str(envelope.readings[0])


def test_a_fix_that_came_after_the_seal_leaves_it_as_it_was():
    bench = Bench()
    bench.visited([blood_pressure(0)])
    before = bench.sent()
    bench.fixed(START_S + 86_400)
    assert bench.sent() == before and "plan replaced" not in bench.health.counters


@pytest.mark.promise("P4")
def test_a_timeless_resend_across_two_visits_is_marked_and_a_second_reading_is_not():
    bench = Bench()
    timeless = blood_pressure(0, clock=False)
    bench.visited([timeless, timeless])  # two in one visit: two readings
    bench.visited([timeless])  # at the joint: perhaps the second again
    bench.visited([blood_pressure(1)])
    bench.visited([blood_pressure(1)])  # it has its own time: the platform knows it by that
    readings = [one for octets in bench.sent().values() for one in opened(octets).readings]
    assert ["possible_repeat" in one["flags"] for one in readings] == [False, False, True, False, False]


def test_octets_that_no_driver_understands_travel_with_the_reason():
    bench = Bench()
    bench.visited([b"\x16\x80", blood_pressure(0)])
    envelope = opened(bench.sent()[1])
    assert len(envelope.readings) == 1 and len(envelope.undecoded) == 1
    assert envelope.undecoded[0]["reason"] == "short"


def test_figures_of_one_reading_and_of_sixteen():
    lone = Bench()
    lone.fixed(START_S + 100)
    lone.journal.describe(b"\xa1\x65model\x66UA-651")
    programmed = lone.flash.programmed_octets
    lone.visited([blood_pressure(0)])
    octets = lone.sent()[1]
    lone.journal.receipt(records.Receipt(1, 0, 0))
    assert len(octets) <= 220
    assert lone.flash.programmed_octets - programmed <= 288
    many = Bench()
    many.fixed(START_S + 100)
    programmed = many.flash.programmed_octets
    many.visited([blood_pressure(minute, 110 + minute) for minute in range(16)])
    sent = many.sent()
    many.journal.receipt(records.Receipt(1, 0, 0))
    assert list(sent) == [1] and len(opened(sent[1]).readings) == 16
    assert len(sent[1]) <= 50 * 16
    assert many.flash.programmed_octets - programmed <= 84 * 16


def _planned():
    """A hub with two plans, each of two captures, a description and a fix, that were not sent yet."""
    bench = Bench()
    bench.fixed(START_S + 100)
    number = bench.journal.describe(b"\xa1\x65model\x66UA-651")
    for minute in (0, 10):
        bench.visited([blood_pressure(minute), blood_pressure(minute + 1, 131)], description=number)
        bench.sealing.seal()
    return bench


def _programmed_units(flash):
    return [at for at in range(0, len(flash.image()), 16) if not flash.blank(at, 16)]


def _readable(bench):
    found = []
    for number in range(1, bench.journal.next_capture):
        try:
            found.append(bench.journal.read(number).value)
        except ValueError:
            pass
    assert len(found) >= bench.journal.next_capture - 3  # one unit rotted: what it was in, and no more
    return found


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize("reboot", [False, True], ids=["running", "restarted"])
def test_whatever_rots_what_is_left_of_an_open_plan_goes_on_and_nothing_ends_the_hub(reboot):
    """Seed 18 of the campaign: a plan's own record rotted while the hub ran, and reading it ended the hub."""
    with by_openssl():
        _what_is_left_goes_on(reboot)


def _what_is_left_goes_on(reboot):
    replaced = 0
    for at in _programmed_units(_planned().flash):
        bench = _planned()
        before = bench.flash.image()
        for octet in range(at, at + 16, 5):
            bench.flash.rot(octet, 0x10)
        if reboot:
            bench = Bench(flash=bench.flash)
        bench.visited([blood_pressure(20)])
        sent = {}
        for _turn in range(4):
            while bench.sealing.seal():
                pass
            for sequence in bench.journal.open_plans():
                try:
                    sent[sequence] = opened(bench.envelope(sequence))
                except PeerError as error:
                    assert error.args == ("plan lost",)
        left = {*_readable(bench), blood_pressure(20)}
        told = [bytes.fromhex(one["source"][0]["hex"]) for envelope in sent.values() for one in envelope.readings]
        if bench.journal.chain_start is None:  # else another chain began, which tells all anew
            assert left <= set(told), (at, before[at : at + 16].hex())
        for envelope in sent.values():
            assert envelope.replaces is None or envelope.replaces < envelope.sequence
        replaced += "plan replaced" in bench.health.counters
        bench.fixed(START_S + 5000)
        bench.visited([blood_pressure(30)], description=bench.journal.describe(b"\xa1\x65model\x66UA-651"))
        assert blood_pressure(30).hex() in str([one.readings for one in map(opened, bench.sent().values())])
    assert replaced > 4


@pytest.mark.promise("P5")
def test_a_plan_of_which_nothing_is_left_ends_and_is_told():
    bench = _planned()
    for value in (blood_pressure(0), blood_pressure(1, 131)):
        bench.flash.rot(bench.flash.image().index(value), 0x10)
    with pytest.raises(PeerError, match="plan lost"):
        bench.envelope(1)
    assert bench.journal.open_plans() == [2] and "lost" in bench.journal.notes
    assert Bench(flash=bench.flash).journal.open_plans() == [2]
