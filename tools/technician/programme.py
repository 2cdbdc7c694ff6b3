"""A programme's folder: everything that its hubs have in common, and the ledger of what each was given.

    programme.json          {"format":1,"name","serial_prefix","gtin"}: what labels say
    ca.pem, ca.key          the authority; without ca.key another one signs (requests/ out, certificates/ in)
    operator-public.jwk, operator.key  who may give orders to these hubs
    release.jwk             whose releases they take (its private half is kept where releases are signed, not here)
    platform-receipt.jwk    the platform's receipt key; hubs/ one file per registered hub (tools/backend/keys.py)
    settings.json           what each hub is told, but for its devices: wifi, broker, zone, time, pins
    ledger.sqlite           which chip is which hub (ledger.py)

Both .key files are PKCS #8, encrypted with the programme's passphrase, and for their owner alone.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import typer
from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from tools.backend.keys import KeyProblem, Keyring, jwk_point, kid_of, make_platform_keys, point_of, public_jwk
from tools.host.output import CommandError, MissingPart, WrongUse
from tools.technician import ca

PASSPHRASE = "TELEHUB_PASSPHRASE"  # the environment's name for it, where nobody sits at a terminal
_PASSPHRASE_LETTERS_MIN = 12
_GTIN_DIGITS = 14

# A programme fills these in; the hub refuses empty ones by their names.
_SETTINGS = {
    "format": 1,
    "devices": [],
    "zone": "CET-1CEST,M3.5.0,M10.5.0/3",
    "wifi": {"ssid": "", "key": ""},
    "broker": {"host": "", "port": 8883},
    "time": {"ntp": "dk.pool.ntp.org"},
}


class About(BaseModel):
    """programme.json."""

    model_config = ConfigDict(extra="forbid")

    format: int = Field(1, ge=1, le=1)
    name: str = Field(min_length=1, max_length=60)
    serial_prefix: str = Field("TH", pattern=r"^[A-Z]{1,4}$")
    gtin: str | None = None

    @field_validator("gtin")
    @classmethod
    def _checked(cls, gtin: str | None) -> str | None:
        """GS1 General Specifications 7.9.1: the last digit checks the others, weighed 3 and 1 in turn."""
        if gtin is None:
            return None
        if len(gtin) != _GTIN_DIGITS or not gtin.isdecimal():
            raise ValueError("a GTIN has 14 digits")
        total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(gtin[:-1]))
        if (10 - total % 10) % 10 != int(gtin[-1]):
            raise ValueError("the GTIN's last digit does not fit the others")
        return gtin


@dataclass
class Programme:
    """An opened folder. `authority` is None where another one signs."""

    folder: Path
    about: About
    authority_der: bytes
    authority: ca.Authority | None
    operator_point: bytes
    release_point: bytes | None  # whose releases the hubs take; None: they take none
    keyring: Keyring
    settings: dict = field(repr=False)

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.sqlite"


def create(folder: Path, name: str, passphrase: str, gtin: str | None = None) -> None:
    """Make a programme: its authority, its operator's key, its receipt key. What is there is never replaced."""
    if len(passphrase) < _PASSPHRASE_LETTERS_MIN:
        raise WrongUse(f"a passphrase has {_PASSPHRASE_LETTERS_MIN} letters at least", "four words are easy to keep")
    if (folder / "programme.json").exists() or (folder / "ca.key").exists():
        raise WrongUse(f"{folder}: a programme is there already", "it is never replaced: its hubs know it")
    about = _about({"name": name, "gtin": gtin}, "--gtin")
    folder.mkdir(parents=True, exist_ok=True)
    os.chmod(folder, 0o700)
    ca.Authority(os.urandom, f"{name} CA").identity.save(folder, "ca", passphrase)
    operator = ca.new_key(os.urandom)
    ca.write_secret(folder / "operator.key", ca.encrypted_pem(operator, passphrase))
    _write(folder / "operator-public.jwk", public_jwk(point_of(operator.public_key())))
    if not (folder / "platform-receipt.jwk").exists():
        make_platform_keys(folder)
    if not (folder / "settings.json").exists():
        ca.write_secret(folder / "settings.json", (json.dumps(_SETTINGS, indent=1) + "\n").encode())
    _write(folder / "programme.json", about.model_dump())


