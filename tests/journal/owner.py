"""Uses a journal as the hub does and remembers what was promised, so that a test can hold it to that."""

import hashlib
import random

from firmware.contracts import Full
from firmware.journal.journal import Journal
from firmware.journal.records import Fix, Plan, Receipt, Session
from tools.simulator.nor import Nor, PowerCut


class Owner:
    """One flash chip, the journal on it, and a model: what was confirmed, and what a cut left open."""

    def __init__(self, sector_count=6, erased="ff", seed=0):
        self.chance = random.Random(seed)
        self.flash = Nor(sector_count, erased=erased, seed=seed)
        self.kept = {}  # number -> (boot, visit, value)
        self.sessions = {}  # (boot, visit) -> Session
        self.fixes = {}  # boot -> Fix
        self.plans = {}  # sequence -> Plan, without receipt
        self.done = set()
        self.told = {}  # description number -> octets
        self.hash, self.sequence, self.boot, self.visit = bytes(32), 0, 0, 0
        self.doubt = None  # (word, facts): what the last cut fell into
        self.chain = None
        self.journal = None
        self.cuts = 0

    # what the hub does

    def start(self):
        """Power up; then everything that was promised must be there."""
        self.flash.power_on()
        self.boots()

    def boots(self):
        """Mount, power given."""
        self.doubt, doubt = None, self.doubt
        self._doubt_again = doubt
        try:
            self.journal = Journal(self.flash, self.chance.randbytes)
        except PowerCut:
            self.doubt = doubt
            self.cuts += 1
            raise
        self._settle(doubt)
        self.visit = 0
        assert self.journal.boot > self.boot
        self.boot = self.journal.boot
        self.check()

    def attempt(self, word, facts, act):
        """Do something that a cut may fall into."""
        self.doubt = (word, facts)
        try:
            result = act()
        except PowerCut:
            self.cuts += 1
            raise
        except (Full, OSError):
            self.doubt = None
            return None
        self._now_true(word, facts)
        self.doubt = None
        return result

    def session(self, early=0):
        """Open a visit; a bonded device may send before its session is written."""
        self.visit += 1
        for _value in range(early):
            self.capture()
        facts = ((10, b"\x35\x2a"), (12, b"\x08\x2a"), (14, self.chance.randbytes(16)))
        session = Session(
            self.visit, self.boot, self.chance.randrange(3), b"ABCDEF", 1, "cuff", 7, 1000 * self.visit,
            b"clock", 5, True, -60, facts, 0,
        )  # fmt: skip
        self.attempt("session", session, lambda: self.journal.session(session))

    def capture(self, octets=19):
        """A device indicates a value; True when it may be confirmed."""
        number = self.journal.next_capture
        value = self.chance.randbytes(octets)
        told = self.attempt(
            "capture",
            (number, (self.boot, self.visit, value)),
            lambda: self.journal.capture(self.visit, 1, 10, 3, 77, 1_800_000_000, 1, value),
        )
        assert told in (None, number)
        return told is not None

    def plan(self, limit=16, skip=0):
        """Seal what waits."""
        numbers = self.journal.pending(limit + skip)[skip:]
        if not numbers:
            return
        ranges = []
        for number in numbers:
            if ranges and sum(ranges[-1]) == number:
                ranges[-1] = (ranges[-1][0], ranges[-1][1] + 1)
            else:
                ranges.append((number, 1))
        digest = hashlib.sha256(repr((self.journal.next_sequence, ranges)).encode()).digest()
        fix = self.journal.fix_for(self.boot)
        plan = Plan(
            self.journal.next_sequence, self.journal.last_hash, tuple(ranges[:8]), 1_800_000_000, 1,
            self.boot, fix.mono_ms if fix else 0, b"kid kid ", 1, digest, 0,
        )  # fmt: skip
        self.attempt("plan", plan, lambda: self.journal.plan(plan))

    def receipt(self, index=0):
        """The platform answers one of the open plans."""
        sequences = sorted(self.plans)
        if sequences:
            sequence = sequences[index % len(sequences)]
            self.attempt("receipt", sequence, lambda: self.journal.receipt(Receipt(sequence, 0, 0)))

    def fix(self):
        """The clock was set."""
        fix = Fix(self.boot, self.chance.randrange(1 << 20), 1_800_000_000, 1, self.chance.randrange(2000))
        self.attempt("fix", fix, lambda: self.journal.fix(fix))

    def describe(self):
        """A device said what it is."""
        octets = b"model %d" % self.chance.randrange(5)
        before = self.journal.index.described
        number = self.attempt("describe", (before + 1, octets), lambda: self.journal.describe(octets))
        assert number is None or number == 0 or self.told[number] == octets

    def tidy(self, limit=1000):
        """Make room, as in an idle moment."""
        for _turn in range(limit):
            self.doubt = None
            try:
                if not self.journal.tidy():
                    return
            except PowerCut:
                self.cuts += 1
                raise
        assert limit < 1000, "tidy never ends"

    # the model

    def _now_true(self, word, facts):
        if word == "capture":
            self.kept[facts[0]] = facts[1]
        elif word == "session":
            self.sessions[facts.boot, facts.visit] = facts
        elif word == "fix":
            best = self.fixes.get(facts.boot)
            if best is None or facts.mono_ms >= best.mono_ms:
                self.fixes[facts.boot] = facts
        elif word == "plan":
            self.plans[facts.sequence] = facts
            self.sequence, self.hash = facts.sequence, facts.hash
        elif word == "receipt":
            for first, count in self.plans.pop(facts).captures:
                self.done.update(range(first, first + count))
        elif word == "describe" and facts[1] not in self.told.values():
            self.told[facts[0]] = facts[1]

    def _settle(self, doubt):
        """What the cut fell into is either wholly there or not at all; after this look it stays so."""
        journal = self.journal
        if doubt is None:
            return
        word, facts = doubt
        there = False
        if word == "capture":
            there = journal.next_capture > facts[0]
        elif word == "plan":
            there = journal.next_sequence > facts.sequence
        elif word == "receipt":
            there = facts not in journal.open_plans()
        elif word == "session":
            there = journal.last_session(facts.device) == facts
        elif word == "fix":
            there = journal.fix_at(facts.boot, facts.mono_ms) == facts
        elif word == "describe":
            there = journal.index.described >= facts[0]
        if there:
            self._now_true(word, facts)

    def check(self):
        """Hold the journal to everything it has promised."""
        journal = self.journal
        assert self.chain in (None, journal.chain)
        self.chain = journal.chain
        assert not {"chain", "lost", "record", "unreadable"} & set(journal.notes), journal.notes
        assert journal.next_capture == max(self.kept, default=0) + 1
        assert journal.next_sequence == self.sequence + 1
        assert journal.last_hash == self.hash
        assert journal.open_plans() == sorted(self.plans)
        for sequence, plan in self.plans.items():
            assert journal.read_plan(sequence) == plan
            assert not plan.fix_mono_ms or journal.fix_at(plan.fix_boot, plan.fix_mono_ms) is not None
        planned = {n for plan in self.plans.values() for f, c in plan.captures for n in range(f, f + c)}
        waiting = sorted(set(self.kept) - self.done)
        assert journal.waiting() == len(waiting)
        assert journal.pending(10_000) == [number for number in waiting if number not in planned]
        for number in waiting:
            capture = journal.read(number)
            assert (capture.number, capture.boot, capture.visit, capture.value) == (
                number,
                *self.kept[number],
            )
            if (capture.boot, capture.visit) in self.sessions:
                assert journal.session_of(capture) == self.sessions[capture.boot, capture.visit]
            if capture.boot in self.fixes:
                assert journal.fix_for(capture.boot) == self.fixes[capture.boot]
        for number, octets in self.told.items():
            assert journal.description(number) == octets
