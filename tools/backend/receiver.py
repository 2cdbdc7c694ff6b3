"""An envelope comes in, a receipt goes out, and between the two a row that survives a power cut.

Transport-agnostic: `Receiver.handle(hub, octets, now_s)` takes what arrived on a hub's topic (the broker
has mapped the client certificate to that name) and gives the receipt to publish, or None when nothing may
be answered.

A receipt frees the hub's flash. It names hub, chain, sequence and envelope hash, and a hub believes it only
when the hash is that of its own plan; the hash covers header and payload. So an answer about octets that
are kept whole can never free anything that is not kept, whoever sent them. What is answered how:

| what arrived | kept | answer |
|---|---|---|
| every check passed | stored, its readings with it | stored |
| the same envelope hash again | the first stays; counted | the same receipt again |
| signature wrong; a key that is not this hub's | whole | held: signature, keys |
| the same with a good signature afterwards | stored beside it | stored |
| a payload that is not this format | whole | held: payload |
| another hub's envelope on this hub's topic | whole | held: hub (and this hub has no such plan) |
| another content under a known number | whole | held: fork |
| a hash that does not join its known neighbour | whole | held: previous |
| capture numbers that came before with other octets | whole | held: captures |
| numbers that the source octets do not give | whole | held: readings |
| a bond that had changed, octets that no driver understands | the rest stored | held: bond, undecoded |
| a gap before it | stored; the gap is named until it is filled | stored |
| no envelope at all: no chain, no number | whole, unless longer than any hub can send | none |
| a hub that nobody registered | a few, in quarantine | none: there is no key |
| anything failing, when the hub's bound is full | no | none: what is not kept frees nothing |

An envelope with a wrong signature or of another hub proves nothing about the chain: it takes no number,
makes no fork, fills no gap.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tools.backend.keys import HubKeys, KeyProblem, Keyring, load_point
from tools.backend.readings import Judged, Mismatch, Octets, judge, source_digests
from tools.backend.receipt import make_receipt
from tools.backend.store import HELD, QUARANTINED, STORED, Envelope, Reading, Store
from tools.inspect import cose
from tools.inspect.cose import BadMessage, Message
from tools.inspect.envelope import FIRST_PREVIOUS, PREVIOUS_OCTETS, Numbered, authenticate, decode_payload, peek
from tools.inspect.envelope import Envelope as Opened

# An envelope has at most 2048 octets. What is this long was made by no hub; nobody will want to look at it.
_OCTETS_KEPT_MAX = 1 << 16
_NAMED_MAX = 5  # captures that a held envelope's detail names
_NUMBER_MAX = 1 << 53  # beyond any hub's life, and within every number that the store and the pages use


@dataclass(frozen=True)
class Outcome:
    """What became of one letter: the row that it is kept in, if any, and whether it may be answered."""

    hub: str
    envelope: Envelope | None
    answered: bool
    repeat: bool = False
    readings: int = 0


class _Fails(Exception):
    """A check failed: args are the reason (tools.inspect.envelope.HELD_REASONS) and its detail."""


class Receiver:
    """Checks, stores, answers."""

    def __init__(
        self, store: Store, keyring: Keyring, notice: Callable[[Sequence[Outcome]], None] | None = None
    ) -> None:
        self.store = store
        self.keyring = keyring
        self._notice = notice

    def handle(self, hub: str, octets: bytes, now_s: int) -> bytes | None:
        """Take one envelope. When this returns, what its receipt frees is on the disk."""
        return self.handle_many([(hub, octets)], now_s)[0]

    def handle_many(self, letters: Iterable[tuple[str, bytes]], now_s: int) -> list[bytes | None]:
        """Take several under one commit. The receipts are made after it."""
        outcomes = []
        with self.store.transaction():
            for hub, octets in letters:
                outcome = self._take(hub, bytes(octets), now_s)
                self._count(outcome, now_s)
                outcomes.append(outcome)
        receipts = [self._receipt(outcome) for outcome in outcomes]
        if self._notice:
            self._notice(outcomes)
        return receipts

    def _take(self, hub: str, octets: bytes, now_s: int) -> Outcome:
        if len(octets) > _OCTETS_KEPT_MAX:
            return Outcome(hub, None, False)
        keys = self._keys(hub)
        if keys is None:
            return self._unanswerable(hub, octets, QUARANTINED, "unregistered", now_s)
        try:
            message = cose.sign1(octets)
        except BadMessage as bad:
            return self._unanswerable(hub, octets, HELD, str(bad), now_s)
        named = peek(message)
        if (
            message.content_type != cose.ENVELOPE_TYPE
            or named is None
            or not 0 < named.sequence <= _NUMBER_MAX
        ):
            return self._unanswerable(hub, octets, HELD, "no envelope of ours", now_s)
        problem = _signature_problem(message, named, keys)
        known = self.store.envelope(hub, named.hash.hex())
        if known is not None and (known.authentic or problem):
            return Outcome(hub, known, True, repeat=True)
        if problem:
            return self._keep(_row(hub, named, (HELD, *problem), now_s, authentic=False), octets)
        return self._take_authentic(named, message, octets, now_s)

    def _take_authentic(self, named: Numbered, message: Message, octets: bytes, now_s: int) -> Outcome:
        opened = None
        try:
            opened = _open(message)
            self._check_chain(opened)
            digests = source_digests(opened)
            claimed = self.store.captured(named.hub, named.chain, opened.captures)
            for number, (_, digest) in claimed.items():
                if digest != digests[number]:
                    raise _Fails("captures", f"capture {number} came before with other octets")
            judged, undecoded = judge(opened)
        except _Fails as problem:
            reason, detail = problem.args
            return self._keep(_row(named.hub, named, (HELD, reason, detail), now_s, opened), octets)
        except Mismatch as mismatch:
            return self._keep(
                _row(named.hub, named, (HELD, "readings", str(mismatch)), now_s, opened), octets
            )
        new = [one for one in judged if one.capture not in claimed]
        unclear = [one for one in undecoded if one.capture not in claimed]
        verdict = _status(new, unclear)
        outcome = self._keep(_row(named.hub, named, verdict, now_s, opened), octets)
        if not outcome.answered:
            return outcome
        kept = sum(self._keep_reading(opened, one, now_s) for one in new)
        for one in judged:
            if one.capture in claimed:
                self._repeat(opened, one, "envelope " + claimed[one.capture][0])
        for entry in unclear:
            self.store.keep_undecoded(named.hub, named.chain, entry, opened.hash.hex(), now_s)
        self.store.keep_captures(named.hub, named.chain, digests, opened.hash.hex())
        self.store.keep_descriptions(named.hub, named.chain, opened.descriptions)
        if opened.chain_start is not None and opened.chain_start["chain"] is not None:
            self._follow(opened, now_s)
        return Outcome(named.hub, outcome.envelope, True, readings=kept)

    def _check_chain(self, opened: Opened) -> None:
        """The number is free, and the hashes join with those neighbours that are here."""
        at, previous = (opened.hub, opened.chain), opened.previous
        if self.store.numbered(*at, opened.sequence):
            raise _Fails("fork", f"another content under {opened.sequence}")
        if opened.sequence == 1 and previous != FIRST_PREVIOUS:
            raise _Fails("previous", "the first names a predecessor")
        before = self.store.numbered(*at, opened.sequence - 1)
        if before and previous != bytes.fromhex(before[0].hash)[:PREVIOUS_OCTETS]:
            raise _Fails("previous", f"does not follow {opened.sequence - 1}")
        after = self.store.numbered(*at, opened.sequence + 1)
        if after and after[0].previous not in (opened.hash[:PREVIOUS_OCTETS].hex(), None):
            raise _Fails("previous", f"{opened.sequence + 1} does not follow it")

    def _keep(self, envelope: Envelope, octets: bytes) -> Outcome:
        if not self.store.keep_envelope(envelope, octets):
            return Outcome(envelope.hub, None, False)
        if envelope.authentic:
            assert envelope.chain is not None
            self.store.saw_chain(envelope.hub, envelope.chain, envelope.arrived_s)
        return Outcome(envelope.hub, envelope, True)

    def _keep_reading(self, opened: Opened, one: Judged, now_s: int) -> int:
        """Keep a reading unless the store has it by what the device itself tells."""
        reading = Reading(
            hub=opened.hub,
            chain=opened.chain,
            sequence=opened.sequence,
            position=one.index,
            capture=one.capture,
            identity=one.identity,
            device=one.device,
            kind=one.kind,
            time_s=one.time_s,
            measured_s=one.measured_s,
            possible_repeat=one.possible_repeat,
            held=one.held,
            description=one.description,
            envelope=opened.hash.hex(),
            content=json.dumps(one.content, ensure_ascii=False),
        )
        if self.store.keep_reading(reading, now_s):
            return 1
        self._repeat(opened, one, self.store.reading_of(one.identity) or "")
        return 0

    def _repeat(self, opened: Opened, one: Judged, first: str) -> None:
        self.store.keep_repeat(opened.hub, opened.chain, opened.sequence, one.index, first)

    def _follow(self, opened: Opened, now_s: int) -> None:
        """A chain that follows a damaged one says how far that had come."""
        start = opened.chain_start
        assert start is not None
        last, capture = min(start["last_sequence"], _NUMBER_MAX), min(start["last_capture"], _NUMBER_MAX)
        self.store.reported(opened.hub, start["chain"], last, capture, now_s)
        self.store.followed(opened.hub, start["chain"], opened.chain, now_s)

    def _unanswerable(self, hub: str, octets: bytes, status: str, detail: str, now_s: int) -> Outcome:
        """Keep what has no number to answer under the hash of its octets."""
        hash_ = hashlib.sha256(octets).hexdigest()
        known = self.store.envelope(hub, hash_)
        if known is not None:
            return Outcome(hub, known, False, repeat=True)
        envelope = Envelope(
            hub=hub,
            hash=hash_,
            authentic=False,
            chain=None,
            sequence=None,
            previous=None,
            status=status,
            reason="unregistered" if status == QUARANTINED else "unreadable",
            detail=detail,
            arrived_s=now_s,
        )
        return Outcome(hub, envelope if self.store.keep_envelope(envelope, octets) else None, False)

    def _keys(self, hub: str) -> HubKeys | None:
        """The hub's registered keys. A damaged registration is none: the other hubs go on."""
        try:
            return self.keyring.hub(hub)
        except KeyProblem:
            return None

    def _count(self, outcome: Outcome, now_s: int) -> None:
        if outcome.envelope is not None and outcome.envelope.status == QUARANTINED:
            return  # a name that nobody registered gets no row among the hubs
        if self._keys(outcome.hub) is not None:
            self.store.saw_hub(outcome.hub, now_s, int(outcome.repeat), int(not outcome.answered))

    def _receipt(self, outcome: Outcome) -> bytes | None:
        if not outcome.answered or outcome.envelope is None:
            return None
        keys = self._keys(outcome.hub)
        assert keys is not None
        return make_receipt(self.keyring, keys, outcome.envelope)


