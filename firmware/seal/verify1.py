"""A COSE_Sign1 that somebody else made (RFC 9052, 4.2), believed under a key that was pinned."""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.cose import KID_OCTETS, PROTECTED_OCTETS_MAX, sig_structure_hash
from firmware.seal.reader import Reader

_ES256 = -7
_SIGN1_TAG = const(18)


def open_sign1(octets, point, content_type: int, octets_max: int):
    """The payload, once the signature by `point` over it held. PeerError says what it is not."""
    from firmware.seal import p256

    if len(octets) > octets_max:
        raise PeerError("oversize")
    reader = Reader(octets)
    reader.tag(_SIGN1_TAG)
    if reader.array(4) != 4:
        raise PeerError("malformed")
    header = reader.bytes(1, PROTECTED_OCTETS_MAX)
    if reader.map(0):
        raise PeerError("malformed")
    payload = reader.bytes(1, octets_max)
    signature = reader.bytes(64, 64)
    reader.end()
    fields = Reader(header)
    if fields.map(3) != 3:
        raise PeerError("malformed")
    fields.key(1)
    if fields.int() != _ES256:
        raise PeerError("algorithm")
    fields.key(3)
    if fields.uint() != content_type:
        raise PeerError("content type")
    fields.key(4)
    named = fields.bytes(KID_OCTETS, KID_OCTETS)
    fields.end()
    try:
        if bytes(named) != p256.key_id(point):
            raise PeerError("foreign key")
        if not p256.verify(point, sig_structure_hash(header, payload), bytes(signature)):
            raise PeerError("signature")
    except ValueError:
        raise PeerError("signature")  # r or s out of range
    return payload
