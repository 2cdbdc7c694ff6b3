"""What a journal knows, for those who ask: nothing here changes anything."""

from firmware.journal import records
from firmware.journal.capture_lane import CaptureLane
from firmware.journal.finder import Finder
from firmware.journal.frame import CAPTURES, Sectors
from firmware.journal.index import OPEN_PLANS_MAX, Index
from firmware.journal.main_lane import MainLane


class Known:
    """Both lanes, the index of what they add up to, and questions about it."""

    boot = 0  # this one's number, once it has begun

    def __init__(self, flash):
        self.index = Index()
        self.sectors = Sectors(flash)
        self.captures = CaptureLane(flash, self.sectors.counts[CAPTURES])
        self.main = MainLane(self.sectors, self.index, self.captures)
        self.finder = Finder(self.sectors, self.captures, self.main, self.index)

    @property
    def chain(self):
        """The chain's id, 8 octets."""
        return self.index.chain

    @property
    def chain_start(self):
        """The last (chain or None, sequence, capture) known before this chain; None in a hub's first one."""
        index = self.index
        if not index.renewed:
            return None
        return index.before if index.before != bytes(8) else None, index.before_sequence, index.before_number

    @property
    def next_capture(self):
        """The number of the next capture."""
        return self.captures.number

    @property
    def next_sequence(self):
        """The sequence of the next plan."""
        return self.index.sequence + 1

    @property
    def last_hash(self):
        """The hash of the last plan, zeros before the first."""
        return self.index.hash

    def open_plans(self):
        """Sequences without receipt, oldest first."""
        return [plan.sequence for plan in self.index.plans]

    def may_plan(self):
        """Whether one more plan is taken: where nothing is answered, captures wait without one."""
        return len(self.index.plans) < OPEN_PLANS_MAX

    def description(self, number):
        """A description's octets, or None."""
        for known, place, _told in self.index.descriptions:
            if known == number:
                return (self.body(place, records.KIND_DESCRIPTION) or b"")[2:]

    def fix_for(self, boot):
        """The best fix of a boot, or None."""
        self.read_fixes()
        entry = self.index.best_fix(boot)
        return self._fix(entry) if entry else None

    def fix_at(self, boot, mono_ms):
        """The fix of this boot and moment, or None when it is no longer needed and gone."""
        self.read_fixes()
        for entry in self.index.fixes:
            if entry[0] == boot and entry[1] == mono_ms:
                return self._fix(entry)
        return None

    def read(self, number):
        """A capture; ValueError when there is none of this number."""
        body = self.finder.capture(number)
        if body is None:
            raise ValueError(number)
        return records.unpack_capture(body)

    def session_of(self, capture):
        """The session of a capture's visit as last written, or None."""
        return self.finder.session(capture)

    def last_session(self, device):
        """The last session of a device, or None."""
        place = self.index.sessions.get(device)
        body = self.body(place, records.KIND_SESSION) if place is not None else None
        return records.unpack_session(body)[0] if body else None

    def waiting(self):
        """How many captures have no receipt."""
        return self.index.waiting(self.captures.number)

    def waiting_ms(self, now_ms):
        """How long the oldest of them has waited, at least: no longer than this boot; 0 when none waits."""
        number, boot, mono_ms = self.finder.oldest_waiting()
        if not number:
            return 0
        return now_ms - mono_ms if boot == self.boot else now_ms

    def oldest_boot(self):
        """The boot of the oldest capture that waits; a later one than all when none does."""
        number, boot, _mono_ms = self.finder.oldest_waiting()
        return boot if number else self.index.boot + 1

    def read_fixes(self):
        """Know what the fixes say of which a boot read the places alone."""
        self.index.read_fixes(self.body)

    def body(self, place, kind):
        """A record's body, or None when it is not that any more."""
        self.sectors.stale()
        return self.main.body(place, kind)

    def _fix(self, entry):
        body = self.body(entry[2], records.KIND_FIX)
        return records.unpack_fix(body) if body else None
