"""What a run leaves behind (the files of `demo --out DIR`), and whether it was good."""

import json
import os
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import simplejson

from tools.backend import exports
from tools.backend.keys import public_jwk
from tools.inspect import chain, keyfiles, verify
from tools.simulator.devices import joined_taken

_WRITTEN = ("*.cose", "*.jwk", "taken.jsonl", "readings.jsonl", "context.json", "fut.jsonl", "run.json")
_COMPARED = ("kind", "device_time", "quantities", "status")


def leftovers(directory: Path) -> list[Path]:
    """What an earlier run has left in a directory."""
    return [path for pattern in _WRITTEN for path in directory.glob(pattern)]


def write(home, fut, directory: Path, facts: dict[str, Any], wall_s: float) -> dict[str, Any]:
    """Write everything and return run.json's object; `ok` says that the run was good."""
    directory.mkdir(parents=True, exist_ok=True)
    for sequence, octets in home.envelopes.items():
        (directory / f"{sequence:06d}.cose").write_bytes(octets)
    for sequence, octets in home.receipts.items():
        (directory / f"{sequence:06d}.receipt.cose").write_bytes(octets)
    _write_json(directory / "hub.jwk", public_jwk(home.enrolled.signing_point))
    _write_json(directory / "platform.jwk", public_jwk(home.keyring.platform_point))
    secret = {
        "kty": "oct",
        "k": urlsafe_b64encode(home.enrolled.receipt_key).rstrip(b"=").decode(),
        "kid": home.keyring.platform_kid.hex(),
    }
    _write_json(directory / "receipt.jwk", secret, mode=0o600)
    taken = joined_taken(home.devices)
    stored = list(exports.readings(home.store))
    _write_lines(directory / "taken.jsonl", taken)
    _write_lines(directory / "readings.jsonl", stored)
    fut.forward()
    _write_json(directory / "context.json", fut.content)
    _write_lines(directory / "fut.jsonl", fut.observations())
    lost, doubled, repeats = compare(taken, stored)
    all_good, authentic = _verify(directory)
    run = {
        "format": 1,
        "ok": False,
        **facts,
        "taken": len(taken),
        "kept": sum(count.kept for count in home.counts()),
        "delivered": len(stored) - repeats,
        "held": sum(1 for _ in exports.readings(home.store, held=True)),
        "verified": sum(one["envelope"] in authentic for one in stored) - repeats,
        "possible_repeats": repeats,
        "lost": lost,
        "doubled": doubled,
        "programmed_octets": home.journal_cells.programmed_octets,
        "erases": home.journal_cells.erases,
        "envelope_octets": sum(map(len, home.envelopes.values())),
        "envelopes": len(home.envelopes),
        "chain_complete": all_good,
        "heap_peak_octets": home.heap_peak_octets(),
        "fut": fut.facts(),
        "wall_s": wall_s,
    }
    run["ok"] = bool(
        taken
        and not facts["failure"]
        and all_good
        and not (lost or doubled or repeats or run["held"])
        and run["taken"] == run["kept"] == run["delivered"] == run["verified"] == run["fut"]["confirmed"]
    )
    _write_json(directory / "run.json", run)
    return run


def compare(taken: list[dict], stored: list[dict]) -> tuple[int, int, int]:
    """(lost, doubled, possible repeats): per device, what displays showed against what the store holds, in order.

    A reading out of order or changed counts as lost once and doubled once.
    """
    repeats = [one for one in stored if "possible_repeat" in one["flags"]]
    shown = Counter(map(_essence, taken))
    kept = Counter(_essence(one) for one in stored if one not in repeats)
    lost = sum((shown - kept).values())
    doubled = sum((kept - shown).values())
    if not lost and not doubled:
        for device in {one["device"] for one in taken}:
            theirs = [_essence(one) for one in taken if one["device"] == device]
            ours = [_essence(one) for one in stored if one["device"] == device and one not in repeats]
            moved = sum(a != b for a, b in zip(theirs, ours, strict=True))
            lost += moved
            doubled += moved
    return lost, doubled, len(repeats)


def _essence(reading: dict) -> str:
    return json.dumps([reading["device"], *(reading[name] for name in _COMPARED)], sort_keys=True)


def _verify(directory: Path) -> tuple[bool, set[str]]:
    """Whether `telehub verify` finds everything good, and the hashes of the envelopes whose signature is."""
    if not any(directory.glob("*.cose")):
        return False, set()
    files, strays = verify.find([directory])
    keys = keyfiles.load(directory)
    kept = [verify.check(file, keys) for file in files]
    summary = verify.summarise(kept, chain.judge(kept), strays, allow_unreceipted=False)
    return summary["ok"], {one.hash.hex() for one in kept if one.authentic}


def _write_json(path: Path, content: dict, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(json.dumps(content) + "\n")


def _write_lines(path: Path, objects: Iterable[dict]) -> None:
    path.write_text("".join(simplejson.dumps(one, ensure_ascii=False, use_decimal=True) + "\n" for one in objects))
