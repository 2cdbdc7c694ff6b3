"""Reads envelopes, receipts and health reports (firmware/seal/FORMAT.md) without any of the hub's own code.

`decode_envelope(octets, public_key_lookup)` gives an Envelope or raises BadMessage, whose `what` is "cose",
"protected header", "key", "signature" or "payload". `public_key_lookup(kid)` returns an EC public key of
`cryptography`, or None.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from tools.inspect import cose
from tools.inspect.cose import BadMessage, Message
from tools.inspect.order import EVENTS, RESULTS
from tools.inspect.payload import QUALITIES, Payload, is_uint, need

VERSION = 1
ENVELOPE_VERSION = 2
PREVIOUS_OCTETS = 16
FIRST_PREVIOUS = bytes(PREVIOUS_OCTETS)  # in an envelope that follows none
STORED, HELD = 0, 1
# Why an envelope is held, by number; receipts carry the number.
HELD_REASONS = (
    "other", "signature", "payload", "hub", "fork", "previous", "captures", "readings", "keys", "bond",
    "undecoded",
)  # fmt: skip

# More captures than any envelope has room for: an entry takes at least three octets.
_CAPTURES_MAX = cose.ENVELOPE_OCTETS_MAX // 3
_TIME_MAX_S = 1 << 40

PublicKeyLookup = Callable[[bytes], "ec.EllipticCurvePublicKey | None"]


@dataclass
class Envelope:
    """What one envelope says. `readings` have the shape of readings.jsonl, less what only a driver knows."""

    hub: str
    chain: str
    sequence: int
    previous: bytes  # how the hash of the one before begins
    hash: bytes
    kid: bytes
    captures: list[tuple[int, int]]  # (first, count)
    sealed_s: int
    clock: dict[str, Any]
    replaces: int | None = None
    chain_start: dict[str, Any] | None = None
    sessions: list[dict[str, Any]] = field(default_factory=list)
    readings: list[dict[str, Any]] = field(default_factory=list)
    undecoded: list[dict[str, Any]] = field(default_factory=list)
    without_reading: list[dict[str, Any]] = field(default_factory=list)
    descriptions: dict[int, bytes] = field(default_factory=dict)


def decode_envelope(octets: bytes, public_key_lookup: PublicKeyLookup) -> Envelope:
    """Authenticate and read an envelope."""
    message = cose.sign1(octets)
    authenticate(message, public_key_lookup)
    return decode_payload(message)


def authenticate(message: Message, public_key_lookup: PublicKeyLookup) -> None:
    """BadMessage("key") when nobody knows the kid, BadMessage("signature") when its key did not sign this."""
    public = public_key_lookup(message.kid)
    if public is None:
        raise BadMessage("key", f"no key {message.kid.hex()}")
    cose.check_signature(message, public)


def decode_payload(message: Message) -> Envelope:
    """Read an envelope's payload, whoever signed it."""
    if message.content_type != cose.ENVELOPE_TYPE:
        raise BadMessage("payload", f"content type {message.content_type} is no envelope")
    fields = message.fields
    need(isinstance(fields, list) and len(fields) in (8, 9), "fields")
    version, hub, chain, sequence, previous, sealed, sessions, ranges = fields[:8]
    need(type(version) is int and version == ENVELOPE_VERSION, "version")
    more = fields[8] if len(fields) == 9 else {}
    need(isinstance(more, dict) and set(more) <= {1, 2, 3} and bool(more) == (len(fields) == 9), "fields")
    hub, chain, sequence = _named(hub, chain, sequence)
    need(sequence > 0, "sequence")
    need(_is_octets(previous, PREVIOUS_OCTETS), "previous hash")
    sealed_s, quality, clock = _sealed(sealed)
    captures = _ranges(ranges)
    numbers = [number for first, count in captures for number in range(first, first + count)]
    walk = Payload(sealed_s, quality, numbers)
    need(isinstance(sessions, list), "sessions")
    for session in sessions:
        walk.session(session)
    walk.finish()
    replaces = more.get(1)
    need(replaces is None or (is_uint(replaces) and 0 < replaces < sequence), "replaces")
    envelope = Envelope(
        hub, chain, sequence, previous, message.hash, message.kid, captures, sealed_s, clock, replaces,
        _chain_start(more[2]) if 2 in more else None,
        walk.sessions, walk.readings, walk.undecoded, walk.without_reading,
        _descriptions(more[3]) if 3 in more else {},
    )  # fmt: skip
    for reading in envelope.readings:
        reading["reading"] = f"{hub}:{chain}:{sequence}:{reading['index']}"
        reading.update(hub=hub, chain=chain, sequence=sequence, envelope=envelope.hash.hex())
    return envelope


