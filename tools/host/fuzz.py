"""`make fuzz`: octets, led by the branches that they reach, through whatever reads a stranger's.

The target `decoders` is every decoder of every row and `telehub decode`; the others stand in fuzz_trust.py. Octets are
read or refused in the one way that is promised; anything else ends the run, not with 0, and leaves the octets that did
it in build/crash-*. Needs atheris (there are wheels for Linux on x86-64 alone); without it exit 3.

10**6 inputs (`--runs 1000000 --seconds 1000`) took, on a busy core: request 19 s, certificate 123, mqtt 147, receipt
163, envelope 260, decoders about 760.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tools.host import fuzz_trust
from tools.host.output import MISSING_PART

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 60
_OCTETS_MAX = 80  # past every fixed part; what repeats, repeats within it
_PIECES_MAX = 4
_LETTER_OCTETS_MAX = 600  # what is signed, and what a broker sends
DECODERS = "decoders"

Target = tuple[str, "int | bytes"]


class Recorded:
    """A value that gives single octets within its length, and says so when it is asked for anything else."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __len__(self) -> int:
        return len(self._octets)

    def __getitem__(self, at: int) -> int:
        if type(at) is int and 0 <= at < len(self._octets):
            return self._octets[at]
        if at == len(self._octets):
            raise IndexError  # how an iterator learns of the end
        raise AssertionError(f"octet {at!r} of {len(self._octets)}")


def targets() -> list[Target]:
    """Every row with every characteristic that its driver knows."""
    import drivers

    return [
        (row, uuid)
        for row in drivers.ROWS
        for uuid in sorted(drivers.load(drivers.ROWS[row]).decoders, key=drivers.uuid_octets)
    ]


def decoded(target: Target, octets: "bytes | Recorded") -> "list | None":
    """Decode octets as this row would; None when they are refused."""
    import drivers
    from firmware.contracts import PeerError

    try:
        return drivers.decode(*target, octets)
    except PeerError:
        return None


def one(target: Target, octets: bytes) -> None:
    """Decode octets twice, and in pieces as one visit's values."""
    import drivers
    from firmware.contracts import PeerError

    row, uuid = target
    first, second = decoded(target, Recorded(octets)), decoded(target, octets)
    assert [one.facts() for one in first or ()] == [one.facts() for one in second or ()]
    try:
        drivers.join(row, [(uuid, piece) for piece in _pieces(octets)])
    except PeerError:
        pass


def told(target: Target, octets: bytes) -> None:
    """Ask telehub decode for the same."""
    import drivers
    from tools.inspect.decode.answer import answer

    row, uuid = target
    name = f"{uuid:04X}" if isinstance(uuid, int) else drivers.uuid_octets(uuid)[::-1].hex()
    json.loads(answer({"characteristic": name, "hex": octets.hex(), "driver": row, "context": {}})[0])
    json.loads(answer({"characteristic": name, "hex": octets.hex(), "driver": None, "context": {"e2e_crc": True}})[0])


def _pieces(octets: bytes) -> Iterator[bytes]:
    step = max(1, -(-len(octets) // _PIECES_MAX))
    for at in range(0, len(octets), step):
        yield octets[at : at + step]


def main(arguments: list[str]) -> int:
    """Run each target for so long; the corpus of interesting octets stays for the next run."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=int, default=_SECONDS, help="for each target")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target, if they come in time")
    parser.add_argument("--corpus", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--target", choices=[DECODERS, *fuzz_trust.TARGETS], help="one alone")
    chosen = parser.parse_args(arguments)
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("telehub: atheris is missing. To get it:", file=sys.stderr)
        print("  make deps   (Linux, x86-64, Python below 3.14)", file=sys.stderr)
        return MISSING_PART
    if chosen.target is None:
        return max(_alone(name, arguments) for name in (DECODERS, *fuzz_trust.TARGETS))
    if chosen.target == DECODERS:
        with atheris.instrument_imports(include=["drivers", "firmware.measurement", "tools.inspect.decode"]):
            all_targets = targets()
            importlib.import_module("tools.inspect.decode.answer")
        begin, call, octets_max = seeds(), attempt(all_targets), _OCTETS_MAX + 2
    else:
        made = fuzz_trust.TARGETS[chosen.target]
        with atheris.instrument_imports(include=list(made.packages)):
            target = made()
            for octets in target.seeds:
                assert not target(octets)  # loads what it needs, and shows that it works
        begin, call, octets_max = iter(target.seeds), fuzz_trust.attempt(target), _LETTER_OCTETS_MAX
    corpus = chosen.corpus / chosen.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, octets in enumerate(begin):
        (corpus / f"seed{number:03}").write_bytes(octets)
    atheris.Setup(
        [
            "fuzz", f"-max_total_time={chosen.seconds}", f"-runs={chosen.runs}", f"-max_len={octets_max}",
            "-print_final_stats=1", f"-artifact_prefix={chosen.corpus.parent}/", "-timeout=10", str(corpus),
        ],
        call,
    )  # fmt: skip
    atheris.Fuzz()  # leaves the process itself, by libFuzzer's exit code
    return 0


def _alone(target: str, arguments: list[str]) -> int:
    """One target in a process of its own: the fuzzer ends the one that it runs in."""
    print(f"{target} …", file=sys.stderr, flush=True)
    return subprocess.run(
        [sys.executable, "-m", "tools.host.fuzz", *arguments, "--target", target], check=False, cwd=ROOT
    ).returncode


def attempt(all_targets: list[Target]) -> Callable[[bytes], Any]:
    """Make the function that the fuzzer calls: two octets choose the target, the rest is the value."""

    def run(octets: bytes) -> None:
        if len(octets) < 2:
            return
        target = all_targets[(octets[0] | octets[1] << 8) % len(all_targets)]
        one(target, octets[2:])
        told(target, octets[2:])

    return run


def seeds() -> Iterator[bytes]:
    """Something lawful for every target to begin from: its flags with the longest value, and with none."""
    for number in range(len(targets())):
        head = bytes((number & 0xFF, number >> 8))
        yield head + bytes(40)
        yield head + b"\x03" + bytes(range(1, 40))
        yield head + b"\xff" * 24


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
