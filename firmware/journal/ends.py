"""After power-up: which sector of a lane is the newest, and what lies prepared behind it; by reading alone.

One short read of each sector's head; one look at each lane's newest sector and the one behind it, each read whole.
More only where something is damaged. Loaded with recovery.py.
"""

from array import array

from micropython import const

from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, SECTOR
from firmware.journal.heads import first_clean, read_head

_FRONT = const(32)  # octets: what a head says of whose it is
_PROBE = const(160)  # octets: a head and a first frame of up to four units


class Ends:
    """The heads of all sectors, and what follows from them."""

    def __init__(self, sectors, notes):
        self._sectors = sectors
        self._notes = notes
        self.heads = [array("I", [0] * count) for count in sectors.counts]  # generation by sector, 0: no head

    def note(self, name):
        """Tell, once."""
        if name not in self._notes:
            self._notes.append(name)

    def read(self):
        """Read the heads, and the salt and version of them."""
        sectors = self._sectors
        sectors.ahead = _FRONT
        found = 0
        for sector in range(sum(sectors.counts)):
            try:
                head = read_head(sectors, sector, front=True)
                if head is not None and (not sectors.salt or head[3] > found):
                    head = read_head(sectors, sector)  # what all go by must be vouched for
                if head is None or (sectors.salt and head[2] != sectors.salt):
                    continue
                lane, generation, sectors.salt, version = head
                found = max(found, version)
                self.heads[lane][generation % sectors.counts[lane]] = generation
            except OSError:
                self.note("unreadable")
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
            self.note("unreadable")
            return False
        finally:
            sectors.ahead = SECTOR

    def _vouched(self, lane, generation):
        """Whether the whole head of the sector that this generation would lie in is valid; else it counts as none."""
        sectors = self._sectors
        sectors.ahead = _PROBE
        try:
            if read_head(sectors, sectors.sector(lane, generation)) is not None:
                return True
        except OSError:
            self.note("unreadable")
        finally:
            sectors.ahead = SECTOR
        self.heads[lane][generation % len(self.heads[lane])] = 0
        return False

    def _any(self, lane, generation):
        """Whether a sector holds a valid frame of this generation."""
        self.whole(lane, generation)
        for _frame in self._sectors.frames(lane, generation):
            return True
        return False

    def whole(self, lane, generation):
        """Read all of a sector at once."""
        self._sectors.view(self._sectors.sector(lane, generation) * SECTOR, SECTOR)

    def newest(self, lane):
        """The newest generation with records; 0 when there is none."""
        heads = self.heads[lane]
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
                elif heads[ahead % len(heads)] and first_clean(self._sectors, lane, ahead, HEAD) == HEAD:
                    break  # untouched, so nobody came past it
            ahead += 1
        return generation

    def _may_be(self, lane, generation):
        """Whether a sector is of this generation, or lost its head: frames say of themselves which they are of."""
        heads = self.heads[lane]
        at = generation % len(heads)
        return heads[at] in (0, generation) or not self._vouched(lane, generation)

    def prepared(self, lane, generation):
        """Yield the generations beyond this one that are as they were prepared, up to the first that is not.

        From that one on they are prepared again: what is torn or rotten there would keep room from visits for as long
        as none comes. A lane is written in order: behind a sector that nobody has touched none was touched.
        """
        heads = self.heads[lane]
        untouched = False
        for ahead in range(generation + 1, max(heads) + 1):
            if heads[ahead % len(heads)] != ahead or (untouched and not self._vouched(lane, ahead)):
                break
            if not untouched:
                self.whole(lane, ahead)
                if first_clean(self._sectors, lane, ahead, HEAD) != HEAD:
                    break
                untouched = True
            yield ahead
