"""A hub on a technician's table: the twin behind a cable that gives it its power."""

import os
import struct
import threading

from tools.simulator.air.flash import APP, DATA, PartitionRow
from tools.simulator.air.world import TwinHub
from tools.simulator.board.cable import Cable
from tools.simulator.board.console import Console
from tools.simulator.board.network import NetworkCable
from tools.simulator.board.rom import Fitted, RomLoader
from tools.simulator.nor import Nor

_PIECE_OCTETS = 4096
_PROMPT_OCTETS = 65_536  # of heap for what the board has beside a hub in the twin: the prompt, and blocks kept near

# As a board is after `telehub flash`; the application's hundred files take whole sectors each.
TABLE = (
    PartitionRow("factory", APP, 0x00, 0x10000, 0),
    PartitionRow("vfs", DATA, 0x81, 0x200000, 384),
    PartitionRow("journal", DATA, 0x40, 0x400000, 128),
)
_IMAGE_MAGIC = 0xE9  # a bootloader's first octet (ESP-IDF, "Application image format")
_SECTOR_OCTETS = 4096
_WATCHDOG_S = 0.5
_TABLE_AT, _ROW_OCTETS, _ROW_MAGIC = 0x8000, 32, 0x50AA


def partitions(flash: bytes | bytearray) -> tuple[PartitionRow, ...]:
    """The partition table in a flash (ESP-IDF, "Partition tables": magic, kind, subtype, place, size, label)."""
    rows = []
    for at in range(_TABLE_AT, _TABLE_AT + 0xC00, _ROW_OCTETS):
        magic, kind, subtype, place, size, label = struct.unpack_from("<HBBII16s", flash, at)
        if magic != _ROW_MAGIC:
            break
        rows.append(PartitionRow(label.rstrip(b"\0").decode(), kind, subtype, place, size // _SECTOR_OCTETS))
    return tuple(rows)


class Board:
    """One twin whose prompt answers on a pseudo-terminal. `fitted`: a new board, whose ROM answers until it is flashed.

    `cut_at_command(n, moment)` and `cut_at_octet(n)` pull the cable once, counted from now.
    """

    def __init__(self, hub: TwinHub, fitted: Fitted | None = None, network: bool = False):
        self.hub = hub
        self.cable: Cable | NetworkCable
        if network:
            self.cable = NetworkCable(hub.loop, self._heard, self._pulled, hub.power_cut, self._reset)
        else:
            self.cable = Cable(hub.loop, self._heard, self._pulled)
        self.rom = RomLoader(hub.unique_id, fitted, self.cable.say, self._leave) if fitted else None
        self._loader = self.rom
        hub.on_cable = True
        hub.heap_octets += _PROMPT_OCTETS
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
        if self.rom is None:
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
        if self.rom is not None:
            self.rom.heard(octets)
        else:
            self.console.heard(octets)

    def _reset(self, to_loader: bool) -> None:
        """A computer has pulled the lines: start over, in the loader or from flash."""
        if self._loader is None or not self.cable.plugged:
            return
        if self.rom is None:
            places = {row.label: row.at for row in self.hub.flash.table}
            for label, cells in self.hub.flash.cells.items():
                image = cells.image()
                self._loader.flash[places[label] : places[label] + len(image)] = image
        self.rom = self._loader
        if not to_loader:
            self._flashed()

    def _leave(self) -> None:
        self.hub.loop.call_later(_WATCHDOG_S, self._flashed)  # what the host says until then is heard

    def _flashed(self) -> None:
        """The chip starts from its flash: with the partitions that stand there, if there is anything to start."""
        if self.rom is None or not self.cable.plugged:
            return
        flash = self.rom.flash
        if flash[0] != _IMAGE_MAGIC:
            return  # nothing there: the ROM is back
        self.rom = None
        self.hub.flash.table = partitions(flash)
        self.hub.flash.cells = {
            row.label: Nor(row.sectors, bytes(flash[row.at : row.at + row.sectors * _SECTOR_OCTETS]))
            for row in self.hub.flash.table
            if row.kind == DATA
        }
        self.hub.start()

    def _pulled(self) -> None:
        self.hub.power_cut()

    def _pump(self) -> None:
        """What the chip prints, to its log and to the line. A thread: the chip prints while the loop waits for it."""
        with self._said, self.hub.log_path.open("ab") as log:
            while octets := self._said.read(_PIECE_OCTETS):
                log.write(octets)
                log.flush()
                self.cable.say(octets)
