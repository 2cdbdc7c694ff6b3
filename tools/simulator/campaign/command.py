"""The command `telehub campaign`."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tools.host.output import Output, WrongUse
from tools.simulator.campaign.books import MONTH_S, Books
from tools.simulator.campaign.minimise import minimise
from tools.simulator.campaign.runs import DAYS, Outcome, Run, live
from tools.simulator.faults import FAULTS, swarm

_SEEDS_MAX = 1_000_000
_RUNS_PER_PROCESS = 200  # then a new one: whatever a run leaves behind stays small


class Depth(StrEnum):
    """How much of the world is real."""

    world = "world"
    twin = "twin"


def command(
    seeds: Annotated[str, typer.Option(metavar="A-B", help="these seeds, or one")] = "1-100",
    depth: Annotated[
        Depth, typer.Option(help="world: hub logic on CPython; twin: MicroPython, Bumble, TLS and broker")
    ] = Depth.world,
    faults: Annotated[
        str, typer.Option(metavar="A,B…", help="exactly these classes, `all` or `none`; else each seed draws its own")
    ] = "",
    days: Annotated[float, typer.Option(min=0, help="at home; 0: a month in the world, a day on the twin")] = 0,
    minimise_: Annotated[bool, typer.Option("--minimise", help="end with the fewest classes that still fail")] = False,
    processes: Annotated[int, typer.Option(min=0, help="0: one on each core")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one object per line")] = False,
) -> int:
    """Live through months at home with everything going wrong, and check every promise from outside."""
    output = Output(as_json)
    first, last = _range(seeds)
    chosen = _classes(faults, depth.value)
    runs = [
        Run(
            seed,
            _drawn(seed, depth.value) if chosen is None else chosen,
            days or DAYS[depth.value],
            depth.value,
            chosen is not None,
        )
        for seed in range(first, last + 1)
    ]
    begun = time.monotonic()
    books = Books()
    failed: list[Outcome] = []
    for outcome in _lived(runs, processes or _cores(), quiet=as_json):
        books.add(outcome)
        if not outcome.ok:
            failed.append(outcome)
            _tell(output, outcome)
    if minimise_ and failed:
        output.log(f"leaving out classes of seed {failed[0].run.seed}")
        _tell(output, minimise(failed[0], lambda tried: _log(output, tried)))
    wall_s = time.monotonic() - begun
    if not as_json:
        Console().print(books.table())
    idle = books.idle()
    for name in idle:
        output.log(f"{name} was chosen and struck nowhere: these runs say nothing about it")
    summary = books.summary(depth.value, (first, last), wall_s)
    ok = not failed and not idle
    words = ", ".join(f"{summary[name]} {name}" for name in ("taken", "delivered", "held", "lost", "doubled"))
    months = f"{books.simulated_s / MONTH_S:.1f} months in {wall_s:.0f} s"
    good = f"{books.runs} runs, {months}: readings {words}; {len(books.failed_seeds)} runs failed"
    return output.summary("campaign", ok, good, **summary, **({"idle": idle} if idle else {}))


def _log(output: Output, tried: Outcome) -> None:
    output.log(f"  {tried.run.replay()}: {'ok' if tried.ok else 'fails'}")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tell(output: Output, outcome: Outcome) -> None:
    for line in outcome.lines():
        output.line(line, f"seed {line['seed']}: {line['promise']}: {line['what']}\n  again: {line['replay']}")


def _lived(runs: list[Run], processes: int, quiet: bool) -> Iterator[Outcome]:
    """Outcomes in the order of the seeds, whoever is ready first."""
    if len(runs) == 1 or processes == 1:
        yield from map(live, runs)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), max_tasks_per_child=_RUNS_PER_PROCESS
        ) as pool,
        Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress,
    ):
        task = progress.add_task("runs", total=len(runs))
        for outcome in pool.map(live, runs):
            progress.advance(task)
            yield outcome


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        low, high = int(first), int(last or first)
    except ValueError:
        raise WrongUse(f"--seeds {text}: seeds are A-B, or one number") from None
    if not 0 <= low <= high < low + _SEEDS_MAX:
        raise WrongUse(f"--seeds {text}: from the lower to the higher, at most {_SEEDS_MAX}")
    return low, high


def _possible(depth: str) -> tuple[str, ...]:
    """The classes that can be injected at this depth."""
    if depth == "world":
        return tuple(FAULTS)
    from tools.simulator.campaign.twin import CLASSES

    return CLASSES


def _drawn(seed: int, depth: str) -> tuple[str, ...]:
    possible = _possible(depth)
    return tuple(name for name in swarm(seed) if name in possible)


def _classes(text: str, depth: str) -> tuple[str, ...] | None:
    if not text:
        return None
    if text == "none":
        return ()
    possible = _possible(depth)
    if text == "all":
        return tuple(sorted(possible))
    names = text.split(",")
    unknown = [name for name in names if name not in possible]
    if unknown:
        raise WrongUse(f"--faults: no such class: {', '.join(unknown)}", "the classes: " + ", ".join(possible))
    return tuple(sorted(set(names)))
