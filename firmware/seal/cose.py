"""COSE_Sign1 with ES256 (RFC 9052, RFC 9053), as in FORMAT.md, section 1."""

import hashlib

from micropython import const

from firmware.seal.cbor import Writer

# What a message is; CoAP's experimental content formats (RFC 7252, 12.3).
ENVELOPE = const(65010)
HEALTH = const(65001)

KID_OCTETS = const(8)
PROTECTED_OCTETS_MAX = const(18)
# With MQTT's header and topic this is half a TLS record of the ESP32 (4096 octets out), so the hub needs no
# second buffer; and an envelope that waits for its receipt keeps no more than about 55 readings on flash.
ENVELOPE_OCTETS_MAX = const(2048)

HEAD_OCTETS = const(24)  # before the payload: tag, array, protected, unprotected, the payload's head
SIGNATURE_OCTETS = const(66)  # after it, head included
PAYLOAD_OCTETS_MAX = const(1958)  # ENVELOPE_OCTETS_MAX - HEAD_OCTETS - SIGNATURE_OCTETS

_ES256 = -7
_SIGN1_TAG = const(18)


def protected(content_type: int, kid) -> bytes:
    """Return the protected header of a message that this hub signs."""
    writer = Writer(bytearray(PROTECTED_OCTETS_MAX))
    writer.map(3)
    writer.uint(1)
    writer.int(_ES256)
    writer.uint(3)
    writer.uint(content_type)
    writer.uint(4)
    writer.bytes(kid)
    return bytes(memoryview(writer.buffer)[: writer.at])


def digest_of(digest, context, header, payload):
    """Feed a hash or MAC with [context, protected, h'', payload]."""
    head = bytearray(5 + len(context) + PROTECTED_OCTETS_MAX + 16)
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
    return digest_of(hashlib.sha256(), "Signature1", header, payload)


def sign1_in(buffer: bytearray, at: int, length: int, key, header) -> memoryview:
    """Sign the payload where it lies, with HEAD_OCTETS free before it and SIGNATURE_OCTETS after it.

    `key`: 32 octets, or a function that signs a digest with a key of its own.
    """
    whole = memoryview(buffer)
    digest = sig_structure_hash(header, whole[at : at + length])
    if callable(key):
        signature = key(digest)
    else:
        from firmware.seal import p256  # heavy, and only for those who sign

        signature = p256.sign(key, digest)
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
