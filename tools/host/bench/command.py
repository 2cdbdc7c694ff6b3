"""The command `telehub bench`: chooses figures, measures them, prints each as it is known."""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Annotated

import typer

from tools.host import size
from tools.host.bench import callback, days, flash_and_air, heap, ingest, kinds, p256, seal, soak, stories, visits
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.host.output import CommandError, Output, WrongUse
from tools.inspect.decode import figures as decode
from tools.simulator import journal as alone

# The figures' names begin with the word in front, and are measured together; the quick ones first.
ROOMS: dict[str, Callable[[Plan], Iterable[Figure]]] = {
    "size": lambda plan: size.measure(),
    "kinds": kinds.measure,
    "decode": lambda plan: decode.measure(),
    "p256": p256.measure,
    "journal": lambda plan: chain(flash_and_air.journal(plan), alone.figures()),
    "envelope": flash_and_air.envelope,
    "seal": seal.measure,
    "ingest": ingest.measure,
    "callback": callback.measure,
    "day": days.measure,
    "visit": visits.measure,
    "demo": stories.measure,
    "heap": heap.measure,
    "soak": soak.measure,
}


def command(
    only: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="figures whose names begin so; without any: all")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="of what is measured in one house")] = 1,
    seeds: Annotated[str, typer.Option(metavar="A-B", help="of the demo's stories; what is promised: 1-20")] = "1-2",
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Measure what the hub costs and print it against its targets."""
    output = Output(as_json)
    plan = Plan(seed, _range(seeds), tuple(only or ()))
    rooms = [room for room in ROOMS if plan.asks_room(room)]
    if not rooms:
        raise WrongUse(f"no figure begins with {' or '.join(plan.names)}", f"they begin with {', '.join(ROOMS)}")
    figures: list[Figure] = []
    for room in rooms:
        output.log(f"{room} …")
        for figure in ROOMS[room](plan):
            if plan.asks(figure.figure):
                figures.append(figure)
                output.line(figure.line(), figure.text())
    if not figures:
        raise CommandError(f"no figure begins with {' or '.join(plan.names)}", f"telehub bench {rooms[0]} lists some")
    missed = [figure.figure for figure in figures if not figure.ok]
    verdict = f"MISSED: {', '.join(missed)}" if missed else "all within their targets"
    text = f"{len(figures)} figures, {verdict}"
    return output.summary("bench", not missed, text, figures=len(figures), missed=missed)


def _range(text: str) -> range:
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()) or int(last or first) < int(first):
        raise WrongUse(f"{text!r} is no range of seeds", "--seeds 1-20")
    return range(int(first), int(last or first) + 1)
