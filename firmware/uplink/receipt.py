"""What the platform answers: receipts and its time, believed only under the key that both ends derived."""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal import mac0
from firmware.seal.hmac import hkdf_sha256
from firmware.seal.reader import Reader

STORED = const(0)
HELD = const(1)

_PURPOSE = b"telehub receipt 1\x00"
_VERSION = const(1)
_REASON_MAX = const(255)  # the journal keeps one octet
_TIME_MAX_MS = 1 << 45  # the year 3084


class Receipts:
    """Who answers this hub, and the key that both derive. Slow to make. ValueError when a key is none."""

    def __init__(self, agreement_key, platform_public, hub):
        from firmware.seal import p256

        if len(hub) != 6:
            raise ValueError
        self.hub = bytes(hub)
        self.kid = p256.key_id(platform_public)
        shared = p256.ecdh(agreement_key, platform_public)
        own_kid = p256.key_id(p256.public_key(agreement_key))
        self.key = hkdf_sha256(shared, _PURPOSE + self.hub + own_kid + self.kid)


class Receipt:
    """A receipt that was authenticated and belongs to an open plan of ours."""

    def __init__(self, sequence: int, status: int, reason: int):
        self.sequence = sequence
        self.status = status  # STORED or HELD
        self.reason = reason  # why held (seal/FORMAT.md section 5); 0 when stored


def open_message(octets, receipts, journal, nonce) -> "Receipt | tuple":
    """Return a Receipt, or (its time in ms since 1970, kid of a new signing key of the hub's that it has, or b"").

    PeerError("receipt: <reason>") for all else.
    """
    try:
        content_type, payload = mac0.open_mac0(octets, receipts.key, receipts.kid)
        if content_type == mac0.RECEIPT:
            return _receipt(Reader(payload), receipts.hub, journal)
        if content_type == mac0.TIME_ANSWER:
            return _time(Reader(payload), receipts.hub, nonce)
        raise PeerError("content type")
    except PeerError as error:
        reason = error.args[0]
        raise PeerError("receipt: " + ("malformed" if reason == "cbor" else reason))


def _receipt(reader, hub, journal):
    count = reader.map(7)
    _begins(reader, hub)
    reader.key(3)
    if reader.bytes(8, 8) != bytes(journal.chain):
        raise PeerError("foreign chain")
    reader.key(4)
    sequence = reader.uint()
    reader.key(5)
    named = reader.bytes(32, 32)
    reader.key(6)
    status = reader.uint(HELD)
    reason = 0
    if count != 6 + status:  # a reason stands exactly when held
        raise PeerError("malformed")
    if status == HELD:
        reader.key(7)
        reason = reader.uint(_REASON_MAX)
    reader.end()
    if sequence not in journal.open_plans():
        raise PeerError("unknown sequence")  # never sealed, or answered before
    try:
        expected = bytes(journal.read_plan(sequence).hash)
    except ValueError:
        raise PeerError("unreadable plan")  # flash lost it: nothing proves what this receipt is for
    if named != expected:
        raise PeerError("wrong hash")
    return Receipt(sequence, status, reason)


def _time(reader, hub, nonce):
    count = reader.map(5)
    if count < 4:
        raise PeerError("malformed")
    _begins(reader, hub)
    reader.key(3)
    if nonce is None or reader.bytes(8, 8) != bytes(nonce):
        raise PeerError("stale nonce")
    reader.key(4)
    time_ms = reader.uint(_TIME_MAX_MS)
    kid = b""
    if count == 5:
        reader.key(5)
        kid = bytes(reader.bytes(8, 8))
    reader.end()
    return time_ms, kid


def _begins(reader, hub):
    """Read what both messages begin with."""
    reader.key(1)
    if reader.uint() != _VERSION:
        raise PeerError("version")
    reader.key(2)
    if reader.bytes(6, 6) != hub:
        raise PeerError("foreign hub")