def peek(message: Message) -> "Numbered | None":
    """Whose envelope a message claims to be, authentic or not; None when it does not say."""
    try:
        fields = message.fields
        return Numbered(*_named(*fields[1:4]), message.hash) if isinstance(fields, list) else None
    except (BadMessage, TypeError):
        return None


@dataclass
class Health:
    """What a health report says."""

    hub: str
    chain: str
    sequence: int
    capture: int
    time_s: int
    clock: dict[str, Any]
    waiting: int
    nonce: bytes | None = None
    counters: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    firmware: str | None = None
    jump_s: int | None = None
    order: dict[str, Any] | None = None  # the last one: number, result, detail
    events: list[dict[str, Any]] = field(default_factory=list)  # number, time_s, kind, detail, count
    new_key: tuple[bytes, bytes] | None = None  # public point, proof


def decode_health(octets: bytes, public_key_lookup: PublicKeyLookup) -> Health:
    """Authenticate and read a health report."""
    message = cose.sign1(octets)
    authenticate(message, public_key_lookup)
    if message.content_type != cose.HEALTH_TYPE:
        raise BadMessage("payload", f"content type {message.content_type} is no health report")
    fields = _fields(message, {1, 2, 3, 4, 5, 6, 7}, {8, 9, 10, 11, 12, 13, 14, 15})
    hub, chain, sequence = _identity(fields)
    time_s, _, clock = _sealed(fields[6])
    need(is_uint(fields[5]) and is_uint(fields[7]), "numbers")
    nonce, counters, notes = fields.get(8), fields.get(9, {}), fields.get(10, [])
    need(nonce is None or _is_octets(nonce, 8), "nonce")
    need(isinstance(counters, dict), "counters")
    need(all(isinstance(name, str) and is_uint(count) for name, count in counters.items()), "counters")
    need(isinstance(notes, list) and all(isinstance(note, str) for note in notes), "notes")
    need(isinstance(fields.get(11, ""), str) and type(fields.get(12, 0)) is int, "firmware or jump")
    firmware, jump_s = fields.get(11), fields.get(12)
    return Health(
        hub, chain, sequence, fields[5], time_s, clock, fields[7], nonce, counters, notes, firmware, jump_s,
        _outcome(fields[13]) if 13 in fields else None, _events(fields.get(14, [])), _new_key(fields.get(15)),
    )  # fmt: skip


def _new_key(item: Any) -> tuple[bytes, bytes] | None:
    if item is None:
        return None
    need(isinstance(item, list) and len(item) == 2, "new key")
    need(_is_octets(item[0], 65) and _is_octets(item[1], 64), "new key")
    return item[0], item[1]


