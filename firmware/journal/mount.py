"""A boot begins: what flash holds is found, or the partition is formatted; then one record takes this boot's number.

Loaded for this moment: board/passing.py forgets it.
"""

import struct

from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.frame import CAPTURES, HEAD, MAIN, UNITS
from firmware.journal.heads import prepare
from firmware.journal.main_lane import UNUSABLE
from firmware.journal.recovery import Recovery

_SALT_OCTETS = 8
_CHAIN_OCTETS = 8


class Mount:
    """Makes a journal's parts say what flash says."""

    def __init__(self, journal, sectors, captures, main, index, random_octets):
        self._journal = journal
        self._sectors = sectors
        self._captures = captures
        self._main = main
        self._index = index
        self._random = random_octets

    def run(self):
        """Mount or format, and begin a boot; return (generation, number, unit) of the last capture."""
        index, captures, journal = self._index, self._captures, self._journal
        recovery = Recovery(self._sectors, captures, self._main, index, journal.notes)
        found = recovery.run()
        index.boot += 1
        captures.boot = index.boot
        try:
            if not found:
                self._format()
            elif not recovery.newest:
                self._begin_main()  # no record is left in the main lane
            self._begin(recovery)
        except (Full, OSError):
            # No sector of the main lane takes a record. What is kept can be read and told, nobody is visited, and what
            # a device sends all the same is kept as long as the capture lane has room.
            self._worn()
        while captures.spare() < 1 and journal.upkeep().capture_step():
            pass  # a first sector and the reserve
        return recovery.last

    def _begin(self, recovery):
        """Go on in the main lane where it ends, and write down that this boot's number is taken."""
        index, main, captures, journal = self._index, self._main, self._captures, self._journal
        if recovery.damaged():
            self._new_chain()
        if captures.number < index.number:  # the capture lane's newest region is lost
            first, captures.number = captures.number, index.number
            journal.lost(first, captures.number)
        index.number = captures.number
        while main.spare() < 1 and journal.upkeep().main_step():
            pass  # where to go when this one refuses
        journal.append(records.KIND_BOOT, struct.pack("<II", index.boot, captures.number), 0)

    def _format(self):
        self._journal.notes.append("formatted")
        # A format that was cut goes on with its salt, for all sectors have the same; what it prepared is passed over.
        self._sectors.salt = self._sectors.salt or bytes(self._random(_SALT_OCTETS))
        captures = self._captures
        captures.generation, captures.at = captures.ready_end - 1, UNITS
        self._index.chain = bytes(self._random(_CHAIN_OCTETS))
        if not self._prepare_first(CAPTURES, captures):
            self._worn()
        self._begin_main()
        chain = records.Chain(self._index.chain, bytes(_CHAIN_OCTETS), 0, 0, False)
        self._journal.append(records.KIND_CHAIN, records.pack_chain(chain), 0)

    def _prepare_first(self, lane, owner):
        """Prepare two sectors of a lane that has nothing to keep, and return the first of them; 0 when none is good."""
        good = []
        for generation in range(owner.ready_end, owner.ready_end + owner.count):
            if prepare(self._sectors, lane, generation):
                good.append(generation)
            start = HEAD if good[-1:] == [generation] else UNUSABLE
            owner.hand_over(generation, self._sectors.prefix(lane, generation), start)
            if len(good) == 2:
                break
        return good[0] if good else 0

    def _begin_main(self):
        generation = self._prepare_first(MAIN, self._main)
        if not generation:
            raise Full
        self._main.begin(generation, HEAD)

    def _worn(self):
        if "worn" not in self._journal.notes:
            self._journal.notes.append("worn")

    def _new_chain(self):
        index = self._index
        before = index.chain if len(index.chain) == _CHAIN_OCTETS else bytes(_CHAIN_OCTETS)
        last = max(index.number, self._captures.number) - 1
        chain = records.Chain(bytes(self._random(_CHAIN_OCTETS)), before, last, index.sequence, True)
        self._journal.append(records.KIND_CHAIN, records.pack_chain(chain), 0)
        index.new_chain(chain)
