"""The journal's NOR chip as the hub sees it: it tells of power cuts and erases, and its driver may lack memory."""

from collections.abc import Callable

from tools.simulator.nor import Nor, PowerCut


class HubFlash:
    """One boot's view of the chip (firmware/contracts.py, Flash)."""

    def __init__(self, cells: Nor, memory: Callable[[str], None], power_lost: Callable[[], None]):
        self.cells = cells
        self.sector_octets = cells.sector_octets
        self.sector_count = cells.sector_count
        self.before_erase: Callable[[int], None] | None = None
        self._memory = memory
        self._power_lost = power_lost
        self.dead = False
        self.booting = False

    def read(self, at, into) -> None:
        """Fill `into`."""
        self._alive()
        if self.booting:
            self._memory("boot")
        self.cells.read(at, into)

    def program(self, at, octets) -> None:
        """Program whole units."""
        self._alive()
        self._memory("boot" if self.booting else "journal")
        try:
            self.cells.program(at, octets)
        except PowerCut:
            self._power_lost()
            raise

    def erase(self, sector) -> None:
        """Erase one sector."""
        self._alive()
        if self.before_erase is not None:
            self.before_erase(sector)
        try:
            self.cells.erase(sector)
        except PowerCut:
            self._power_lost()
            raise

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut
