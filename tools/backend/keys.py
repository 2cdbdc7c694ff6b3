"""The platform's receipt key and the hubs' registered public keys, in one directory.

    DIR/platform-receipt.jwk     the platform's private agreement key: mode 0600, or it is not used
    DIR/hubs/<hub>.json          {"format":1,"hub","signing":JWK,"agreement":JWK,"certificate_sha256"}
                                 and, when it is so, "before":[JWK] (signing keys that are still believed), "lost":true

`<hub>` is 12 lower-case hex digits. JWKs are RFC 7517 EC keys on P-256; `kid` is the hex of the first 8
octets of SHA-256 over the 65-octet public point. One small file per hub: enrolment adds one without
touching another, and the service finds it when the hub first speaks.
"""

import hashlib
import json
import os
import re
import stat
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as changed
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

KID_OCTETS = 8
POINT_OCTETS = 65
SCALAR_OCTETS = 32
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_PLATFORM_FILE = "platform-receipt.jwk"
_HUB_NAME = re.compile(r"[0-9a-f]{12}\Z")
_FORMAT = 1
_BEFORE_MAX = 4  # a hub changes its key again when all that it sealed under the one before is receipted
_POINTS_CACHED_MAX = 4096  # parsing a point takes as long as a tenth of a signature check


class KeyProblem(Exception):
    """A key file is absent, readable by others, malformed, or another key is registered already."""


def is_hub_name(hub: str) -> bool:
    """Tell whether `hub` is a hub id in its text form."""
    return bool(_HUB_NAME.match(hub))


def kid_of(point: bytes) -> bytes:
    """The 8-octet key id of an uncompressed public point."""
    return hashlib.sha256(point).digest()[:KID_OCTETS]


@lru_cache(_POINTS_CACHED_MAX)
def load_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """Read a 65-octet uncompressed point; KeyProblem when it is none on P-256."""
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise KeyProblem("no point on P-256") from error


def point_of(key: ec.EllipticCurvePublicKey) -> bytes:
    """The 65-octet uncompressed form of a public key."""
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def public_jwk(point: bytes) -> dict[str, str]:
    """The public JWK of an uncompressed point, with `kid`."""
    load_point(point)
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _base64(point[1:33]),
        "y": _base64(point[33:65]),
        "kid": kid_of(point).hex(),
    }


def jwk_point(jwk: object) -> bytes:
    """The point of an EC JWK; KeyProblem when a field is missing, wrong, or contradicts its `kid`."""
    if not isinstance(jwk, dict) or jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise KeyProblem("not an EC JWK on P-256")
    point = b"\x04" + _octets(jwk.get("x")) + _octets(jwk.get("y"))
    load_point(point)
    if jwk.get("kid", kid_of(point).hex()) != kid_of(point).hex():
        raise KeyProblem("kid does not belong to the key")
    return point


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def _octets(text: object) -> bytes:
    if not isinstance(text, str):
        raise KeyProblem("a JWK member is missing")
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as error:
        raise KeyProblem("a JWK member is not base64url") from error
    if len(octets) != SCALAR_OCTETS:
        raise KeyProblem("a JWK member has another length than 32 octets")
    return octets


@dataclass(frozen=True)
class HubKeys:
    """What enrolment registered of one hub."""

    hub: str
    signing: bytes
    agreement: bytes
    certificate_sha256: str = ""
    before: tuple[bytes, ...] = ()  # signing keys that the hub has changed for another, the newest first
    lost: bool = False  # stolen, broken, or gone: nothing that comes in its name is believed

    @property
    def kid(self) -> bytes:
        return kid_of(self.signing)

    def public(self, kid: bytes) -> ec.EllipticCurvePublicKey | None:
        """The signing key with this kid, if what it signs is believed."""
        for point in () if self.lost else (self.signing, *self.before):
            if kid_of(point) == kid:
                return load_point(point)
        return None

    def enrolled(self) -> tuple[bytes, bytes, str]:
        """What enrolment says of it."""
        return self.signing, self.agreement, self.certificate_sha256


