"""A release: the image as an update's octets, and the manifest that the release key signs (seal/FORMAT.md)."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tools.backend.keys import kid_of, point_of

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
    return Release(signed(key, payload), octets)


def signed(key: ec.EllipticCurvePrivateKey, payload: bytes) -> bytes:
    """A manifest: COSE_Sign1 with ES256 (RFC 9052, 4.2 and 4.4)."""
    protected = cbor2.dumps({1: -7, 3: MANIFEST, 4: kid_of(point_of(key.public_key()))}, canonical=True)
    signed = cbor2.dumps(["Signature1", protected, b"", payload], canonical=True)
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]), canonical=True)
