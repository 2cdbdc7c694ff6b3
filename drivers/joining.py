"""Which values of one visit are one measurement together. Pure: hub and platform must find the same."""

from micropython import const

import drivers
from firmware.contracts import PeerError

# What a joint's `takes` says of a value
ALONE = const(0)  # it begins nothing; or, with parts, it is none of theirs and another may follow
PART = const(1)  # it belongs to them, and more must come
LAST = const(2)  # with it they are whole
BROKEN = const(3)  # they can not become whole any more
ENDED = const(4)  # they were whole before it, and it begins something else

_FIRST = const(0x01)
_LAST = const(0x02)
_COUNTER_SHIFT = const(2)
_COUNTER_MASK = const(63)


def gather(joints: dict, values) -> "tuple | None":
    """Gather what the first value begins; see drivers.join."""
    parts: list = []
    places: list = []
    joint: "drivers.Joint | None" = None
    place = -1
    for uuid, octets in values:
        place += 1
        uuid = drivers.uuid_number(uuid)
        its = joints.get(uuid)
        if joint is None:
            joint = its
        if its is None or its is not joint:
            if not parts:
                return None
            continue
        takes = joint.takes(parts, uuid, octets)
        if takes == ENDED:
            break
        if takes == BROKEN or (takes != PART and not parts):
            return None
        if takes == ALONE:
            continue
        parts.append((uuid, octets))
        places.append(place)
        if takes == LAST:
            break
    else:
        if joint is None or not joint.open_ended:
            return None
    if joint is None or len(parts) < 2:
        return None  # what stands alone is read alone
    return tuple(places), drivers.sure(joint.decode(parts))


# -- segments: one octet of first, last and a rolling counter, then a piece (2B36, 2B8B, 2BDD) ---------------------


def takes_segment(parts: list, uuid, octets) -> int:
    """Tell whether a segment begins, goes on with or ends the value of these segments."""
    if not len(octets):
        return BROKEN
    head = octets[0]
    if not parts:
        return PART if head & _FIRST and not head & _LAST else ALONE
    if uuid != parts[0][0]:
        return ALONE
    before = parts[-1][1][0]
    if head & _FIRST or (head >> _COUNTER_SHIFT) != (before >> _COUNTER_SHIFT) + 1 & _COUNTER_MASK:
        return BROKEN
    return LAST if head & _LAST else PART


def segments_body(parts: list) -> bytes:
    """Return what segments carry: the counter starts elsewhere when a device sends them again."""
    return b"".join([bytes(octets)[1:] for _, octets in parts])


def whole_segment(octets) -> bytes:
    """Return what a lone segment carries; refuse one that is not the whole."""
    if not len(octets):
        raise PeerError("short", 0, 1)
    if octets[0] & (_FIRST | _LAST) != _FIRST | _LAST:
        raise PeerError("incomplete", octets[0])
    return bytes([octets[at] for at in range(1, len(octets))])
