"""COSE_Sign1 with ES256 and COSE_Mac0 with HMAC-SHA-256 (RFC 9052, RFC 9053), as in FORMAT.md, section 1."""

import hashlib

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.cbor import Reader, Writer
from firmware.seal.hmac import Hmac, equal

# What a message is; CoAP's experimental content formats (RFC 7252, 12.3).
ENVELOPE = const(65000)
HEALTH = const(65001)
RECEIPT = const(65002)
TIME_ANSWER = const(65003)

KID_OCTETS = const(8)
# With MQTT's header and topic this is half a TLS record of the ESP32 (4096 octets out), so the hub needs no
# second buffer; and an envelope that waits for its receipt keeps no more than about 55 readings on flash.
ENVELOPE_OCTETS_MAX = const(2048)
# A receipt has 130 octets; nobody needs to believe a longer one.
MAC0_OCTETS_MAX = const(160)

HEAD_OCTETS = const(24)  # before the payload: tag, array, protected, unprotected, the payload's head
SIGNATURE_OCTETS = const(66)  # after it, head included
PAYLOAD_OCTETS_MAX = const(1958)  # ENVELOPE_OCTETS_MAX - HEAD_OCTETS - SIGNATURE_OCTETS

_ES256 = -7
_HMAC_256 = const(5)
_SIGN1_TAG = const(18)
_MAC0_TAG = const(17)
_PROTECTED_OCTETS_MAX = const(18)


def protected(content_type: int, kid) -> bytes:
    """Return the protected header of a message that this hub signs."""
    writer = Writer(bytearray(_PROTECTED_OCTETS_MAX))
    writer.map(3)
    writer.uint(1)
    writer.int(_ES256)
    writer.uint(3)
    writer.uint(content_type)
    writer.uint(4)
    writer.bytes(kid)
    return bytes(memoryview(writer.buffer)[: writer.at])


def _digest_of(digest, context, header, payload):
    """Feed a hash or MAC with [context, protected, h'', payload]."""
    head = bytearray(5 + len(context) + _PROTECTED_OCTETS_MAX + 16)
    writer = Writer(head)
    writer.array(4)
    writer.text(context)
    writer.bytes(header)
    writer.bytes(b"")
    writer.head(2, len(payload))
    digest.update(memoryview(head)[: writer.at])
    digest.update(payload)
    return digest.digest()


def sig_structure_hash(header, payload) -> bytes:
    """Return SHA-256 of the Sig_structure: of an envelope, the envelope hash."""
    return _digest_of(hashlib.sha256(), "Signature1", header, payload)


def sign1_in(buffer: bytearray, at: int, length: int, key, header) -> memoryview:
    """Sign the payload where it lies, with HEAD_OCTETS free before it and SIGNATURE_OCTETS after it."""
    from firmware.seal import p256  # heavy, and only for those who sign

    whole = memoryview(buffer)
    signature = p256.sign(key, sig_structure_hash(header, whole[at : at + length]))
    front = bytearray(HEAD_OCTETS)
    writer = Writer(front)
    writer.tag(_SIGN1_TAG)
    writer.array(4)
    writer.bytes(header)
    writer.map(0)
    writer.head(2, length)
    start = at - writer.at
    whole[start:at] = memoryview(front)[: writer.at]
    writer = Writer(buffer, at + length)
    writer.bytes(signature)
    return whole[start : writer.at]


def sign1(key, header, payload) -> bytes:
    """Return the COSE_Sign1 of a payload."""
    buffer = bytearray(HEAD_OCTETS + len(payload) + SIGNATURE_OCTETS)
    buffer[HEAD_OCTETS : HEAD_OCTETS + len(payload)] = payload
    return bytes(sign1_in(buffer, HEAD_OCTETS, len(payload), key, header))


def open_mac0(octets, key, kid) -> tuple:
    """Authenticate a COSE_Mac0 and return (content type, payload); PeerError says what it is not."""
    if len(octets) > MAC0_OCTETS_MAX:
        raise PeerError("oversize")
    reader = Reader(octets)
    reader.tag(_MAC0_TAG)
    if reader.array(4) != 4:
        raise PeerError("malformed")
    header = reader.bytes(1, _PROTECTED_OCTETS_MAX)
    if reader.map(0):
        raise PeerError("malformed")
    payload = reader.bytes(1, MAC0_OCTETS_MAX)
    tag = reader.bytes(32, 32)
    reader.end()
    fields = Reader(header)
    if fields.map(3) != 3:
        raise PeerError("malformed")
    fields.key(1)
    if fields.uint() != _HMAC_256:
        raise PeerError("algorithm")
    fields.key(3)
    content_type = fields.uint()
    fields.key(4)
    named = bytes(fields.bytes(KID_OCTETS, KID_OCTETS))
    fields.end()
    if named != bytes(kid):
        raise PeerError("foreign key")
    if not equal(tag, _digest_of(Hmac(key), "MAC0", header, payload)):
        raise PeerError("forged")
    return content_type, payload
