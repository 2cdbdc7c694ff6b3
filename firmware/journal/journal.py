"""The journal: captures kept before they are confirmed, and all that is needed to deliver them once."""

import struct

from micropython import const

from firmware.contracts import Full, OutOfTurn
from firmware.journal import records
from firmware.journal.capture_lane import CaptureLane
from firmware.journal.finder import Finder
from firmware.journal.frame import CAPTURES, HEAD, MAIN, UNIT, UNITS, VERSION, Sectors, units_for
from firmware.journal.index import DESCRIPTIONS_MAX, DEVICES_MAX, OPEN_PLANS_MAX, Index
from firmware.journal.main_lane import UNUSABLE, MainLane

_SALT_OCTETS = const(8)
_FRAME_HEAD = const(29)  # octets of a capture's frame beside its value
_WANT_OCTETS_MIN = const(3072)  # room to keep ready for the shortest visits
_TURNS_MAX = const(4)  # sectors of the main lane that one record may make room from; more is for idle times
_LOOKED_AT_MAX = const(128)  # numbers that one call of pending tries

# Units that stay free, beside one sector's worth for a turn of the main lane, for what matters more.
_KEEP_ORDINARY = const(64)
_KEEP_PLAN = const(16)


class Journal:
    """Mounts or formats; then one boot record says that this boot's numbers are taken."""

    def __init__(self, flash, random_octets):
        self.notes = []
        self._random = random_octets
        self._index = Index()
        self._sectors = Sectors(flash)
        self._captures = CaptureLane(flash, self._sectors.counts[CAPTURES])
        # Puts one value on flash and returns its number; only from the Bluetooth callback, whose stack has room for
        # no method that only calls another. Full or OSError: it is not on flash, and must not be confirmed.
        self.capture = self._captures.capture
        self._main = MainLane(self._sectors, self._index, self._next_number)
        self._finder = Finder(self._sectors, self._captures, self._main, self._index)
        self._want = _WANT_OCTETS_MIN
        self._asked = []  # descriptions that the next plan's envelope will tell
        self._begin()
        self.boot = self._captures.boot
        self._visit = (0, 0)
        self._visit_low = self._session_middle = self._captures.number

    # mount

    def _begin(self):
        from firmware.journal.recovery import Recovery  # for this moment: board/passing.py forgets it

        index, main, captures = self._index, self._main, self._captures
        recovery = Recovery(self._sectors, captures, main, index, self.notes)
        if not recovery.run():
            self._format()
        elif not recovery.newest:
            main.begin(self._prepare_first(MAIN), HEAD)  # no record is left in the main lane
        if recovery.damaged():
            self._new_chain()
        self._finder.start_at(*recovery.last)
        if captures.number < index.number:  # the capture lane's newest region is lost
            first, captures.number = captures.number, index.number
            self._lost(first, captures.number)
        index.number = captures.number
        while main.spare() < 1 and self._upkeep().main_step():
            pass  # where to go when this one refuses
        boot = index.boot + 1
        self._append(records.KIND_BOOT, struct.pack("<II", boot, captures.number), 0)
        index.boot = captures.boot = boot
        while captures.spare() < 1 and self._upkeep().capture_step():
            pass  # a first sector and the reserve

    def _format(self):
        self.notes.append("formatted")
        # A format that was cut goes on with its salt, for all sectors have the same; what it prepared is passed over.
        self._sectors.salt = self._sectors.salt or bytes(self._random(_SALT_OCTETS))
        captures = self._captures
        captures.generation, captures.at = captures.ready_end - 1, UNITS
        self._index.chain = bytes(self._random(8))
        self._prepare_first(CAPTURES)
        self._main.begin(self._prepare_first(MAIN), HEAD)
        chain = records.Chain(self._index.chain, bytes(8), 0, 0, False)
        self._append(records.KIND_CHAIN, records.pack_chain(chain), 0)

    def _prepare_first(self, lane):
        """Prepare two sectors of a lane that has nothing to keep, and return the first of them."""
        owner = self._captures if lane == CAPTURES else self._main
        good = []
        for generation in range(owner.ready_end, owner.ready_end + owner.count):
            if self._sectors.prepare(lane, generation):
                good.append(generation)
            start = HEAD if good[-1:] == [generation] else UNUSABLE
            owner.hand_over(generation, self._sectors.prefix(lane, generation), start)
            if len(good) == 2:
                return good[0]
        raise Full

    def _new_chain(self):
        index = self._index
        before = index.chain if len(index.chain) == 8 else bytes(8)
        last = max(index.number, self._captures.number) - 1
        chain = records.Chain(bytes(self._random(8)), before, last, index.sequence, True)
        self._append(records.KIND_CHAIN, records.pack_chain(chain), 0)
        index.new_chain(chain)

    # room

    def room(self):
        """Octets of erased room for captures, the reserve sector left out."""
        return self._captures.room()

    def needed(self, burst, value_octets):
        """Room that a visit needs: its largest burst, two longest values, the waste at sectors' ends."""
        longest = (records.VALUE_OCTETS_MAX + _FRAME_HEAD + UNIT - 1) // UNIT
        units = burst * ((value_octets + _FRAME_HEAD + UNIT - 1) // UNIT) + 2 * longest
        units += (units // (UNITS - HEAD - longest) + 1) * longest
        self._want = max(self._want, units * UNIT)
        return units * UNIT

    def may_visit(self):
        """Whether what a visit tells of itself has room in the main lane: two sessions, a description, and some."""
        return self._main.free_units() >= self._main.sector_units() + 2 * _KEEP_ORDINARY

    def tidy(self):
        """Make room ahead, by one erase or one copy; False when there is nothing to do. Main loop only."""
        main = self._main
        self._sectors.stale()
        ahead = 1 if main.count < 8 else 2
        if main.spare() < ahead or not self.may_visit():
            if self._upkeep().main_step():
                return True
        if self._captures.spare() < 2 or self._captures.room() < self._want:
            return self._upkeep().capture_step()
        return False

    def upgrade(self):
        """This firmware works, and stays: from now on sectors are prepared in its own version (FORMAT.md 7)."""
        self._sectors.version = VERSION

    # main lane

    def session(self, session):
        """Keep what a visit's handles mean, the device's clock, and the link."""
        index, number = self._index, self._next_number()
        key = (session.boot, session.visit)
        if key != self._visit:
            self._visit, self._visit_low = key, self._session_middle
        low = max(self._visit_low, number - 60_000, 1)
        place = self._append(
            records.KIND_SESSION, records.pack_session(session, low, number, None), _KEEP_ORDINARY, True
        )
        self._session_middle = number
        self._finder.stale()
        if session.device in index.sessions or len(index.sessions) < DEVICES_MAX:
            index.sessions[session.device] = place

    def fix(self, fix):
        """Keep what tied this boot's monotonic time to the world's."""
        place = self._append(records.KIND_FIX, records.pack_fix(fix), _KEEP_ORDINARY, True)
        self._index.add_fix(place, fix, self.oldest_boot())

    def describe(self, octets):
        """Keep a device's description, once; return its number, or 0 when the table of them is full."""
        for number, place, _told in self._index.descriptions:
            if (self._body(place, records.KIND_DESCRIPTION) or b"")[2:] == octets:
                return number
        if len(octets) > records.DESCRIPTION_OCTETS_MAX:
            raise ValueError(len(octets))
        if len(self._index.descriptions) >= DESCRIPTIONS_MAX:
            return 0
        number = self._index.described + 1
        body = struct.pack("<H", number) + bytes(octets)
        self._index.add_description(self._append(records.KIND_DESCRIPTION, body, _KEEP_ORDINARY, True), number)
        return number

    def plan(self, plan):
        """Keep what the next envelope holds, before anything of it is sent."""
        index = self._index
        if plan.sequence != index.sequence + 1 or bytes(plan.previous) != index.hash:
            raise OutOfTurn
        self._check_captures(plan)
        index.check_room(plan, self._next_number())
        described = tuple(self._asked)
        body = records.pack_plan(plan, described)
        place = self._append(records.KIND_PLAN, body, _KEEP_PLAN, True)
        index.add_plan(place, records.unpack_plan(body)[0], described)
        self._asked = []

    def _check_captures(self, plan):
        """OutOfTurn when a capture is in another plan, or was never taken."""
        index, end = self._index, self._next_number()
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
        index = self._index
        plan = index.plan(receipt.sequence)
        if plan is None:
            return
        body = struct.pack("<IBB", receipt.sequence, receipt.status, receipt.reason)
        self._append(records.KIND_RECEIPT, body, self._main.sector_units() // 2)
        self._main.closes(plan.place)
        index.add_receipt(receipt.sequence)
        self._main.idle_turns = 0  # turning the main lane may help again

    # what is known

    def may_plan(self):
        """Whether one more plan is taken: where nothing is answered, captures wait without one."""
        return len(self._index.plans) < OPEN_PLANS_MAX

    @property
    def chain(self):
        """The chain's id, 8 octets."""
        return self._index.chain

    @property
    def chain_start(self):
        """The last (chain or None, sequence, capture) known before this chain; None in a hub's first one."""
        index = self._index
        if not index.renewed:
            return None
        return index.before if index.before != bytes(8) else None, index.before_sequence, index.before_number

    @property
    def next_capture(self):
        """The number of the next capture."""
        return self._next_number()

    @property
    def next_sequence(self):
        """The sequence of the next plan."""
        return self._index.sequence + 1

    @property
    def last_hash(self):
        """The hash of the last plan, zeros before the first."""
        return self._index.hash

    def open_plans(self):
        """Sequences without receipt, oldest first."""
        return [plan.sequence for plan in self._index.plans]

    def read_plan(self, sequence):
        """The open plan of this sequence; ValueError when there is none."""
        plan = self._index.plan(sequence)
        body = self._body(plan.place, records.KIND_PLAN) if plan else b""
        if not body:
            raise ValueError(sequence)
        self._asked = []
        return records.unpack_plan(body)[0]

    def still_holds(self, sequence):
        """The captures of an open plan that flash still holds; with none left the plan ends here, and is told."""
        numbers = []
        for first, count in self._index.plan(sequence).captures:
            for number in range(first, first + count):
                if self._finder.capture(number):
                    numbers.append(number)
        if not numbers:
            self.receipt(records.Receipt(sequence, records.HELD, 0))
            self._note_lost()
        return numbers

    def description(self, number):
        """A description's octets, or None."""
        for known, place, _told in self._index.descriptions:
            if known == number:
                return (self._body(place, records.KIND_DESCRIPTION) or b"")[2:]

    def described_in(self, number, sequence):
        """Whether this sequence's envelope tells a description: as long as no receipt said that one came."""
        plan = self._index.plan(sequence)
        if plan is not None:
            return number in plan.described
        for known, _place, told in self._index.descriptions:
            if known == number and not told:
                if number not in self._asked:
                    self._asked.append(number)
                return True
        return False

    def fix_for(self, boot):
        """The best fix of a boot, or None."""
        entry = self._index.best_fix(boot)
        return self._fix(entry) if entry else None

    def fix_at(self, boot, mono_ms):
        """The fix of this boot and moment, or None when it is no longer needed and gone."""
        for entry in self._index.fixes:
            if entry[0] == boot and entry[1] == mono_ms:
                return self._fix(entry)
        return None

    def pending(self, limit, first=1):
        """Up to `limit` numbers, from `first` on, of captures in no plan, oldest first; what is lost is written off."""
        self._asked = []
        end = self._next_number()
        tried = 0
        numbers: "list[int]" = []
        gone: "list[int]" = []
        for low, high in self._index.unplanned(end):
            number = max(low, first)
            while number < high and len(numbers) < limit and tried < _LOOKED_AT_MAX + limit:
                if self._finder.capture(number) is None:
                    gone.append(number)
                else:
                    numbers.append(number)
                number += 1
                tried += 1
        for number in gone:
            try:
                self._lost(number, number + 1)
            except Full:
                break
        return numbers

    def read(self, number):
        """A capture; ValueError when there is none of this number."""
        body = self._finder.capture(number)
        if body is None:
            raise ValueError(number)
        return records.unpack_capture(body)

    def session_of(self, capture):
        """The session of a capture's visit as last written, or None."""
        return self._finder.session(capture)

    def last_session(self, device):
        """The last session of a device, or None."""
        place = self._index.sessions.get(device)
        body = self._body(place, records.KIND_SESSION) if place is not None else None
        return records.unpack_session(body)[0] if body else None

    def waiting(self):
        """How many captures have no receipt."""
        return self._index.waiting(self._next_number())

    def waiting_ms(self, now_ms):
        """How long the oldest of them has waited, at least: no longer than this boot; 0 when none waits."""
        number, boot, mono_ms = self._finder.oldest_waiting()
        if not number:
            return 0
        return now_ms - mono_ms if boot == self.boot else now_ms

    def oldest_boot(self):
        """The boot of the oldest capture that waits; a later one than all when none does."""
        number, boot, _mono_ms = self._finder.oldest_waiting()
        return boot if number else self._index.boot + 1

    # for upkeep

    def append_copy(self, body):
        """Copy a capture into the main lane."""
        self._append(records.KIND_COPY, body, _KEEP_ORDINARY, True)
        number = records.number_of(body)
        self._main.moved(number, number + 1)

    # helpers

    def _upkeep(self):
        """What makes room, loaded for this moment: board/passing.py forgets it."""
        from firmware.journal.upkeep import Upkeep

        return Upkeep(self, self._finder, self._sectors, self._captures, self._main, self._index)

    def _next_number(self):
        return self._captures.number

    def _append(self, kind, body, keep, whole_sector=False):
        """Append to the main lane, and make room there first when less than `keep` units would stay."""
        main = self._main
        self._sectors.stale()
        floor = keep + (main.sector_units() if whole_sector else 0)
        limit = main.ready_end + _TURNS_MAX
        while True:
            left = main.free_units() - units_for(1 + len(body))
            if left >= max(floor, main.sector_units() // 2):
                break
            if main.ready_end >= limit or not self._upkeep().main_step():
                if left < floor:
                    raise Full
                break
        return main.append(kind, body)

    def _lost(self, first, end):
        """Write off numbers that flash does not hold."""
        self._append(records.KIND_LOST, struct.pack("<II", first, end - first), 0)
        self._index.add_lost(first, end)
        self._main.idle_turns = 0  # turning the main lane may help again
        self._note_lost()

    def _note_lost(self):
        if "lost" not in self.notes:
            self.notes.append("lost")

    def _body(self, place, kind):
        self._sectors.stale()
        return self._main.body(place, kind)

    def _fix(self, entry):
        body = self._body(entry[2], records.KIND_FIX)
        return records.unpack_fix(body) if body else None


def _holds(ranges, number):
    for first, count in ranges:
        if first <= number < first + count:
            return True
    return False
