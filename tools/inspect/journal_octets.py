"""The octets of a journal image by firmware/journal/FORMAT.md alone: heads and frames; journal_records.py reads on.

Nothing of firmware/journal is used here. A damaged image gives fewer frames, never an error.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

SECTOR_OCTETS = 4096
UNIT_OCTETS = 16
UNITS = 256
HEAD_UNITS = 4
_HEAD_OCTETS, _HEAD_CRC = 64, 52
VERSIONS = (1, 2)
CAPTURES, MAIN = 0, 1
LANES = ("capture", "main")
_SECTORS_MIN, _SECTORS_MAX = 6, 256
_PAYLOAD_MAX = 1000
_AHEAD_MAX = 8  # sectors that may be prepared beyond the newest one with records


class NoJournal(ValueError):
    """There is no journal in these octets; args[0] says what there is instead."""


@dataclass(frozen=True)
class Head:
    """A sector's head (FORMAT.md 2), as its CRC vouches for it."""

    version: int
    lane: int
    generation: int
    salt: bytes
    captures: int
    total: int
    segments: tuple["Segment", ...]


@dataclass(frozen=True)
class Segment:
    """Units that have one fingerprint: the CRC, or of version 1 its lower half, as they read after the erase."""

    first: int
    end: int
    mark: int
    bits: int


@dataclass(frozen=True)
class Frame:
    """One valid frame (FORMAT.md 3)."""

    lane: int
    generation: int
    sector: int
    unit: int
    payload: bytes

    @property
    def units(self) -> int:
        """Units that it takes."""
        return -(-(len(self.payload) + 6) // UNIT_OCTETS)

    @property
    def place(self) -> int:
        """The number of its unit in the partition."""
        return self.sector * UNITS + self.unit


@dataclass
class Sector:
    """One sector: what it is for, and what is in it. `head` is "ok", "lost", "newer", or "" when it has none."""

    index: int
    lane: int
    generation: int  # 0: not known
    head: str
    frames: list[Frame] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)  # (first unit, units) that nobody can read
    version: int = 0


@dataclass
class Image:
    """A whole journal."""

    salt: bytes
    captures: int
    total: int
    sectors: list[Sector]

    def lane(self, lane: int) -> list[Sector]:
        """A lane's sectors with records, oldest first."""
        return sorted((one for one in self.sectors if one.lane == lane and one.frames), key=lambda one: one.generation)

    def newest(self, lane: int) -> int:
        """The generation of a lane's newest sector with records; 0 when there is none."""
        return max((one.generation for one in self.sectors if one.lane == lane and one.frames), default=0)


def crc(octets: bytes, before: int = 0) -> int:
    """CRC-32 of zip and PNG."""
    return zlib.crc32(octets, before)