def _signature_problem(message: Message, named: Numbered, keys: HubKeys) -> tuple[str, str] | None:
    """Why this is no word of the hub's, or None."""
    if named.hub != keys.hub:
        return "hub", f"it names {named.hub}"
    try:
        authenticate(message, lambda kid: load_point(keys.signing) if kid == keys.kid else None)
    except BadMessage as bad:
        return ("keys" if bad.what == "key" else "signature"), bad.detail
    return None


def _open(message: Message) -> Opened:
    try:
        opened = decode_payload(message)
    except BadMessage as bad:
        raise _Fails("payload", bad.detail) from bad
    last = [first + count for first, count in opened.captures] + list(opened.descriptions)
    if max(last, default=0) > _NUMBER_MAX:
        raise _Fails("payload", "a number beyond any hub's life")
    return opened


def _status(new: list[Judged], unclear: list[Octets]) -> tuple[str, str, str]:
    bond = [f"capture {one.capture}" for one in new if one.held]
    if bond:
        return HELD, "bond", _some(bond)
    if unclear:
        return HELD, "undecoded", _some([f"capture {one.capture}: {one.reason}" for one in unclear])
    return STORED, "", ""


def _some(texts: list[str]) -> str:
    """The first few, for people."""
    return "; ".join(texts[:_NAMED_MAX]) + (" …" if len(texts) > _NAMED_MAX else "")


def _row(
    hub: str,
    named: Numbered,
    verdict: tuple[str, str, str],
    now_s: int,
    opened: Opened | None = None,
    *,
    authentic: bool = True,
) -> Envelope:
    return Envelope(
        hub=hub,
        hash=named.hash.hex(),
        authentic=authentic,
        chain=named.chain,
        sequence=named.sequence,
        previous=opened.previous.hex() if opened else None,
        status=verdict[0],
        reason=verdict[1],
        detail=verdict[2],
        replaces=opened.replaces if opened else None,
        captures=tuple(opened.captures) if opened else (),
        arrived_s=now_s,
    )
