"""What the journal costs and holds, measured: beside the real LittleFS, and on the interpreter that hubs run."""

import json
import os
import random
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from firmware.journal.frame import SECTOR
from firmware.journal.index import OPEN_PLANS_MAX, RANGES_MAX
from firmware.journal.journal import Journal
from firmware.journal.records import PLAN_RANGES_MAX, Fix, Plan, Session
from tools.host.figures import Figure
from tools.host.interpreters import ROOT, micropython32
from tools.simulator.nor import Nor, PowerCut

MIB_SECTORS = 256
_HERE = Path(__file__).parent
_READINGS = 1000  # of each way to keep them
_FRAME_VALUE = 33  # octets of a value whose capture has 56 and its frame 64
_DAYS, _A_DAY = 365, 10
_KEPT_MAX = 240  # octets that a reading may take while it waits
_DRAIN_S_MAX = 900  # with a broker two seconds away
_LIVE_S_MAX = 60  # that a live reading waits for its receipt meanwhile
_CYCLES = 100_000  # what makers of such chips promise for a sector
_YEAR_S = 31_557_600
_TIMEOUT_S = 600


def figures() -> list[Figure]:
    """Every figure of the journal (tools/host/figures.py): some need the 32-bit interpreter."""
    return [*frames(), *recovery(), *offline()]


def _journal(flash: Nor, seed: int) -> Journal:
    return Journal(flash, random.Random(seed).randbytes)


def _session(visit: int, boot: int) -> Session:
    """A cuff's session as it is: four characteristics, its clock."""
    facts = ((14, b"\x35\x2a"), (17, b"\x49\x2a"), (20, b"\x08\x2a"), (23, b"\x19\x2a"))
    clock = b"\xea\x07\x01\x05\x08\x00\x09"
    return Session(visit, boot, 0, b"ABCDEF", 1, "ad_ua651ble", 14, 1000, clock, 1200, True, 60, facts, 1)


# --- frames, beside LittleFS