def open_folder(folder: Path, passphrase: str | None = None, unlock: bool = True) -> Programme:
    """Open a programme; the passphrase is asked for when there is a ca.key to `unlock` and none was given."""
    about = about_of(folder)
    certificate = x509.load_pem_x509_certificate(_octets(folder / "ca.pem"))
    authority = None
    if unlock and (folder / "ca.key").exists():
        _private(folder / "ca.key")
        authority = ca.Authority.load(_identity(folder, passphrase or ask_passphrase(folder)))
    try:
        keyring = Keyring.open(folder)
    except KeyProblem as problem:
        raise CommandError(str(problem), "telehub backend makes it, or telehub ca init") from None
    operator = _json(folder / "operator-public.jwk")
    return Programme(
        folder, about, certificate.public_bytes(ca.serialization.Encoding.DER), authority,
        _point(operator, folder / "operator-public.jwk"), _release_point(folder), keyring,
        _json(folder / "settings.json"),
    )  # fmt: skip


def about_of(folder: Path) -> About:
    """What labels say."""
    return _about(_json(folder / "programme.json"), str(folder / "programme.json"))


def write_private(path: Path, octets: bytes) -> None:
    """A file with what labels say: its owner's alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ca.write_secret(path, octets)


def retire(folder: Path, hub: str) -> None:
    """The platform takes nothing new under this hub's keys; what it has of it can still be checked by them."""
    known = folder / "hubs" / f"{hub}.json"
    if known.exists():
        kept = folder / "hubs" / "retired"
        kept.mkdir(exist_ok=True)
        signing = json.loads(known.read_text())["signing"]["kid"]
        known.rename(kept / f"{hub}-{signing}.json")


def operator_key(folder: Path, passphrase: str | None = None):
    """The operator's private key, with which orders are signed."""
    _private(folder / "operator.key")
    try:
        return ca.load_key(folder / "operator.key", passphrase or ask_passphrase(folder))
    except (ValueError, TypeError):
        raise CommandError("the passphrase does not open operator.key") from None


def ask_passphrase(folder: Path, new: bool = False) -> str:
    """From the environment, else from the person at the terminal; WrongUse where there is neither."""
    given = os.environ.get(PASSPHRASE, "")
    if given:
        return given
    if not sys.stdin.isatty():
        raise WrongUse("nobody is there to type the passphrase", f"set {PASSPHRASE}")
    typed: str = typer.prompt(f"Passphrase of {folder}", hide_input=True, confirmation_prompt=new, err=True)
    return typed


def _identity(folder: Path, passphrase: str) -> ca.Identity:
    try:
        return ca.Identity.load(folder, "ca", passphrase)
    except (ValueError, TypeError):
        raise CommandError("the passphrase does not open ca.key") from None


def _private(path: Path) -> None:
    if path.exists() and path.stat().st_mode & 0o077:
        raise CommandError(f"{path}: others may read it", f"chmod 600 {path}")


def _about(fields: dict, where: str) -> About:
    try:
        return About.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        raise WrongUse(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def _point(jwk: dict, path: Path) -> bytes:
    try:
        return jwk_point(jwk)
    except KeyProblem as problem:
        raise CommandError(f"{path}: {problem}") from None


def _release_point(folder: Path) -> bytes | None:
    path = folder / "release.jwk"
    return _point(_json(path), path) if path.exists() else None


def _octets(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise MissingPart(str(path), f"telehub ca init {path.parent}") from None


def _json(path: Path) -> dict:
    try:
        found = json.loads(_octets(path))
    except ValueError:
        raise WrongUse(f"{path}: not JSON") from None
    if not isinstance(found, dict):
        raise WrongUse(f"{path}: not a JSON object")
    return found


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n")


def fingerprint(programme: Programme) -> dict[str, str]:
    """What a person compares: the first octets of each public key's SHA-256."""
    certificate = x509.load_der_x509_certificate(programme.authority_der)
    return {
        "authority": certificate.fingerprint(ca.hashes.SHA256()).hex(),
        "operator": kid_of(programme.operator_point).hex(),
        "platform": programme.keyring.platform_kid.hex(),
    }
