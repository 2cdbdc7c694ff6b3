"""What `telehub doctor` asks a hub over its cable, and what each answer means.

Each check is a name, whether it is well, what was found, and what to do when it is not. Nothing that a hub says here
holds a secret, an address, a patient's value or the home's network name: the same lines go into the support file.
"""

import datetime
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509

from tools.technician import application, provisioning
from tools.technician.ledger import Ledger
from tools.technician.line import BoardError, Line
from tools.technician.programme import Programme

_WAITING_MANY = 50  # readings: weeks of a patient's, so the uplink has long been broken
_WEAR_MANY = 50_000  # erases of a sector: half of what flash chips promise
_RSSI_WEAK_DBM = -80  # below it TLS often fails on an ESP32

_JOURNAL = """
import json, os
from firmware import config
from firmware.board.flash import PartitionFlash
from firmware.journal.journal import Journal
_j = Journal(PartitionFlash("journal"), os.urandom)
_last = {}
for _n in range(max(1, _j.next_capture - 200), _j.next_capture):
    try:
        _c = _j.read(_n)
        _last[_c.device] = _c.time_s
    except ValueError:
        pass
_kept = config.Store(config.FOLDER, "settings").load() or {"devices": []}
_bonds = config.Store(config.FOLDER, "bonds").load() or {}
print(json.dumps({"waiting": _j.waiting(), "captures": _j.next_capture - 1, "sealed": _j.next_sequence - 1,
    "room_octets": _j.room(), "boots": _j.boot, "notes": [str(_note) for _note in _j.notes][:8],
    "wear": max(_j.main.generation // _j.main.count, _j.captures.generation // _j.captures.count),
    "devices": [_d and _d["row"] for _d in _kept["devices"]], "bonds": len(_bonds),
    "last_s": [[_d, _last[_d]] for _d in _last]}))
"""
_UPLINK = """
import asyncio, json, machine, network
from firmware import config, enrolment
from firmware.board.line import Line, set_chip_clock
from firmware.board.ticks import Ticks
from firmware.contracts import PeerError
from firmware.timekeeping import BUILT_S, Timekeeper
from firmware.uplink.session import Session
async def _stages():
    settings = config.Store(config.FOLDER, "settings").load()
    set_chip_clock(BUILT_S)
    ticks = Ticks()
    timekeeper = Timekeeper(ticks.now_ms, BUILT_S, 0)
    line = Line(settings["wifi"], enrolment.load_tls)
    session = Session(line, ticks, timekeeper, settings["broker"], machine.unique_id().hex())
    told = {"stage": "wifi"}
    try:
        await line.join()
        try:
            told["rssi"] = network.WLAN(network.STA_IF).status("rssi")
        except (TypeError, ValueError, OSError):
            pass
        told["stage"] = "address"
        address = await session.prepare(settings["time"]["ntp"])
        told["ntp"] = timekeeper.quality != 0
        told["time_s"] = timekeeper.time_s()
        told["stage"] = "connection"
        await session.connect(address, 15000)
        told["stage"] = "tls"
        await session.open(b"gone")
        told["stage"] = "done"
    except PeerError as error:
        told["error"] = str(error.args[0])
    await session.close()
    return told
print(json.dumps(asyncio.run(_stages())))
"""
_CRASH = """
try:
    with open("/hub/crash", "rb") as _f:
        print(_f.read(1024).decode())
except OSError:
    pass
"""

_STAGES = ("wifi", "address", "connection", "tls", "done")
_DO = {
    "wifi": "is the router on? Then network name and password in settings.json, and telehub provision",
    "address": "the router is there, the Internet is not: ask whoever runs it; or broker.host in settings.json",
    "connection": "the broker's port is not open from here: a firewall, or broker.port in settings.json",
    "tls": "the broker is not the one that ca.pem stands for, or does not know this hub: ask the platform",
}


@dataclass(frozen=True)
class Check:
    """One line of the page."""

    name: str
    ok: bool
    said: str
    do: str = ""


def checks(
    line: Line, programme: Programme, ledger: Ledger, now: datetime.datetime, library: Path | None, uplink: bool
) -> Iterator[Check]:
    """Ask everything, from the board outwards to the broker."""
    facts = line.answer(provisioning.FACTS)
    enough = facts["ram_octets"] >= provisioning.RAM_OCTETS_MIN
    said = f"{facts['machine']}, {facts['ram_octets'] >> 10} KiB of RAM"
    yield Check("board", enough, said, "it has no PSRAM: take another board")
    missing = {provisioning.JOURNAL} - set(facts["partitions"])
    yield Check("partitions", not missing, ", ".join(facts["partitions"]), "telehub flash")
    slots = provisioning.SLOT in facts["partitions"]
    wanted = application.made(facts["mpy"], library, slots)
    application.mount(line, slots)
    copy, stale = application.missing(line, wanted)
    said = f"MicroPython {facts['micropython']}, application {wanted.application}"
    differ = len(copy) + len(stale)
    yield Check("versions", not differ, f"{said}; {differ} files differ", "telehub provision")
    if any("/firmware/" in path for path in copy):
        return  # without its own code it can answer nothing more
    identity = list(_identity(line, programme, ledger, facts["hub"], now))
    yield from identity
    _afresh(line, slots)
    yield from _journal(line, now)
    if uplink and identity[0].ok:
        _afresh(line, slots)
        yield from _uplink(line, now)
    crash = line.run(_CRASH).strip()
    yield Check("last crash", not crash, crash.splitlines()[-1] if crash else "none", "send the support file")


