"""A hub on a technician's table: the twin behind a cable that gives it its power."""

import os
import threading

from tools.simulator.air.flash import APP, DATA, PartitionRow
from tools.simulator.air.world import TwinHub
from tools.simulator.board.cable import Cable
from tools.simulator.board.console import Console

_PIECE_OCTETS = 4096
_PROMPT_OCTETS = 65_536  # of heap for what the board has beside a hub in the twin: the prompt, and blocks kept near

# As a board is after `telehub flash`; the application's hundred files take whole sectors each.
TABLE = (
    PartitionRow("factory", APP, 0x00, 0x10000, 0),
    PartitionRow("vfs", DATA, 0x81, 0x200000, 384),
    PartitionRow("journal", DATA, 0x40, 0x400000, 128),
)


class Board:
    """One twin whose prompt answers on a pseudo-terminal, with MicroPython already on it (rom.py: without).

    `cut_at_command(n, moment)` and `cut_at_octet(n)` pull the cable once, counted from now.
    """

    def __init__(self, hub: TwinHub):
        self.hub = hub
        hub.on_cable = True
        hub.heap_octets += _PROMPT_OCTETS
        self.cable = Cable(hub.loop, self._heard, self._pulled)
        self.console = Console(hub, self.cable.pull)
        ours, theirs = os.pipe()
        self._stdout = os.fdopen(theirs, "wb", 0)
        hub.stdout = self._stdout
        self._said = os.fdopen(ours, "rb", 0)
        threading.Thread(target=self._pump, name=f"stdout of {hub.name}", daemon=True).start()

    @property
    def path(self) -> str:
        """What a serial program opens."""
        return self.cable.path

    def plug(self) -> str:
        """Put the cable in: the board has power, and a path."""
        path = self.cable.plug()
        self.hub.start()
        return path

    def pull(self) -> None:
        """Pull it out."""
        self.cable.pull()

    def cut_at_command(self, number: int, moment: str = "before") -> None:
        """Pull the cable `before` the number-th command from now is executed, or `after` it, its answer unsaid."""
        self.console.cut_at = (self.console.commands + number, moment)

    def cut_at_octet(self, number: int) -> None:
        """Pull the cable when the host has sent so many octets more."""
        self.cable.pull_at = self.cable.heard_octets + number

    def close(self) -> None:
        """Pull it out for good."""
        self.cable.pull()
        self._stdout.close()

    def _heard(self, octets: bytes) -> None:
        self.console.heard(octets)

    def _pulled(self) -> None:
        self.hub.power_cut()

    def _pump(self) -> None:
        """What the chip prints, to its log and to the line. A thread: the chip prints while the loop waits for it."""
        with self._said, self.hub.log_path.open("ab") as log:
            while octets := self._said.read(_PIECE_OCTETS):
                log.write(octets)
                log.flush()
                self.cable.say(octets)