def read(octets: bytes) -> Image:
    """Find every sector and frame; NoJournal when there is not one valid head."""
    total = min(len(octets) // SECTOR_OCTETS, _SECTORS_MAX)
    if total < _SECTORS_MIN:
        raise NoJournal(f"{len(octets)} octets are too few: a journal has at least {_SECTORS_MIN * SECTOR_OCTETS}")
    heads = [read_head(octets[index * SECTOR_OCTETS :]) for index in range(total)]
    known = [head for head in heads if head and head.version in VERSIONS and _fits(head, total)]
    if not known:
        newer = {head.version for head in heads if head}
        reads = f"this tool reads {VERSIONS[0]} to {VERSIONS[-1]}"
        raise NoJournal(f"written by version {max(newer)}; {reads}" if newer else "no sector head")
    salt = Counter(head.salt for head in known).most_common(1)[0][0]
    captures = max(3, total * 3 // 8)
    image = Image(salt, captures, total, [])
    for index, head in enumerate(heads):
        lane = MAIN if index >= captures else CAPTURES
        if head is None:
            image.sectors.append(Sector(index, lane, 0, ""))
        elif head.version not in VERSIONS:
            image.sectors.append(Sector(index, lane, 0, "newer", version=head.version))
        elif head.salt == salt and _fits(head, total) and _sector_of(head.lane, head.generation, image) == index:
            image.sectors.append(Sector(index, lane, head.generation, "ok", version=head.version))
        else:
            image.sectors.append(Sector(index, lane, 0, ""))
    for sector in image.sectors:
        if sector.head == "ok":
            sector.frames = list(_frames(octets, image, sector, sector.generation))
    for sector in image.sectors:
        if sector.head == "":
            _without_head(octets, image, sector)
    for sector in image.sectors:
        head = heads[sector.index] if sector.head == "ok" else None
        sector.gaps = list(_gaps(octets, sector, head.segments if head else ()))
    return image


def read_head(octets: bytes) -> Head | None:
    """A sector's head, when its CRC is right (whatever its version says of the rest)."""
    head = octets[:_HEAD_OCTETS]
    if len(head) < _HEAD_OCTETS or head[:2] != b"TJ":
        return None
    if struct.unpack_from("<I", head, _HEAD_CRC)[0] != crc(head[:_HEAD_CRC]):
        return None
    version, lane, generation, salt, captures, total = struct.unpack_from("<BBI8sHH", head, 2)
    return Head(version, lane, generation, salt, captures, total, _segments(version, head))


def _segments(version: int, head: bytes) -> tuple[Segment, ...]:
    if version == 1:  # 16 of 16 units, but for the head's own
        marks = struct.unpack_from("<16H", head, 20)
        return tuple(Segment(max(16 * at, HEAD_UNITS), 16 * at + 16, mark, 16) for at, mark in enumerate(marks))
    if version == 2:  # 10 of 26 units behind the head; the last has 18
        marks = struct.unpack_from("<8I", head, 20) + struct.unpack_from("<2I", head, 56)
        firsts = range(HEAD_UNITS, UNITS, 26)
        return tuple(Segment(at, min(at + 26, UNITS), mark, 32) for at, mark in zip(firsts, marks, strict=True))
    return ()


def _fits(head: Head, total: int) -> bool:
    return head.lane in (CAPTURES, MAIN) and (head.captures, head.total) == (max(3, total * 3 // 8), total)


def _sector_of(lane: int, generation: int, image: Image) -> int:
    main = image.total - image.captures
    return image.captures + generation % main if lane == MAIN else generation % image.captures


def _without_head(octets: bytes, image: Image, sector: Sector) -> None:
    """A frame proves its generation by itself: try those that this sector can be of."""
    count = image.total - image.captures if sector.lane == MAIN else image.captures
    newest = max((one.generation for one in image.sectors if one.lane == sector.lane), default=0)
    for generation in range(newest + _AHEAD_MAX, max(0, newest - count), -1):
        if _sector_of(sector.lane, generation, image) == sector.index:
            found = list(_frames(octets, image, sector, generation))
            if found:
                sector.generation, sector.head, sector.frames = generation, "lost", found
                return


def _frames(octets: bytes, image: Image, sector: Sector, generation: int) -> Iterator[Frame]:
    prefix = crc(struct.pack("<BI", sector.lane, generation), crc(image.salt))
    base, unit = sector.index * SECTOR_OCTETS, HEAD_UNITS
    while unit < UNITS:
        payload = _payload(octets, base + unit * UNIT_OCTETS, unit, prefix)
        if payload is None:
            unit += 1
            continue
        frame = Frame(sector.lane, generation, sector.index, unit, payload)
        yield frame
        unit += frame.units


def _payload(octets: bytes, at: int, unit: int, prefix: int) -> bytes | None:
    word, told = struct.unpack_from("<HI", octets, at)
    size = word & 1023
    units = -(-(size + 6) // UNIT_OCTETS)
    if not 1 <= size <= _PAYLOAD_MAX or unit + units > UNITS:
        return None
    if (sum(octets[at + 2 : at + 6]) + size % 256 + size // 256) % 64 != word >> 10:
        return None
    rest = octets[at + 6 : at + units * UNIT_OCTETS]
    return rest[:size] if crc(rest, crc(struct.pack("<BH", unit, size), prefix)) == told else None


def _gaps(octets: bytes, sector: Sector, segments: tuple[Segment, ...]) -> Iterator[tuple[int, int]]:
    """Runs of units that hold no frame and were not left as the erase made them.

    Whole segments are told by their fingerprints; of a segment that holds frames too, only what reads 0xFF is surely
    unused, and behind the last frame nothing is claimed.
    """
    used = bytearray(UNITS)
    for frame in sector.frames:
        used[frame.unit : frame.unit + frame.units] = b"\1" * frame.units
    last = max((frame.unit + frame.units for frame in sector.frames), default=HEAD_UNITS)
    base = sector.index * SECTOR_OCTETS
    touched = bytearray(UNITS)
    for segment in segments:
        first, end = segment.first, segment.end
        now = crc(octets[base + first * UNIT_OCTETS : base + end * UNIT_OCTETS])
        clean = now % (1 << segment.bits) == segment.mark
        for unit in range(first, end):
            cells = octets[base + unit * UNIT_OCTETS : base + (unit + 1) * UNIT_OCTETS]
            mixed = any(used[first:end])
            touched[unit] = not clean and not used[unit] and cells != b"\xff" * 16 and not (mixed and unit >= last)
    unit = HEAD_UNITS
    while unit < UNITS:
        end = unit
        while end < UNITS and touched[end]:
            end += 1
        if end > unit:
            yield unit, end - unit
        unit = end + 1