def proves_new_key(hub: str, point: bytes, proof: bytes) -> bool:
    """Whether whoever has the key of `point` said that it is this hub's."""
    digest = hashlib.sha256(b"telehub new key" + bytes.fromhex(hub) + point).digest()
    pair = encode_dss_signature(*(int.from_bytes(proof[at : at + 32], "big") for at in (0, 32)))
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        public.verify(pair, digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    except (ValueError, InvalidSignature):
        return False
    return True


def _outcome(item: Any) -> dict[str, Any]:
    need(isinstance(item, list) and len(item) in (2, 3) and all(is_uint(part) for part in item[:2]), "order")
    detail = item[2] if len(item) == 3 else ""
    need(isinstance(detail, str), "order")
    result = RESULTS[item[1]] if item[1] < len(RESULTS) else str(item[1])
    return {"number": item[0], "result": result, "detail": detail}


def _events(item: Any) -> list[dict[str, Any]]:
    need(isinstance(item, list), "events")
    events = []
    for one in item:
        need(isinstance(one, list) and len(one) == 5 and isinstance(one[3], str), "events")
        need(all(is_uint(one[place]) for place in (0, 1, 2, 4)), "events")
        kind = EVENTS[one[2]] if 0 < one[2] < len(EVENTS) else str(one[2])
        events.append({"number": one[0], "time_s": one[1], "kind": kind, "detail": one[3], "count": one[4]})
    return events


@dataclass(frozen=True)
class Numbered:
    """What a receipt names: enough to answer an envelope whose payload is of no use otherwise."""

    hub: str
    chain: str
    sequence: int
    hash: bytes


@dataclass(frozen=True)
class Receipt:
    """What a receipt says."""

    hub: str
    chain: str
    sequence: int
    hash: bytes
    status: int
    reason: int | None
    kid: bytes

    @property
    def reason_name(self) -> str:
        """The reason in words; "" when stored."""
        if self.reason is None:
            return ""
        return HELD_REASONS[self.reason] if self.reason < len(HELD_REASONS) else str(self.reason)


def decode_receipt(octets: bytes, key: bytes) -> Receipt:
    """Authenticate and read a receipt; BadMessage "tag" when it was not made with `key`."""
    message = cose.mac0(octets)
    cose.check_tag(message, key)
    if message.content_type != cose.RECEIPT_TYPE:
        raise BadMessage("payload", f"content type {message.content_type} is no receipt")
    fields = _fields(message, {1, 2, 3, 4, 5, 6}, {7})
    hub, chain, sequence = _identity(fields)
    need(_is_octets(fields[5], 32), "hash")
    need(type(fields[6]) is int and fields[6] in (STORED, HELD), "status")
    need((7 in fields) == (fields[6] == HELD) and is_uint(fields.get(7, 0)), "reason")
    return Receipt(hub, chain, sequence, fields[5], fields[6], fields.get(7), message.kid)


def make_receipt(envelope: "Envelope | Numbered", reason: int | None, kid: bytes, key: bytes) -> bytes:
    """Make a receipt as the platform sends it: stored, or held when there is a `reason`."""
    fields: dict[int, Any] = {1: VERSION, 2: bytes.fromhex(envelope.hub), 3: bytes.fromhex(envelope.chain)}
    fields.update({4: envelope.sequence, 5: envelope.hash, 6: STORED if reason is None else HELD})
    if reason is not None:
        fields[7] = reason
    return cose.make_mac0(cose.RECEIPT_TYPE, kid, cbor2.dumps(fields, canonical=True), key)


def make_time_answer(hub: str, nonce: bytes, time_ms: int, kid: bytes, key: bytes, new_kid: bytes = b"") -> bytes:
    """Make the answer to a health report's nonce, as the platform sends it; `new_kid`: of a new key that it has now."""
    fields: dict[int, Any] = {1: VERSION, 2: bytes.fromhex(hub), 3: nonce, 4: time_ms}
    if new_kid:
        fields[5] = new_kid
    return cose.make_mac0(cose.TIME_ANSWER_TYPE, kid, cbor2.dumps(fields, canonical=True), key)


def _fields(message: Message, required: set[int], optional: set[int]) -> dict[int, Any]:
    fields = message.fields
    need(isinstance(fields, dict) and required <= set(fields) <= required | optional, "fields")
    need(type(fields[1]) is int and fields[1] == VERSION, "version")
    return fields


def _is_octets(value: Any, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length


def _identity(fields: dict[int, Any]) -> tuple[str, str, int]:
    return _named(fields[2], fields[3], fields[4])


def _named(hub: Any, chain: Any, sequence: Any) -> tuple[str, str, int]:
    need(_is_octets(hub, 6) and _is_octets(chain, 8), "hub or chain")
    need(is_uint(sequence), "sequence")
    return hub.hex(), chain.hex(), sequence


def _sealed(item: Any) -> tuple[int, int, dict[str, Any]]:
    need(isinstance(item, list) and len(item) in (2, 4, 5), "sealed")
    need(all(type(part) is int for part in item), "sealed")
    time_s, quality = item[:2]
    need(abs(time_s) < _TIME_MAX_S and 0 <= quality < len(QUALITIES), "sealed")
    clock: dict[str, Any] = {"quality": QUALITIES[quality]}
    if len(item) > 2:
        need(abs(item[2]) < _TIME_MAX_S and item[3] >= 0, "sealed: fix")
        source = item[4] if len(item) == 5 else quality
        need(0 <= source < len(QUALITIES) and not (len(item) == 5 and source == quality), "sealed: source")
        clock.update(fix_s=time_s - item[2], uncertainty_ms=item[3] * 10, source=QUALITIES[source])
    return time_s, quality, clock


def _ranges(item: Any) -> list[tuple[int, int]]:
    need(isinstance(item, list) and len(item) % 2 == 0 and all(is_uint(part) for part in item), "captures")
    ranges, after, total = [], 0, 0
    for first, count in zip(item[::2], item[1::2], strict=True):
        need(first > after and count > 0, "captures")
        total += count
        need(total <= _CAPTURES_MAX, "captures")
        ranges.append((first, count))
        after = first + count
    return ranges


def _chain_start(item: Any) -> dict[str, Any]:
    need(isinstance(item, list) and len(item) == 3, "chain start")
    need(item[0] is None or _is_octets(item[0], 8), "chain start")
    need(is_uint(item[1]) and is_uint(item[2]), "chain start")
    chain = None if item[0] is None else item[0].hex()
    return {"chain": chain, "last_sequence": item[1], "last_capture": item[2]}


def _descriptions(item: Any) -> dict[int, bytes]:
    need(isinstance(item, dict) and bool(item), "descriptions")
    for number, octets in item.items():
        need(is_uint(number) and number > 0 and isinstance(octets, bytes), "descriptions")
        need(0 < len(octets) <= 200, "descriptions")
    return dict(item)
