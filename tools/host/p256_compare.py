"""Compares the hub's P-256, on MicroPython, with OpenSSL's: public points, signatures (RFC 6979) and agreements."""

import json
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

from tools.host import compile as build
from tools.host.budget import heap_octets
from tools.host.interpreter import Candidate

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_CHECK = Path(__file__).with_name("p256_check.py")
_ALGORITHM = ec.ECDSA(Prehashed(hashes.SHA256()), deterministic_signing=True)
_TIMEOUT_S = 600


def scalars(chance: random.Random) -> Iterator[int]:
    """Keys without end: every tenth is small, large, a power of two, one less, or has long runs of equal bits."""
    while True:
        for _ in range(9):
            yield chance.randrange(1, ORDER)
        small, bit = chance.randrange(1, 1 << 16), chance.randrange(1, 256)
        run = ((1 << bit) - 1) << chance.randrange(0, 257 - bit)
        for edge in chance.sample([small, ORDER - small, 1 << bit, (1 << bit) - 1, run], 1):
            yield edge if 0 < edge < ORDER else 1


def digests(chance: random.Random) -> Iterator[bytes]:
    """Digests without end: some are zero, all ones, or at the group's order, where they are reduced."""
    edges = (bytes(32), b"\xff" * 32, *(number.to_bytes(32, "big") for number in (ORDER - 1, ORDER, ORDER + 1)))
    while True:
        for _ in range(20):
            yield chance.randbytes(32)
        yield chance.choice(edges)


def write(path: Path, seed: int, count: int) -> None:
    """Write `count` records (p256_check.py) made by OpenSSL from a seed."""
    chance = random.Random(seed)
    keys, messages = scalars(chance), digests(chance)
    before: ec.EllipticCurvePrivateKey | None = None
    with path.open("wb") as file:
        for _ in range(count):
            scalar, digest = next(keys), next(messages)
            key = ec.derive_private_key(scalar, ec.SECP256R1())
            public = key.public_key()
            r, s = decode_dss_signature(key.sign(digest, _ALGORITHM))
            file.write(scalar.to_bytes(32, "big") + digest)
            file.write(
                public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            )
            file.write(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
            file.write(key.exchange(ec.ECDH(), (before or key).public_key()))
            before = key


def compare(candidate: Candidate, path: Path, full: int, image: Path | None = None) -> dict[str, int | bool]:
    """Let an interpreter with the heap of a hub compare; of the first `full` records it verifies and agrees too."""
    assert candidate.probe
    if image is None:
        architecture = build.HOST_ARCHITECTURE[candidate.probe.bits]
        build.image(architecture=architecture)
        image = build.folder(architecture)
    ran = subprocess.run(
        [candidate.path, "-X", f"heapsize={heap_octets(candidate.probe.bits)}", str(_CHECK), str(path), str(full)],
        env={**os.environ, "MICROPYPATH": str(image)}, capture_output=True, text=True, check=False,
        timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(ran.stderr or ran.stdout)
    return json.loads(ran.stdout)
