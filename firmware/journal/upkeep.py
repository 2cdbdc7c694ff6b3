"""Makes room ahead of both lanes, one erase or one copy at a time. Main loop only.

Loaded when there is something to do; how far it came stands with the lanes.
"""

from micropython import const

from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, MAIN, UNITS
from firmware.journal.heads import prepare
from firmware.journal.main_lane import UNUSABLE

_ALL = const(0x3FFFFFFF)
_GAIN_UNITS_MIN = const(8)  # turns that free less, all taken together, are not worth their erases


class Upkeep:
    """Moves what is still needed from the lanes' tails, and prepares the sectors again."""

    def __init__(self, journal, finder, sectors, captures, main, index):
        self._journal = journal
        self._finder = finder
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index

    # main lane

    def main_step(self):
        """Move one record from the main lane's tail, or erase it: False when that cannot help."""
        main = self._main
        generation = main.ready_end
        tail = generation - main.count
        if tail >= 1:
            if main.idle_turns >= main.count:
                return False
            if tail >= main.generation:
                return False
            try:
                # What was known is only in the tail itself, or what a receipt since then was for.
                if tail >= main.snapshot_generation or 0 < main.closed <= tail:
                    free = main.free_units()
                    main.snapshot()
                    main.gained += main.free_units() - free
                    return True
                if self._move_next(tail):
                    return True
            except Full:
                main.idle_turns = main.count
                return False
        free = main.free_units()
        self._prepare(MAIN, main)
        if tail >= 1:
            # Where sectors end, some units are left over: what one turn seems to free the next may spend.
            main.gained += main.free_units() - free
            main.idle_turns += 1
            if main.gained >= _GAIN_UNITS_MIN:
                main.idle_turns = main.gained = 0
        return True

    def _move_next(self, tail):
        main = self._main
        unit = main.tail[1] if main.tail[0] == tail else HEAD
        sector = self._sectors.sector(MAIN, tail)
        for at, payload in self._sectors.frames(MAIN, tail, unit):
            main.tail = (tail, at)
            kind, body = payload[0], bytes(payload[1:])
            moved = self._needed(tail, at, sector * UNITS + at, kind, body)
            if moved is not None:
                kind, body, low, high = moved
                free = main.free_units()
                place = main.append(kind, body)
                main.gained += main.free_units() - free
                if high:
                    main.moved(low, high)
                self._settle(place, sector * UNITS + at, kind, body)
                main.tail = (tail, at + 1)
                return True
        return False

    def _needed(self, tail, unit, place, kind, body):
        """(kind, body, low, high) to write anew, with the captures that it is about, or None."""
        index = self._index
        if kind == records.KIND_COPY:
            number = records.number_of(body)
            if index.waits(number, number + 1):
                return kind, body, number, number + 1
        elif kind in (records.KIND_SESSION, records.KIND_OLD_SESSION):
            return self._needed_session(tail, unit, place, body)
        elif kind == records.KIND_PLAN:
            plan = index.plan(int.from_bytes(body[:4], "little"))
            if plan is not None and plan.place == place:
                return kind, body, 0, 0
        elif kind == records.KIND_FIX:
            self._journal.read_fixes()
            for entry in index.fixes:
                if entry[2] == place and index.needs_fix(entry, self._journal.oldest_boot()):
                    return kind, body, 0, 0
        elif kind == records.KIND_DESCRIPTION:
            for entry in index.descriptions:
                if entry[1] == place:
                    return kind, body, 0, 0
        return None

    def _needed_session(self, tail, unit, place, body):
        session, low, middle, high = records.unpack_session(body)
        last = self._index.sessions.get(session.device) == place
        if high is None:
            superseded, high = self._following(tail, unit, session)
            if superseded and not last:
                return None
        if not last and not self._index.waits(low, high):
            return None
        kind = records.KIND_SESSION if last else records.KIND_OLD_SESSION
        body = records.pack_session(session, low, middle, high)
        return kind, body, low, _ALL if high is None else high

    def _following(self, tail, unit, session):
        """Whether the same visit was written again later; the first number that is surely a later visit's."""
        here = (session.boot, session.visit)
        for generation in range(tail, self._main.generation + 1):
            start = unit + 1 if generation == tail else HEAD
            for _at, payload in self._sectors.frames(MAIN, generation, start):
                if payload[0] not in (records.KIND_SESSION, records.KIND_OLD_SESSION):
                    continue
                other, _low, middle, _high = records.unpack_session(bytes(payload[1:]))
                if (other.boot, other.visit) == here:
                    return True, None
                if (other.boot, other.visit) > here:
                    return False, middle
        return False, None

    def _settle(self, place, old, kind, body):
        """Point the index at a moved record."""
        index = self._index
        if kind == records.KIND_SESSION:
            for device in index.sessions:
                if index.sessions[device] == old:
                    index.sessions[device] = place
        elif kind == records.KIND_PLAN:
            index.add_plan(place, *records.unpack_plan(body))
        elif kind == records.KIND_FIX:
            index.add_fix(place, records.unpack_fix(body), self._journal.oldest_boot())
        elif kind == records.KIND_DESCRIPTION:
            index.add_description(place, body[0] | body[1] << 8)

    # capture lane

    def capture_step(self):
        """Copy one waiting capture from the capture lane's tail, or erase it: False when that cannot help."""
        lane = self._captures
        generation = lane.ready_end
        tail = generation - lane.count
        if tail >= lane.generation:  # the callback writes there
            return False
        if tail >= 1:
            unit = lane.copied[1] if lane.copied[0] == tail else HEAD
            for at, payload in self._sectors.frames(CAPTURES, tail, unit):
                number = records.number_of(payload)
                lane.copied = (tail, at)
                if not self._index.waits(number, number + 1):
                    continue
                body = bytes(payload)
                if self._finder.copy(number) is None:
                    try:
                        self._journal.append_copy(body)
                    except Full:
                        return False
                lane.copied = (tail, at + 1)
                return True
        self._prepare(CAPTURES, lane)
        return True

    def _prepare(self, lane, owner):
        generation = owner.ready_end
        good = prepare(self._sectors, lane, generation)
        owner.hand_over(generation, self._sectors.prefix(lane, generation), HEAD if good else UNUSABLE)
        if not good and "sector" not in self._journal.notes:
            self._journal.notes.append("sector")
