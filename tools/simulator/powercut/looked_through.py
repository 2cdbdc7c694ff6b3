"""Sectors with the same octets are looked through once: where their frames begin is remembered from cut to cut.

Most of a cut's time would go into stepping over the same erased and torn units as in the cut before. What is remembered
is what the production code found in exactly these octets of exactly this sector; payloads still come from its window
of what it read, and a window that is older than the flash is not helped: there it steps for itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from firmware.journal.frame import FRAME, HEAD, SECTOR, UNIT, UNITS, Sectors, units_for

_SECTORS_MAX = 4000  # 16 MB; each cut brings a torn sector or two that nobody meets again


# (a sector's octets, its prefix) -> {unit: (unit and octets of the payload of the next frame)}
Known = dict[tuple[bytes, int], dict[int, tuple[int, int]]]


@contextmanager
def looked_through_once(known: Known) -> Iterator[None]:
    """Let `Sectors.frames` remember in `known`, until this ends."""
    production = Sectors.frames

    def frames(self: Sectors, lane: int, generation: int, unit: int = HEAD) -> Iterator[tuple[int, Any]]:
        base = self.sector(lane, generation) * SECTOR
        if self._filled and self._window[: self._filled] != self.flash.octets(self._at, self._filled):
            yield from production(self, lane, generation, unit)
            return
        here = self.flash.octets(base, SECTOR), self.prefix(lane, generation)
        steps = known.get(here)
        if steps is None:
            if len(known) >= _SECTORS_MAX:
                known.clear()
            steps = known[here] = {}
        while unit < UNITS:
            if unit not in steps:
                found = next(production(self, lane, generation, unit), None)
                steps[unit] = (found[0], len(found[1])) if found else (UNITS, 0)
            at, size = steps[unit]
            if at == UNITS:
                return
            yield at, self.view(base + at * UNIT, units_for(size) * UNIT)[FRAME : FRAME + size]
            unit = at + units_for(size)

    Sectors.frames = frames  # type: ignore[method-assign]
    try:
        yield
    finally:
        Sectors.frames = production  # type: ignore[method-assign]
