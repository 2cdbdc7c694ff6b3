"""The end of the story: how far each device's readings came, and what the run cost."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.simulator.demo.home import Count


def closed(counts: list[Count], run: dict[str, Any]) -> RenderableType:
    """The table of a run that is over, and its verdict."""
    table = Table(show_footer=True, footer_style="bold")
    table.add_column("device", footer="all")
    for title in ("taken", "kept", "delivered"):
        table.add_column(title, justify="right", footer=str(run[title]))
    table.add_column("", footer=_equal(run["taken"], run["kept"], run["delivered"]))
    for row in counts:
        numbers = (row.taken, row.kept, row.delivered)
        table.add_row(row.name, *map(str, numbers), _equal(*numbers))
    facts = Table.grid(padding=(0, 2))
    for name, value in _facts(run):
        facts.add_row(Text(name, "bright_black"), value)
    return Group(table, facts, verdict(run))


def verdict(run: dict[str, Any]) -> Text:
    """One sentence."""
    if run["ok"]:
        return Text("Everything that was taken is delivered, once, and verified.", "bold green")
    return Text(f"NOT everything is as it should be{': ' if run['failure'] else '.'}{run['failure']}", "bold red")


def _equal(*numbers: int) -> Text:
    return Text("equal", "green") if len(set(numbers)) == 1 else Text("NOT EQUAL", "bold red")


def _facts(run: dict[str, Any]) -> list[tuple[str, str]]:
    per_reading = f"{run['envelope_octets'] / run['delivered']:.0f}" if run["delivered"] else "–"
    return [
        ("chain", f"{'complete' if run['chain_complete'] else 'NOT complete'}, {run['envelopes']} envelopes"),
        (
            "FUT",
            f"{run['fut']['confirmed']} of {run['delivered']} readings are {run['fut']['observations']} Observations in"
            f" its stand-in, {run['fut']['held']} held",
        ),
        ("signatures", f"{run['verified']} of {run['delivered']} readings verified by pyca/cryptography"),
        ("lost, doubled, held", f"{run['lost']}, {run['doubled']}, {run['held']}"),
        ("flash", f"{run['programmed_octets']} octets programmed, {run['erases']} sectors erased"),
        ("envelope", f"{per_reading} octets a reading"),
        ("heap", f"{run['heap_peak_octets']} of {run['heap_octets']} octets at most, {run['bits']}-bit"),
        ("parts", f"MicroPython {run['micropython']}, aioble {run['aioble']}"),
        ("broker", run["broker"]),
        ("took", f"{run['wall_s']} s"),
    ]