def frames() -> list[Figure]:
    """What a capture of 56 octets costs in its lane, and what LittleFS makes of the same octets."""
    flash = Nor(MIB_SECTORS)
    journal = _journal(flash, 1)
    captures = journal.captures
    erases, programmed, heads = 0, 0, captures.ready_end
    for _reading in range(_READINGS):
        before = flash.programmed_octets
        journal.capture(1, 0, 14, 15, 1, 1_800_000_000, 1, bytes(_FRAME_VALUE))
        programmed += flash.programmed_octets - before
        while captures.spare() < 2 and journal.tidy():
            pass
    erases = captures.ready_end - heads
    payload = 23 + _FRAME_VALUE
    per_thousand = (captures.at + (captures.generation - 1) * SECTOR // 16) * 16 / SECTOR * 1000 / _READINGS
    assert abs(erases - per_thousand) <= 2, "an erase prepares ahead of what it is for"
    peer = littlefs(payload)
    life = _CYCLES * captures.count / (per_thousand / 1000) / _YEAR_S
    ratio = programmed / _READINGS / payload
    return [
        Figure("journal.programmed_per_payload", round(ratio, 3), "x", 1.15, "max", "LittleFS append + flush",
               round(peer["append"][0] / _READINGS / payload, 1)),
        Figure("journal.erases_per_1000", round(per_thousand, 1), "erases", 16, "max", "LittleFS append + flush",
               peer["append"][1] * 1000 // _READINGS),
        Figure("journal.erases_fewer", round(peer["append"][1] / per_thousand * 1000 / _READINGS, 1), "x", 50, "min"),
        Figure("journal.erases_fewer_than_files", round(peer["files"][1] / per_thousand * 1000 / _READINGS, 1), "x",
               None, "min", "LittleFS, a file per reading, 20 kept", peer["files"][1] * 1000 // _READINGS),
        Figure("journal.life_at_1_per_s", round(life, 1), "years", 10, "min"),
    ]  # fmt: skip


@cache
def littlefs(octets: int) -> dict[str, list[int]]:
    """[octets programmed, erases] of the real LittleFS for as many readings of that length."""
    return json.loads(_on_micropython("on_littlefs.py", str(_READINGS), str(octets)))


def _on_micropython(program: str, *arguments: str, heap: str = "4000k") -> str:
    environment = {**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"}
    command = [micropython32().path, "-X", f"heapsize={heap}", str(_HERE / program), *arguments]
    ran = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, timeout=_TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if ran.returncode:
        raise RuntimeError(f"{program} ended with {ran.returncode}: {ran.stderr[-1000:]}{ran.stdout[-1000:]}")
    return ran.stdout


# --- a year without a network


def year(erased: str = "noise", seed: int = 2) -> tuple[Nor, Journal]:
    """A full journal: ten readings a day, the plug pulled each day in the midst of something, nothing delivered."""
    flash, chance = Nor(MIB_SECTORS, erased=erased, seed=seed), random.Random(seed)
    visit = kept = 0
    for day in range(_DAYS):
        flash.power_on()
        journal = _journal(flash, seed + day)
        journal.fix(Fix(journal.boot, 1000, 1_800_000_000 + day * 86_400, 1, 20))
        for _reading in range(_A_DAY):
            visit += 1
            if journal.room() < journal.needed(30, 19):
                raise AssertionError(f"full after {kept} readings")
            journal.session(_session(visit % 60_000, journal.boot))
            journal.capture(visit % 60_000, 0, 14, 15, visit, 1_800_000_000 + day * 86_400, 1, bytes(19))
            kept += 1
            while journal.tidy():
                pass
        flash.cut_at(octet=chance.randrange(120), tear=("prefix", "half_cleared", "page")[day % 3])
        try:
            while True:  # a visit that does not come to its end
                journal.session(_session(60_001, journal.boot))
        except PowerCut:
            pass
    flash.power_on()
    return flash, _journal(flash, seed)


def offline() -> list[Figure]:
    """What a reading of that year takes of the flash, reserves and what power cuts cost included; then its delivery."""
    from tools.simulator.journal.drain import drain

    _flash, journal = year()
    assert journal.waiting() == _DAYS * _A_DAY, journal.waiting()
    for number in range(1, _DAYS * _A_DAY + 1, 97):
        assert journal.session_of(journal.read(number)) is not None
    sectors = journal.captures.ready_end - 1 + journal.main.ready_end - 1
    value = sectors * SECTOR / (_DAYS * _A_DAY)
    drained = drain(journal)
    waited_s = max(drained.live_waits_s)
    return [
        Figure("journal.offline_octets_per_reading", round(value, 1), "octets", _KEPT_MAX),
        Figure("journal.drain_s", round(drained.seconds, 1), "s", _DRAIN_S_MAX, runs=drained.envelopes),
        Figure("journal.drain_live_wait_s", round(waited_s, 1), "s", _LIVE_S_MAX, runs=len(drained.live_waits_s)),
    ]


# --- recovery


def recovery(destroyed: tuple[int, ...] | None = None, erased: str = "noise") -> list[Figure]:
    """What a boot reads of a full 1 MiB with all tables full, the worst of it whole and with any one head destroyed."""
    boots = recoveries(range(MIB_SECTORS) if destroyed is None else destroyed, erased)
    whole = boots[0]
    assert len(whole["plans"]) == OPEN_PLANS_MAX <= whole["fixes"]
    for index, one in enumerate(boots):
        assert one["found"] == whole["found"] and not one["notes"], (index - 1, one)
    return [
        Figure(f"journal.recovery_{name}", max(one[name] for one in boots), unit, limit, runs=len(boots))
        for name, unit, limit in (("reads", "reads", 300), ("octets", "octets", 32_768), ("heap", "octets", 32_768))
    ]


def _plan_all(journal: Journal) -> None:
    """As many plans as may be open, with as many ranges; of boots with fixes of their own."""
    number, ranges = 1, RANGES_MAX
    for left in range(OPEN_PLANS_MAX, 0, -1):
        count = min(PLAN_RANGES_MAX, ranges - left + 1)
        captures = tuple((number + 2 * one, 1) for one in range(count))
        number, ranges, sequence = number + 2 * count, ranges - count, journal.next_sequence
        octets = sequence.to_bytes(32, "big")
        journal.plan(Plan(sequence, journal.last_hash, captures, 1, 1, left, 1000, b"kid kid ", 1, octets, 0))
    generation = journal.main.generation
    while journal.main.generation == generation:  # until a snapshot names them all by their places
        journal.session(_session(60_002, journal.boot))


def recoveries(destroyed: Any, erased: str) -> list[dict[str, Any]]:
    """What the 32-bit interpreter finds: of the whole image first, then with each of these heads destroyed."""
    flash, journal = year(erased)
    _plan_all(journal)
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "journal.bin"
        flash.save(image)
        said = _on_micropython("on_recovery.py", str(image), "-1", *map(str, destroyed), heap="192k")
    return [json.loads(line) for line in said.splitlines()]
