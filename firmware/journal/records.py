"""What the journal's records say, and their octets (FORMAT.md): pure, the same on chip and host."""

import struct
from collections import namedtuple

from micropython import const

# A public constant stays on the chip's heap for ever, so there are none that nobody imports.

# Capture.flags, how the octets came: 1 indicated, 2 encrypted, 4 authenticated, 8 bonded (board/radio.py), and
BOND_CHANGED = const(16)

# Capture.quality, Plan.quality, what the hub's clock rested on: 0 the floor only, 1 NTP, 2 the platform.

# Receipt.status: 0 stored, or
HELD = const(1)

# the first octet of a main-lane payload
KIND_OPEN = const(1)
KIND_NEXT = const(2)
KIND_SNAPSHOT = const(3)
KIND_CHAIN = const(4)
KIND_BOOT = const(5)
KIND_SESSION = const(6)
KIND_FIX = const(7)
KIND_DESCRIPTION = const(8)
KIND_PLAN = const(9)
KIND_RECEIPT = const(10)
KIND_COPY = const(11)
KIND_LOST = const(12)
KIND_OLD_SESSION = const(13)  # a session that was moved and is not its device's last
KIND_NUMBERED = const(14)  # a plan of this sequence stands before it

_UNBOUNDED = const(0xFFFF)

_CAPTURE_HEAD_OCTETS = const(23)
VALUE_OCTETS_MAX = const(512)  # the longest attribute value (Bluetooth Core, Vol 3, Part F, 3.2.9)
DESCRIPTION_OCTETS_MAX = const(200)
PLAN_RANGES_MAX = const(8)
_ROW_OCTETS_MAX = const(32)
_CLOCK_OCTETS_MAX = const(16)
_CHARACTERISTICS_MAX = const(16)

Capture = namedtuple(
    "Capture",
    ("number", "boot", "visit", "device", "handle", "flags", "mono_ms", "time_s", "quality", "value"),
)
Session = namedtuple(
    "Session",
    (
        "visit", "boot", "device", "address", "address_type", "row", "security", "opened_ms",
        "clock", "clock_ms", "clock_written", "offset_min", "characteristics", "description",
    ),
)  # fmt: skip
Fix = namedtuple("Fix", ("boot", "mono_ms", "time_s", "source", "uncertainty_ms"))
Plan = namedtuple(
    "Plan",
    (
        "sequence", "previous", "captures", "sealed_s", "quality", "fix_boot", "fix_mono_ms",
        "kid", "format", "hash", "replaces",
    ),
)  # fmt: skip
Receipt = namedtuple("Receipt", ("sequence", "status", "reason"))
Chain = namedtuple("Chain", ("chain", "before", "last_number", "last_sequence", "renewed"))


def _uint(octets, at, count):
    return int.from_bytes(bytes(octets[at : at + count]), "little")


def pack_capture(capture):
    """A capture's octets, as the capture lane and a copy hold them."""
    return (
        struct.pack(
            "<IHBB", capture.number, capture.handle, capture.device, capture.flags | capture.quality << 5
        )
        + capture.visit.to_bytes(3, "little")
        + capture.boot.to_bytes(3, "little")
        + capture.mono_ms.to_bytes(5, "little")
        + struct.pack("<I", capture.time_s)
        + bytes(capture.value)
    )


def unpack_capture(octets):
    """Read a capture; ValueError when too short to be one."""
    if len(octets) < _CAPTURE_HEAD_OCTETS:
        raise ValueError("capture")
    number, handle, device, flags = struct.unpack_from("<IHBB", octets, 0)
    return Capture(
        number,
        _uint(octets, 11, 3),
        _uint(octets, 8, 3),
        device,
        handle,
        flags & 31,
        _uint(octets, 14, 5),
        _uint(octets, 19, 4),
        flags >> 5 & 3,
        bytes(octets[_CAPTURE_HEAD_OCTETS:]),
    )


def _span(low, high):
    return _UNBOUNDED if high is None or high - low > _UNBOUNDED else high - low


