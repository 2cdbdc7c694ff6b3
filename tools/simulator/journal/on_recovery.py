"""Run by a MicroPython: how much a boot reads of a journal's image, and what it then knows.

Arguments: the image, then the sectors whose heads to destroy, one boot each (-1: none). A JSON line for each boot.
"""

import gc
import json
import sys

from firmware.journal import records
from firmware.journal.capture_lane import CaptureLane
from firmware.journal.finder import Finder
from firmware.journal.frame import CAPTURES, Sectors
from firmware.journal.index import Index
from firmware.journal.main_lane import MainLane
from firmware.journal.recovery import Recovery

_SECTOR = 4096
_HEAD = 64


class Image:
    """A flash chip in a file, one head of it destroyed; it counts, and cannot be written."""

    sector_octets = _SECTOR

    def __init__(self, file):
        self.file = file
        self.sector_count = file.seek(0, 2) // _SECTOR
        self.ruined = -1
        self.reads = self.octets = 0

    def read(self, at, into):
        self.file.seek(at)
        self.file.readinto(into)
        self.reads += 1
        self.octets += len(into)
        first = self.ruined * _SECTOR
        if self.ruined >= 0 and at < first + _HEAD and at + len(into) > first:
            for index in range(max(at, first), min(at + len(into), first + _HEAD)):
                into[index - at] = 0

    def program(self, _at, _octets):
        raise AssertionError("recovery programs nothing")

    def erase(self, _sector):
        raise AssertionError("recovery erases nothing")


def boot(flash):
    """What a boot finds by reading alone, and the clock's floor, which is the last capture's time."""
    gc.collect()
    before = gc.mem_alloc()  # type: ignore[attr-defined]
    notes: list[str] = []
    index, sectors = Index(), Sectors(flash)
    captures = CaptureLane(flash, sectors.counts[CAPTURES])
    main = MainLane(sectors, index, captures)
    recovery = Recovery(sectors, captures, main, index, notes)
    flash.reads = flash.octets = 0
    assert recovery.run()
    finder = Finder(sectors, captures, main, index)
    finder.start_at(*recovery.last)
    floor = records.unpack_capture(finder.capture(captures.number - 1)).time_s
    reads, octets = flash.reads, flash.octets
    gc.collect()
    heap = gc.mem_alloc() - before  # type: ignore[attr-defined]
    waiting = [list(one) for one in index.waiting_ranges(captures.number)]
    return {
        "reads": reads, "octets": octets, "heap": heap, "notes": notes, "fixes": len(index.fixes),
        "plans": [list(plan.captures) for plan in index.plans],
        "found": [
            index.chain.hex(), index.boot, index.sequence, index.hash.hex(), captures.number, floor, waiting,
            [(plan.sequence, plan.captures) for plan in index.plans], captures.generation, main.generation,
        ],
    }  # fmt: skip


with open(sys.argv[1], "rb") as file:
    flash = Image(file)
    for argument in sys.argv[2:]:
        flash.ruined = int(argument)
        print(json.dumps(boot(flash)))
