"""`telehub doctor`: one page about a hub on its cable, each line well or with what to do; and a file for support."""

import datetime
import getpass
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from tools.host.output import CommandError, Output, WrongUse
from tools.technician import examine, ports
from tools.technician import programme as programmes
from tools.technician.examine import Check
from tools.technician.ledger import Ledger
from tools.technician.line import BoardError, CableLost, Line
from tools.technician.provision import now_text


def command(
    folder: Annotated[Path, typer.Argument(help="the programme's folder")],
    port: Annotated[str, typer.Option("--port", help="the hub's port; without: the only one found")] = "",
    support: Annotated[Path | None, typer.Option("--support", help="write the page as a file for support")] = None,
    offline: Annotated[bool, typer.Option("--offline", help="do not try Wi-Fi and broker")] = False,
    hardware: Annotated[bool, typer.Option("--hardware", help="also what only a board can answer: 15 s")] = False,
    library: Annotated[Path | None, typer.Option("--library", help="as given to provision")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Ask a hub how it is, from its board outwards to the broker. Readings and settings stay as they are."""
    output = Output(as_json)
    programme = programmes.open_folder(folder, unlock=False)
    chosen = ports.chosen([port] if port else [])
    if len(chosen) > 1:
        raise WrongUse("several hubs are connected", f"--port, one of {', '.join(chosen)}")
    ledger = Ledger(programme.ledger_path, getpass.getuser(), now_text(), programme.about.serial_prefix)
    try:
        found = page(chosen[0], programme, ledger, library, not offline, hardware)
    finally:
        ledger.close()
    if as_json:
        for check in found:
            output.line(vars(check))
    else:
        Console().print(_table(found))
    bad = [check for check in found if not check.ok]
    if support is not None:
        text = json.dumps({"format": 1, "made": now_text(), "checks": [vars(check) for check in found]}, indent=1)
        support.write_text(text + "\n")
    said = "all is well" if not bad else f"{len(bad)} to see to: {', '.join(check.name for check in bad)}"
    return output.summary("doctor", not bad, said, checks=len(found), bad=[check.name for check in bad])


def page(
    port: str,
    programme: programmes.Programme,
    ledger: Ledger,
    library: Path | None,
    uplink: bool,
    board: bool = False,
) -> list[Check]:
    """All checks, as far as the hub answers."""
    now = datetime.datetime.now(datetime.UTC)
    found: list[Check] = []
    try:
        with Line(port) as line:
            for check in examine.checks(line, programme, ledger, now, library, uplink):
                found.append(check)
            if board:
                for check in examine.on_board(line):
                    found.append(check)
    except CableLost as error:
        raise CommandError(f"the hub does not answer ({error})", "another cable; then telehub flash") from None
    except BoardError as error:
        last = str(error).strip().splitlines()[-1]
        found.append(Check("answer", False, last, "telehub provision, and again"))
    return found


def _table(found: list[Check]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("", "", "found", "what to do"):
        table.add_column(heading)
    for check in found:
        word = "[green]well[/]" if check.ok else "[bold red]BAD[/]"
        table.add_row(word, check.name, check.said, "" if check.ok else check.do)
    return table
