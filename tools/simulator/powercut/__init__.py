"""`telehub powercut`: a month of a hub's flash, the plug pulled at every point of it, and again while it comes up.

`hub` drives the production code, `story` is the month written down, `model` what was promised, `points` the cuts;
`files` and `on_littlefs` are the same for settings and bonds on the real LittleFS.
"""

import multiprocessing
import os
import random
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from typing import Annotated

import typer

from tools.host.output import Output, WrongUse
from tools.host.parts import need
from tools.simulator.powercut import files
from tools.simulator.powercut.points import Cuts, Worker
from tools.simulator.powercut.story import DAYS

_COUNTED = (
    "program_points", "torn_points", "erase_points", "single_cuts", "double_cuts",
    "lost", "doubled", "changed", "stuck",
)  # fmt: skip
_CHUNK = 400  # points of one task: a few seconds
_SLICE_SINGLES, _SLICE_FIRSTS, _SLICE_STEP = 1200, 8, 11
_FIRSTS = 110
_FILES_ALL, _FILES_SLICE = (1, 12), (48, 1)  # each how many-th point, second cuts after how many

_worker: Worker


def command(
    exhaustive: Annotated[bool, typer.Option("--exhaustive", help="every point, not a sample of them")] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="another month, other tears")] = 0,
    point: Annotated[str | None, typer.Option("--point", metavar="A[:B]", help="try this one again")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Cut the power before, after and inside every program and erase, and once more while the hub comes up."""
    output = Output(as_json)
    need("micropython")
    worker = Worker(seed)
    tally = Cuts()
    parts = [_one(worker, seed, point)] if point else _tried(worker, seed, exhaustive, output)
    for part in parts:
        for cut, broken in part.failures[: max(0, 20 - len(tally.failures))]:
            line = {"failure": True, "point": cut, "broken": broken, "replay": _replay(cut, seed)}
            output.line(line, f"{broken}\n    {_replay(cut, seed)}")
        tally.add(part)
    facts = tally.facts(*_COUNTED)
    first = _replay(tally.failures[0][0], seed) if tally.failures else None
    kept = max(len(points.tape.model.kept) for points in worker.months)
    ok = not (tally.lost or tally.doubled or tally.changed or tally.stuck)
    text = (
        f"{tally.single_cuts} cuts and {tally.double_cuts} second cuts over {DAYS} days with {kept} readings: "
        f"{tally.lost} lost, {tally.doubled} doubled, {tally.changed} changed, {tally.stuck} stuck"
    )
    return output.summary("powercut", ok, text, days=DAYS, readings=kept, **facts, first_failure=first, seed=seed)


def _replay(point: str, seed: int) -> str:
    return f"telehub powercut --point {point}" + (f" --seed {seed}" if seed else "")


def _one(worker: Worker, seed: int, point: str) -> Cuts:
    first, colon, second = point.partition(":")
    try:
        numbers = int(first), int(second) if colon else None
    except ValueError:
        raise WrongUse(f"{point} is no point", "--point 1234 or --point 1234:56") from None
    if numbers[0] >= len(worker):
        return files.run(seed, 1, 0, len(worker), f"{numbers[0] - len(worker)}{colon}{second}")
    try:
        return worker.one(*numbers)
    except IndexError:
        raise WrongUse(f"there is no point {point}", f"{len(worker)} points of the journal with this seed") from None


def _tried(worker: Worker, seed: int, exhaustive: bool, output: Output) -> Iterator[Cuts]:
    """Try points on all cores, and say how far it is."""
    if exhaustive:
        singles: list[int] = list(range(len(worker)))
        firsts, step, of_files = worker.stratified(_FIRSTS), 1, _FILES_ALL
    else:
        chance = random.Random(f"powercut slice {seed}")
        singles = sorted(chance.sample(range(len(worker)), _SLICE_SINGLES))
        firsts, step, of_files = worker.stratified(_SLICE_FIRSTS)[:_SLICE_FIRSTS], _SLICE_STEP, _FILES_SLICE
    chunks = [singles[at : at + _CHUNK] for at in range(0, len(singles), _CHUNK)]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max(1, cores), context, _prepare, (seed,)) as pool:
        waiting: set[Future[Cuts]] = {pool.submit(files.run, seed, *of_files, len(worker))}
        waiting |= {pool.submit(_doubles, first, step) for first in firsts}
        waiting |= {pool.submit(_singles, chunk) for chunk in chunks}
        with _Progress(output, len(waiting)) as progress:
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for one in done:
                    yield progress.counted(one.result())


def _prepare(seed: int) -> None:
    global _worker  # noqa: PLW0603 - a process of the pool lives through the month once
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(seed)


def _end_with_parent() -> None:
    """However the command ends, nothing of it goes on."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _singles(numbers: list[int]) -> Cuts:
    return _sum(_worker.singles(numbers))


def _doubles(first: int, step: int) -> Cuts:
    return _sum(_worker.doubles(first, step))


def _sum(parts: Iterator[Cuts]) -> Cuts:
    total = Cuts()
    for part in parts:
        total.add(part)
    return total


class _Progress:
    """How far it is, on stderr."""

    def __init__(self, output: Output, tasks: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(file=output.log_to)
        self._bar = Progress(console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("cuts", total=tasks)
        self._output, self._told, self._tasks = output, 0, tasks
        self._done = self._cuts = 0

    def __enter__(self) -> "_Progress":
        self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.stop()

    def counted(self, tally: Cuts) -> Cuts:
        """One more task is done."""
        self._done += 1
        self._cuts += tally.single_cuts + tally.double_cuts
        self._bar.update(self._task, advance=1, description=f"{self._cuts} cuts")
        tenth = 10 * self._done // self._tasks
        if self._bar.disable and tenth > self._told:
            self._told = tenth
            self._output.log(f"{10 * tenth} %: {self._cuts} cuts")
        return tally
