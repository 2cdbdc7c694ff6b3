"""`telehub journal FILE`: what a hub's flash holds, what is wrong with it, and the readings that it never delivered."""

import json
import os
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

import drivers
from firmware.contracts import PeerError
from firmware.measurement.measurement import Measurement, decimal_text
from tools.host.output import CommandError, Output, WrongUse
from tools.inspect import journal_state
from tools.inspect.cose import BadMessage
from tools.inspect.journal_octets import LANES, NoJournal
from tools.inspect.journal_state import Finding, Journal
from tools.inspect.payload import characteristic_text, iso

_FILE_OCTETS_MAX = 64 << 20  # the largest flash chip that ESP32 modules have is 32 MiB
_TABLE_AT, _TABLE_OCTETS = 0x8000, 0xC00  # ESP-IDF: the partition table, when the file is a dump of the whole chip
_ENTRY = struct.Struct("<HBBII16sI")
_ENTRY_MAGIC = 0x50AA


def command(
    file: Annotated[Path, typer.Argument(help="the journal's partition, or a dump of the hub's whole flash")],
    export: Annotated[
        Path | None, typer.Option("--export", metavar="FILE", help="write the unsent readings there, one a line")
    ] = None,
    records: Annotated[bool, typer.Option("--records", help="show every record, not only what they add up to")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Show a hub's journal, check it, and export the readings that the platform has not got."""
    try:
        journal = journal_state.read(partition_of(load(file)))
    except NoJournal as error:
        hint = "an image of the partition `journal`; from a chip with flash encryption it cannot be read"
        raise CommandError(f"{file.name} holds no journal: {error}", hint) from error
    unsent = [exported(journal, number) for number in journal.waiting]
    if export is not None:
        _write(export, unsent)
    output = Output(as_json)
    if as_json:
        for line in _lines(journal, unsent):
            output.line(line)
    else:
        from tools.inspect import journal_view

        journal_view.show(journal, unsent, records)
    facts = summary(journal, unsent)
    text = f"wrote {len(unsent)} unsent captures to {export}" if export is not None else None
    return output.summary("journal", facts.pop("ok"), text, **facts)


def load(file: Path) -> bytes:
    """The file's octets."""
    try:
        if file.stat().st_size > _FILE_OCTETS_MAX:
            raise WrongUse(f"{file} is too long for a flash image", f"at most {_FILE_OCTETS_MAX} octets")
        return file.read_bytes()
    except OSError as error:
        raise WrongUse(f"{file} cannot be read", error.strerror or "") from error


def partition_of(octets: bytes) -> bytes:
    """The journal's partition in a dump of the whole chip (ESP-IDF's partition table says where); else all of it."""
    table = octets[_TABLE_AT : _TABLE_AT + _TABLE_OCTETS]
    for at in range(0, len(table) - _ENTRY.size + 1, _ENTRY.size):
        magic, _kind, _subtype, offset, size, label, _flags = _ENTRY.unpack_from(table, at)
        if magic != _ENTRY_MAGIC:
            break
        if label.rstrip(b"\0") == b"journal" and offset + size <= len(octets):
            return octets[offset : offset + size]
    return octets


def exported(journal: Journal, number: int) -> dict[str, Any]:
    """One capture that no receipt names: where it comes from, its octets, and what they mean."""
    state, capture = journal.state, journal.captures[number]
    session = state.session_of(capture)
    own = session is not None and (session["boot"], session["visit"]) == (capture["boot"], capture["visit"])
    uuid = next((one for handle, one in session["characteristics"] if handle == capture["handle"]), None) if (
        session
    ) else None  # fmt: skip
    description = state.descriptions.get(session["description"]) if session else None
    value: bytes = capture["octets"]
    line: dict[str, Any] = {
        "capture": number,
        "boot": capture["boot"],
        "visit": capture["visit"],
        "slot": capture["device"],
        "device": session["address"] if session else None,
        "row": session["row"] if session else None,
        "session_lost": not own,
        "description": description.hex() if description else None,
        "link": [
            name for name in ("indicated", "encrypted", "authenticated", "bonded", "bond_changed") if capture[name]
        ],
        "hub_time": iso(capture["time_s"], "Z"),
        "hub_clock": capture["clock"],
        "timed_afterwards": _timed_afterwards(journal, capture),
        "planned": state.planned(number),
        "handle": capture["handle"],
        "characteristic": characteristic_text(_uuid(uuid)),
        "hex": value.hex(),
    }
    return line | _decoded(session["row"] if session else None, uuid, value)


def _uuid(octets: bytes | None) -> int | bytes | None:
    """As `characteristic_text` wants it: a number, or 16 octets as people write them."""
    if octets is None or len(octets) == 2:
        return None if octets is None else octets[0] | octets[1] << 8
    return octets[::-1]


def _timed_afterwards(journal: Journal, capture: dict[str, Any]) -> str | None:
    """The time by a clock fix of the same boot, for a capture from before the hub knew the time."""
    fix = journal.state.fix_of(capture["boot"])
    if capture["clock"] != "none" or fix is None:
        return None
    try:
        return iso(fix["time_s"] + (capture["mono_ms"] - fix["mono_ms"]) // 1000, "Z")
    except BadMessage:  # a time that no calendar has
        return None


def _decoded(row: str | None, uuid: bytes | None, value: bytes) -> dict[str, Any]:
    if row is None or uuid is None:
        return {"readings": [], "undecoded": "no session" if row is None else "no handle"}
    try:
        measurements = drivers.decode(row, uuid, value)
    except KeyError:
        return {"readings": [], "undecoded": "no row"}
    except PeerError as error:
        return {"readings": [], "undecoded": str(error.args[0])}
    return {"readings": [_reading(one) for one in measurements], "undecoded": None}


def _reading(measurement: Measurement) -> dict[str, Any]:
    quantities: list[dict[str, Any]] = []
    for quantity in measurement.quantities:
        if len(quantity) == 4:
            code, mantissa, exponent, unit = quantity
            quantities.append({"code": code, "value": decimal_text(mantissa, exponent), "unit": unit})
        else:
            quantities.append({"code": quantity[0], "reason": quantity[1]})
    time = measurement.device_time
    return {
        "kind": measurement.kind,
        "quantities": quantities,
        "device_time": None if time is None else "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*time),
        "device_time_state": measurement.device_time_state,
        "status": list(measurement.status),
        "user": measurement.user,
        "flags": list(measurement.flags),
    }


def _write(path: Path, unsent: list[dict[str, Any]]) -> None:
    """One object a line; it holds a patient's values, so that nobody else may read it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise WrongUse(f"{path} cannot be written", error.strerror or "") from error
    with open(descriptor, "w", encoding="utf-8") as file:
        for line in unsent:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _lines(journal: Journal, unsent: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for sector in journal.image.sectors:
        yield {
            "sector": sector.index, "lane": LANES[sector.lane], "generation": sector.generation or None,
            "head": sector.head or "none", "records": len(sector.frames),
            "unreadable_units": sum(count for _unit, count in sector.gaps),
        }  # fmt: skip
    for frame, record in journal.records:
        yield {name: _plain(value) for name, value in record.items()} | {"place": frame.place}
    for number in sorted(journal.captures):
        capture = {name: _plain(value) for name, value in journal.captures[number].items()}
        yield capture | {"delivered": journal.state.is_done(number)}
    for line in unsent:
        yield {"unsent": line["capture"], **{name: value for name, value in line.items() if name != "capture"}}
    for finding in journal.findings:
        yield _finding(finding)


def _finding(finding: Finding) -> dict[str, Any]:
    return {"finding": finding.what, "where": finding.where, "cost": finding.cost, "corrupt": finding.corrupt}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def summary(journal: Journal, unsent: list[dict[str, Any]]) -> dict[str, Any]:
    """The last line: what the hub would know after a boot, and what is wrong."""
    state, findings = journal.state, journal.findings
    missing = [finding.cost for finding in findings if finding.what == journal_state.CAPTURE]
    return {
        "ok": not any(finding.corrupt for finding in findings),
        "version": 1,
        "sectors": journal.image.total,
        "chain": state.chain,
        "follows_damage": state.follows_damage,
        "boot": state.boot,
        "next_capture": state.next_capture,
        "last_sequence": state.last_sequence,
        "open_plans": sorted(state.plans),
        "held": state.held,
        "captures": len(journal.captures),
        "unsent": len(unsent),
        "unsent_readings": sum(len(line["readings"]) for line in unsent),
        "undecoded": sum(line["undecoded"] is not None for line in unsent),
        "missing": missing,
        "findings": dict(Counter(finding.what for finding in findings)),
    }
