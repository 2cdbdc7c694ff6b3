"""Finds captures, copies and sessions on flash, with a few reads each. Main loop only."""

from micropython import const

from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, MAIN

_EARLY_MAX = const(1024)  # captures of one visit: its session may be written anew after the last of them
_ALL = const(0x3FFFFFFF)  # above every number
_BACK_MAX = const(2)  # sectors that other records may have filled between a session and its captures


class Finder:
    """Reads both lanes; remembers where it was, since captures are mostly asked for in their order."""

    def __init__(self, sectors, captures, main, index):
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index
        self._cursor = (0, 0, HEAD)  # generation, number, unit: where the last capture was read
        self._oldest = (0, 0, 0)  # number, boot, mono_ms of the oldest capture that waits
        self._session = None  # the last one found

    def start_at(self, generation, number, unit):
        """Where a capture stands that is likely to be asked for."""
        self._cursor = (generation, number, unit)

    def stale(self):
        """Forget the last session: one is written now."""
        self._session = None

    def session(self, capture):
        """The session of a capture's visit as last written, or None."""
        found = self._session
        if found is None or (found.boot, found.visit) != (capture.boot, capture.visit):
            found = self._session = self._find_session(capture)
        return found

    def capture(self, number):
        """A capture's octets, from its lane or its copy, or None."""
        self._sectors.stale()
        if 0 < number < self._captures.number:
            generation = self._sector_of(number)
            body = self._in_capture_sector(generation, number) if generation else None
            return self.copy(number) if body is None else body
        return None

    def _sector_of(self, number):
        """The youngest generation that begins no later than with this capture; 0 when none does."""
        lane = self._captures
        low = oldest = max(1, lane.ready_end - lane.count)
        high = lane.generation
        if self._first(high) <= number:
            return high
        while low < high:
            middle = at = (low + high + 1) // 2
            while at > low and self._first(at) == _ALL:  # what was left out or lost says nothing
                at -= 1
            if at > low and self._first(at) > number:
                high = at - 1
            else:
                low = middle
        while low > oldest and self._first(low) > number:
            low -= 1
        return low if self._first(low) <= number else 0

    def _first(self, generation):
        """The number of a sector's first capture, above all numbers when there is none."""
        lane = self._captures
        index = generation % lane.count
        if lane.first[index] == 0:  # none yet, or not asked for since the boot
            first = _ALL
            self._sectors.stale()
            for _unit, payload in self._sectors.frames(CAPTURES, generation):
                first = records.number_of(payload)
                break
            self._sectors.stale()
            if generation == lane.generation:
                return first  # the callback keeps that one's entry
            lane.first[index] = first
        return lane.first[index]

    def copy(self, number):
        """A capture's octets from the main lane's copies, or None."""
        main = self._main
        for generation in range(main.generation, main.oldest() - 1, -1):
            if not main.holds_moved(generation, number):
                continue
            for _unit, payload in self._sectors.frames(MAIN, generation):
                if payload[0] == records.KIND_COPY and records.number_of(payload[1:5]) == number:
                    return bytes(payload[1:])
        return None

    def oldest_waiting(self):
        """(number, boot, mono_ms) of the oldest capture without receipt, zeros when none waits."""
        end = self._captures.number
        for low, _high in self._index.waiting_ranges(end):
            if self._oldest[0] != low:
                body = self.capture(low)
                capture = records.unpack_capture(body) if body else None
                self._oldest = (low, capture.boot, capture.mono_ms) if capture else (low, 0, 0)
            return self._oldest
        return 0, 0, 0

    def _in_capture_sector(self, generation, number):
        known, last, unit = self._cursor
        if known != generation or last > number:
            unit = HEAD
        for at, payload in self._sectors.frames(CAPTURES, generation, unit):
            here = records.number_of(payload)
            if here == number:
                self._cursor = (generation, number, at)
                return bytes(payload)
            if here > number:
                return None
        return None

    def _find_session(self, capture):
        """Look where the session was written first, then where it may have been moved to."""
        main, number, key = self._main, capture.number, (capture.boot, capture.visit)
        oldest = main.oldest()
        start = main.generation
        while start > oldest and main.opened_at(start) > number:
            start -= 1
        found, older, newer = self._session_in(start, key)
        back = start - 1
        while found is None and not older and back >= max(oldest, start - _BACK_MAX):
            found, older, _newer = self._session_in(back, key)
            back -= 1
        ahead = start + 1
        while (
            not newer
            and ahead <= main.generation
            and main.opened_at(ahead) <= number + _EARLY_MAX
        ):
            later, _older, newer = self._session_in(ahead, key)
            found = later or found
            ahead += 1
        generation = main.generation
        while found is None and generation >= oldest:
            if main.holds_moved(generation, number):
                found = self._session_in(generation, key)[0]
            generation -= 1
        return found

    def _session_in(self, generation, key):
        """A visit's session in this sector; whether an earlier one first stood here; whether a later."""
        found, older, newer = None, False, False
        opened_at = self._main.opened_at(generation)
        self._sectors.stale()
        for _unit, payload in self._sectors.frames(MAIN, generation):
            if payload[0] in (records.KIND_SESSION, records.KIND_OLD_SESSION):
                session, _low, middle, _high = records.unpack_session(bytes(payload[1:]))
                here = (session.boot, session.visit)
                if here == key:
                    found = session
                elif middle >= opened_at:
                    older, newer = older or here < key, newer or here > key
        return found, older, newer
