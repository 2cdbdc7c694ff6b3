"""What the records and captures of a journal say, by firmware/journal/FORMAT.md 4 and 5 alone.

Nothing of firmware/journal is used here. ValueError when one does not hold together.
"""

import struct
from collections.abc import Callable
from typing import Any

# FORMAT.md 5
OPEN, NEXT, SNAPSHOT, CHAIN, BOOT, SESSION, FIX, DESCRIPTION = 1, 2, 3, 4, 5, 6, 7, 8
PLAN, RECEIPT, COPY, LOST, OLD_SESSION, NUMBERED = 9, 10, 11, 12, 13, 14
KINDS = {
    OPEN: "open", NEXT: "next", SNAPSHOT: "snapshot", CHAIN: "chain", BOOT: "boot", SESSION: "session", FIX: "fix",
    DESCRIPTION: "description", PLAN: "plan", RECEIPT: "receipt", COPY: "copy", LOST: "lost",
    OLD_SESSION: "old session", NUMBERED: "numbered",
}  # fmt: skip
CLOCKS = ("none", "ntp", "platform")


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