def on_board(line: Line) -> Iterator[Check]:
    """What only a board can answer."""
    from tools.technician import hardware

    partitions = line.answer(provisioning.FACTS)["partitions"]
    _afresh(line, provisioning.SLOT in partitions)
    yield from hardware.checks(line, partitions)


def _afresh(line: Line, slots: bool) -> None:
    """What was asked before takes no heap from what is asked next."""
    line.afresh()
    application.mount(line, slots)


def _identity(line: Line, programme: Programme, ledger: Ledger, hub: str, now: datetime.datetime) -> Iterator[Check]:
    there = line.answer(provisioning.ENROLLED)
    yield Check("keys", there is not None, "whole" if there else "none, or damaged in both copies", "telehub provision")
    row = ledger.hub(hub)
    known = row is not None and programme.keyring.hub(hub) is not None
    yield Check("ledger", known, row.serial if row else "not in the ledger", "telehub provision")
    if there is None or row is None or row.certificate is None:
        return
    certificate = x509.load_der_x509_certificate(row.certificate)
    same = there["certificate"] == row.certificate_sha256
    good = same and certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    yield Check("certificate", good, f"until {certificate.not_valid_after_utc:%Y-%m-%d}, "
                + ("as in the ledger" if same else "not the ledger's"), "telehub provision")  # fmt: skip
    authority = there["authority"] == hashlib.sha256(programme.authority_der).hexdigest()
    yield Check("authority", authority, "the programme's" if authority else "another's", "telehub provision")
    other = provisioning.differing(there, programme, row)
    yield Check("settings", not other, f"differ: {', '.join(other)}" if other else "as in settings.json",
                "changed by an order, or settings.json is newer: telehub provision")  # fmt: skip


def _journal(line: Line, now: datetime.datetime) -> Iterator[Check]:
    try:
        found = line.answer(_JOURNAL)
    except BoardError as error:
        said = str(error).strip().splitlines()[-1]
        yield Check("journal", False, said, "take the hub in: telehub journal reads its flash")
        return
    few = found["waiting"] <= _WAITING_MANY
    yield Check("receipts", few, f"{found['captures']} readings taken, {found['sealed']} batches sealed, "
                f"{found['waiting']} not yet delivered", "see wifi, time and broker below")  # fmt: skip
    yield Check("journal", found["room_octets"] > 0, f"{found['room_octets'] >> 10} KiB free for readings",
                "it fills until the platform answers: see broker")  # fmt: skip
    worn = f"about {found['wear']} erases a sector, {found['boots']} boots"
    yield Check("flash wear", found["wear"] < _WEAR_MANY, worn, "change the hub")
    rows = [row for row in found["devices"] if row]
    last = dict(found["last_s"])
    told = [f"{row}: {_ago(last.get(slot), now)}" for slot, row in enumerate(found["devices"]) if row]
    yield Check("devices", bool(rows), "; ".join(told) or "none in the list", "pair them: press the hub's button")
    yield Check("notes", not found["notes"], "; ".join(found["notes"]) or "none", "send the support file")


def _ago(time_s: int | None, now: datetime.datetime) -> str:
    if not time_s:
        return "never heard"
    hours = (now.timestamp() - time_s) / 3600
    return f"last reading {hours / 24:.0f} days ago" if hours > 48 else f"last reading {max(0, hours):.0f} hours ago"


def _uplink(line: Line, now: datetime.datetime) -> Iterator[Check]:
    told: dict[str, Any] = line.answer(_UPLINK)
    reached = _STAGES.index(told["stage"])
    error = told.get("error", "")
    rssi = told.get("rssi")
    strong = rssi is None or rssi >= _RSSI_WEAK_DBM
    yield Check("wifi", reached > 0 and strong, error if not reached else f"joined, {rssi} dBm",
                _DO["wifi"] if not reached else "move hub and router closer together")  # fmt: skip
    if "ntp" in told:
        off = abs(told["time_s"] - now.timestamp())
        yield Check("time", told["ntp"], f"NTP answers, {off:.0f} s from this computer" if told["ntp"] else "no answer",
                    "NTP is blocked here: the platform gives the time, but devices' clocks wait for it")  # fmt: skip
    for at, name in ((1, "address"), (2, "connection"), (3, "tls")):
        if reached >= at:
            label = {"address": "broker's address", "connection": "broker's port", "tls": "tls and broker"}[name]
            yield Check(label, reached > at, "reached" if reached > at else error, _DO[name])
