"""A sector's head: written after its erase, and what it tells after a power cut (FORMAT.md 2).

Loaded for a boot and for making room: board/passing.py forgets it.
"""

import binascii
import struct

from micropython import const

from firmware.contracts import PeerError
from firmware.journal import frame
from firmware.journal.frame import HEAD, MAIN, SECTOR, UNIT, UNITS

_MAGIC = b"TJ"
_ERASES_MAX = const(3)  # tries of one sector
_OCTETS = const(64)
_MARKS = const(20)  # where the fingerprints begin; the CRC stands in their midst, where version 1 had their end
_CRC = const(52)
_FRONT = const(32)  # octets of a head that say whose it is; what vouches for them comes after
# By version: units of a segment, the unit that segments are counted from, and octets of a fingerprint. With two octets,
# one torn segment in 65,536 looked as if nobody had touched it.
_SEGMENTS = {1: (16, 0, 2), 2: (26, HEAD, 4)}


def read_head(sectors, sector, front=False):
    """(lane, generation, salt, version) of a sector's head, or None when there is no valid one.

    `front`: by its first octets alone, for which nothing vouches. PeerError when another version wrote it: then
    nothing here may be touched.
    """
    head = sectors.view(sector * SECTOR, _FRONT if front else _OCTETS)
    if bytes(head[:2]) != _MAGIC:
        return None
    version = head[2]
    if not frame.OLDEST <= version <= frame.VERSION:
        if _vouched(sectors, sector):
            raise PeerError("journal: version", version)
        return None
    captures, total = head[16] | head[17] << 8, head[18] | head[19] << 8
    lane, generation = struct.unpack_from("<BI", bytes(head[3:8]), 0)
    salt = bytes(head[8:16])
    if (captures, total) != (sectors.counts[0], sum(sectors.counts)):
        return None
    if lane > MAIN or sectors.sector(lane, generation) != sector or not (front or _vouched(sectors, sector)):
        return None
    return lane, generation, salt, version


def prepare(sectors, lane, generation):
    """Erase a sector and write its head: False when the chip failed thrice; then the generation is left out.

    Each one that is left out takes room that the next one's records need: a chip that hesitates costs none.
    """
    for _attempt in range(_ERASES_MAX):
        if _erased(sectors, lane, generation):
            return True
    return False


def first_clean(sectors, lane, generation, unit):
    """The first unit, not before `unit`, from which on all is as erased when the sector was prepared.

    Erased octets may look like anything, and a torn frame like erased ones: the fingerprints in the
    sector's head, taken after the erase, tell. UNITS when there is none or the head is lost.
    """
    sector = sectors.sector(lane, generation)
    known = read_head(sectors, sector)
    if known is None:
        return UNITS
    head = bytes(sectors.view(sector * SECTOR, _OCTETS))
    clean = UNITS
    for at, first, mark in _segments(sectors, sector, known[3]):
        if first >= unit:
            if head[at : at + len(mark)] != mark:
                clean = UNITS
            elif clean == UNITS:
                clean = first
    return clean


def _erased(sectors, lane, generation):
    sector = sectors.sector(lane, generation)
    try:
        sectors.flash.erase(sector)
        head = bytearray(_OCTETS)
        struct.pack_into("<2sBBI8s", head, 0, _MAGIC, sectors.version, lane, generation, sectors.salt)
        struct.pack_into("<HH", head, 16, sectors.counts[0], sum(sectors.counts))
        sectors.stale()
        for at, _first, mark in _segments(sectors, sector, sectors.version):
            head[at : at + len(mark)] = mark
        struct.pack_into("<I", head, _CRC, binascii.crc32(memoryview(head)[:_CRC]))
        sectors.flash.program(sector * SECTOR, head)
        sectors.stale()
        return bytes(sectors.view(sector * SECTOR, _OCTETS)) == bytes(head)
    except OSError:
        sectors.stale()
        return False


def _segments(sectors, sector, version):
    """Yield (place in the head, first unit, fingerprint as it reads now) of each segment of a sector."""
    units, start, octets = _SEGMENTS[version]
    at = _MARKS
    while start < UNITS:
        first, start = max(start, HEAD), min(start + units, UNITS)
        segment = sectors.view(sector * SECTOR + first * UNIT, (start - first) * UNIT)
        yield at, first, struct.pack("<I", binascii.crc32(segment))[:octets]
        at += octets
        if at == _CRC:
            at += 4


def _vouched(sectors, sector):
    """Whether a head's CRC is right."""
    head = sectors.view(sector * SECTOR, _OCTETS)
    return int.from_bytes(bytes(head[_CRC : _CRC + 4]), "little") == binascii.crc32(head[:_CRC])
