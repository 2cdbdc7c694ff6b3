"""The command `telehub demo`, and one run of the story without a terminal."""

import tempfile
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from tools.host.output import CommandError, Output
from tools.simulator.demo import record, story
from tools.simulator.demo.home import KITS, Home
from tools.simulator.demo.screen import Screen
from tools.simulator.house import TooLate


class Scenario(StrEnum):
    """A programme, by the name of its kit."""

    telekol = "telekol"
    telehjerte = "telehjerte"


assert list(Scenario) == list(KITS)


def command(
    once: Annotated[bool, typer.Option("--once", help="end with the story (without a terminal: always)")] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="the same seed gives the same run")] = 1,
    scenario: Annotated[Scenario, typer.Option(help="a programme's kit of devices")] = Scenario.telehjerte,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="keep what travelled, and the verdict")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the verdict as one object")] = False,
) -> int:
    """Live through two days in a patient's home, and check that every reading arrived once."""
    output = Output(as_json)
    console = Console(quiet=as_json)
    watched = console.is_terminal and not as_json
    if out is not None and any(out.glob("*.cose")):
        raise CommandError(f"{out} holds an earlier run", "name an empty or new directory")
    scratch = tempfile.TemporaryDirectory(prefix="telehub-")
    with scratch as folder, Screen(console, live=watched, quiet=as_json) as screen:
        home = Home(seed, scenario.value, screen)
        try:
            run = live_through(home, screen, out or Path(folder), seed, scenario.value)
            screen.close()
            if not as_json:
                console.print(_table(home, run))
            if watched and not once:
                _stay(home, console)
        finally:
            home.close()
    good = "everything that was taken is delivered, once, and verified"
    verdict = good if run["ok"] else "NOT everything is as it should be"
    return output.summary("demo", run.pop("ok"), verdict, **run)


def live_through(home: Home, screen: Screen, out: Path, seed: int, scenario: str) -> dict[str, Any]:
    """Tell the story and write what it left; `ok` in the answer says how it went."""
    begun = time.monotonic()
    screen.watch(home)
    try:
        home.world.run(home.start())
        home.world.run(story.tell(home, screen))
        failure = ""
    except TooLate as error:
        failure = f"in time, this did not happen: {error.args[0]}"
    facts = {"seed": seed, "scenario": scenario, **home.facts(), "failure": failure}
    return record.write(home, out, facts, wall_s=round(time.monotonic() - begun, 1))


def _table(home: Home, run: dict[str, Any]) -> Table:
    """The books, closed."""
    table = Table(title="Two days at home", title_justify="left", show_footer=True)
    table.add_column("device", footer="all")
    for title in ("taken", "kept", "delivered"):
        table.add_column(title, justify="right", footer=str(run[title]))
    for row in home.counts():
        table.add_row(row.name, str(row.taken), str(row.kept), str(row.delivered))
    per_reading = run["envelope_octets"] / run["delivered"] if run["delivered"] else 0
    table.caption_justify = "left"
    table.caption = "\n".join(
        (
            f"chain          {run['envelopes']} envelopes, {'complete' if run['chain_complete'] else 'NOT complete'}",
            f"signatures     {run['verified']} readings verified by an independent library",
            f"lost, doubled  {run['lost']}, {run['doubled']}",
            f"flash          {run['programmed_octets']} octets programmed, {run['erases']} sectors erased",
            f"envelopes      {per_reading:.0f} octets a reading",
            f"heap           {run['heap_peak_octets']} octets at most, of {run['heap_octets']}",
        )
        + ((run["failure"],) if run["failure"] else ())
    )
    return table


def _stay(home: Home, console: Console) -> None:
    """Show the platform's page until the person has seen enough."""
    from tools.backend.web.serve import PageServer

    with PageServer(home.database, "127.0.0.1", 0) as page:
        console.print(f"The platform's page shows these readings: {page.url}   (Ctrl-C ends it)")
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            console.print()
