"""Makes orders (firmware/seal/FORMAT.md, section 6): signed by the operator's key, secret fields for one hub alone.

`Operator` holds the key. It stays with those who may order; the platform's service carries what it signed and needs no
key for that. Each order with secret fields has an ephemeral key of its own: whoever gets the operator's key later can
sign in his name, but reads no Wi-Fi key or passkey that travelled before.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tools.backend.keys import kid_of, load_point, point_of
from tools.inspect.cose import ENCRYPT0_TAG, ORDER_TYPE
from tools.inspect.order import A256CTR, ACTIONS, ORDER_OCTETS_MAX, PURPOSE, VERSION
from tools.technician.ca import RandomOctets, new_key
from tools.technician.signing import sign1


class BadOrder(ValueError):
    """What was asked for is no order; args[0] names the field."""


@dataclass(frozen=True)
class Recipient:
    """The hub that an order is for: its name, and its public agreement key."""

    hub: str
    agreement: bytes


class Operator:
    """Who may order: the key that a hub pins when it is enrolled."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, random_octets: RandomOctets = os.urandom) -> None:
        self._key = key
        self._random_octets = random_octets
        self.point = point_of(key.public_key())

    def order(
        self, to: Recipient, number: int, expires_s: int, action: str, arguments: Mapping[str, object]
    ) -> bytes:
        """Sign one order; BadOrder names the field that the action does not have, lacks, or has otherwise."""
        code, clear, secret = _sorted_out(action, arguments)
        fields: dict[int, object] = {1: VERSION, 2: bytes.fromhex(to.hub), 3: number, 4: expires_s, 5: code}
        fields[6] = cbor2.dumps(clear, canonical=True)
        if secret:
            fields[7] = self._sealed(to, cbor2.dumps(secret, canonical=True))
        octets = self.sign(cbor2.dumps(fields, canonical=True))
        if len(octets) > ORDER_OCTETS_MAX:
            raise BadOrder("it is too long")
        return octets

    def sign(self, payload: bytes, content_type: int = ORDER_TYPE) -> bytes:
        """The COSE_Sign1 of a payload."""
        return sign1(self._key, payload, content_type)

    def _sealed(self, to: Recipient, plain: bytes) -> list[object]:
        ephemeral = new_key(self._random_octets)
        point = point_of(ephemeral.public_key())
        shared = ephemeral.exchange(ec.ECDH(), load_point(to.agreement))
        info = PURPOSE + bytes.fromhex(to.hub) + kid_of(to.agreement) + kid_of(self.point) + kid_of(point)
        key = HKDF(hashes.SHA256(), 32, salt=b"", info=info).derive(shared)
        vector = self._random_octets(16)
        encryptor = Cipher(algorithms.AES(key), modes.CTR(vector)).encryptor()
        ciphertext = encryptor.update(plain) + encryptor.finalize()
        return [point, cbor2.CBORTag(ENCRYPT0_TAG, [b"", {1: A256CTR, 5: vector}, ciphertext])]


def _sorted_out(action: str, arguments: Mapping[str, object]) -> tuple[int, dict, dict]:
    if action not in ACTIONS:
        raise BadOrder(f"there is no action {action}")
    code, known = ACTIONS[action]
    clear: dict[int, object] = {}
    secret: dict[int, object] = {}
    for name, value in arguments.items():
        field = known.get(name)
        if field is None or not field.fits(value):
            raise BadOrder(f"{action}: {name}")
        (secret if field.secret else clear)[field.key] = value
    for name, field in known.items():
        if field.needed and name not in arguments:
            raise BadOrder(f"{action}: {name} is missing")
    return code, clear, secret
