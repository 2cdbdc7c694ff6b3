"""The octets of a journal image, read by firmware/journal/FORMAT.md alone: heads, frames, records.

Nothing of firmware/journal is used here. A damaged image gives fewer frames, never an error.
"""

import struct
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

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

# FORMAT.md 5
OPEN, NEXT, SNAPSHOT, CHAIN, BOOT, SESSION, FIX, DESCRIPTION = 1, 2, 3, 4, 5, 6, 7, 8
PLAN, RECEIPT, COPY, LOST, OLD_SESSION, NUMBERED = 9, 10, 11, 12, 13, 14
KINDS = {
    OPEN: "open", NEXT: "next", SNAPSHOT: "snapshot", CHAIN: "chain", BOOT: "boot", SESSION: "session", FIX: "fix",
    DESCRIPTION: "description", PLAN: "plan", RECEIPT: "receipt", COPY: "copy", LOST: "lost",
    OLD_SESSION: "old session", NUMBERED: "numbered",
}  # fmt: skip
CLOCKS = ("none", "ntp", "platform")


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


# --- records


def uint(octets: bytes, at: int, count: int) -> int:
    """An unsigned number, least octet first; ValueError when the octets end before it."""
    if at + count > len(octets):
        raise ValueError("short")
    return int.from_bytes(octets[at : at + count], "little")


def capture(octets: bytes) -> dict[str, Any]:
    """FORMAT.md 4."""
    flags = uint(octets, 7, 1)
    return {
        "capture": uint(octets, 0, 4), "boot": uint(octets, 11, 3), "visit": uint(octets, 8, 3),
        "device": octets[6], "handle": uint(octets, 4, 2),
        "indicated": bool(flags & 1), "encrypted": bool(flags & 2), "authenticated": bool(flags & 4),
        "bonded": bool(flags & 8), "bond_changed": bool(flags & 16), "clock": _clock(flags >> 5 & 3),
        "mono_ms": uint(octets, 14, 5), "time_s": uint(octets, 19, 4), "octets": octets[23:],
    }  # fmt: skip


def record(payload: bytes) -> dict[str, Any]:
    """What a record of the main lane says, `record` naming its kind; ValueError when it does not hold together."""
    kind, body = payload[0], payload[1:]
    read_body = _BODIES.get(kind)
    if read_body is None:
        return {"record": f"kind {kind}", "octets": body}
    try:
        return {"record": KINDS[kind], **read_body(body)}
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError("short") from error


def _clock(value: int) -> str:
    return CLOCKS[value] if value < len(CLOCKS) else f"unknown {value}"


def _open(body: bytes) -> dict[str, Any]:
    return {
        "next_capture": uint(body, 0, 4), "low": uint(body, 4, 4), "high": uint(body, 8, 4), "boot": uint(body, 12, 3)
    }  # fmt: skip


def _next(_body: bytes) -> dict[str, Any]:
    return {}


def _chain(body: bytes) -> dict[str, Any]:
    return {
        "chain": body[:8].hex(), "before": body[8:16].hex(), "last_capture": uint(body, 16, 4),
        "last_sequence": uint(body, 20, 4), "follows_damage": bool(uint(body, 24, 1)),
    }  # fmt: skip


def _boot(body: bytes) -> dict[str, Any]:
    return {"boot": uint(body, 0, 4), "next_capture": uint(body, 4, 4)}


def _fix(body: bytes) -> dict[str, Any]:
    return {
        "boot": uint(body, 0, 3), "mono_ms": uint(body, 3, 5), "time_s": uint(body, 8, 4),
        "clock": _clock(uint(body, 12, 1)), "uncertainty_ms": uint(body, 13, 4),
    }  # fmt: skip


def _description(body: bytes) -> dict[str, Any]:
    return {"number": uint(body, 0, 2), "octets": body[2:]}


def _receipt(body: bytes) -> dict[str, Any]:
    status = uint(body, 4, 1)
    names = {0: "stored", 1: "held"}
    return {
        "sequence": uint(body, 0, 4), "status": names.get(status, f"unknown {status}"), "reason": uint(body, 5, 1)
    }  # fmt: skip


