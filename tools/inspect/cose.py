"""COSE_Sign1 with ES256 and COSE_Mac0 with HMAC-SHA-256, read strictly (RFC 9052, RFC 9053)."""

import hashlib
import hmac
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

ENVELOPE_TYPE = 65010
HEALTH_TYPE = 65001
RECEIPT_TYPE = 65002
TIME_ANSWER_TYPE = 65003
ORDER_TYPE = 65004

ENVELOPE_OCTETS_MAX = 2048
KID_OCTETS = 8
SIGNATURE_OCTETS = 64
TAG_OCTETS = 32

_ES256 = -7
_HMAC_256 = 5
_SIGN1_TAG = 18
_MAC0_TAG = 17
ENCRYPT0_TAG = 16
_NOT_CBOR = (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError, AttributeError)
# An array of four whose first is the context (RFC 9052, 4.4 and 6.3).
_STRUCTURES = {"Signature1": b"\x84\x6aSignature1", "MAC0": b"\x84\x64MAC0"}
_HEADERS_CACHED_MAX = 4096  # a hub's is the same for as long as its key


class BadMessage(ValueError):
    """What a message is refused for: `what` names the part that failed, `detail` says more to people."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(what, detail)
        self.what = what
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


def _item(octets: bytes, what: str) -> Any:
    try:
        return cbor2.loads(octets)
    except _NOT_CBOR as error:
        raise BadMessage(what, f"not CBOR ({type(error).__name__})") from error


def loads(octets: bytes, what: str) -> Any:
    """Read one deterministic CBOR item and nothing after it; `what` names it in the error."""
    item = _item(octets, what)
    try:
        again = cbor2.dumps(item, canonical=True)
    except _NOT_CBOR as error:
        raise BadMessage(what, f"not CBOR ({type(error).__name__})") from error
    if again != octets:
        raise BadMessage(what, "not deterministic CBOR")
    return item


@dataclass(frozen=True)
class Message:
    """The parts of a COSE_Sign1 or COSE_Mac0, not yet authenticated."""

    context: str
    protected: bytes
    content_type: int
    kid: bytes
    payload: bytes
    tail: bytes  # signature or tag

    @cached_property
    def structure(self) -> bytes:
        """Sig_structure or MAC_structure: what is signed or authenticated."""
        return _STRUCTURES[self.context] + _string(self.protected) + b"\x40" + _string(self.payload)

    @cached_property
    def hash(self) -> bytes:
        """SHA-256 over the structure: of an envelope, the envelope hash."""
        return hashlib.sha256(self.structure).digest()

    @cached_property
    def fields(self) -> Any:
        """The payload's one item; BadMessage("payload") when it is none."""
        return loads(self.payload, "payload")


def _string(octets: bytes) -> bytes:
    """A CBOR byte string. Written out here, since a third of a message's time went into encoding these few."""
    length = len(octets)
    if length < 24:
        return bytes((0x40 | length,)) + octets
    return (bytes((0x58, length)) if length < 256 else b"\x59" + length.to_bytes(2, "big")) + octets


def _whole(tag: int, protected: bytes, payload: bytes, tail: bytes) -> bytes:
    """The one deterministic encoding of a message: its tag, an array of four, nothing unprotected."""
    return bytes((0xC0 | tag, 0x84)) + _string(protected) + b"\xa0" + _string(payload) + _string(tail)


def _message(octets: bytes, tag: int, algorithm: int, context: str, tail_octets: int) -> Message:
    if len(octets) > ENVELOPE_OCTETS_MAX:
        raise BadMessage("cose", "too long")
    item = _item(octets, "cose")
    if not isinstance(item, cbor2.CBORTag) or item.tag != tag:
        raise BadMessage("cose", f"tag {tag} is missing")
    parts = item.value
    if not isinstance(parts, list) or len(parts) != 4:
        raise BadMessage("cose", "not an array of four")
    protected, unprotected, payload, tail = parts
    if unprotected != {} or not all(isinstance(part, bytes) for part in (protected, payload, tail)):
        raise BadMessage("cose", "a part has another type")
    if len(tail) != tail_octets:
        raise BadMessage("cose", "signature or tag has another length")
    if _whole(tag, protected, payload, tail) != octets:
        raise BadMessage("cose", "not deterministic CBOR")
    return Message(context, protected, *_header(protected, algorithm), payload, tail)


@lru_cache(_HEADERS_CACHED_MAX)
def _header(protected: bytes, algorithm: int) -> tuple[int, bytes]:
    """Content type and kid."""
    header = loads(protected, "protected header")
    if not isinstance(header, dict) or set(header) != {1, 3, 4} or header[1] != algorithm:
        raise BadMessage("protected header", "other fields or another algorithm")
    content_type, kid = header[3], header[4]
    if type(content_type) is not int or not isinstance(kid, bytes) or len(kid) != KID_OCTETS:
        raise BadMessage("protected header", "content type or kid")
    return content_type, kid


def sign1(octets: bytes) -> Message:
    """Take a COSE_Sign1 apart; BadMessage names what is wrong."""
    return _message(octets, _SIGN1_TAG, _ES256, "Signature1", SIGNATURE_OCTETS)


def mac0(octets: bytes) -> Message:
    """Take a COSE_Mac0 apart; BadMessage names what is wrong."""
    return _message(octets, _MAC0_TAG, _HMAC_256, "MAC0", TAG_OCTETS)


def check_signature(message: Message, public: ec.EllipticCurvePublicKey) -> None:
    """BadMessage("signature") unless `public` signed this message."""
    r, s = (int.from_bytes(message.tail[at : at + 32], "big") for at in (0, 32))
    try:
        public.verify(encode_dss_signature(r, s), message.structure, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise BadMessage("signature", "not by this key") from error


def check_tag(message: Message, key: bytes) -> None:
    """BadMessage("tag") unless `key` made this message's tag."""
    if not hmac.compare_digest(hmac.digest(key, message.structure, "sha256"), message.tail):
        raise BadMessage("tag", "not by this key")


def make_mac0(content_type: int, kid: bytes, payload: bytes, key: bytes) -> bytes:
    """Make a COSE_Mac0: receipts and time answers, as the platform sends them."""
    protected = _mac0_header(content_type, kid)
    bare = Message("MAC0", protected, content_type, kid, payload, b"")
    return _whole(_MAC0_TAG, protected, payload, hmac.digest(key, bare.structure, "sha256"))


@lru_cache(8)
def _mac0_header(content_type: int, kid: bytes) -> bytes:
    return cbor2.dumps({1: _HMAC_256, 3: content_type, 4: kid}, canonical=True)
