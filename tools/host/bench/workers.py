"""Runs of the demo's story in processes of their own, two at a time: a world keeps to one core."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console

from tools.host import budget
from tools.host.output import CommandError
from tools.simulator.demo import run
from tools.simulator.demo.fut import Fut
from tools.simulator.demo.home import KITS, Home
from tools.simulator.demo.screen import Screen

SCENARIOS = tuple(KITS)
WORKERS = 2


@dataclass(frozen=True)
class Story:
    """One run: the same story gives the same files."""

    seed: int
    scenario: str
    heap_octets: int = budget.HUB_HEAP_OCTETS
    out: Path | None = None


def tell(story: Story) -> dict[str, Any]:
    """Live through it; run.json's object, `failure` set and `ok` false when it ended early."""
    console = Console(quiet=True)
    with tempfile.TemporaryDirectory(prefix="telehub-") as folder, Screen(console, False, True) as screen:
        home = Home(story.seed, story.scenario, screen, heap_octets=story.heap_octets)
        try:
            with Fut(home) as fut:
                return run.live_through(home, screen, fut, story.out or Path(folder), story.seed, story.scenario)
        except CommandError as error:
            return {"ok": False, "failure": error.error, "lost": 0, "doubled": 0}
        finally:
            home.close()


def told(stories: Iterable[Story]) -> Iterator[dict[str, Any]]:
    """Each story's outcome, in their order, as soon as it is known."""
    context = get_context("spawn")
    cores = context.Queue()
    for core in _cores():
        cores.put(core)
    with ProcessPoolExecutor(WORKERS, context, _begin, (cores,)) as pool:
        yield from pool.map(tell, stories)


def _cores() -> list[int]:
    """A core for each worker, as far as there are enough."""
    try:
        cores = sorted(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        cores = [0]
    return [cores[number % len(cores)] for number in range(WORKERS)]


def _begin(cores: Any) -> None:
    """Take a core of one's own: a world stays on the one where it was made."""
    core = cores.get()
    try:
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):  # not Linux
        pass
