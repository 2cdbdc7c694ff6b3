"""`telehub reset`: a hub becomes nobody's: its flash is erased and read back. Undelivered readings are asked about."""

import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tools.host.output import CommandError, Output, WrongUse
from tools.technician import application, ports, provisioning, wiping
from tools.technician import programme as programmes
from tools.technician.ledger import Ledger, Row
from tools.technician.line import BoardError, CableLost, Line
from tools.technician.provision import now_text

BEGUN = "reset begun"  # in the ledger: what was asked has its answer, and a run that was cut off goes on


def command(
    folder: Annotated[Path, typer.Argument(help="the programme's folder")],
    port: Annotated[str, typer.Option("--port", help="the hub's port; without: the only one found")] = "",
    export: Annotated[Path | None, typer.Option("--export", help="keep the journal in this file first")] = None,
    discard: Annotated[str, typer.Option("--discard", help="its serial number: undelivered readings may go")] = "",
    who: Annotated[str, typer.Option("--who", help="who stands at the table, for the ledger")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Erase readings, bonds, settings and keys of one hub, and show that they are gone."""
    output = Output(as_json)
    programme = programmes.open_folder(folder, unlock=False)
    chosen = ports.chosen([port] if port else [])
    if len(chosen) > 1:
        raise WrongUse("several hubs are connected", f"--port, one of {', '.join(chosen)}")
    ledger = Ledger(programme.ledger_path, who or getpass.getuser(), now_text(), programme.about.serial_prefix)
    try:
        with Line(chosen[0]) as line:
            row, sectors = _reset(line, programme, ledger, export, discard, output.log)
    except CableLost:
        raise CommandError("the hub does not answer any more", "put the cable in and start again: it goes on") from None
    except BoardError as error:
        raise CommandError(str(error).strip().splitlines()[-1], "telehub doctor") from None
    except wiping.NotErased as error:
        partition, left = error.args
        raise CommandError(f"{left} sectors of {partition} are as they were", "destroy this board") from None
    finally:
        ledger.close()
    text = f"{row.serial}: {sectors} sectors erased and read back. Next: telehub provision {folder}"
    return output.summary("reset", True, text, hub=row.hub, serial=row.serial, sectors_read_back=sectors)


def _reset(
    line: Line,
    programme: programmes.Programme,
    ledger: Ledger,
    export: Path | None,
    discard: str,
    log: Callable[[str], None],
) -> tuple[Row, int]:
    facts = line.answer(provisioning.FACTS)
    row = ledger.hub(facts["hub"])
    if row is None:
        raise CommandError(f"hub {facts['hub']} is not in this programme's ledger", "another programme's folder?")
    if ledger.events(row.hub)[-1][2] != BEGUN:
        slots = provisioning.SLOT in facts["partitions"]
        application.mount(line, slots)
        _asked(line, row, export, discard, log)
        ledger.note(row.hub, BEGUN)
    partitions = [name for name in wiping.PARTITIONS if name in facts["partitions"] or name == "nvs"]
    sectors = sum(wiping.erase(line, name) for name in partitions)
    programmes.retire(programme.folder, row.hub)
    ledger.retired(row.hub)
    return row, sectors


def _asked(line: Line, row: Row, export: Path | None, discard: str, log: Callable[[str], None]) -> None:
    """Return when the readings may go: delivered, exported, or a person has typed that they may."""
    if export is not None:
        wiping.export(line, export, lambda _step, _share: None)
        log(f"journal kept in {export}: telehub journal reads it")
        return
    try:
        left: int | None = wiping.waiting(line).undelivered
    except BoardError:
        left = None
    if left == 0:
        return
    what = "its journal cannot be read" if left is None else f"{left} readings are not delivered"
    if not discard and sys.stdin.isatty():
        discard = typer.prompt(f"{row.serial}: {what}. Type its serial number to erase them all the same", err=True)
    if discard != row.serial:
        raise CommandError(f"{row.serial}: {what}", "deliver them, or --export FILE, or --discard SERIAL")
