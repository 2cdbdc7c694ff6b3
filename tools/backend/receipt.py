"""Receipts and time answers: what the platform says back, in a form that one hub alone can check.

A receipt is a pure function of a kept row and two keys: nothing about it is stored, and every repeat is
answered with the same octets. (Formats: firmware/seal/FORMAT.md section 5.)
"""

from functools import lru_cache

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tools.backend.keys import HubKeys, Keyring, kid_of, load_point
from tools.backend.store import HELD, Envelope
from tools.inspect import envelope as reader
from tools.inspect.envelope import HELD_REASONS, Numbered

# Deriving one is as much work as a signature check; so many hubs speak within a minute of a large fleet.
_KEYS_CACHED_MAX = 4096
_PURPOSE = b"telehub receipt 1\x00"


@lru_cache(_KEYS_CACHED_MAX)
def receipt_key(keyring: Keyring, keys: HubKeys) -> bytes:
    """The key that this hub and the platform share and never send."""
    secret = keyring.platform_private.exchange(ec.ECDH(), load_point(keys.agreement))
    info = _PURPOSE + bytes.fromhex(keys.hub) + kid_of(keys.agreement) + keyring.platform_kid
    return HKDF(hashes.SHA256(), 32, salt=b"", info=info).derive(secret)


def make_receipt(keyring: Keyring, keys: HubKeys, envelope: Envelope) -> bytes:
    """The receipt for a kept envelope."""
    assert envelope.chain is not None and envelope.sequence is not None
    named = Numbered(keys.hub, envelope.chain, envelope.sequence, bytes.fromhex(envelope.hash))
    reason = HELD_REASONS.index(envelope.reason) if envelope.status == HELD else None
    return reader.make_receipt(named, reason, keyring.platform_kid, receipt_key(keyring, keys))


def make_time_answer(keyring: Keyring, keys: HubKeys, nonce: bytes, time_ms: int, new_kid: bytes = b"") -> bytes:
    """The platform's time, for the hub that sent this nonce; `new_kid`: of its new signing key that is believed now."""
    key = receipt_key(keyring, keys)
    return reader.make_time_answer(keys.hub, nonce, time_ms, keyring.platform_kid, key, new_kid)
