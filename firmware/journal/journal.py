"""The journal: captures kept before they are confirmed, and all that is needed to deliver them once."""

import struct

from micropython import const

from firmware.contracts import Full, OutOfTurn
from firmware.journal import records
from firmware.journal.frame import HEAD, UNIT, UNITS, VERSION, units_for
from firmware.journal.index import DESCRIPTIONS_MAX, DEVICES_MAX
from firmware.journal.known import Known

_FRAME_HEAD = const(29)  # octets of a capture's frame beside its value
_WANT_OCTETS_MIN = const(3072)  # room to keep ready for the shortest visits
_TURNS_MAX = const(4)  # sectors of the main lane that one record may make room from; more is for idle times
_LOOKED_AT_MAX = const(128)  # numbers that one call of pending tries

# Units that stay free, beside one sector's worth for a turn of the main lane, for what matters more.
_KEEP_ORDINARY = const(64)
_KEEP_PLAN = const(16)


class Journal(Known):
    """Mounts or formats; then one boot record says that this boot's numbers are taken."""

    def __init__(self, flash, random_octets):
        self.notes = []
        super().__init__(flash)
        # Puts one value on flash and returns its number; only from the Bluetooth callback, whose stack has room for
        # no method that only calls another. Full or OSError: it is not on flash, and must not be confirmed.
        self.capture = self.captures.capture
        self._want = _WANT_OCTETS_MIN
        self._asked = []  # descriptions that the next plan's envelope will tell
        self._begin(random_octets)
        self.boot = self.captures.boot
        self._visit = (0, 0)
        self._visit_low = self._session_middle = self.captures.number

    def _begin(self, random_octets):
        from firmware.journal.mount import Mount  # for this moment: board/passing.py forgets it

        mount = Mount(self, self.sectors, self.captures, self.main, self.index, random_octets)
        self.finder.start_at(*mount.run())

    # room

    def room(self):
        """Octets of erased room for captures, the reserve sector left out."""
        return self.captures.room()

    def needed(self, burst, value_octets):
        """Room that a visit needs: its largest burst, two longest values, the waste at sectors' ends."""
        longest = (records.VALUE_OCTETS_MAX + _FRAME_HEAD + UNIT - 1) // UNIT
        units = burst * ((value_octets + _FRAME_HEAD + UNIT - 1) // UNIT) + 2 * longest
        units += (units // (UNITS - HEAD - longest) + 1) * longest
        self._want = max(self._want, units * UNIT)
        return units * UNIT

    def may_visit(self):
        """Whether what a visit tells of itself has room in the main lane: two sessions, a description, and some."""
        return self.main.free_units() >= self.main.sector_units() + 2 * _KEEP_ORDINARY

    def tidy(self):
        """Make room ahead, by one erase or one copy; False when there is nothing to do. Main loop only."""
        main = self.main
        self.sectors.stale()
        ahead = 1 if main.count < 8 else 2
        if main.spare() < ahead or not self.may_visit():
            if self.upkeep().main_step():
                return True
        if self.captures.spare() < 2 or self.captures.room() < self._want:
            return self.upkeep().capture_step()
        return False

    @property
    def outdated(self):
        """Whether an older firmware's format is still written, for it might have to come back."""
        return self.sectors.version != VERSION

    def upgrade(self):
        """This firmware works, and stays: from now on sectors are prepared in its own version (FORMAT.md 7)."""
        self.sectors.version = VERSION

    # main lane

    def session(self, session):
        """Keep what a visit's handles mean, the device's clock, and the link."""
        index, number = self.index, self.captures.number
        key = (session.boot, session.visit)
        if key != self._visit:
            self._visit, self._visit_low = key, self._session_middle
        low = max(self._visit_low, number - 60_000, 1)
        place = self.append(
            records.KIND_SESSION, records.pack_session(session, low, number, None), _KEEP_ORDINARY, True
        )
        self._session_middle = number
        self.finder.stale()
        if session.device in index.sessions or len(index.sessions) < DEVICES_MAX:
            index.sessions[session.device] = place

    def fix(self, fix):
        """Keep what tied this boot's monotonic time to the world's."""
        self.read_fixes()
        place = self.append(records.KIND_FIX, records.pack_fix(fix), _KEEP_ORDINARY, True)
        self.index.add_fix(place, fix, self.oldest_boot())

    def describe(self, octets):
        """Keep a device's description, once; return its number, or 0 when the table of them is full."""
        for number, place, _told in self.index.descriptions:
            if (self.body(place, records.KIND_DESCRIPTION) or b"")[2:] == octets:
                return number
        if len(octets) > records.DESCRIPTION_OCTETS_MAX:
            raise ValueError(len(octets))
        if len(self.index.descriptions) >= DESCRIPTIONS_MAX:
            return 0
        number = self.index.described + 1
        body = struct.pack("<H", number) + bytes(octets)
        self.index.add_description(self.append(records.KIND_DESCRIPTION, body, _KEEP_ORDINARY, True), number)
        return number

    def plan(self, plan):
        """Keep what the next envelope holds, before anything of it is sent."""
        index = self.index
        if plan.sequence != index.sequence + 1 or bytes(plan.previous) != index.hash:
            raise OutOfTurn
        self._check_captures(plan)
        index.check_room(plan, self.captures.number)
        described = tuple(self._asked)
        body = records.pack_plan(plan, described)
        place = self.append(records.KIND_PLAN, body, _KEEP_PLAN, True)
        index.add_plan(place, records.unpack_plan(body)[0], described)
        self._asked = []
        if self.sectors.version > 1:
            try:  # said twice, so that no number comes again when its plan's record rots
                self.main.append(records.KIND_NUMBERED, struct.pack("<I", plan.sequence))
            except (Full, OSError):
                pass

    def _check_captures(self, plan):
        """OutOfTurn when a capture is in another plan, or was never taken."""
        index, end = self.index, self.captures.number
        replaced = index.plan(plan.replaces) if plan.replaces else None
        for first, count in plan.captures:
            for number in range(first, first + count):
                if number >= end or not index.waits(number, number + 1):
                    raise OutOfTurn
                for known in index.plans:
                    if known is not replaced and _holds(known.captures, number):
                        raise OutOfTurn

    def receipt(self, receipt):
        """Keep a verified receipt: its plan's captures may be freed. Of no open plan, it changes nothing."""
        index = self.index
        plan = index.plan(receipt.sequence)
        if plan is None:
            return
        body = struct.pack("<IBB", receipt.sequence, receipt.status, receipt.reason)
        self.append(records.KIND_RECEIPT, body, self.main.sector_units() // 2)
        self.main.closes(plan.place)
        index.add_receipt(receipt.sequence)
        self.main.idle_turns = self.main.gained = 0  # turning the main lane may help again

    # what is known

    def read_plan(self, sequence):
        """The open plan of this sequence; ValueError when there is none."""
        plan = self.index.plan(sequence)
        body = self.body(plan.place, records.KIND_PLAN) if plan else b""
        if not body:
            raise ValueError(sequence)
        self._asked = []
        return records.unpack_plan(body)[0]

    def still_holds(self, sequence):
        """The captures of an open plan that flash still holds; with none left the plan ends here, and is told."""
        numbers = []
        for first, count in self.index.plan(sequence).captures:
            for number in range(first, first + count):
                if self.finder.capture(number):
                    numbers.append(number)
        if not numbers:
            self.receipt(records.Receipt(sequence, records.HELD, 0))
            self._note_lost()
        return numbers

    def described_in(self, number, sequence):
        """Whether this sequence's envelope tells a description: as long as no receipt said that one came."""
        plan = self.index.plan(sequence)
        if plan is not None:
            return number in plan.described
        for known, _place, told in self.index.descriptions:
            if known == number and not told:
                if number not in self._asked:
                    self._asked.append(number)
                return True
        return False

    def pending(self, limit, first=1):
        """Up to `limit` numbers, from `first` on, of captures in no plan, oldest first; what is lost is written off."""
        self._asked = []
        end = self.captures.number
        tried = 0
        numbers: "list[int]" = []
        gone: "list[int]" = []
        for low, high in self.index.unplanned(end):
            number = max(low, first)
            while number < high and len(numbers) < limit and tried < _LOOKED_AT_MAX + limit:
                if self.finder.capture(number) is None:
                    gone.append(number)
                else:
                    numbers.append(number)
                number += 1
                tried += 1
        for number in gone:
            try:
                self.lost(number, number + 1)
            except Full:
                break
        return numbers

    # for the room's own parts

    def append_copy(self, body):
        """Copy a capture into the main lane."""
        self.append(records.KIND_COPY, body, _KEEP_ORDINARY, True)
        number = records.number_of(body)
        self.main.moved(number, number + 1)

    def upkeep(self):
        """What makes room, loaded for this moment: board/passing.py forgets it."""
        from firmware.journal.upkeep import Upkeep

        return Upkeep(self, self.finder, self.sectors, self.captures, self.main, self.index)

    def append(self, kind, body, keep, whole_sector=False):
        """Append to the main lane, and make room there first when less than `keep` units would stay."""
        main = self.main
        self.sectors.stale()
        floor = keep + (main.sector_units() if whole_sector else 0)
        limit = main.ready_end + _TURNS_MAX
        while True:
            left = main.free_units() - units_for(1 + len(body))
            if left >= max(floor, main.sector_units() // 2):
                break
            if main.ready_end >= limit or not self.upkeep().main_step():
                if left < floor:
                    raise Full
                break
        return main.append(kind, body)

    def lost(self, first, end):
        """Write off numbers that flash does not hold."""
        self.append(records.KIND_LOST, struct.pack("<II", first, end - first), 0)
        self.index.add_lost(first, end)
        self.main.idle_turns = self.main.gained = 0  # turning the main lane may help again
        self._note_lost()

    # helpers

    def _note_lost(self):
        if "lost" not in self.notes:
            self.notes.append("lost")


def _holds(ranges, number):
    for first, count in ranges:
        if first <= number < first + count:
            return True
    return False
