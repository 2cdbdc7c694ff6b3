"""The hub's P-256 on the 32-bit MicroPython: octets against OpenSSL, time and heap against its best peer."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.host import compile as build
from tools.host import p256_compare, romfs
from tools.host.bench import p256_peer
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.host.interpreters import micropython32
from tools.host.output import CommandError

COMPARED = 10_000
_FULL = 500  # verified and agreed on too: ten times as slow
# Besides the ROMFS, the peer's curves and 300 kB a signature of its garbage.
_HEAP = "3000k"
_TIMEOUT_S = 300
_MEASURED = Path(__file__).with_name("p256_measured.py")


def measure(plan: Plan) -> Iterator[Figure]:
    """Figures whose names begin with `p256`."""
    with tempfile.TemporaryDirectory() as folder:
        if plan.asks("p256.differences"):
            records = Path(folder) / "records"
            p256_compare.write(records, plan.seed, COMPARED)
            told = p256_compare.compare(micropython32(), records, _FULL)
            if told["compared"] != COMPARED or not (told["native"] and told["tabled"]):
                raise CommandError("P-256 was not compared as it runs on the hub", json.dumps(told))
            yield Figure("p256.differences", told["different"], "of OpenSSL's", 0, runs=COMPARED)
        told = _measured(Path(folder))
    if not told["peer_is_right"] or not (told["native"] and told["tabled"]):
        raise CommandError("P-256 was not measured as it runs on the hub", json.dumps(told))
    peer = p256_peer.NAME
    faster = told["peer_sign_us"] / told["sign_us"]
    yield Figure("p256.sign_times_faster", round(faster, 1), "times", 6, "min", peer)
    smaller = told["peer_garbage"] / told["garbage_with_hash"]
    yield Figure("p256.sign_times_less_heap", round(smaller, 1), "times", 40, "min", peer)
    yield Figure("p256.sign_garbage_octets", told["garbage"], "octets", 6500, "max", peer, told["peer_garbage"])
    yield Figure("p256.sign_us", round(told["sign_us"]), "us", None, "max", peer, round(told["peer_sign_us"]))
    yield Figure("p256.verify_us", round(told["verify_us"]), "us", None, "max", peer, round(told["peer_verify_us"]))
    yield Figure("p256.ecdh_us", round(told["ecdh_us"]), "us")


def _measured(folder: Path) -> dict[str, Any]:
    build.image()
    here, seal = build.folder("x86") / "firmware", folder / "rom" / "firmware" / "seal"
    shutil.copytree(here / "seal", seal)
    shutil.copy(here / "__init__.mpy", seal.parent)
    (folder / "rom.img").write_bytes(romfs.packed(folder / "rom"))
    peer = p256_peer.adapted(folder / "peer")
    ran = subprocess.run(
        [micropython32().path, "-X", f"heapsize={_HEAP}", str(_MEASURED), str(folder / "rom.img"), str(peer)],
        env={**os.environ, "MICROPYPATH": ".frozen"}, capture_output=True, text=True, check=False,
        timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if ran.returncode or not ran.stdout:
        raise CommandError("P-256 cannot be measured", ran.stderr or ran.stdout)
    return json.loads(ran.stdout)
