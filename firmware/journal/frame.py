"""Sectors and frames: where a lane's records lie, and how they are told from rubbish (FORMAT.md 1 and 3)."""

import binascii
import struct
from array import array

from micropython import const

UNIT = const(16)
SECTOR = const(4096)
UNITS = const(256)  # units of a sector
HEAD = const(4)  # units of a sector head
VERSION = const(2)  # that is written
OLDEST = const(1)  # that is read
CAPTURES = const(0)
MAIN = const(1)
FRAME = const(6)  # octets of a frame before its payload
_PAYLOAD_MAX = const(1000)  # a snapshot with all its tables full has 922
_SECTORS_MAX = const(256)  # 1 MiB: a place is a unit's number in 16 bits

_WINDOW_OCTETS = const(1040)  # the longest frame fits

# CRC-32 of binascii, in halves: MicroPython allocates for whole numbers of more than 30 bits
CRC_HIGH = array("H")
CRC_LOW = array("H")
for _index in range(256):
    _crc = binascii.crc32(bytes((_index,)), 0xFFFFFFFF) ^ 0xFFFFFFFF
    CRC_HIGH.append(_crc >> 16)
    CRC_LOW.append(_crc & 0xFFFF)


def units_for(payload_octets):
    """Units that a frame takes."""
    return (payload_octets + FRAME + UNIT - 1) // UNIT


def frame(payload, unit, prefix):
    """The octets of a frame at this unit of a sector whose prefix CRC is given."""
    size = len(payload)
    octets = bytearray(units_for(size) * UNIT)
    octets[FRAME : FRAME + size] = payload
    crc = binascii.crc32(memoryview(octets)[FRAME:], binascii.crc32(struct.pack("<BH", unit, size), prefix))
    struct.pack_into("<I", octets, 2, crc)
    struct.pack_into("<H", octets, 0, size | (sum(octets[2:6]) + (size & 255) + (size >> 8) & 63) << 10)
    return octets


class Sectors:
    """Both lanes of one partition: geometry, and frames as a reader sees them. Main loop only."""

    def __init__(self, flash):
        self.flash = flash
        count = min(flash.sector_count, _SECTORS_MAX)
        if count < 6 or flash.sector_octets != SECTOR:
            raise ValueError("partition")
        captures = max(3, count * 3 // 8)  # a lone reading takes 48 octets here and 80 of session there
        self.counts = (captures, count - captures)
        self.salt = b""
        self.version = VERSION  # of the sectors that are prepared
        self.window(_WINDOW_OCTETS)

    def sector(self, lane, generation):
        """The sector in which this generation of a lane lies."""
        count = self.counts[lane]
        return generation % count + (self.counts[0] if lane else 0)

    def prefix(self, lane, generation):
        """The CRC that all frames of this sector go on from."""
        return binascii.crc32(struct.pack("<BI", lane, generation), binascii.crc32(self.salt))

    def window(self, octets=_WINDOW_OCTETS):
        """Take memory for what is read at once."""
        self._window = bytearray(octets)
        self.ahead = octets  # octets to read at once
        self._at = self._filled = 0

    def stale(self):
        """Forget what was read: somebody may have programmed since."""
        self._filled = 0

    def view(self, at, count):
        """`count` octets at `at`, valid until the next view. Never across a sector's end."""
        start = at - self._at
        if start < 0 or start + count > self._filled:
            size = min(max(count, self.ahead), SECTOR - at % SECTOR)
            self._filled = 0
            self.flash.read(at, memoryview(self._window)[:size])
            self._at, self._filled, start = at, size, 0
        return memoryview(self._window)[start : start + count]

    def payload(self, lane, generation, unit, prefix):
        """The payload of a valid frame that begins at this unit, else None; valid until the next view."""
        return self._payload(self.sector(lane, generation) * SECTOR + unit * UNIT, unit, prefix)

    def _payload(self, at, unit, prefix):
        head = self.view(at, UNIT)
        word = head[0] | head[1] << 8
        size = word & 1023
        if size == 0 or size > _PAYLOAD_MAX or unit + units_for(size) > UNITS:
            return None
        if head[2] + head[3] + head[4] + head[5] + (size & 255) + (size >> 8) & 63 != word >> 10:
            return None
        whole = self.view(at, units_for(size) * UNIT)
        crc = binascii.crc32(whole[FRAME:], binascii.crc32(struct.pack("<BH", unit, size), prefix))
        if crc != int.from_bytes(bytes(whole[2:6]), "little"):
            return None
        return whole[FRAME : FRAME + size]

    def frames(self, lane, generation, unit=HEAD):
        """Yield (unit, payload) of every valid frame of a sector; rubbish is stepped over unit by unit."""
        prefix = self.prefix(lane, generation)
        base = self.sector(lane, generation) * SECTOR
        while unit < UNITS:
            payload = self._payload(base + unit * UNIT, unit, prefix)
            if payload is None:
                unit += 1
            else:
                size = len(payload)
                yield unit, payload
                unit += units_for(size)
