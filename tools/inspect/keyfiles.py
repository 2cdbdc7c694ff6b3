"""The key files beside kept envelopes: hub.jwk and platform.jwk (EC, public), receipt.jwk (oct, secret)."""

import binascii
import hashlib
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from tools.host.output import WrongUse
from tools.inspect.cose import KID_OCTETS


@dataclass(frozen=True)
class PublicKey:
    """A public key and its key id."""

    kid: bytes
    key: ec.EllipticCurvePublicKey


@dataclass(frozen=True)
class Keys:
    """What envelopes and receipts are checked with; without `receipt` no receipt can be."""

    hub: PublicKey
    platform: PublicKey | None
    receipt: bytes | None


def load(directory: Path) -> Keys:
    """Read the key files; WrongUse names the one that is missing or no such key."""
    if not directory.is_dir():
        raise WrongUse(f"{directory} is no directory", "--keys names the directory with hub.jwk")
    hub = _public(directory / "hub.jwk")
    if hub is None:
        raise WrongUse(
            f"{directory / 'hub.jwk'} is missing", "it holds the hub's public signing key (RFC 7517)"
        )
    return Keys(hub, _public(directory / "platform.jwk"), _secret(directory / "receipt.jwk"))


def _read(path: Path) -> "dict[str, object] | None":
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WrongUse(f"{path} cannot be read", type(error).__name__) from error
    if not isinstance(fields, dict):
        raise WrongUse(f"{path} is no JSON object")
    return fields


def _octets(path: Path, fields: dict[str, object], name: str) -> bytes:
    text = fields.get(name)
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if isinstance(text, str) else b""
    except (binascii.Error, ValueError):
        octets = b""
    if len(octets) != 32:
        raise WrongUse(f"{path}: {name} is not 32 octets in base64url")
    return octets


def _public(path: Path) -> PublicKey | None:
    fields = _read(path)
    if fields is None:
        return None
    if fields.get("kty") != "EC" or fields.get("crv") != "P-256":
        raise WrongUse(f"{path} holds no EC key on P-256")
    point = b"\x04" + _octets(path, fields, "x") + _octets(path, fields, "y")
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise WrongUse(f"{path}: no point of P-256") from error
    kid = hashlib.sha256(point).digest()[:KID_OCTETS]
    if fields.get("kid", kid.hex()) != kid.hex():
        raise WrongUse(f"{path}: kid belongs to another key")
    return PublicKey(kid, key)


def _secret(path: Path) -> bytes | None:
    fields = _read(path)
    if fields is None:
        return None
    if fields.get("kty") != "oct":
        raise WrongUse(f"{path} holds no secret key (kty oct)")
    return _octets(path, fields, "k")
