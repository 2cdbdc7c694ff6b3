"""After power-up: find where both lanes end and what is known, by reading alone.

One short read of each sector's head; one look at each lane's newest sector and the one behind it, each read whole;
and what the newest snapshot says only by its place. More only where something is damaged. What else a sector's
first record says is read when it is asked for.
"""

import struct
from array import array

from micropython import const

from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, MAIN, SECTOR, UNITS, Sectors, units_for

_FRONT = const(32)  # octets: what a head says of whose it is
_PROBE = const(160)  # octets: a head and a first frame of up to four units
_PLACE = const(128)  # octets: a plan of one range; longer ones take a second read
_FIX = const(32)  # octets of a fix's frame
_ALL = const(0x3FFFFFFF)


class Recovery:
    """What the sectors say. `run` returns False when there is no journal."""

    def __init__(self, sectors, captures, main, index, notes):
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index
        self._notes = notes
        self._heads = [array("I", [0] * count) for count in sectors.counts]  # generation by sector, 0: no head
        self._opened_at = _ALL  # by the first record of the sector that is looked through
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
        self._read_heads()
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

    # heads

    def _read_heads(self):
        sectors = self._sectors
        sectors.ahead = _FRONT
        found = 0
        for sector in range(sum(sectors.counts)):
            try:
                head = sectors.read_head(sector, front=True)
                if head is not None and not sectors.salt:
                    head = sectors.read_head(sector)
                if head is None or (sectors.salt and head[2] != sectors.salt):
                    continue
                lane, generation, sectors.salt, version = head
                found = max(found, version)
                self._heads[lane][generation % sectors.counts[lane]] = generation
            except OSError:
                self._note("unreadable")
        sectors.version = found or sectors.version  # goes on as it was, until `Journal.upgrade`
        sectors.ahead = SECTOR
        sectors.stale()

    def _begins(self, lane, generation):
        """Whether a sector whose head is whole begins with a valid frame."""
        sectors = self._sectors
        if not self._vouched(lane, generation):
            return False
        sectors.ahead = _PROBE
        try:
            payload = sectors.payload(lane, generation, HEAD, sectors.prefix(lane, generation))
            return payload is not None and (lane == CAPTURES or payload[0] == records.KIND_OPEN)
        except OSError:
            self._note("unreadable")
            return False
        finally:
            sectors.ahead = SECTOR

    def _vouched(self, lane, generation):
        """Whether the whole head of the sector that this generation would lie in is valid; else it counts as none."""
        sectors = self._sectors
        sectors.ahead = _PROBE
        try:
            if sectors.read_head(sectors.sector(lane, generation)) is not None:
                return True
        except OSError:
            self._note("unreadable")
        finally:
            sectors.ahead = SECTOR
        self._heads[lane][generation % len(self._heads[lane])] = 0
        return False

    def _any(self, lane, generation):
        """Whether a sector holds a valid frame of this generation."""
        self._whole(lane, generation)
        for _frame in self._sectors.frames(lane, generation):
            return True
        return False

    def _whole(self, lane, generation):
        """Read all of a sector at once."""
        self._sectors.view(self._sectors.sector(lane, generation) * SECTOR, SECTOR)

    def _newest(self, lane):
        """The newest generation with records; 0 when there is none."""
        heads = self._heads[lane]
        known = sorted([head for head in heads if head], reverse=True)
        generation = 0
        # A sector may have lost its first record, or never had one there; the only one in use may have lost its head.
        headless = range(known[-1] - 1, max(0, known[0] - len(heads)), -1) if known else ()
        for begins, those in ((self._begins, known), (self._any, known), (self._any, headless)):
            for one in those:
                if begins(lane, one):
                    generation = one
                    break
            if generation:
                break
        # A sector that could not be erased, or holds nothing but a head, was passed over: look behind it, too.
        ahead, newest_head = generation + 1, max(heads)
        while generation and (ahead <= newest_head or ahead == generation + 1):
            if self._may_be(lane, ahead):
                if self._any(lane, ahead):
                    generation = ahead
                elif heads[ahead % len(heads)] and self._sectors.first_clean(lane, ahead, HEAD) == HEAD:
                    break  # untouched, so nobody came past it
            ahead += 1
        return generation

    def _may_be(self, lane, generation):
        """Whether a sector is of this generation, or lost its head: frames say of themselves which they are of."""
        heads = self._heads[lane]
        at = generation % len(heads)
        return heads[at] in (0, generation) or not self._vouched(lane, generation)

    def _prepared(self, lane, generation):
        """Yield the generations beyond this one that are as they were prepared, up to the first that is not.

        From that one on they are prepared again: what is torn or rotten there would keep room from visits for as long
        as none comes. A lane is written in order: behind a sector that nobody has touched none was touched.
        """
        heads = self._heads[lane]
        untouched = False
        for ahead in range(generation + 1, max(heads) + 1):
            if heads[ahead % len(heads)] != ahead or (untouched and not self._vouched(lane, ahead)):
                break
            if not untouched:
                self._whole(lane, ahead)
                if self._sectors.first_clean(lane, ahead, HEAD) != HEAD:
                    break
                untouched = True
            yield ahead

    # main lane

    def _find_main(self):
        """Find the newest sector, where it ends, and what is prepared behind it."""
        main = self._main
        newest = self._newest(MAIN)
        main.generation = newest or max(self._heads[MAIN])
        main.ready_end = main.generation + 1
        if not newest:
            return 0
        for ahead in self._prepared(MAIN, newest):
            main.start[ahead % main.count] = HEAD
            main.ready_end = ahead + 1
        end, closed = HEAD, False
        self._whole(MAIN, newest)
        for unit, payload in self._sectors.frames(MAIN, newest):
            end = unit + units_for(len(payload))
            closed = payload[0] == records.KIND_NEXT or closed
        main.at = self._sectors.first_clean(MAIN, newest, end)
        if closed and not self._follows(newest):
            self._note("chain")  # the sector after this one was opened, and nothing of it is left
        return newest

    def _follows(self, newest):
        """Whether the sector after a closed one holds nothing but what a cut while it was opened tore."""
        main, heads = self._main, self._heads[MAIN]
        for ahead in range(newest + 1, newest + main.count):
            if heads[ahead % main.count] in (0, ahead):  # else it could not be erased, and was passed over
                return heads[ahead % main.count] == ahead and self._sectors.first_clean(MAIN, ahead, HEAD) != UNITS
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
            self._note("chain")
            if not newest:
                return
        for generation in range(base, newest + 1):
            self._opened_at = _ALL  # with that record lost, anything here may have been moved
            for unit, payload in sectors.frames(MAIN, generation):
                place = sectors.sector(MAIN, generation) * UNITS + unit
                try:
                    self._apply(generation, place, payload[0], bytes(payload[1:]))
                except (ValueError, IndexError):
                    self._note("record")
        self._index.prune_fixes(0)
        if self._index.drop_lost_plans():
            self._note("record")

    def _apply(self, generation, place, kind, body):
        index = self._index
        if kind == records.KIND_OPEN:
            self._opened_at = struct.unpack_from("<I", body, 0)[0]
        elif kind == records.KIND_SNAPSHOT:
            index.load(body, self._read_place)
            self._main.closed = 0
        elif kind == records.KIND_CHAIN:
            index.new_chain(records.unpack_chain(body))
        elif kind == records.KIND_BOOT:
            boot, number = struct.unpack_from("<II", body, 0)
            index.boot, index.number = max(index.boot, boot), max(index.number, number)
        elif kind in (records.KIND_SESSION, records.KIND_OLD_SESSION):
            self._apply_session(generation, place, kind, body)
        elif kind == records.KIND_FIX:
            index.add_fix(place, records.unpack_fix(body), None)
        elif kind == records.KIND_DESCRIPTION:
            index.add_description(place, body[0] | body[1] << 8)
        elif kind == records.KIND_PLAN:
            plan, described = records.unpack_plan(body)
            index.add_plan(place, plan, described)
        elif kind == records.KIND_RECEIPT:
            sequence = struct.unpack_from("<I", body, 0)[0]
            plan = index.plan(sequence)
            if plan is not None:
                self._main.closes(plan.place)
                if not plan.captures:
                    self._note("record")  # what it was for is lost, and waits again
            index.add_receipt(sequence)
        elif kind == records.KIND_COPY:
            number = records.number_of(body)
            self._moved(generation, number, number + 1)
        elif kind == records.KIND_LOST:
            first, count = struct.unpack_from("<II", body, 0)
            index.add_lost(first, first + count)

    def _apply_session(self, generation, place, kind, body):
        session, low, middle, high = records.unpack_session(body)
        self._index.number = max(self._index.number, middle)
        if kind == records.KIND_SESSION:
            self._index.sessions[session.device] = place
        if generation == self.newest and (high is not None or middle < self._opened_at):
            self._main.moved(low, _ALL if high is None else high)

    def _moved(self, generation, low, high):
        if generation == self.newest:
            self._main.moved(low, high)

    def _read_place(self, place, kind):
        self._places.ahead = _FIX if kind == records.KIND_FIX else _PLACE
        return self._main.body(place, kind, self._places)

    # capture lane

    def _find_captures(self):
        """Find the newest sector, where it ends, the last number, and what is prepared behind it."""
        lane, sectors = self._captures, self._sectors
        heads = self._heads[CAPTURES]
        newest = self._newest(CAPTURES)
        lane.generation = newest or min([head for head in heads if head] or [1]) - 1
        prepared = list(self._prepared(CAPTURES, lane.generation))  # the first of them is the one read last
        lane.at = UNITS
        if newest:
            end, here = HEAD, newest % lane.count
            self._whole(CAPTURES, newest)
            for unit, payload in sectors.frames(CAPTURES, newest):
                number = records.number_of(payload)
                if lane.first[here] == 0:
                    lane.first[here] = number
                if number >= lane.number:
                    lane.number = number + 1
                    self.last = (newest, number, unit)
                end = unit + units_for(len(payload))
            lane.at = sectors.first_clean(CAPTURES, newest, end)
            lane.set_prefix(newest, sectors.prefix(CAPTURES, newest))
        lane.ready_end = lane.generation + 1
        for ahead in prepared:
            lane.hand_over(ahead, sectors.prefix(CAPTURES, ahead), HEAD)
        return newest

    def _note(self, name):
        if name not in self._notes:
            self._notes.append(name)
