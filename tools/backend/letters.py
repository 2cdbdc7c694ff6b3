"""What a letter says, found out without the store: taken apart, its signature checked, its captures decoded again.

This is nearly all of the work that an envelope costs, and it is done before a transaction begins, so that workers do
it side by side and the database is locked for the writing alone.
"""

import hashlib
from dataclasses import dataclass

from tools.backend.keys import HubKeys
from tools.backend.readings import Judged, Mismatch, Octets, judge, source_digests
from tools.inspect import cose
from tools.inspect.cose import BadMessage, Message
from tools.inspect.envelope import Envelope as Opened
from tools.inspect.envelope import Numbered, authenticate, decode_payload, peek

# An envelope has at most 2048 octets. What is this long was made by no hub; nobody will want to look at it.
OCTETS_KEPT_MAX = 1 << 16
NUMBER_MAX = 1 << 53  # beyond any hub's life, and within every number that the store and the pages use


@dataclass(frozen=True)
class Letter:
    """One letter as it was understood. Which fields are filled tells how far it got."""

    hub: str
    octets: bytes
    keys: HubKeys | None
    hash: str = ""  # the envelope's, or of the octets where there is none
    unreadable: str = ""  # why it is no envelope at all
    named: Numbered | None = None
    problem: tuple[str, str] | None = None  # why it is no word of the hub's
    opened: Opened | None = None
    malformed: str = ""  # what of its payload is not this format
    digests: dict[int, str] | None = None  # what each capture number stands for
    judged: tuple[Judged, ...] = ()
    undecoded: tuple[Octets, ...] = ()
    mismatch: str = ""  # which of its numbers its octets do not give

    @property
    def too_long(self) -> bool:
        """Beyond what is kept of anybody."""
        return len(self.octets) > OCTETS_KEPT_MAX


def read(hub: str, octets: bytes, keys: HubKeys | None) -> Letter:
    """Understand one letter that came on `hub`'s topic, as far as it goes."""
    if len(octets) > OCTETS_KEPT_MAX:
        return Letter(hub, octets, keys)
    if keys is None:
        return Letter(hub, octets, None, _hash(octets), "unregistered")
    try:
        message = cose.sign1(octets)
    except BadMessage as bad:
        return Letter(hub, octets, keys, _hash(octets), str(bad))
    named = peek(message)
    if message.content_type != cose.ENVELOPE_TYPE or named is None or not 0 < named.sequence <= NUMBER_MAX:
        return Letter(hub, octets, keys, _hash(octets), "no envelope of ours")
    hash_ = named.hash.hex()
    problem = _signature_problem(message, named, keys)
    if problem:
        return Letter(hub, octets, keys, hash_, named=named, problem=problem)
    try:
        opened = _open(message)
    except BadMessage as bad:
        return Letter(hub, octets, keys, hash_, named=named, malformed=bad.detail)
    digests = source_digests(opened)
    try:
        judged, undecoded = judge(opened)
    except Mismatch as bad:
        return Letter(hub, octets, keys, hash_, named=named, opened=opened, digests=digests, mismatch=str(bad))
    return Letter(
        hub, octets, keys, hash_, named=named, opened=opened, digests=digests, judged=tuple(judged),
        undecoded=tuple(undecoded),
    )  # fmt: skip


def _hash(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _signature_problem(message: Message, named: Numbered, keys: HubKeys) -> tuple[str, str] | None:
    """Why this is no word of the hub's, or None."""
    if named.hub != keys.hub:
        return "hub", f"it names {named.hub}"
    try:
        authenticate(message, keys.public)
    except BadMessage as bad:
        return ("keys" if bad.what == "key" else "signature"), bad.detail
    return None


def _open(message: Message) -> Opened:
    opened = decode_payload(message)
    last = [first + count for first, count in opened.captures] + list(opened.descriptions)
    if max(last, default=0) > NUMBER_MAX:
        raise BadMessage("payload", "a number beyond any hub's life")
    return opened
