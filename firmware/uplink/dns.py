"""One DNS question and its answer (RFC 1035), because the chip's own resolver blocks for as long as it likes."""

from micropython import const

from firmware.contracts import PeerError

_TYPE_A = const(1)
_CLASS_IN = const(1)
_NAME_OCTETS_MAX = const(253)
_RECORDS_MAX = const(16)  # CNAMEs on the way to an address; more is no answer for us
ANSWER_OCTETS_MAX = 512  # section 4.2.1: a UDP answer is never longer


def is_address(host: str) -> bool:
    """Whether `host` is an IPv4 address already."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and len(part) < 4 and int(part) < 256 for part in parts)


def question(host: str, identifier: int) -> bytes:
    """Ask for the IPv4 address of `host`. PeerError when that is no name."""
    if len(host) > _NAME_OCTETS_MAX:
        raise PeerError("dns: name")
    octets = bytearray((identifier >> 8, identifier & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    for label in host.split("."):
        if not 0 < len(label) < 64:
            raise PeerError("dns: name")
        octets.append(len(label))
        octets.extend(label.encode())
    octets.extend(bytes((0, 0, _TYPE_A, 0, _CLASS_IN)))
    return bytes(octets)


def _after_name(octets, at):
    while True:
        if at >= len(octets):
            raise PeerError("dns: truncated")
        length = octets[at]
        if length >= 0xC0:  # a pointer ends a name
            return at + 2
        if length > 63:
            raise PeerError("dns: label")
        at += 1 + length
        if not length:
            return at


def answer(octets: bytes, asked: bytes) -> "str | None":
    """The first IPv4 address in the answer to `asked`; None when these octets answer something else."""
    if len(octets) < 12 or octets[:2] != asked[:2] or not octets[2] & 0x80:
        return None
    if octets[3] & 15:
        raise PeerError("dns: refused", octets[3] & 15)
    if octets[4:6] != b"\0\1" or octets[12 : len(asked)] != asked[12:]:
        return None  # echoes another question: forged or late
    count = octets[6] << 8 | octets[7]
    at = len(asked)
    for _ in range(min(count, _RECORDS_MAX)):
        at = _after_name(octets, at)
        if at + 10 > len(octets):
            raise PeerError("dns: truncated")
        kind = octets[at] << 8 | octets[at + 1]
        length = octets[at + 8] << 8 | octets[at + 9]
        at += 10
        if at + length > len(octets):
            raise PeerError("dns: truncated")
        if kind == _TYPE_A and length == 4:
            return "%d.%d.%d.%d" % tuple(octets[at : at + 4])
        at += length
    raise PeerError("dns: no address")