def pack_session(session, low, middle, high):
    """A session's octets; its captures have numbers low <= n < high (None: no later visit yet).

    `middle` is the number that the next capture would have had when the session was written.
    """
    row, characteristics = session.row.encode(), session.characteristics
    if (
        len(row) > _ROW_OCTETS_MAX
        or len(session.clock) > _CLOCK_OCTETS_MAX
        or len(characteristics) > _CHARACTERISTICS_MAX
        or len(session.address) != 6
    ):
        raise ValueError("session")
    wide, facts = 0, b""
    for index, (handle, uuid) in enumerate(characteristics):
        if len(uuid) != 2:
            if len(uuid) != 16:
                raise ValueError("uuid")
            wide |= 1 << index
        facts += struct.pack("<H", handle) + bytes(uuid)
    return (
        session.boot.to_bytes(3, "little")
        + session.visit.to_bytes(3, "little")
        + struct.pack("<BB", session.device, session.address_type | (128 if session.clock_written else 0))
        + bytes(session.address)
        + struct.pack("<B", session.security)
        + session.opened_ms.to_bytes(5, "little")
        + session.clock_ms.to_bytes(5, "little")
        + struct.pack("<hHIHH", session.offset_min, session.description, low, middle - low, _span(low, high))
        + struct.pack("<BBB", len(row), len(session.clock), len(characteristics))
        + wide.to_bytes((len(characteristics) + 7) // 8, "little")
        + row
        + bytes(session.clock)
        + facts
    )


def unpack_session(octets):
    """Read (session, low, middle, high); ValueError when it does not hold together."""
    if len(octets) < 40:
        raise ValueError("session")
    device, kind = struct.unpack_from("<BB", octets, 6)
    offset_min, description, low, middle, high = struct.unpack_from("<hHIHH", octets, 25)
    row, clock, count = octets[37], octets[38], octets[39]
    at = 40 + (count + 7) // 8
    wide = _uint(octets, 40, at - 40)
    row_at, at = at, at + row
    clock_at, at = at, at + clock
    characteristics = []
    for index in range(count):
        size = 16 if wide >> index & 1 else 2
        characteristics.append((_uint(octets, at, 2), bytes(octets[at + 2 : at + 2 + size])))
        at += 2 + size
    if at != len(octets):
        raise ValueError("session")
    session = Session(
        _uint(octets, 3, 3),
        _uint(octets, 0, 3),
        device,
        bytes(octets[8:14]),
        kind & 127,
        str(bytes(octets[row_at:clock_at]), "utf-8"),
        octets[14],
        _uint(octets, 15, 5),
        bytes(octets[clock_at : clock_at + clock]),
        _uint(octets, 20, 5),
        bool(kind & 128),
        offset_min,
        tuple(characteristics),
        description,
    )
    return session, low, low + middle, None if high == _UNBOUNDED else low + high


def pack_fix(fix):
    """A clock fix's octets."""
    return (
        fix.boot.to_bytes(3, "little")
        + fix.mono_ms.to_bytes(5, "little")
        + struct.pack("<IBI", fix.time_s, fix.source, fix.uncertainty_ms)
    )


def unpack_fix(octets):
    """Read a clock fix."""
    if len(octets) != 17:
        raise ValueError("fix")
    time_s, source, uncertainty_ms = struct.unpack_from("<IBI", octets, 8)
    return Fix(_uint(octets, 0, 3), _uint(octets, 3, 5), time_s, source, uncertainty_ms)


def pack_plan(plan, described):
    """A plan's octets, with the numbers of the descriptions that its envelope tells."""
    if not 0 < len(plan.captures) <= PLAN_RANGES_MAX:
        raise ValueError("ranges")
    for part, size in ((plan.previous, 32), (plan.kid, 8), (plan.hash, 32)):
        if len(part) != size:
            raise ValueError("plan")
    octets = (
        struct.pack("<I", plan.sequence)
        + bytes(plan.previous)
        + struct.pack("<IB", plan.sealed_s, plan.quality)
        + plan.fix_boot.to_bytes(3, "little")
        + plan.fix_mono_ms.to_bytes(5, "little")
        + bytes(plan.kid)
        + struct.pack("<B", plan.format)
        + bytes(plan.hash)
        + struct.pack("<IB", plan.replaces, len(plan.captures))
    )
    for first, count in plan.captures:
        octets += struct.pack("<IH", first, count)
    for number in described:
        octets += struct.pack("<H", number)
    return octets


def unpack_plan(octets):
    """Read (plan, described)."""
    if len(octets) < 101 or len(octets) < 95 + 6 * octets[94] or len(octets) % 2 == 0:
        raise ValueError("plan")
    sealed_s, quality = struct.unpack_from("<IB", octets, 36)
    captures, end = [], 95 + 6 * octets[94]
    for at in range(95, end, 6):
        captures.append(struct.unpack_from("<IH", octets, at))
    plan = Plan(
        _uint(octets, 0, 4),
        bytes(octets[4:36]),
        tuple(captures),
        sealed_s,
        quality,
        _uint(octets, 41, 3),
        _uint(octets, 44, 5),
        bytes(octets[49:57]),
        octets[57],
        bytes(octets[58:90]),
        _uint(octets, 90, 4),
    )
    return plan, tuple([_uint(octets, at, 2) for at in range(end, len(octets), 2)])


def pack_chain(chain):
    """A chain record's octets."""
    return struct.pack(
        "<8s8sIIB",
        chain.chain,
        chain.before,
        chain.last_number,
        chain.last_sequence,
        1 if chain.renewed else 0,
    )


def unpack_chain(octets):
    """Read a chain record."""
    if len(octets) != 25:
        raise ValueError("chain")
    chain, before, last_number, last_sequence, renewed = struct.unpack_from("<8s8sIIB", octets, 0)
    return Chain(chain, before, last_number, last_sequence, bool(renewed))


def number_of(capture):
    """The number at the beginning of a capture's octets."""
    return capture[0] | capture[1] << 8 | capture[2] << 16 | capture[3] << 24
