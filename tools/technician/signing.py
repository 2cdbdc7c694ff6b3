"""What an operator or a release key signs: COSE_Sign1 with ES256 (RFC 9052, 4.2 and 4.4)."""

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tools.backend.keys import kid_of, point_of
from tools.inspect.cose import Message


def sign1(key: ec.EllipticCurvePrivateKey, payload: bytes, content_type: int) -> bytes:
    """The COSE_Sign1 of a payload, as hubs take it (firmware/seal/FORMAT.md, section 1)."""
    kid = kid_of(point_of(key.public_key()))
    protected = cbor2.dumps({1: -7, 3: content_type, 4: kid}, canonical=True)
    structure = Message("Signature1", protected, content_type, kid, payload, b"").structure
    r, s = decode_dss_signature(key.sign(structure, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]), canonical=True)