def _numbered(body: bytes) -> dict[str, Any]:
    return {"sequence": uint(body, 0, 4)}


def _lost(body: bytes) -> dict[str, Any]:
    return {"first": uint(body, 0, 4), "count": uint(body, 4, 4)}


def _plan(body: bytes) -> dict[str, Any]:
    count = uint(body, 94, 1)
    end = 95 + 6 * count
    if count > 8 or end > len(body) or (len(body) - end) % 2:
        raise ValueError("plan")
    return {
        "sequence": uint(body, 0, 4), "previous": body[4:36].hex(), "sealed_s": uint(body, 36, 4),
        "clock": _clock(body[40]), "fix_boot": uint(body, 41, 3), "fix_mono_ms": uint(body, 44, 5),
        "kid": body[49:57].hex(), "format": body[57], "hash": body[58:90].hex(), "replaces": uint(body, 90, 4),
        "captures": [(uint(body, at, 4), uint(body, at + 4, 2)) for at in range(95, end, 6)],
        "describes": [uint(body, at, 2) for at in range(end, len(body), 2)],
    }  # fmt: skip


def _session(body: bytes) -> dict[str, Any]:
    offset_min, description, low, middle, high = struct.unpack_from("<hHIHH", body, 25)
    row, clock, count = body[37], body[38], body[39]
    at = 40 + -(-count // 8)
    wide = uint(body, 40, at - 40)
    row_name, at = body[at : at + row].decode(), at + row
    clock_octets, at = body[at : at + clock], at + clock
    characteristics = []
    for index in range(count):
        size = 16 if wide >> index & 1 else 2
        characteristics.append((uint(body, at, 2), body[at + 2 : at + 2 + size]))
        at += 2 + size
    if at != len(body):
        raise ValueError("session")
    return {
        "boot": uint(body, 0, 3), "visit": uint(body, 3, 3), "device": body[6], "address_type": body[7] & 127,
        "address": body[8:14].hex(":"), "security": body[14], "opened_ms": uint(body, 15, 5),
        "clock_ms": uint(body, 20, 5), "clock_written": bool(body[7] & 128), "offset_min": offset_min,
        "description": description, "low": low, "middle": low + middle,
        "high": None if high == 0xFFFF else low + high, "row": row_name, "device_clock": clock_octets,
        "characteristics": characteristics,
    }  # fmt: skip


def _snapshot(body: bytes) -> dict[str, Any]:
    base = "<8s8sIIIIII32sHBBBBB"
    facts = struct.unpack_from(base, body)
    reader = _Reader(body, struct.calcsize(base))
    snapshot = {
        "chain": facts[0].hex(), "before": facts[1].hex(), "before_capture": facts[2], "before_sequence": facts[3],
        "boot": facts[4] & 0x7FFFFFFF, "follows_damage": bool(facts[4] >> 31), "next_capture": facts[5],
        "last_sequence": facts[6], "hash": facts[8].hex(), "last_description": facts[9],
        "done": [reader.take("<II") for _ in range(facts[10])],
        "plans": [reader.take("<IH") for _ in range(facts[11])],
        "fixes": [reader.take("<H")[0] for _ in range(facts[12])],
        "descriptions": [reader.take("<HH") for _ in range(facts[13])],
        "sessions": [reader.take("<BH") for _ in range(facts[14])],
    }  # fmt: skip
    if reader.at != len(body):
        raise ValueError("snapshot")
    return snapshot


class _Reader:
    def __init__(self, octets: bytes, at: int) -> None:
        self.octets = octets
        self.at = at

    def take(self, form: str) -> tuple[Any, ...]:
        """The next fields."""
        facts = struct.unpack_from(form, self.octets, self.at)
        self.at += struct.calcsize(form)
        return facts


_BODIES: dict[int, Callable[[bytes], dict[str, Any]]] = {
    OPEN: _open, NEXT: _next, SNAPSHOT: _snapshot, CHAIN: _chain, BOOT: _boot, SESSION: _session, FIX: _fix,
    DESCRIPTION: _description, PLAN: _plan, RECEIPT: _receipt, COPY: capture, LOST: _lost, OLD_SESSION: _session,
    NUMBERED: _numbered,
}  # fmt: skip
