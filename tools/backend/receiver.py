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

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tools.backend.batch import Batch
from tools.backend.keys import HubKeys, KeyProblem, Keyring
from tools.backend.letters import NUMBER_MAX, Letter, read
from tools.backend.readings import Judged, Octets
from tools.backend.receipt import make_receipt
from tools.backend.rows import HELD, QUARANTINED, STORED, Envelope, Reading
from tools.backend.store import Store
from tools.inspect.envelope import FIRST_PREVIOUS, PREVIOUS_OCTETS
from tools.inspect.envelope import Envelope as Opened

_JSON = json.JSONEncoder(ensure_ascii=False).encode  # made once: json.dumps makes one a call
_NAMED_MAX = 5  # captures that a held envelope's detail names


@dataclass
class Outcome:
    """What became of one letter: the row that it is kept in, if any, and whether it may be answered."""

    letter: Letter
    envelope: Envelope | None
    answered: bool
    repeat: bool = False
    readings: int = 0

    @property
    def hub(self) -> str:
        """Whose topic it came on."""
        return self.letter.hub


class _Fails(Exception):
    """A check failed: args are the reason (tools.inspect.envelope.HELD_REASONS) and its detail."""


class Receiver:
    """Checks, stores, answers. Several, in as many processes, may share a database."""

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
        understood = [self.read(hub, bytes(octets)) for hub, octets in letters]
        outcomes = self.store.transact(lambda: self._take_all(understood, now_s))
        receipts = [self._receipt(outcome) for outcome in outcomes]
        if self._notice:
            self._notice(outcomes)
        return receipts

    def read(self, hub: str, octets: bytes) -> Letter:
        """Understand a letter, before the store is asked."""
        return read(hub, octets, self._keys(hub))

    def _take_all(self, letters: Sequence[Letter], now_s: int) -> list[Outcome]:
        batch = Batch(self.store, letters, now_s)
        outcomes = [self._take(batch, letter, now_s) for letter in letters]
        for outcome in outcomes:
            if outcome.letter.keys:  # a name that nobody registered gets no row among the hubs
                batch.count(outcome.hub, int(outcome.repeat), int(not outcome.answered))
        new = batch.write()
        for outcome in outcomes:
            if outcome.answered and not outcome.repeat and outcome.letter.opened:
                at = outcome.letter.opened
                outcome.readings = sum(
                    (at.hub, at.chain, at.sequence, one.index) in new for one in outcome.letter.judged
                )
        return outcomes

    def _take(self, batch: Batch, letter: Letter, now_s: int) -> Outcome:
        if letter.too_long:
            return Outcome(letter, None, False)
        known = batch.envelope(letter.hub, letter.hash)
        if letter.unreadable:
            return Outcome(letter, known, False, repeat=True) if known else _unanswerable(batch, letter, now_s)
        if known is not None and (known.authentic or letter.problem):
            return Outcome(letter, known, True, repeat=True)
        if letter.problem:
            return _keep(batch, letter, (HELD, *letter.problem), now_s)
        try:
            return self._take_authentic(batch, letter, now_s)
        except _Fails as problem:
            reason, detail = problem.args
            return _keep(batch, letter, (HELD, reason, detail), now_s)

    def _take_authentic(self, batch: Batch, letter: Letter, now_s: int) -> Outcome:
        if letter.malformed:
            raise _Fails("payload", letter.malformed)
        opened, digests = letter.opened, letter.digests
        assert opened is not None and digests is not None
        _check_chain(batch, opened)
        claimed = batch.captured(opened.hub, opened.chain, digests)
        for number, (_, digest) in claimed.items():
            if digest != digests[number]:
                raise _Fails("captures", f"capture {number} came before with other octets")
        if letter.mismatch:
            raise _Fails("readings", letter.mismatch)
        new = [one for one in letter.judged if one.capture not in claimed]
        unclear = [one for one in letter.undecoded if one.capture not in claimed]
        outcome = _keep(batch, letter, _status(new, unclear), now_s)
        if not outcome.answered:
            return outcome
        for one in new:
            batch.keep_reading(_reading(opened, one, letter.hash))
        for one in letter.judged:
            if one.capture in claimed:
                place = opened.hub, opened.chain, opened.sequence, one.index
                batch.keep_repeat(place, "envelope " + claimed[one.capture][0])
        for entry in unclear:
            batch.keep_undecoded(opened.hub, opened.chain, entry, letter.hash)
        batch.keep_captures(opened.hub, opened.chain, digests, letter.hash)
        batch.keep_descriptions(opened.hub, opened.chain, opened.descriptions)
        if opened.chain_start is not None and opened.chain_start["chain"] is not None:
            self._follow(opened, now_s)
        return outcome

    def _follow(self, opened: Opened, now_s: int) -> None:
        """A chain that follows a damaged one says how far that had come."""
        start = opened.chain_start
        assert start is not None
        last, capture = min(start["last_sequence"], NUMBER_MAX), min(start["last_capture"], NUMBER_MAX)
        self.store.reported(opened.hub, start["chain"], last, capture, now_s)
        self.store.followed(opened.hub, start["chain"], opened.chain, now_s)

    def _keys(self, hub: str) -> HubKeys | None:
        """The hub's registered keys. A damaged registration is none: the other hubs go on."""
        try:
            return self.keyring.hub(hub)
        except KeyProblem:
            return None

    def _receipt(self, outcome: Outcome) -> bytes | None:
        keys = outcome.letter.keys
        if not outcome.answered or outcome.envelope is None or keys is None:
            return None
        return make_receipt(self.keyring, keys, outcome.envelope)


def _check_chain(batch: Batch, opened: Opened) -> None:
    """The number is free, and the hashes join with those neighbours that are here."""
    at, previous = (opened.hub, opened.chain), opened.previous
    if batch.numbered(*at, opened.sequence):
        raise _Fails("fork", f"another content under {opened.sequence}")
    if opened.sequence == 1 and previous != FIRST_PREVIOUS:
        raise _Fails("previous", "the first names a predecessor")
    before = batch.numbered(*at, opened.sequence - 1)
    if before and previous != bytes.fromhex(before[0].hash)[:PREVIOUS_OCTETS]:
        raise _Fails("previous", f"does not follow {opened.sequence - 1}")
    after = batch.numbered(*at, opened.sequence + 1)
    if after and after[0].previous not in (opened.hash[:PREVIOUS_OCTETS].hex(), None):
        raise _Fails("previous", f"{opened.sequence + 1} does not follow it")


def _keep(batch: Batch, letter: Letter, verdict: tuple[str, str, str], now_s: int) -> Outcome:
    """Keep what has a number, whole; answered unless the hub's bound is full."""
    named, opened = letter.named, letter.opened
    assert named is not None
    envelope = Envelope(
        hub=letter.hub,
        hash=letter.hash,
        authentic=letter.problem is None,
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
    kept = batch.keep_envelope(envelope, letter.octets)
    return Outcome(letter, envelope if kept else None, kept)


def _unanswerable(batch: Batch, letter: Letter, now_s: int) -> Outcome:
    """Keep what has no number to answer under the hash of its octets."""
    status, reason = (HELD, "unreadable") if letter.keys else (QUARANTINED, "unregistered")
    envelope = Envelope(
        letter.hub, letter.hash, False, None, None, None, status, reason, letter.unreadable, arrived_s=now_s
    )
    return Outcome(letter, envelope if batch.keep_envelope(envelope, letter.octets) else None, False)


def _reading(opened: Opened, one: Judged, hash_: str) -> Reading:
    return Reading(
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
        envelope=hash_,
        content=_JSON(one.content),
    )


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
