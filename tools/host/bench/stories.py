"""The demo's figures: is everything delivered once, is a seed one run, how long does it take."""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.bench.workers import SCENARIOS, Story, told
from tools.host.figures import Figure

_COMPARED = ("*.cose", "taken.jsonl", "readings.jsonl")  # *.receipt.cose among the first
_DEMO_S_LIMIT = 600


def measure(plan: Plan) -> Iterator[Figure]:
    """What of this room is asked for."""
    if any(map(plan.asks, ("demo.delivered_all", "demo.lost", "demo.doubled"))):
        yield from delivered(plan.seeds)
    if plan.asks("demo.same_seed_differing_files"):
        yield same_seed(plan.seed)
    if plan.asks("demo.once_wall_s"):
        yield wall(plan.seed)


def delivered(seeds: range) -> Iterator[Figure]:
    """Every seed in each scenario."""
    runs = list(told(Story(seed, scenario) for seed in seeds for scenario in SCENARIOS))
    count = len(runs)
    yield Figure("demo.delivered_all", sum(run["ok"] for run in runs), "runs", count, "min", runs=count)
    for what in ("lost", "doubled"):
        yield Figure(f"demo.{what}", sum(run[what] for run in runs), "readings", 0, runs=count)


def same_seed(seed: int) -> Figure:
    """Files that differ, or are missing on one side, when one seed is run twice."""
    with tempfile.TemporaryDirectory(prefix="telehub-") as folder:
        stories = [
            Story(seed, scenario, out=Path(folder, scenario, turn)) for scenario in SCENARIOS for turn in ("a", "b")
        ]
        for run in told(stories):
            if not run["ok"]:
                return Figure("demo.same_seed_differing_files", None, "files", 0, runs=len(stories))
        differing = sum(len(differences(Path(folder, one, "a"), Path(folder, one, "b"))) for one in SCENARIOS)
    return Figure("demo.same_seed_differing_files", differing, "files", 0, runs=len(stories))


def differences(one: Path, other: Path) -> set[str]:
    """Names of the compared files that are not in both folders, octet for octet."""
    first, second = _files(one), _files(other)
    return {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for pattern in _COMPARED for path in folder.glob(pattern)}


def wall(seed: int) -> Figure:
    """`telehub demo --once` as a person starts it, the longer of the two scenarios."""
    took: list[float | None] = []
    for scenario in SCENARIOS:
        arguments: list[Any] = ["demo", "--once", "--json", "--seed", str(seed), "--scenario", scenario]
        begun = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-m", "tools.cli", *arguments],
            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=False, timeout=_DEMO_S_LIMIT,
        )  # fmt: skip
        took.append(None if ended.returncode else time.monotonic() - begun)
    known = [one for one in took if one is not None]
    value = round(max(known), 1) if len(known) == len(took) else None
    return Figure("demo.once_wall_s", value, "s", budget.DEMO_WALL_S_MAX, runs=len(took))
