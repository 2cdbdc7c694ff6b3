"""Several boards at once: which ports there are, and a row with a bar for each while they are worked on."""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from serial.tools import list_ports

from tools.host.output import CommandError, Output, WrongUse

AT_ONCE_MAX = 16  # a powered USB hub has no more ports
# USB makers of the chips that boards are reached by: Espressif itself, Silicon Labs, WCH, FTDI.
_USB_VENDORS = {0x303A, 0x10C4, 0x1A86, 0x0403}


@dataclass(frozen=True)
class Found:
    """A port that may have a board behind it."""

    path: str
    what: str


def found() -> list[Found]:
    """Every port whose USB chip is one that boards have."""
    ports = [port for port in list_ports.comports() if port.vid in _USB_VENDORS]
    return [Found(port.device, port.description or port.product or "") for port in sorted(ports)]


def chosen(given: Sequence[str]) -> list[str]:
    """The ports that were named, else all that were found."""
    ports = list(dict.fromkeys(given)) or [port.path for port in found()]
    if not ports:
        raise WrongUse("no board was found", "put its cable in, or name its port: --port /dev/ttyACM0")
    if len(ports) > AT_ONCE_MAX:
        raise WrongUse(f"{len(ports)} boards at once; {AT_ONCE_MAX} is the most", "--port, several times")
    return ports


@dataclass
class Outcome:
    """One port's end: fields for --json, a line for people."""

    ok: bool
    fields: dict[str, Any]
    text: str


Work = Callable[[str, Callable[[str, float], None]], Outcome]
"""work(port, told) -> what became of it; told(step, share) moves its bar."""


def each(output: Output, ports: Sequence[str], work: Work) -> list[Outcome]:
    """Work on all ports at once, show a row for each, and give a line as each ends."""
    console = Console(file=sys.stderr)
    progress = Progress(
        TextColumn("{task.fields[port]:22}"), BarColumn(24), TextColumn("{task.fields[step]}"),
        console=console, disable=output.as_json or not console.is_terminal, transient=True,
    )  # fmt: skip
    with progress, ThreadPoolExecutor(len(ports)) as pool:

        def one(port: str) -> Outcome:
            row = progress.add_task("", port=port, step="waiting", total=1.0)

            def told(step: str, share: float) -> None:
                progress.update(row, step=step, completed=share)

            outcome = _done(port, work, told)
            progress.update(row, step="done" if outcome.ok else "stopped", completed=1.0 if outcome.ok else 0.0)
            return outcome

        outcomes = list(pool.map(one, ports))
    for port, outcome in zip(ports, outcomes, strict=True):
        output.line({"port": port, "ok": outcome.ok, **outcome.fields}, f"{port:16} {outcome.text}")
    return outcomes


def _done(port: str, work: Work, told: Callable[[str, float], None]) -> Outcome:
    """One port's trouble is its own: the others go on."""
    try:
        return work(port, told)
    except CommandError as error:
        return Outcome(False, {"error": error.error, "hint": error.hint}, f"stopped: {error}")
