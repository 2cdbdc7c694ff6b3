"""`telehub devices`: which devices the hub reads, what of that was proved and on what, and which it cannot read.

The rows are those of drivers/; here stands what a technician must know beside them. The README's table is
`telehub devices --markdown`.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

import drivers
from firmware.ble import advert
from firmware.ble.advert import Advert
from tools.host.output import Output, WrongUse

HARDWARE = "not tried"  # on any device, so far

# Where a row's layout and manners are from
_SPECIFICATION = "specification"
_CODE = "public code"  # that others wrote for this model
_KIN = "taken to be like its family"

_ALIKE = {"ad_ua656ble", "ad_ua1200ble", "ad_uc421ble", "beurer_bf500", "beurer_bf788", "beurer_bf950"}
_STANDARD = {
    "blood_pressure", "blood_pressure_enhanced", "weight_scale", "weight_scale_live", "body_composition",
    "pulse_oximeter", "pulse_oximeter_unbonded", "pulse_oximeter_continuous", "thermometer", "heart_rate_strap",
    "glucose_meter", "cgm",
}  # fmt: skip

_APP_FIRST = (
    "Some models answer nobody before their maker's app has set them up once; then remove it from the telephone."
)
_CONSENT = 'Make the user on the scale; its slot and code go into the settings: "users": [[slot, code]].'
_ONE_HOST = "Knows one host: whoever pairs it anew takes it away from the other."

# What a technician must know, by row or else by driver
NOTES = {
    "omron_blood_pressure": f"{_APP_FIRST} {_ONE_HOST} The hub never sets its clock.",
    "beurer_bm57": _APP_FIRST,
    "beurer_bm85": _APP_FIRST,
    "medisana_bu5": _APP_FIRST,
    "sanitas_sbm": f"{_APP_FIRST} SBM69 shows a passkey: that one cannot be paired yet.",
    "beurer_scale": f"{_CONSENT} Changing its batteries forgets its users: make them again, with the same code.",
    "contour_next": "Must hold at least one result when it is paired.",
    "accu_chek_guide": "Pairs by the six digits on its label: list them with it, or order them while it pairs.",
    "health_sensor": "As two public implementations lay the service out; its text was not at hand.",
    "weight_live": "For a scale that sends while its display still counts: the last number of a visit is the weight.",
    "cuffs": _ONE_HOST,
    "oximeters": "Cannot bond: its readings say that the link was not authenticated.",
}

# What is recognised and cannot be read: what it is, beginnings of its name, why
CLOSED = (
    ("MIR Spirobank Smart", ("SO-004",), "its protocol is the maker's secret"),
    ("Vitalograph spirometer", ("Vitalograph",), "nothing is published about its protocol"),
    ("OneTouch Verio", ("OneTouch",), "it frames and encrypts in a way of its own"),
    ("A&D UA-767PBT, UC-351PBT", ("UA-767PBT", "UC-351PBT", "A&D_UA-767", "A&D_UC-351"), "it speaks classic Bluetooth"),
    ("Nonin 3150 WristOx2", ("Nonin3150",), "its memory is read by commands that have no driver yet"),
    ("Masimo MightySat", ("MightySat",), "it speaks in the maker's own frames, which have no driver yet"),
)  # fmt: skip


def command(
    advertisement: Annotated[
        str,
        typer.Option("--advert", help="the octets of an advertisement (and its scan response) in hex: whose is it?"),
    ] = "",
    markdown: Annotated[bool, typer.Option("--markdown", help="the table of the README")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """List the devices that the hub reads, those that it cannot, and what was tried on real ones: nothing yet."""
    output = Output(as_json)
    if advertisement:
        return _whose(output, advertisement)
    if markdown:
        print(table(), end="")
        return 0
    supported = list(entries())
    for entry in supported:
        note = f"\n    {entry['note']}" if entry["note"] else ""
        output.line(entry, f"{entry['row']:26} {entry['title']}: {entry['link']}; {entry['evidence']}{note}")
    for title, _, reason in CLOSED:
        output.line({"title": title, "supported": False, "reason": reason}, f"{'not supported':26} {title}: {reason}")
    text = f"{len(supported)} supported, each read on the twin; real devices: {HARDWARE}. {len(CLOSED)} not supported."
    return output.summary("devices", True, text, supported=len(supported), not_supported=len(CLOSED), hardware=HARDWARE)


def entries() -> Iterator[dict[str, Any]]:
    """Every row of drivers/ as people must know it."""
    for name in drivers.ROWS:
        row = drivers.row(name)
        yield {
            "row": name,
            "title": row.title,
            "supported": True,
            "names": list(row.name_prefixes),
            "link": _link(row),
            "clock": "none" if row.clock is None else "set" if row.clock_write else "read only",
            "memory": {"none": "none", "until_confirmed": "until confirmed", "all": "keeps all"}[row.memory],
            "evidence": _evidence(name),
            "twin": "read end to end",
            "hardware": HARDWARE,
            "note": NOTES.get(name) or NOTES.get(row.driver, ""),
        }


def _link(row: drivers.Row) -> str:
    if row.bonds == "digits":
        return "bonds by digits"
    return "cannot bond" if not row.bonds else "bonds first" if row.bond_first else "bonds"


def _evidence(name: str) -> str:
    return _SPECIFICATION if name in _STANDARD else _KIN if name in _ALIKE else _CODE


def table() -> str:
    """The README's table."""
    lines = ["| device | row | link | clock | memory | layout from |", "|---|---|---|---|---|---|"]
    for one in entries():
        cells = (one["title"], f"`{one['row']}`", one["link"], one["clock"], one["memory"], one["evidence"])
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"| {title} | | | | | **not supported**: {reason} |" for title, _, reason in CLOSED]
    return "\n".join(lines) + "\n"


def recognise(heard: Advert) -> tuple[list[str], str]:
    """(rows that this advert resembles, why it is not supported or "")."""
    for title, prefixes, reason in CLOSED:
        if heard.name.startswith(prefixes):
            return [], f"{title}: {reason}"
    rows = [drivers.row(name) for name in drivers.ROWS]
    named = [row.name for row in rows if row.name_prefixes and advert.resembles(row, heard)]
    return named or [row.name for row in rows if not row.name_prefixes and advert.resembles(row, heard)], ""


def _whose(output: Output, text: str) -> int:
    try:
        octets = bytes.fromhex(text)
    except ValueError:
        raise WrongUse("not hex", "--advert takes the advertisement's octets as hex digits") from None
    heard = advert.parse(octets)
    rows, reason = recognise(heard)
    for row in rows:
        output.line({"row": row, "title": drivers.row(row).title}, f"{row}: {drivers.row(row).title}")
    told = f"not supported: {reason}" if reason else "looks like these rows" if rows else "no row looks like this"
    return output.summary("devices", bool(rows), told, name=heard.name, rows=rows, reason=reason)
