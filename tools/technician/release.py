"""A release: the image as an update's octets, and the manifest that the release key signs (seal/FORMAT.md).

    python -m tools.technician.release key FOLDER            # release.key, locked with a passphrase, and release.jwk
    python -m tools.technician.release make FOLDER --sequence 2 --version 1.1.0 --out telehub-1.1.0.release

The key belongs on a machine that builds nothing; release.jwk goes into each programme before its hubs are made.
"""

import argparse
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.journal.frame import OLDEST, VERSION
from tools.backend.keys import point_of, public_jwk
from tools.host import compile as build
from tools.host import image, library
from tools.host.output import CommandError, MissingPart, WrongUse
from tools.technician import ca
from tools.technician import programme as programmes
from tools.technician.signing import sign1

MANIFEST = 65006
BOARD = "esp32s3"
_PACKAGE_VERSION = 1


@dataclass(frozen=True)
class Release:
    """`octets`: index and files, as a hub takes them; `manifest`: the COSE_Sign1 that says so."""

    manifest: bytes
    octets: bytes

    def package(self) -> bytes:
        """The file in which a release travels to technicians."""
        return cbor2.dumps([_PACKAGE_VERSION, self.manifest, self.octets], canonical=True)


def opened(package: bytes) -> Release:
    """A release out of its file; ValueError when it is none."""
    try:
        found = cbor2.loads(package)
        version, manifest, octets = found
        if version == _PACKAGE_VERSION and isinstance(manifest, bytes) and isinstance(octets, bytes):
            return Release(manifest, octets)
    except (cbor2.CBORError, TypeError, ValueError):
        pass
    raise ValueError("this file is no release of telehub")


def files_of(root: Path, library: Path) -> dict[str, bytes]:
    """The files of a slot: the hub's image, and aioble beside it."""
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    for path in library.rglob("*"):
        if path.is_file():
            found["lib/" + path.relative_to(library).as_posix()] = path.read_bytes()
    return found


def release(
    files: dict[str, bytes],
    key: ec.EllipticCurvePrivateKey,
    version: str,
    sequence: int,
    journal: tuple[int, int],
    board: str = BOARD,
) -> Release:
    """Sign these files as a release. `journal`: the oldest and newest journal format that they read."""
    order = sorted(files, key=lambda path: (path == "main.py", path))  # what is started comes last
    lines = [f"{hashlib.sha256(files[path]).hexdigest()} {len(files[path])} {path}\n" for path in order]
    index = "".join(lines).encode()
    octets = index + b"".join(files[path] for path in order)
    payload = cbor2.dumps(
        [1, board, version, sequence, list(journal), len(octets), len(index), hashlib.sha256(index).digest()],
        canonical=True,
    )
    return Release(sign1(key, payload, MANIFEST), octets)


def chip_files() -> dict[str, bytes]:
    """The files of a slot on the chip."""
    build.image(architecture=build.CHIP_ARCHITECTURE)
    root = build.folder(build.CHIP_ARCHITECTURE)
    files = files_of(root, image.hub_library(library.real()))
    return {**files, **{name: (build.ROOT / name).read_bytes() for name in ("boot.py", "main.py")}}


def main(arguments: list[str] | None = None) -> int:
    """Make a release key, or a release."""
    parser = argparse.ArgumentParser(description="Releases")
    commands = parser.add_subparsers(dest="command", required=True)
    key = commands.add_parser("key", help="make a release key")
    key.add_argument("folder", type=Path)
    make = commands.add_parser("make", help="sign what is checked out here as a release")
    make.add_argument("folder", type=Path)
    make.add_argument("--sequence", type=int, required=True)
    make.add_argument("--version", required=True)
    make.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "key":
            return _make_key(chosen.folder)
        locked = chosen.folder / "release.key"
        signer = ca.load_key(locked, programmes.ask_passphrase(chosen.folder))
        made = release(chip_files(), signer, chosen.version, chosen.sequence, (OLDEST, VERSION))
    except (CommandError, MissingPart, WrongUse, OSError, ValueError, TypeError) as error:
        print(f"release: {error}", file=sys.stderr)
        return 2
    chosen.out.write_bytes(made.package())
    print(f"{chosen.out}: release {chosen.version}, sequence {chosen.sequence}, {len(made.octets)} octets")
    return 0


def _make_key(folder: Path) -> int:
    if (folder / "release.key").exists():
        print(f"release: {folder / 'release.key'} is there; hubs know it, and it is never replaced", file=sys.stderr)
        return 2
    passphrase = programmes.ask_passphrase(folder, new=True)
    folder.mkdir(parents=True, exist_ok=True)
    key = ca.new_key(os.urandom)
    ca.write_secret(folder / "release.key", ca.encrypted_pem(key, passphrase))
    (folder / "release.jwk").write_text(json.dumps(public_jwk(point_of(key.public_key()))) + "\n")
    print(f"{folder / 'release.jwk'}: put it into each programme's folder before its hubs are made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