class Keyring:
    """The platform's private key and the hubs' public ones: from a directory, or held in memory alone."""

    def __init__(self, platform_private: ec.EllipticCurvePrivateKey, directory: Path | None = None) -> None:
        self.platform_private = platform_private
        self.platform_point = point_of(platform_private.public_key())
        self._directory = directory
        self._hubs: dict[str, HubKeys] = {}
        self._read_ns: dict[str, int] = {}

    @classmethod
    def open(cls, directory: Path | str) -> "Keyring":
        """Read the platform's key. The hubs' files are read when they are asked for."""
        return cls(read_private(Path(directory) / _PLATFORM_FILE), Path(directory))

    @property
    def platform_kid(self) -> bytes:
        return kid_of(self.platform_point)

    def hub(self, hub: str) -> HubKeys | None:
        """The keys of a registered hub, or None. A file that has changed is read again."""
        if not is_hub_name(hub):
            return None
        if self._directory is None:
            return self._hubs.get(hub)
        path = self._directory / "hubs" / f"{hub}.json"
        try:
            written_ns = path.stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if hub not in self._hubs or self._read_ns.get(hub) != written_ns:
            self._hubs[hub] = self._read(path, hub)
            self._read_ns[hub] = written_ns
        return self._hubs[hub]

    def hubs(self) -> list[str]:
        """The names of all registered hubs, in order."""
        if self._directory is None:
            return sorted(self._hubs)
        names = [path.stem for path in (self._directory / "hubs").glob("*.json")]
        return sorted(name for name in names if is_hub_name(name))

    def register(
        self,
        hub: str,
        signing_public: bytes,
        agreement_public: bytes,
        certificate_sha256: str = "",
        replace: bool = False,
    ) -> HubKeys:
        """Register a hub. Other keys for a known hub are refused unless a person says `replace`."""
        if not is_hub_name(hub):
            raise KeyProblem("a hub's name is 12 lower-case hex digits")
        for point in (signing_public, agreement_public):
            load_point(point)
        keys = HubKeys(hub, bytes(signing_public), bytes(agreement_public), certificate_sha256)
        known = self.hub(hub)
        if known is not None and not replace:
            if known.enrolled() != keys.enrolled():
                raise KeyProblem(f"{hub}: other keys are registered")
            if known.lost:
                raise KeyProblem(f"{hub}: it was given up as lost")
            return known
        return self._keep(hub, keys, known)

    def renew(self, hub: str, signing_public: bytes) -> HubKeys:
        """Take a signing key that the hub announced under one that is believed. The one before stays believed, too."""
        known = self._known(hub)
        if known.lost:
            raise KeyProblem(f"{hub}: it was given up as lost")
        load_point(signing_public)
        if signing_public in (known.signing, *known.before):
            return known
        before = (known.signing, *known.before)[:_BEFORE_MAX]
        return self._keep(hub, changed(known, signing=bytes(signing_public), before=before), known)

    def withdraw(self, hub: str, kid: bytes) -> HubKeys:
        """Believe a signing key of the hub's no longer. The only one that is left goes with `lose`."""
        known = self._known(hub)
        left = [point for point in (known.signing, *known.before) if kid_of(point) != kid]
        if len(left) == 1 + len(known.before):
            raise KeyProblem(f"{hub}: no signing key {kid.hex()}")
        if not left:
            raise KeyProblem(f"{hub}: that is its only key; a hub that is lost is given up whole")
        return self._keep(hub, changed(known, signing=left[0], before=tuple(left[1:])), known)

    def lose(self, hub: str) -> HubKeys:
        """Give a hub up: nothing that comes in its name is believed until a person registers it anew."""
        known = self._known(hub)
        return self._keep(hub, changed(known, lost=True), known)

    def _known(self, hub: str) -> HubKeys:
        known = self.hub(hub)
        if known is None:
            raise KeyProblem(f"{hub}: nobody has registered it")
        return known

    def _keep(self, hub: str, keys: HubKeys, known: HubKeys | None) -> HubKeys:
        if self._directory is None:
            self._hubs[hub] = keys
        elif known != keys:
            self._write(keys)
        return keys

    def _read(self, path: Path, hub: str) -> HubKeys:
        fields = _json(path, path.read_text())
        if fields.get("format") != _FORMAT or fields.get("hub") != hub:
            raise KeyProblem(f"{path}: another format or another hub")
        fingerprint = fields.get("certificate_sha256", "")
        before = fields.get("before", [])
        if not isinstance(before, list) or not isinstance(fields.get("lost", False), bool):
            raise KeyProblem(f"{path}: before or lost")
        return HubKeys(
            hub, jwk_point(fields.get("signing")), jwk_point(fields.get("agreement")), str(fingerprint),
            tuple(map(jwk_point, before)), bool(fields.get("lost", False)),
        )  # fmt: skip

    def _write(self, keys: HubKeys) -> None:
        assert self._directory is not None
        folder = self._directory / "hubs"
        folder.mkdir(parents=True, exist_ok=True)
        fields: dict[str, object] = {
            "format": _FORMAT,
            "hub": keys.hub,
            "signing": public_jwk(keys.signing),
            "agreement": public_jwk(keys.agreement),
            "certificate_sha256": keys.certificate_sha256,
        }
        if keys.before:
            fields["before"] = [public_jwk(point) for point in keys.before]
        if keys.lost:
            fields["lost"] = True
        _write_whole(folder / f"{keys.hub}.json", json.dumps(fields, indent=1) + "\n", 0o644)


