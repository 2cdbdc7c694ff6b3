"""Sectors and frames: where a lane's records lie, and how they are told from rubbish (FORMAT.md 2 and 3)."""

import binascii
import struct
from array import array

from micropython import const

from firmware.contracts import PeerError

UNIT = const(16)
SECTOR = const(4096)
UNITS = const(256)  # units of a sector
HEAD = const(4)  # units of a sector head
VERSION = const(1)  # that is written
OLDEST = const(1)  # that is read
CAPTURES = const(0)
MAIN = const(1)
FRAME = const(6)  # octets of a frame before its payload
PAYLOAD_MAX = const(1000)  # a snapshot with all its tables full has 922
SECTORS_MAX = const(256)  # 1 MiB: a place is a unit's number in 16 bits

_MAGIC = b"TJ"
_SEGMENT = const(16)  # units of one fingerprint: a page of the chip, in which it programs in any order
_ERASES_MAX = const(3)  # tries of one sector
_SEGMENTS = const(16)
_HEAD_OCTETS = const(64)
_HEAD_CRC = const(52)
_HEAD_FRONT = const(32)  # octets of a head that say whose it is; what vouches for them comes after
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
    """Both lanes of one partition: geometry, heads, and frames as a reader sees them. Main loop only."""

    def __init__(self, flash):
        self.flash = flash
        count = min(flash.sector_count, SECTORS_MAX)
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
        if size == 0 or size > PAYLOAD_MAX or unit + units_for(size) > UNITS:
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

    def read_head(self, sector, front=False):
        """(lane, generation, salt, version) of a sector's head, or None when there is no valid one.

        `front`: by its first octets alone, for which nothing vouches. PeerError when another version wrote it: then
        nothing here may be touched.
        """
        head = self.view(sector * SECTOR, _HEAD_FRONT if front else _HEAD_OCTETS)
        if bytes(head[:2]) != _MAGIC:
            return None
        version = head[2]
        if not OLDEST <= version <= VERSION:
            if self._vouched(sector):
                raise PeerError("journal: version", version)
            return None
        captures, total = head[16] | head[17] << 8, head[18] | head[19] << 8
        lane, generation = struct.unpack_from("<BI", bytes(head[3:8]), 0)
        salt = bytes(head[8:16])
        if (captures, total) != (self.counts[0], sum(self.counts)):
            return None
        if lane > MAIN or self.sector(lane, generation) != sector or not (front or self._vouched(sector)):
            return None
        return lane, generation, salt, version

    def _vouched(self, sector):
        """Whether a head's CRC is right."""
        head = self.view(sector * SECTOR, _HEAD_OCTETS)
        return int.from_bytes(bytes(head[_HEAD_CRC : _HEAD_CRC + 4]), "little") == binascii.crc32(head[:_HEAD_CRC])

    def prepare(self, lane, generation):
        """Erase a sector and write its head: False when the chip failed thrice; then the generation is left out.

        Each one that is left out takes room that the next one's records need: a chip that hesitates costs none.
        """
        for _attempt in range(_ERASES_MAX):
            if self._erased(lane, generation):
                return True
        return False

    def _erased(self, lane, generation):
        sector = self.sector(lane, generation)
        try:
            self.flash.erase(sector)
            head = bytearray(_HEAD_OCTETS)
            struct.pack_into("<2sBBI8s", head, 0, _MAGIC, self.version, lane, generation, self.salt)
            struct.pack_into("<HH", head, 16, self.counts[0], sum(self.counts))
            self.stale()
            for segment in range(_SEGMENTS):
                struct.pack_into("<H", head, 20 + 2 * segment, self._fingerprint(sector, segment))
            struct.pack_into("<I", head, _HEAD_CRC, binascii.crc32(memoryview(head)[:_HEAD_CRC]))
            self.flash.program(sector * SECTOR, head)
            self.stale()
            return bytes(self.view(sector * SECTOR, _HEAD_OCTETS)) == bytes(head)
        except OSError:
            self.stale()
            return False

    def first_clean(self, lane, generation, unit):
        """The first unit, not before `unit`, from which on all is as erased when the sector was prepared.

        Erased octets may look like anything, and a torn frame like erased ones: the fingerprints in the
        sector's head, taken after the erase, tell. UNITS when there is none or the head is lost.
        """
        sector = self.sector(lane, generation)
        if self.read_head(sector) is None:
            return UNITS
        marks = bytes(self.view(sector * SECTOR + 20, 2 * _SEGMENTS))
        clean = UNITS
        for segment in range(0 if unit <= HEAD else (unit + _SEGMENT - 1) // _SEGMENT, _SEGMENTS):
            if self._fingerprint(sector, segment) != marks[2 * segment] | marks[2 * segment + 1] << 8:
                clean = UNITS
            elif clean == UNITS:
                clean = max(segment * _SEGMENT, HEAD)
        return clean

    def _fingerprint(self, sector, segment):
        first = max(segment * _SEGMENT, HEAD)
        octets = self.view(sector * SECTOR + first * UNIT, ((segment + 1) * _SEGMENT - first) * UNIT)
        return binascii.crc32(octets) & 0xFFFF
