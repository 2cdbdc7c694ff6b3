"""`python -m tools.host.mutants [ROOM]…`: the score of each room, and what survived."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools.host.figures import Figure
from tools.host.mutants.mutate import Mutant, mutants

ROOT = Path(__file__).resolve().parents[3]
SHARE_MIN = 85.0  # percent
_A_MONTH = "test_another_month_is_lived_and_some_cuts_of_each_kind_break_nothing"
# The tests that judge a room on CPython; what runs the hub on MicroPython, in another process, cannot.
ROOMS: dict[str, tuple[str, ...]] = {
    "journal": (
        "tests/journal",
        "tests/inspect/test_journal.py",
        "tests/firmware/test_sealing.py",
        f"tests/simulator/powercut/test_powercut.py::{_A_MONTH}",
    ),
    "measurement": ("tests/measurement", "tests/drivers", "tests/seal/test_envelope.py"),
    "seal": ("tests/seal", "tests/firmware", "tests/inspect/test_verify.py"),
    "uplink": ("tests/uplink", "tests/simulator/world/test_checks.py", "tests/simulator/world/test_command.py"),
}
# Machine code and the words of its compiler: their gate is tests/seal/test_p256_roads.py, on MicroPython.
_NOT_PYTHON = ("firmware/seal/p256_limbs.py", "firmware/seal/p256_native.py")


def _room(room: str, chosen: argparse.Namespace) -> dict[str, Any]:
    from hypothesis import Phase, settings

    settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate), database=None, derandomize=True)
    settings.load_profile("mutants")
    from tools.host.mutants.judge import judged

    children = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    verdicts = judged(ROOT, _mutants(room, chosen), ROOMS[room], children, _progress)
    return {
        "count": verdicts.count, "share": verdicts.share, "killed": verdicts.killed, "hung": verdicts.hung,
        "survived": [str(one) for one in verdicts.survived], "uncalled": [str(one) for one in verdicts.uncalled],
    }  # fmt: skip


def _mutants(room: str, chosen: argparse.Namespace) -> list[Mutant]:
    files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "firmware" / room).glob("*.py"))
    found = []
    for file in files:
        if file not in _NOT_PYTHON and chosen.only in file:
            found += mutants(ROOT, file, chosen.per_line)
    return found[:: chosen.every]


def _progress(done: int, count: int) -> None:
    if sys.stderr.isatty() or done % 200 == 0:
        print(f"  {done} of {count}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


def main() -> int:
    """Exit code 1 when a room misses its share."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("rooms", nargs="*", help=f"of firmware/, of {', '.join(ROOMS)}; without any: all")
    parser.add_argument("--per-line", type=int, default=1, help="mutants of one line at most (default: %(default)s)")
    parser.add_argument("--every", type=int, default=1, help="one of so many (default: %(default)s)")
    parser.add_argument("--only", default="", help="files whose name contains this")
    parser.add_argument("--survivors", action="store_true", help="list them")
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)  # of one room: its process writes down what came
    chosen = parser.parse_args()
    if set(chosen.rooms) - set(ROOMS):
        parser.error(f"rooms are {', '.join(ROOMS)}")
    if chosen.into:
        chosen.into.write_text(json.dumps(_room(chosen.rooms[0], chosen)))
        return 0
    figures = [_told(room, chosen) for room in chosen.rooms or ROOMS]
    return int(not all(figure.ok for figure in figures))


def _told(room: str, chosen: argparse.Namespace) -> Figure:
    """Judge a room in a process of its own, since each needs its own pytest session, and print its score."""
    with tempfile.TemporaryDirectory(prefix="telehub-") as folder:
        into = Path(folder) / "found.json"
        arguments = [room, "--per-line", str(chosen.per_line), "--every", str(chosen.every), "--only", chosen.only]
        arguments += ["--into", str(into)]
        ran = subprocess.run([sys.executable, "-m", "tools.host.mutants", *arguments], check=False, cwd=ROOT,
                             stdout=sys.stderr, stdin=subprocess.DEVNULL)  # fmt: skip
        if ran.returncode:
            raise SystemExit(f"{room}: no score")
        found = json.loads(into.read_text())
    if chosen.survivors:
        for kind in ("survived", "uncalled"):
            for one in found[kind]:
                print(f"{kind}: {one}")
    figure = Figure(f"mutants.{room}", round(found["share"], 1), "%", SHARE_MIN, "min", runs=found["count"])
    text = f"{found['killed']} killed and {found['hung']} hung, of {found['count']}"
    print(f"{figure.text()}: {text}; no test comes to {len(found['uncalled'])}", flush=True)
    return figure


if __name__ == "__main__":
    sys.exit(main())
