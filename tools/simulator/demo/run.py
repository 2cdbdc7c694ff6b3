"""The command `telehub demo`, and one run of the story."""

import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from rich.console import Console

from tools.host import library
from tools.host.output import CommandError, MissingPart, Output, WrongUse
from tools.simulator.air import launch
from tools.simulator.air.clock import Deadlock, TimeCeiling
from tools.simulator.air.process import Stuck
from tools.simulator.air.world import HubStopped, ProgramFailed
from tools.simulator.brokers.outside import Unusable
from tools.simulator.demo import books, choice, picture, record, story
from tools.simulator.demo.fut import Fut
from tools.simulator.demo.home import KITS, Home
from tools.simulator.demo.screen import Screen
from tools.simulator.house import TooLate
from tools.technician.enrol import EnrolmentFailed

_PAUSE_S = 3600.0


class Scenario(StrEnum):
    """A programme, by the name of its kit."""

    telekol = "telekol"
    telehjerte = "telehjerte"


assert list(Scenario) == list(KITS)


def command(
    once: Annotated[bool, typer.Option("--once", help="end with the story (without a terminal: always)")] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="the same seed gives the same run")] = 1,
    scenario: Annotated[Scenario, typer.Option(help="a programme's kit of devices")] = Scenario.telehjerte,
    broker: Annotated[
        str, typer.Option(metavar="BROKER", help="embedded, mosquitto, or mqtts://host[:port] of your own")
    ] = choice.EMBEDDED,
    broker_keys: Annotated[
        Path | None, typer.Option(metavar="DIR", help="for a broker of your own: certificates and rules")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="keep what travelled, and the verdict")] = None,
    svg: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="draw the run as SVG")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="the verdict as one object")] = False,
) -> int:
    """Live through two days in a patient's home, and check that every reading arrived once."""
    output = Output(as_json)
    console = Console(quiet=as_json)
    watched = sys.stdout.isatty() and not console.is_dumb_terminal and not as_json
    choice.check(broker, broker_keys)
    launch.interpreter()  # MissingPart comes before the story
    library.find()
    if out is not None:
        _take(out)
    if svg is not None:
        _take_file(svg)
    signal.signal(signal.SIGTERM, _interrupt)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="telehub-")))
        chosen = stack.enter_context(choice.chosen(broker, broker_keys, seed))
        screen = Screen(console, watched, as_json)
        home = Home(seed, scenario.value, screen, chosen)
        stack.callback(home.close)
        fut = stack.enter_context(Fut(home))
        page = None
        if watched and not once:
            from tools.backend.web.serve import PageServer

            page = stack.enter_context(PageServer(home.database))
            screen.page = page.url
        stack.enter_context(screen)
        try:
            run = live_through(home, screen, fut, out or folder, seed, scenario.value)
        except Unusable as error:
            raise MissingPart(error.args[0], chosen.advice) from None
        screen.close()
        end = books.closed(home.counts(), run)
        if svg is not None:
            picture.draw(svg, *screen.snapshots, end)
        if not as_json:
            console.print()
            console.print(end)
        if page is not None:
            _stay(page.url, console)
    return output.summary("demo", run.pop("ok"), None, **run)


def live_through(home: Home, screen: Screen, fut: Fut, out: Path, seed: int, scenario: str) -> dict[str, Any]:
    """Tell the story and write what it left; `ok` in the answer says how it went."""
    begun = time.monotonic()
    screen.watch(home)
    failure = ""
    try:
        home.world.run(home.start())
        home.world.run(story.tell(home, screen))
    except TooLate as error:
        failure = f"in time, this did not happen: {error.args[0]}"
    except (HubStopped, ProgramFailed, EnrolmentFailed, Stuck, Deadlock, TimeCeiling) as error:
        failure = f"{type(error).__name__}: {error}"
    if not hasattr(home, "enrolled"):
        raise CommandError(f"the hub could not be enrolled: {failure}", f"replay it: telehub demo --seed {seed}")
    facts = {"seed": seed, "scenario": scenario, **home.facts(), "failure": failure}
    return record.write(home, fut, out, facts, wall_s=round(time.monotonic() - begun, 1))


def _take(out: Path) -> None:
    """See that the directory is there, can be written to, and holds no earlier run."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise WrongUse(f"{out} cannot be written to: {error.strerror}", "--out DIR, a new one of yours") from None
    if record.leftovers(out):
        raise WrongUse(f"{out} holds an earlier run", "--out DIR, a new or an empty one")


def _take_file(path: Path) -> None:
    """See that the file can be written, before a minute is spent on what goes there."""
    try:
        path.open("a").close()
    except OSError as error:
        raise WrongUse(f"{path} cannot be written: {error.strerror}", "--picture FILE.svg, one of yours") from None


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """A request to end is as good as Ctrl-C: hub, broker and page end with us."""
    raise KeyboardInterrupt


def _stay(url: str, console: Console) -> None:
    """Leave the platform's page open until the person has seen enough."""
    console.print(f"\nThe platform's page stays open: {url}   (Ctrl-C ends it)", soft_wrap=True)
    try:
        while True:
            time.sleep(_PAUSE_S)
    except KeyboardInterrupt:
        console.print()
