"""The dates of an X.509 certificate (RFC 5280, 4.1.2.5), read from its DER.

The chip's TLS may or may not look at them, and then by a clock that may be unset: the hub judges them by its own
clock, which never runs before its floor.
"""

from micropython import const

from firmware.contracts import PeerError

_SEQUENCE = const(0x30)
_VERSION = const(0xA0)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)


def _open(octets, at):
    """Return (tag, start of contents, end) of the element at `at`."""
    if at + 2 > len(octets):
        raise PeerError("certificate: truncated")
    tag = octets[at]
    length = octets[at + 1]
    at += 2
    if length & 0x80:
        count = length & 0x7F
        if not 0 < count < 3 or at + count > len(octets):
            raise PeerError("certificate: length")
        length = 0
        for octet in octets[at : at + count]:
            length = length << 8 | octet
        at += count
    if at + length > len(octets):
        raise PeerError("certificate: truncated")
    return tag, at, at + length


def _enter(octets, at):
    tag, start, end = _open(octets, at)
    if tag != _SEQUENCE:
        raise PeerError("certificate: structure")
    return start, end


def _number(octets):
    value = 0
    for octet in octets:
        if not 48 <= octet <= 57:
            raise PeerError("certificate: time")
        value = value * 10 + octet - 48
    return value


def _time(octets, at):
    """Return ((year, month, day, hour, minute, second), end)."""
    tag, start, end = _open(octets, at)
    text = octets[start:end]
    if tag == _UTC_TIME and len(text) == 13:
        year = _number(text[:2])
        year += 1900 if year >= 50 else 2000
        rest = text[2:12]
    elif tag == _GENERALIZED_TIME and len(text) == 15:
        year = _number(text[:4])
        rest = text[4:14]
    else:
        raise PeerError("certificate: time")
    return (year,) + tuple(_number(rest[i : i + 2]) for i in range(0, 10, 2)), end


def validity(der: bytes) -> "tuple[tuple, tuple]":
    """Return (not before, not after), each (year, month, day, hour, minute, second) in UTC."""
    at, _ = _enter(der, 0)
    at, _ = _enter(der, at)
    tag, _, end = _open(der, at)
    if tag == _VERSION:
        _, _, end = _open(der, end)  # the serial number follows the version
    for _ in range(2):  # signature algorithm, issuer
        _, _, end = _open(der, end)
    at, _ = _enter(der, end)
    not_before, at = _time(der, at)
    not_after, _ = _time(der, at)
    return not_before, not_after


def check_dates(der: bytes, now: tuple, floor_only: bool = False) -> None:
    """PeerError when `now`, (year, month, day, hour, minute, second) in UTC, is outside the validity.

    A clock that knows its floor only can tell that a certificate is over, never that it has not begun: a hub
    without NTP must reach the platform to learn the time.
    """
    not_before, not_after = validity(der)
    if now < not_before and not floor_only:
        raise PeerError("certificate: not yet valid")
    if now > not_after:
        raise PeerError("certificate: expired")
