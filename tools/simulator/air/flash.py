"""The hub's flash chip: one simulated NOR per partition, charged by costs.py, and a small NVS.

A power cut in the middle of a program or an erase kills the hub's process on the spot; what the cells then hold stays.
"""

import struct
from collections.abc import Generator
from typing import NamedTuple

from tools.simulator.air.hub import Busy, Hub, Steps
from tools.simulator.nor import Nor, PowerCut

_TABLE, _READ, _PROGRAM, _ERASE, _REWRITE, _BOOT = 100, 101, 102, 103, 104, 105
_NVS_GET, _NVS_SET, _NVS_ERASE, _NVS_COMMIT = 110, 111, 112, 113

_SECTOR_OCTETS = 4096
_CLOCK_MS = 1.0  # work shorter than the chip's tick is added up until it makes one
_NVS_NOT_FOUND = -0x1102  # ESP_ERR_NVS_NOT_FOUND

APP, DATA = 0, 1


class PartitionRow(NamedTuple):
    """One line of the partition table."""

    label: str
    kind: int
    subtype: int
    at: int
    sectors: int


TABLE = (
    PartitionRow("factory", APP, 0x00, 0x10000, 0),  # its cells are not simulated: nothing of ours writes there
    PartitionRow("vfs", DATA, 0x81, 0x200000, 128),
    PartitionRow("journal", DATA, 0x40, 0x280000, 128),
)


class FlashChip:
    """The cells of one hub, and the services behind `esp32.Partition` and `esp32.NVS`."""

    def __init__(self, hub: Hub, table: tuple[PartitionRow, ...] = TABLE, erased: str = "ff", seed: int = 0):
        self.hub = hub
        self.table = table
        self.cells = {
            row.label: Nor(row.sectors, erased=erased, seed=seed + index)
            for index, row in enumerate(table)
            if row.sectors
        }
        self.nvs: dict[bytes, bytes] = {}
        self._nvs_open: dict[bytes, bytes | None] = {}
        self._boot = 0
        self._owed_ms = 0.0
        hub.services.update(
            {
                _TABLE: self._rows,
                _READ: self._read,
                _PROGRAM: self._program,
                _ERASE: self._erase,
                _REWRITE: self._rewrite,
                _BOOT: self._boot_partition,
                _NVS_GET: self._nvs_get,
                _NVS_SET: self._nvs_set,
                _NVS_ERASE: self._nvs_erase,
                _NVS_COMMIT: self._nvs_commit,
            }
        )
        hub.on_power.append(self._power)

    def _power(self, on: bool) -> None:
        self._nvs_open.clear()
        self._owed_ms = 0.0
        if on:
            for cells in self.cells.values():
                cells.power_on()

    # -- partitions

    def _rows(self, _payload: bytes) -> bytes:
        return b"".join(
            struct.pack("<BBII16s", row.kind, row.subtype, row.at, row.sectors * _SECTOR_OCTETS, row.label.encode())
            for row in self.table
        )

    def _place(self, payload: bytes) -> tuple[Nor, int]:
        return self.cells[self.table[payload[0]].label], int.from_bytes(payload[1:5], "little")

    def _spend(self, name: str, octets: int = 0) -> Generator:
        self._owed_ms += self.hub.costs.ms(name, octets)
        if self._owed_ms >= _CLOCK_MS:
            owed, self._owed_ms = self._owed_ms, 0.0
            yield Busy(owed)

    def _read(self, payload: bytes) -> Steps:
        cells, at = self._place(payload)
        into = bytearray(int.from_bytes(payload[5:7], "little"))
        cells.read(at, into)
        yield from self._spend("flash.read", len(into))
        return bytes(into)

    def _program(self, payload: bytes) -> Steps:
        cells, at = self._place(payload)
        octets = payload[5:]
        try:
            cells.program(at, octets)
        except PowerCut:
            self.hub.power_cut()
            return None
        yield from self._spend("flash.program", len(octets))
        return None

    def _erase(self, payload: bytes) -> Steps:
        cells, at = self._place(payload)
        try:
            cells.erase(at // _SECTOR_OCTETS)
        except PowerCut:
            self.hub.power_cut()
            return None
        yield from self._spend("flash.erase")
        return None

    def _rewrite(self, payload: bytes) -> Steps:
        yield from self._erase(payload[:5])
        if self.hub.alive:
            yield from self._program(payload)
        return None

    def _boot_partition(self, payload: bytes) -> bytes | None:
        if payload[0] == 2:
            self._boot = payload[1]
        return bytes([self._boot])

    # -- NVS: a namespace and a key, each ended by a zero; then one octet of type, then the value

    def _nvs_get(self, payload: bytes) -> bytes:
        key, kind = payload[:-1], payload[-1:]
        value = self._nvs_open.get(key, self.nvs.get(key))
        if value is None or value[:1] != kind:
            raise OSError(_NVS_NOT_FOUND)
        return value[1:]

    def _nvs_set(self, payload: bytes) -> None:
        ends = payload.index(b"\0", payload.index(b"\0") + 1) + 1
        self._nvs_open[payload[:ends]] = payload[ends:]

    def _nvs_erase(self, payload: bytes) -> None:
        if self._nvs_open.get(payload, self.nvs.get(payload)) is None:
            raise OSError(_NVS_NOT_FOUND)
        self._nvs_open[payload] = None

    def _nvs_commit(self, payload: bytes) -> None:
        for key in [key for key in self._nvs_open if key.startswith(payload)]:
            value = self._nvs_open.pop(key)
            if value is None:
                self.nvs.pop(key, None)
            else:
                self.nvs[key] = value
