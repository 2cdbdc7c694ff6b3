"""COSE_Mac0 with HMAC-SHA-256 (RFC 9052, RFC 9053), as in FORMAT.md, section 1: what the platform answers in."""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.cose import KID_OCTETS, PROTECTED_OCTETS_MAX, digest_of
from firmware.seal.hmac import Hmac, equal
from firmware.seal.reader import Reader

# What a message is; CoAP's experimental content formats (RFC 7252, 12.3).
RECEIPT = const(65002)
TIME_ANSWER = const(65003)

# A receipt has 130 octets; nobody needs to believe a longer one.
MAC0_OCTETS_MAX = const(160)

_HMAC_256 = const(5)
_MAC0_TAG = const(17)


def open_mac0(octets, key, kid) -> tuple:
    """Authenticate a COSE_Mac0 and return (content type, payload); PeerError says what it is not."""
    if len(octets) > MAC0_OCTETS_MAX:
        raise PeerError("oversize")
    reader = Reader(octets)
    reader.tag(_MAC0_TAG)
    if reader.array(4) != 4:
        raise PeerError("malformed")
    header = reader.bytes(1, PROTECTED_OCTETS_MAX)
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
    if not equal(tag, digest_of(Hmac(key), "MAC0", header, payload)):
        raise PeerError("forged")
    return content_type, payload