def make_platform_keys(
    directory: Path | str | None = None, random_octets: Callable[[int], bytes] = os.urandom
) -> Keyring:
    """Make the platform's receipt key and write it to a directory; one that exists is never replaced."""
    scalar = random_octets(SCALAR_OCTETS)
    while not 0 < int.from_bytes(scalar, "big") < _P256_ORDER:
        scalar = random_octets(SCALAR_OCTETS)
    private = _private(scalar)
    if directory is None:
        return Keyring(private)
    write_private(Path(directory) / _PLATFORM_FILE, private)
    return Keyring(private, Path(directory))


def read_private(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a private EC JWK; KeyProblem when others may read it, or when it is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_text()
    except OSError as error:
        raise KeyProblem(f"{path}: {error.strerror}") from error
    if mode & 0o077:
        raise KeyProblem(f"{path}: mode {mode:04o} lets others read it; 0600 is needed")
    jwk = _json(path, text)
    point = jwk_point(jwk)
    private = _private(_octets(jwk.get("d")))
    if point_of(private.public_key()) != point:
        raise KeyProblem(f"{path}: d does not belong to x and y")
    return private


def write_private(path: Path, private: ec.EllipticCurvePrivateKey) -> None:
    """Write a private EC JWK, mode 0600; one that exists is never replaced."""
    if path.exists():
        raise KeyProblem(f"{path}: exists already")
    path.parent.mkdir(parents=True, exist_ok=True)
    scalar = private.private_numbers().private_value.to_bytes(SCALAR_OCTETS, "big")
    jwk = public_jwk(point_of(private.public_key())) | {"d": _base64(scalar)}
    _write_whole(path, json.dumps(jwk) + "\n", 0o600)


def _private(scalar: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        return ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
    except ValueError as error:
        raise KeyProblem("no private key on P-256") from error


def _json(path: Path, text: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except ValueError as error:
        raise KeyProblem(f"{path}: not JSON") from error
    if not isinstance(fields, dict):
        raise KeyProblem(f"{path}: not a JSON object")
    return fields


def _write_whole(path: Path, text: str, mode: int) -> None:
    """Write all of it or nothing: a power cut leaves the old file or the new one."""
    temporary = path.with_name(path.name + ".new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
