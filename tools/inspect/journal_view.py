"""A journal as people read it."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tools.inspect.journal_octets import LANES
from tools.inspect.journal_state import Journal
from tools.inspect.payload import iso

_NOT_SHOWN = ("record", "place")


def show(journal: Journal, unsent: list[dict[str, Any]], records: bool) -> None:
    """Print it: what it adds up to, what waits, what is wrong; each record when asked for."""
    console = Console()
    state, image = journal.state, journal.image
    console.print(f"[bold]Journal[/bold] of {image.total} sectors, chain {state.chain or 'unknown'}, boot {state.boot}")
    if state.follows_damage:
        console.print(f"  The chain began after damage; before it: {state.before}", style="yellow")
    console.print(f"  captures up to {state.next_capture - 1}, {len(journal.captures)} of them still on flash")
    console.print(f"  envelopes up to {state.last_sequence}, without a receipt: {_numbers(sorted(state.plans))}")
    if records:
        _sectors(console, journal)
        _records(console, journal)
    if unsent:
        _unsent(console, unsent)
    else:
        console.print("Every capture has its receipt: nothing is left to save here.", style="green")
    _findings(console, journal)


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"


def _unsent(console: Console, unsent: list[dict[str, Any]]) -> None:
    console.print(f"\n[bold]{len(unsent)} unsent captures[/bold]")
    for line in unsent:
        values = "; ".join(_reading_text(reading) for reading in line["readings"]) or f"({line['undecoded'] or 'none'})"
        taken = line["timed_afterwards"] or line["hub_time"]
        told = "" if line["timed_afterwards"] or line["hub_clock"] != "none" else " (clock not set)"
        console.print(Text(f"{line['capture']:>7}  {taken}{told}  {line['device'] or line['slot']}  {values}"))
        source = f"{line['row'] or 'unknown device'}, {line['characteristic']}: {line['hex']}"
        console.print(Text(" " * 9 + source), style="dim")


def _reading_text(reading: dict[str, Any]) -> str:
    values = "/".join(quantity.get("value") or quantity["reason"] for quantity in reading["quantities"])
    marks = [name for name in (*reading["status"], *reading["flags"])]
    return f"{reading['kind']} {values}" + (f" [{', '.join(marks)}]" if marks else "")


def _sectors(console: Console, journal: Journal) -> None:
    table = Table("sector", "lane", "generation", "head", "records", "unreadable units", title="sectors")
    for sector in journal.image.sectors:
        gaps = sum(count for _unit, count in sector.gaps)
        cells = (
            sector.index, LANES[sector.lane], sector.generation or "-", sector.head or "none", len(sector.frames),
            gaps or "",
        )  # fmt: skip
        table.add_row(*map(str, cells))
    console.print(table)


def _records(console: Console, journal: Journal) -> None:
    table = Table("place", "record", "what it says", title="main lane")
    for frame, record in journal.records:
        said = ", ".join(f"{name} {_text(name, value)}" for name, value in record.items() if name not in _NOT_SHOWN)
        table.add_row(str(frame.place), record["record"], Text(said))
    console.print(table)
    table = Table("place", "capture", "visit", "handle", "taken (hub)", "octets", "", title="captures")
    for number, capture in sorted(journal.captures.items()):
        done = "delivered" if journal.state.is_done(number) else ""
        cells = (
            capture["place"], number, f"{capture['boot']}.{capture['visit']}", capture["handle"],
            iso(capture["time_s"], "Z"), capture["octets"].hex(), done,
        )  # fmt: skip
        table.add_row(*map(str, cells))
    console.print(table)


def _text(name: str, value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex() or "-"
    if name.endswith("time_s") or name == "sealed_s":
        return iso(value, "Z")
    if isinstance(value, list):
        return "[" + ", ".join(_text("", one) for one in value) + "]"
    if isinstance(value, tuple):
        return ":".join(_text("", one) for one in value)
    return str(value)


def _findings(console: Console, journal: Journal) -> None:
    if not journal.findings:
        console.print("Everything is as it was written.", style="green")
        return
    table = Table("found", "where", "what it costs", title="integrity")
    for finding in journal.findings:
        style = "red" if finding.corrupt else ""
        table.add_row(finding.what, escape(finding.where), escape(finding.cost), style=style)
    console.print(table)
