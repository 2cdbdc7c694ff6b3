"""After power-up: find where both lanes end and what is known, by reading alone.

Beside what ends.py reads: what the newest snapshot says only by its place. What else a sector's first record says is
read when it is asked for.
"""

import struct

from micropython import const

from firmware.journal import records
from firmware.journal.ends import Ends
from firmware.journal.frame import CAPTURES, HEAD, MAIN, SECTOR, UNITS, Sectors, units_for
from firmware.journal.heads import first_clean

_FIXES_MAX = const(48)  # the snapshot's and as many since
_PLACE = const(160)  # octets: a plan of eight ranges
_ALL = const(0x3FFFFFFF)


class Recovery:
    """What the sectors say. `run` returns False when there is no journal."""

    def __init__(self, sectors, captures, main, index, notes):
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index
        self._notes = notes
        self._ends = Ends(sectors, notes)
        self._opened_at = _ALL  # by the first record of the sector that is looked through
        self._unknown = False  # a receipt came by whose plan's record is gone
        self._places = Sectors(sectors.flash)  # for records elsewhere, while a sector is looked through
        self.newest = 0  # generation of the main lane's newest sector with records, 0: there is none
        self.last = (0, 0, HEAD)  # generation, number and unit of the last capture

    def run(self):
        """Set both lanes and the index."""
        self._sectors.window(SECTOR)
        try:
            return self._run()
        finally:
            self._sectors.window()

    def _run(self):
        self._ends.read()
        if not self._sectors.salt:
            return False
        self._places.salt = self._sectors.salt
        self.newest = self._find_main()
        base = self._newest_snapshot()
        if base:
            self._replay(base)
        if self._find_captures():
            if not base:
                self._replay(0)
            return True
        return base > 0  # else a format that was cut

    def damaged(self):
        """Whether the main lane's newest records are known to be lost, so that a new chain must begin."""
        return "chain" in self._notes

    # main lane

    def _find_main(self):
        """Find the newest sector, where it ends, and what is prepared behind it."""
        main = self._main
        newest = self._ends.newest(MAIN)
        main.generation = newest or max(self._ends.heads[MAIN])
        main.ready_end = main.generation + 1
        if not newest:
            return 0
        for ahead in self._ends.prepared(MAIN, newest):
            main.start[ahead % main.count] = HEAD
            main.ready_end = ahead + 1
        end, closed = HEAD, False
        self._ends.whole(MAIN, newest)
        for unit, payload in self._sectors.frames(MAIN, newest):
            end = unit + units_for(len(payload))
            closed = payload[0] == records.KIND_NEXT or closed
        main.at = first_clean(self._sectors, MAIN, newest, end)
        if closed and not self._follows(newest):
            self._ends.note("chain")  # the sector after this one was opened, and nothing of it is left
        return newest

    def _follows(self, newest):
        """Whether the sector after a closed one holds nothing but what a cut while it was opened tore."""
        main, heads = self._main, self._ends.heads[MAIN]
        for ahead in range(newest + 1, newest + main.count):
            if heads[ahead % main.count] in (0, ahead):  # else it could not be erased, and was passed over
                return heads[ahead % main.count] == ahead and first_clean(self._sectors, MAIN, ahead, HEAD) != UNITS
        return False

    def _newest_snapshot(self):
        """The newest generation that holds a snapshot; 0 when none does."""
        for generation in range(self.newest, self._main.oldest() - 1, -1):
            for _unit, payload in self._sectors.frames(MAIN, generation):
                if payload[0] == records.KIND_SNAPSHOT:
                    return generation
        return 0

    def _replay(self, base):
        """Take the snapshot of that generation, and what was written since; 0: what there is without one."""
        main, sectors, newest = self._main, self._sectors, self.newest
        main.snapshot_generation = base
        if not base:
            base = main.oldest()
            self._ends.note("chain")
            if not newest:
                return
        for generation in range(base, newest + 1):
            self._opened_at = _ALL  # with that record lost, anything here may have been moved
            for unit, payload in sectors.frames(MAIN, generation):
                place = sectors.sector(MAIN, generation) * UNITS + unit
                try:
                    self._apply(generation, place, payload[0], bytes(payload[1:]))
                except (ValueError, IndexError):
                    self._ends.note("record")
        if self._index.drop_lost_plans() or self._unknown:
            self._ends.note("record")

    def _apply(self, generation, place, kind, body):
        index = self._index
        if kind == records.KIND_OPEN:
            self._opened_at = struct.unpack_from("<I", body, 0)[0]
        elif kind == records.KIND_SNAPSHOT:
            index.load(body, self._read_place)
            self._main.closed = 0
            self._unknown = False
        elif kind == records.KIND_CHAIN:
            index.new_chain(records.unpack_chain(body))
        elif kind == records.KIND_BOOT:
            boot, number = struct.unpack_from("<II", body, 0)
            index.saw_boot(boot)
            index.number = max(index.number, number)
        elif kind in (records.KIND_SESSION, records.KIND_OLD_SESSION):
            self._apply_session(generation, place, kind, body)
        elif kind == records.KIND_FIX:
            fix = records.unpack_fix(body)
            index.saw_boot(fix.boot)
            index.add_fix(place, fix, None)
            if len(index.fixes) > _FIXES_MAX:
                index.read_fixes(self._read_place)
        elif kind == records.KIND_DESCRIPTION:
            index.add_description(place, body[0] | body[1] << 8)
        elif kind == records.KIND_PLAN:
            plan, described = records.unpack_plan(body)
            index.add_plan(place, plan, described)
        elif kind == records.KIND_RECEIPT:
            sequence = self._numbered(body)
            plan = index.plan(sequence)
            if plan is not None:
                self._main.closes(plan.place)
                if not plan.captures:
                    self._unknown = True  # what it was for waits again, unless a later snapshot of this sector knows
            index.add_receipt(sequence)
        elif kind == records.KIND_NUMBERED:
            self._numbered(body)
        elif kind == records.KIND_COPY:
            number = records.number_of(body)
            self._moved(generation, number, number + 1)
        elif kind == records.KIND_LOST:
            first, count = struct.unpack_from("<II", body, 0)
            index.add_lost(first, first + count)

    def _numbered(self, body):
        """The sequence that a record names. Above all plans: its plan is lost, and the platform may have it."""
        sequence = struct.unpack_from("<I", body, 0)[0]
        if sequence > self._index.sequence:
            self._ends.note("chain")
            self._index.sequence = sequence
        return sequence

    def _apply_session(self, generation, place, kind, body):
        session, low, middle, high = records.unpack_session(body)
        self._index.saw_boot(session.boot)
        self._index.number = max(self._index.number, middle)
        if kind == records.KIND_SESSION:
            self._index.sessions[session.device] = place
        if generation == self.newest and (high is not None or middle < self._opened_at):
            self._main.moved(low, _ALL if high is None else high)

    def _moved(self, generation, low, high):
        if generation == self.newest:
            self._main.moved(low, high)

    def _read_place(self, place, kind):
        self._places.ahead = _PLACE
        return self._main.body(place, kind, self._places)

    # capture lane

    def _find_captures(self):
        """Find the newest sector, where it ends, the last number, and what is prepared behind it."""
        lane, sectors = self._captures, self._sectors
        heads = self._ends.heads[CAPTURES]
        newest = self._ends.newest(CAPTURES)
        lane.generation = newest or min([head for head in heads if head] or [1]) - 1
        prepared = list(self._ends.prepared(CAPTURES, lane.generation))  # the first of them is the one read last
        lane.at = UNITS
        if newest:
            end, here = HEAD, newest % lane.count
            self._ends.whole(CAPTURES, newest)
            for unit, payload in sectors.frames(CAPTURES, newest):
                number = records.number_of(payload)
                if lane.first[here] == 0:
                    lane.first[here] = number
                if number >= lane.number:
                    lane.number = number + 1
                    self.last = (newest, number, unit)
                    self._index.saw_boot(payload[11] | payload[12] << 8 | payload[13] << 16)
                end = unit + units_for(len(payload))
            lane.at = first_clean(sectors, CAPTURES, newest, end)
            lane.set_prefix(newest, sectors.prefix(CAPTURES, newest))
        lane.ready_end = lane.generation + 1
        for ahead in prepared:
            lane.hand_over(ahead, sectors.prefix(CAPTURES, ahead), HEAD)
        return newest
