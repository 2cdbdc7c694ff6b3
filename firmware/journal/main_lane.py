"""The main lane: sessions, fixes, descriptions, plans, receipts, copies, appended by the main loop alone."""

import struct
from array import array

from micropython import const

from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.frame import HEAD, MAIN, SECTOR, UNIT, UNITS, frame, units_for
from firmware.journal.index import FIXES_MAX

UNUSABLE = const(255)  # in `start`: this generation is left out
_ATTEMPTS = const(4)
_EIO = const(5)
_OPEN_OCTETS = const(16)
_OPEN_FRAME_OCTETS = const(32)
_ALL = const(0x3FFFFFFF)


class MainLane:
    """Appends records; each sector begins with what was known when it was opened."""

    def __init__(self, sectors, index, captures):
        self.sectors = sectors
        self._index = index
        self._captures = captures
        self.count = sectors.counts[MAIN]
        self.generation = 0
        self.at = UNITS
        self.ready_end = 1  # generations below it were prepared
        self.snapshot_generation = 0  # of the newest sector with a valid snapshot
        self.closed = 0  # the oldest generation that holds a plan which that snapshot calls open and is not
        self.tail = (0, HEAD)  # generation and unit up to which everything that is needed was moved (upkeep.py)
        self.gained = 0  # units that turns freed, less those they took, since they last freed enough
        self.idle_turns = 0  # turns since then
        self.start = bytearray(self.count)
        # What a sector's first record says, read when it is first asked for: the next capture's number when it was
        # opened, and of the sector before it, which captures its moved records are about.
        self._looked = bytearray(self.count)
        self._opened_at = array("I", [0] * self.count)
        self._moved_low = array("I", [0] * self.count)
        self._moved_high = array("I", [0] * self.count)

    def hand_over(self, generation, _prefix, start):
        """Take one more prepared sector into use (or leave it out)."""
        index = generation % self.count
        self.start[index] = start
        self._moved_low[index] = self._moved_high[index] = self._opened_at[index] = 0
        self._looked[index] = 1
        self.ready_end = generation + 1

    def spare(self):
        """How many prepared sectors lie ahead."""
        count = 0
        for generation in range(self.generation + 1, self.ready_end):
            count += self.start[generation % self.count] != UNUSABLE
        return count

    def sector_units(self):
        """Units that a newly opened sector has for records; the last unit is for the word "next"."""
        opening = units_for(_OPEN_OCTETS) + units_for(1 + self._index.snapshot_octets())
        return UNITS - HEAD - opening - 1

    def free_units(self):
        """Erased units for records, in this sector and the prepared ones."""
        return max(0, UNITS - 1 - self.at) + self.spare() * self.sector_units()

    def oldest(self):
        """The oldest generation that may hold records."""
        return max(1, self.ready_end - self.count)

    def generation_of(self, place):
        """The generation whose sector holds a place."""
        index = place // UNITS - self.sectors.counts[0]
        return self.generation - (self.generation - index) % self.count

    def body(self, place, kind, sectors=None):
        """The body of the record at a place, or None when it is not that any more."""
        generation = self.generation_of(place)
        sectors = sectors or self.sectors
        payload = sectors.payload(MAIN, generation, place % UNITS, sectors.prefix(MAIN, generation))
        return bytes(payload[1:]) if payload is not None and payload[0] == kind else None

    def append(self, kind, body):
        """Put one record on flash and return its place. Full or OSError: it is not there."""
        payload = bytes((kind,)) + bytes(body)
        units = units_for(len(payload))
        for attempt in range(_ATTEMPTS):
            if attempt == 2 or self.at + units > UNITS - 1:
                self._open()
            if self.at + units > UNITS - 1:
                continue
            at = self.at
            self.at = at + units  # spent, whatever comes
            if self._write(at, payload):
                return self.sectors.sector(MAIN, self.generation) * UNITS + at
        raise OSError(_EIO)

    def snapshot(self):
        """Put all that is known on flash once more."""
        self.append(records.KIND_SNAPSHOT, self._all_known())
        self.snapshot_generation, self.closed = self.generation, 0

    def _all_known(self):
        if len(self._index.fixes) > FIXES_MAX:  # a boot did not read them; those that were moved are there twice
            self._index.read_fixes(self.body)
        return self._index.snapshot()

    def closes(self, place):
        """Note that a receipt needs the plan at this place, which alone says what is done, until the next snapshot."""
        generation = self.generation_of(place)
        if generation < self.snapshot_generation and (self.closed == 0 or generation < self.closed):
            self.closed = generation

    def moved(self, low, high):
        """Note that a record about these captures was moved into this sector."""
        index = self.generation % self.count
        if self._moved_high[index] == 0:
            self._moved_low[index], self._moved_high[index] = low, high
        else:
            self._moved_low[index] = min(self._moved_low[index], low)
            self._moved_high[index] = max(self._moved_high[index], high)

    def opened_at(self, generation):
        """The next capture's number when a sector was opened; of one that lost its first record: no greater."""
        self._look(generation)
        return self._opened_at[generation % self.count]

    def holds_moved(self, generation, number):
        """Whether a record that was moved into this sector may be about this capture."""
        if generation < self.generation:
            self._look(generation + 1)
        index = generation % self.count
        return self._moved_low[index] <= number < self._moved_high[index]

    def _look(self, generation):
        oldest, first = self.oldest(), generation
        while not self._look_at(first) and first > oldest:
            first -= 1
        if not self._looked[first % self.count]:
            self._opened_at[first % self.count] = 0
        for lost in range(first, generation + 1):  # their first record is lost: before them anything may be moved
            here, before = lost % self.count, (lost - 1) % self.count
            if not self._looked[here]:
                self._looked[here] = 1
                if lost > first:
                    self._opened_at[here] = self._opened_at[before]
                if lost > oldest:
                    self._moved_low[before], self._moved_high[before] = 0, _ALL

    def _look_at(self, generation):
        """Read a sector's first record, unless that was done: False when there is none."""
        index, sectors = generation % self.count, self.sectors
        if self._looked[index]:
            return True
        sectors.stale()
        sectors.ahead, ahead = _OPEN_FRAME_OCTETS, sectors.ahead
        try:
            payload = sectors.payload(MAIN, generation, HEAD, sectors.prefix(MAIN, generation))
        except OSError:
            payload = None
        sectors.ahead = ahead
        if payload is None or payload[0] != records.KIND_OPEN:
            return False
        at, low, high = struct.unpack_from("<III", bytes(payload), 1)
        sectors.stale()
        self._looked[index] = 1
        self._opened_at[index] = at
        before = (generation - 1) % self.count
        if generation > self.oldest():
            self._moved_low[before], self._moved_high[before] = low, high
        return True

    def begin(self, generation, at):
        """Open a prepared sector: say what it follows, then all that is known."""
        before = self.generation % self.count
        low, high = (self._moved_low[before], self._moved_high[before]) if self.generation else (0, 0)
        self.generation, self.at = generation, at
        here = generation % self.count
        self._looked[here] = 1
        self._opened_at[here] = self._captures.number
        self._moved_low[here] = self._moved_high[here] = 0
        opening = struct.pack("<IIII", self._opened_at[here], low, high, self._index.boot)[: _OPEN_OCTETS - 1]
        self._index.number = max(self._index.number, self._opened_at[here])
        snapshot = self._all_known()
        for payload in (bytes((records.KIND_OPEN,)) + opening, bytes((records.KIND_SNAPSHOT,)) + snapshot):
            for _attempt in range(_ATTEMPTS):
                at = self.at
                if at + units_for(len(payload)) > UNITS - 1:
                    break
                self.at = at + units_for(len(payload))
                if self._write(at, payload):
                    if payload[0] == records.KIND_SNAPSHOT:
                        self.snapshot_generation, self.closed = generation, 0
                    break

    def _open(self):
        """Go on to the next prepared sector."""
        generation = self.generation + 1
        while generation < self.ready_end and self.start[generation % self.count] == UNUSABLE:
            generation += 1
        if generation >= self.ready_end:
            raise Full
        if self.at < UNITS:
            self._write(self.at, bytes((records.KIND_NEXT,)))
            self.at += 1
        self.begin(generation, self.start[generation % self.count])

    def _write(self, at, payload):
        """Program one frame and read it back."""
        sectors = self.sectors
        octets = frame(payload, at, sectors.prefix(MAIN, self.generation))
        base = sectors.sector(MAIN, self.generation) * SECTOR + at * UNIT
        try:
            sectors.flash.program(base, octets)
        except OSError:
            pass  # what the flash holds decides
        sectors.stale()
        try:
            return bytes(sectors.view(base, len(octets))) == bytes(octets)
        except OSError:
            return False
