"""The journal's NOR partition as a Flash (firmware/contracts.py)."""

import esp32
from micropython import const

from firmware.contracts import PeerError

_ERASE_BLOCK = const(6)  # block device protocol: erase one block (MicroPython, vfs block devices)


class PartitionFlash:
    """A data partition, written in place: `writeblocks` with an offset programs without erasing."""

    sector_octets = 4096

    def __init__(self, label: str):
        found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=label)
        if not found:
            raise PeerError("flash: no partition", label)
        self._partition = found[0]
        self.sector_count = self._partition.info()[3] // self.sector_octets

    def read(self, at: int, into: "bytearray | memoryview") -> None:
        """Fill `into` from octet offset `at`."""
        self._partition.readblocks(at // 4096, into, at % 4096)

    def program(self, at: int, octets: "bytes | bytearray | memoryview") -> None:
        """Program whole units. OSError when the chip refuses."""
        self._partition.writeblocks(at // 4096, octets, at % 4096)

    def erase(self, sector: int) -> None:
        """Erase one sector."""
        self._partition.ioctl(_ERASE_BLOCK, sector)
