"""After power-up: find where both lanes end and what is known, by reading alone.

One short read of each sector's head and first record; one walk through the newest sector of each lane and
the one behind it; the records after the newest snapshot. More only where something is damaged.
"""

import struct
from array import array

from micropython import const

from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, MAIN, UNITS, units_for

_PROBE = const(160)  # octets: a head and a first frame of up to four units
_ALL = const(0x3FFFFFFF)


class Recovery:
    """What the sectors say. `run` returns False when there is no journal."""

    def __init__(self, sectors, captures, main, index, notes):
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index
        self._notes = notes
        self._heads = [
            array("I", [0] * count) for count in sectors.counts
        ]  # generation by sector, 0: no head
        self._firsts = array("I", [0] * sectors.counts[CAPTURES])
        self._opened = array("I", [0] * sectors.counts[MAIN])
        self._newest_opened = 0
        self.newest = 0  # generation of the main lane's newest sector with records, 0: there is none

    def run(self):
        """Set both lanes and the index."""
        self._read_heads()
        if not self._sectors.salt:
            return False
        self.newest = self._find_main()
        if not self._find_captures() and (
            not self.newest or (self.newest == 1 and not self._has_snapshot(1))
        ):
            return False  # or a format that was cut
        self._replay(self.newest)
        return True

    def damaged(self):
        """Whether the main lane's newest records are known to be lost, so that a new chain must begin."""
        return "chain" in self._notes

    # heads

    def _read_heads(self):
        sectors = self._sectors
        sectors.ahead = _PROBE
        for sector in range(sum(sectors.counts)):
            try:
                head = sectors.read_head(sector)
                if head is None or (sectors.salt and head[2] != sectors.salt):
                    continue
                lane, generation, sectors.salt = head
                self._heads[lane][generation % sectors.counts[lane]] = generation
                payload = sectors.payload(lane, generation, HEAD, sectors.prefix(lane, generation))
                if payload is not None:
                    self._first_record(lane, generation, bytes(payload))
            except OSError:
                self._note("unreadable")
        sectors.ahead = 1040
        sectors.stale()

    def _first_record(self, lane, generation, payload):
        if lane == CAPTURES:
            self._firsts[generation % self._captures.count] = records.number_of(payload)
        elif payload[0] == records.KIND_OPEN:
            self._opening(generation, payload)
            self._newest_opened = max(self._newest_opened, generation)

    def _opening(self, generation, payload):
        """Take what a sector's first record says of it and of the sector before."""
        main = self._main
        at, low, high = struct.unpack_from("<III", payload, 1)
        main.opened_at[generation % main.count] = at
        self._opened[generation % main.count] = generation
        if generation > 1:
            main.moved_low[(generation - 1) % main.count] = low
            main.moved_high[(generation - 1) % main.count] = high

    def _any(self, lane, generation):
        """Whether a sector holds a valid frame of this generation."""
        for _frame in self._sectors.frames(lane, generation):
            return True
        return False

    def _newest(self, lane, generation):
        """The newest generation with records, from one that is known to have some (0: none is)."""
        heads = self._heads[lane]
        if generation == 0:
            for known in sorted([head for head in heads if head], reverse=True):
                if self._any(lane, known):
                    generation = known
                    break
        # A sector that could not be erased, or holds nothing but a head, was passed over: look behind it, too.
        for known in sorted([head for head in heads if generation and head > generation], reverse=True):
            if self._any(lane, known):
                generation = known
                break
        while generation and heads[(generation + 1) % len(heads)] == 0 and self._any(lane, generation + 1):
            generation += 1  # its head rotted
        return generation

    def _prepared(self, lane, generation):
        """Yield (generation, first clean unit or 0) of what was prepared beyond this one."""
        heads = self._heads[lane]
        newest = max(heads)
        for ahead in range(generation + 1, newest + 1):
            clean = 0
            if heads[ahead % len(heads)] == ahead:
                clean = self._sectors.first_clean(lane, ahead, HEAD) % UNITS
            yield ahead, clean

    # main lane

    def _find_main(self):
        """Find the newest sector, where it ends, and what is prepared behind it."""
        main = self._main
        newest = self._newest(MAIN, self._newest_opened)
        main.generation = newest or max(self._heads[MAIN])
        main.ready_end = main.generation + 1
        if not newest:
            return 0
        for ahead, clean in self._prepared(MAIN, newest):
            main.start[ahead % main.count] = clean or 255
            main.ready_end = ahead + 1
        end, closed = HEAD, False
        for unit, payload in self._sectors.frames(MAIN, newest):
            end = unit + units_for(len(payload))
            closed = payload[0] == records.KIND_NEXT or closed
        main.at = self._sectors.first_clean(MAIN, newest, end)
        if closed and not self._follows(newest):
            self._note("chain")  # the sector after this one was opened, and nothing of it is left
        return newest

    def _follows(self, newest):
        """Whether the sector after a closed one is as it was prepared: it was to be opened, and nothing stood in it."""
        main, heads = self._main, self._heads[MAIN]
        for ahead in range(newest + 1, newest + main.count):
            if heads[ahead % main.count] in (0, ahead):  # else it could not be erased, and was passed over
                return heads[ahead % main.count] == ahead and main.start[ahead % main.count] != 255
        return False

    def _replay(self, newest):
        """Take the newest snapshot and what was written since."""
        main, sectors = self._main, self._sectors
        oldest = max(1, main.ready_end - main.count)
        base = newest
        while base >= oldest and not self._has_snapshot(base):
            base -= 1
        if newest and base >= oldest:
            main.snapshot_generation = base
        else:
            base = oldest
            self._note("chain")
            if not newest:
                return
        for generation in range(oldest, newest + 1):
            here, before = generation % main.count, (generation - 1) % main.count
            if self._opened[here] != generation:  # its first record is lost: it may hold anything moved
                main.opened_at[here] = main.opened_at[before] if generation > oldest else 0
                main.moved_low[before], main.moved_high[before] = 0, _ALL
        for generation in range(base, newest + 1):
            here = generation % main.count
            if generation == newest:
                main.moved_low[here] = main.moved_high[here] = 0
            for unit, payload in sectors.frames(MAIN, generation):
                place = sectors.sector(MAIN, generation) * UNITS + unit
                try:
                    self._apply(generation, place, payload[0], bytes(payload[1:]))
                except (ValueError, IndexError):
                    self._note("record")
        self._index.prune_fixes(0)
        if self._index.drop_lost_plans():
            self._note("record")

    def _has_snapshot(self, generation):
        for _unit, payload in self._sectors.frames(MAIN, generation):
            if payload[0] == records.KIND_SNAPSHOT:
                return True
        return False

    def _apply(self, generation, place, kind, body):
        index = self._index
        if kind == records.KIND_SNAPSHOT:
            index.load(body, self._main.body)
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
        if high is not None or middle < self._main.opened_at[generation % self._main.count]:
            self._moved(generation, low, _ALL if high is None else high)

    def _moved(self, generation, low, high):
        if generation == self._main.generation:
            self._main.moved(low, high)

    # capture lane

    def _find_captures(self):
        """Find the newest sector, where it ends, the last number, and what is prepared behind it."""
        lane, sectors = self._captures, self._sectors
        heads = self._heads[CAPTURES]
        newest = self._newest(
            CAPTURES, max([heads[at] for at in range(lane.count) if self._firsts[at]] or [0])
        )
        lane.generation = newest or min([head for head in heads if head] or [1]) - 1
        lane.at = UNITS
        if newest:
            end = HEAD
            for unit, payload in sectors.frames(CAPTURES, newest):
                lane.number = max(lane.number, records.number_of(payload) + 1)
                end = unit + units_for(len(payload))
            lane.at = sectors.first_clean(CAPTURES, newest, end)
            lane.set_prefix(newest, sectors.prefix(CAPTURES, newest))
        lane.ready_end = lane.generation + 1
        for ahead, clean in self._prepared(CAPTURES, lane.generation):
            lane.hand_over(ahead, sectors.prefix(CAPTURES, ahead), clean or 255)
        for generation in range(max(1, lane.ready_end - lane.count), newest + 1):
            here = generation % lane.count
            lane.first[here] = self._firsts[here] if heads[here] == generation else 0
            if lane.first[here] == 0:
                for _unit, payload in sectors.frames(CAPTURES, generation):
                    lane.first[here] = records.number_of(payload)
                    break
        return newest

    def _note(self, name):
        if name not in self._notes:
            self._notes.append(name)
