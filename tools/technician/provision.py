"""`telehub provision`: every board on the table becomes a hub of a programme."""

import datetime
import getpass
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from firmware import config
from firmware.contracts import PeerError
from firmware.measurement.zone import Zone
from tools.host.output import Output, WrongUse
from tools.technician import ports, provisioning
from tools.technician import programme as programmes
from tools.technician.ledger import Ledger
from tools.technician.line import BoardError, CableLost, Line
from tools.technician.ports import Outcome
from tools.technician.programme import Programme


def command(
    folder: Annotated[Path, typer.Argument(help="the programme's folder (telehub ca init)")],
    port: Annotated[list[str] | None, typer.Option("--port", help="a board's port; without: all found")] = None,
    library: Annotated[
        Path | None, typer.Option("--library", help="aioble/ and umqtt/ of your own, in place of the pinned ones")
    ] = None,
    who: Annotated[str, typer.Option("--who", help="who stands at the table, for the ledger")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Put application, keys, certificate and settings on boards; again and again changes nothing that is right."""
    output = Output(as_json)
    programme = programmes.open_folder(folder)
    check_settings(programme)
    chosen = ports.chosen(port or [])
    who, now = who or getpass.getuser(), now_text()

    def work(at: str, told: Callable[[str, float], None]) -> Outcome:
        return one(at, programme, who, now, told, library)

    outcomes = ports.each(output, chosen, work)
    ledger = Ledger(programme.ledger_path, who, now, programme.about.serial_prefix)
    table = folder / "ledger.csv"
    table.write_text(ledger.as_csv())
    ledger.close()
    done = sum(outcome.ok for outcome in outcomes)
    text = f"{done} of {len(outcomes)} done; {table}"
    if done:
        text += f". Next: telehub label {folder}"
    return output.summary("provision", done == len(outcomes), text, done=done, boards=len(outcomes), ledger=str(table))


def one(
    port: str,
    programme: Programme,
    who: str,
    now: str,
    told: Callable[[str, float], None],
    library: Path | None = None,
) -> Outcome:
    """One board, from wherever it is, to its end."""
    ledger = Ledger(programme.ledger_path, who, now, programme.about.serial_prefix)
    try:
        with Line(port) as line:
            done = provisioning.provision(line, programme, ledger, told, library)
    except CableLost as error:
        return _stopped("the board does not answer", "put the cable in and start again: it goes on", str(error))
    except BoardError as error:
        return _stopped("a program on the board failed", "telehub flash, then start again", str(error))
    except provisioning.Refused as refused:
        return _stopped(*refused.args)
    except provisioning.Waiting as waiting:
        asked, awaited = waiting.args
        fields = {"waiting": True, "request": asked, "certificate": awaited}
        return Outcome(False, fields, f"waiting: have {asked} signed, put it at {awaited}, start again")
    finally:
        ledger.close()
    word = "done" if done.new else "was done already"
    return Outcome(True, vars(done), f"{word}: {done.serial}, hub {done.hub}, {done.copied} files copied")


def check_settings(programme: Programme) -> None:
    """WrongUse with the field's name, before any board is touched, by the hub's own check."""
    platform = {"agreement": programme.keyring.platform_point.hex()}
    try:
        config.check({**programme.settings, "platform": platform})
        Zone(programme.settings["zone"])
    except PeerError as error:
        raise WrongUse(f"settings.json: {error.args[0].removeprefix('settings: ')}", "it is empty or wrong") from None
    except ValueError:
        raise WrongUse("settings.json: zone", 'a POSIX TZ rule, such as "CET-1CEST,M3.5.0,M10.5.0/3"') from None


def now_text() -> str:
    """The time, as the ledger has it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _stopped(reason: str, hint: str, detail: str = "") -> Outcome:
    return Outcome(False, {"error": reason, "hint": hint, "detail": detail}, f"stopped: {reason}: {hint}")
