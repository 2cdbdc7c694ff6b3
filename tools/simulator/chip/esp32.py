"""The chip's `esp32`: partitions of the simulated NOR flash (air/flash.py holds the cells), NVS, what heap there is."""

import struct

import _seam
from micropython import const

_TABLE_OP = const(100)
_READ_OP = const(101)
_PROGRAM_OP = const(102)
_ERASE_OP = const(103)
_REWRITE_OP = const(104)
_BOOT_OP = const(105)
_NVS_GET_OP = const(110)
_NVS_SET_OP = const(111)
_NVS_ERASE_OP = const(112)
_NVS_COMMIT_OP = const(113)

_BLOCK_OCTETS = const(4096)
_ROW = "<BBII16s"

HEAP_DATA = const(4)
HEAP_EXEC = const(1)
_ENOENT = const(2)
_EINVAL = const(22)


def idf_heap_info(capabilities):
    """[(total, free, largest free block, fewest free ever)] per heap; figures of a board with 2 MB PSRAM, invented."""
    internal = (262144, 81920, 49152, 65536)
    return [internal, (2097152, 1835008, 1803264, 1798144)] if capabilities == HEAP_DATA else [internal]


def _rows():
    table = _seam.call(_TABLE_OP)
    size = struct.calcsize(_ROW)
    rows = []
    for index in range(len(table) // size):
        kind, subtype, at, octets, label = struct.unpack_from(_ROW, table, index * size)
        rows.append((index, kind, subtype, at, octets, label.rstrip(b"\0").decode()))
    return rows


class Partition:
    """One partition as a block device."""

    BOOT = const(0)
    RUNNING = const(1)
    TYPE_APP = const(0)
    TYPE_DATA = const(1)

    def __init__(self, id, block_size=_BLOCK_OCTETS):
        rows = _rows()
        if id in (Partition.BOOT, Partition.RUNNING):
            chosen = _seam.call(_BOOT_OP, bytes([id]))[0]
            rows = [row for row in rows if row[0] == chosen]
        else:
            rows = [row for row in rows if row[5] == id]
        if not rows:
            raise OSError(_ENOENT)
        self._take(rows[0], block_size)

    def _take(self, row, block_size):
        self._index, self._kind, self._subtype, self._at, self._octets, self._label = row
        self._block = block_size
        # Made once, so that reading and programming allocate nothing.
        self._short_frame = bytearray(8)
        self._read_frame = bytearray(10)

    @classmethod
    def find(cls, type=TYPE_APP, subtype=0xFF, label=None, block_size=_BLOCK_OCTETS):
        """All partitions of that type, subtype (0xFF: any) and label (None: any)."""
        found = []
        for row in _rows():
            if row[1] == type and subtype in (0xFF, row[2]) and label in (None, row[5]):
                partition = object.__new__(cls)
                partition._take(row, block_size)
                found.append(partition)
        return found

    def info(self):
        """(type, subtype, address, size, label, encrypted)."""
        return (self._kind, self._subtype, self._at, self._octets, self._label, False)

    def _fill(self, frame, op, at, size):
        """The seam's header, then the partition's number and the offset."""
        frame[0] = size & 0xFF
        frame[1] = size >> 8
        frame[2] = op
        frame[3] = self._index
        frame[4] = at & 0xFF
        frame[5] = at >> 8 & 0xFF
        frame[6] = at >> 16 & 0xFF
        frame[7] = at >> 24 & 0xFF
        return frame

    def readblocks(self, block, into, offset=0):
        """Fill `into`."""
        at = block * self._block + offset
        count = len(into)
        self._bounds(at, count)
        if count <= _BLOCK_OCTETS:
            self._read(at, into, count)
            return
        view = memoryview(into)
        for start in range(0, count, _BLOCK_OCTETS):
            piece = view[start : start + _BLOCK_OCTETS]
            self._read(at + start, piece, len(piece))

    def _read(self, at, into, count):
        frame = self._fill(self._read_frame, _READ_OP, at, 7)
        frame[8] = count & 0xFF
        frame[9] = count >> 8
        _seam.transfer(frame, None, into)

    def writeblocks(self, block, octets, offset=None):
        """With an offset: program only. Without: erase the blocks, then program them."""
        at = block * self._block + (offset or 0)
        count = len(octets)
        self._bounds(at, count)
        op = _REWRITE_OP if offset is None else _PROGRAM_OP
        if count <= _BLOCK_OCTETS:
            _seam.transfer(self._fill(self._short_frame, op, at, 5 + count), octets, None)
            return
        view = memoryview(octets)
        for start in range(0, count, _BLOCK_OCTETS):
            piece = view[start : start + _BLOCK_OCTETS]
            _seam.transfer(self._fill(self._short_frame, op, at + start, 5 + len(piece)), piece, None)

    def ioctl(self, command, argument):
        """The block device protocol: 4 count, 5 size, 6 erase."""
        if command == 4:
            return self._octets // self._block
        if command == 5:
            return self._block
        if command == 6:
            at = argument * self._block
            self._bounds(at, self._block)
            for start in range(0, self._block, _BLOCK_OCTETS):
                _seam.transfer(self._fill(self._short_frame, _ERASE_OP, at + start, 5), None, None)
        return 0

    def _bounds(self, at, count):
        if at < 0 or at + count > self._octets:
            raise OSError(_EINVAL)

    def set_boot(self):
        """Start from here next time."""
        if self._kind != Partition.TYPE_APP:
            raise OSError(_EINVAL)
        _seam.call(_BOOT_OP, bytes([2, self._index]))

    def get_next_update(self):
        """The application partition that the next update goes to."""
        others = [part for part in Partition.find(Partition.TYPE_APP) if part._index != self._index]
        if not others:
            raise OSError(_ENOENT)
        return others[0]

    @classmethod
    def mark_app_valid_cancel_rollback(cls):
        """Keep what runs."""
        _seam.call(_BOOT_OP, b"\x03")


class NVS:
    """Small typed values by key; kept at commit."""

    def __init__(self, namespace):
        self._prefix = namespace.encode() + b"\0"

    def _key(self, key):
        return self._prefix + key.encode() + b"\0"

    def set_i32(self, key, value):
        """Set a number."""
        _seam.call(_NVS_SET_OP, self._key(key) + b"i" + struct.pack("<i", value))

    def get_i32(self, key):
        """Read a number."""
        return struct.unpack("<i", _seam.call(_NVS_GET_OP, self._key(key) + b"i"))[0]

    def set_blob(self, key, octets):
        """Set octets."""
        _seam.call(_NVS_SET_OP, self._key(key) + b"b" + bytes(octets))

    def get_blob(self, key, into):
        """Fill `into`; return the length."""
        octets = _seam.call(_NVS_GET_OP, self._key(key) + b"b")
        if len(octets) > len(into):
            raise OSError(-0x110C)  # ESP_ERR_NVS_INVALID_LENGTH
        into[: len(octets)] = octets
        return len(octets)

    def erase_key(self, key):
        """Forget a value."""
        _seam.call(_NVS_ERASE_OP, self._key(key))

    def commit(self):
        """Keep what was set."""
        _seam.call(_NVS_COMMIT_OP, self._prefix)
