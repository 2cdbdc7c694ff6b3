"""kill -9 at random moments: is each reading in FUT once? `make kills`, or python -m tools.backend.fut.kills.

A worker and a stand-in are processes of their own, forked from this one, and are killed inside whatever they do:
mapping, writing the ledger, calling, answering. Readings keep arriving. The stand-in also fails, loses answers and
answers twice. At the end nobody is killed any more until everything is done, and the two databases are compared.
"""

import argparse
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from tools.backend.fut import context
from tools.backend.fut.client import Client
from tools.backend.fut.ledger import CONFIRMED, Ledger
from tools.backend.fut.sender import Patience, Sender
from tools.backend.fut.standin.desk import Desk
from tools.backend.fut.standin.faults import Faults
from tools.backend.fut.standin.kept import Kept
from tools.backend.fut.standin.known import of_context
from tools.backend.fut.standin.serve import Server
from tools.backend.fut.standin.tokens import Tokens as Provided
from tools.backend.fut.token import Provider, Secret, Tokens
from tools.backend.store import Reading, Store

_HUB, _DEVICE, _CHAIN = "24d7eb0a1b2c", "f8:90:25:d3:45:00", "2dda07fc4d1de700"
_SECRET = "of this run alone"  # pragma: allowlist secret - of a stand-in
_FAULTS = {"slow": 0.05, "fail": 0.1, "fail_after": 0.1, "lose": 0.1, "twice": 0.1}
_SLOW_S, _TIMEOUT_S = 0.03, 0.7
# Longer than any call lives here, on a machine that is busy with other things too.
_PATIENCE = Patience(settle_s=2.0, first_wait_s=0.02, wait_s_max=0.2)
_LIFE_S_MAX = 0.06  # of a victim, from its start to its end
_ARRIVE_MAX = 3  # readings between two kills
_END_S_MAX = 120.0
_FIRST = datetime(2026, 3, 2, 5, 0, tzinfo=UTC)


def main() -> int:
    """Run a campaign and tell of it; 1 when a reading was lost or doubled."""
    parser = argparse.ArgumentParser(description="kill -9 on the road to FUT")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="telehub-kills-") as folder:
        told = Campaign(Path(folder), given.seed).run(given.kills)
    print(json.dumps({"summary": "kills", "seed": given.seed, **told}))
    return 0 if told["ok"] else 1


class Campaign:
    """One run in one folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._store, self._fut = folder / "store.db", folder / "fut.db"
        self._chance = random.Random(seed)
        self._seed = seed
        with closing(socket.create_server(("127.0.0.1", 0))) as free:
            self._port = free.getsockname()[1]
        self._readings = 0
        self._alive: dict[str, int] = {}
        self._starts = 0
        self.killed: Counter[str] = Counter()

    def run(self, kills: int) -> dict[str, object]:
        """Kill so often, then let everything end; what came of it."""
        begun = time.monotonic()
        try:
            while self.killed.total() < kills:
                self._arrive(self._chance.randint(0, _ARRIVE_MAX))
                self._start()
                time.sleep(self._chance.uniform(0, _LIFE_S_MAX))
                for victim in self._chance.choice((("worker",), ("worker",), ("standin",), ("worker", "standin"))):
                    self._kill(victim)
                    self.killed[victim] += 1
            self._start()
            done = self._wait()
        finally:
            for name in list(self._alive):
                self._kill(name)
        return self._compare(done) | {"killed": dict(self.killed), "wall_s": round(time.monotonic() - begun, 1)}

    def _arrive(self, count: int) -> None:
        with closing(Store(self._store)) as store, store.transaction():
            for _ in range(count):
                self._readings += 1
                store.keep_reading(_reading(self._readings), 0)

    def _start(self) -> None:
        for name, life in (("standin", self._serve), ("worker", self._work)):
            if name not in self._alive:
                self._starts += 1
                child = os.fork()
                if child == 0:
                    try:
                        life()
                    finally:
                        os._exit(3)  # never back into what the parent was doing
                self._alive[name] = child

    def _kill(self, name: str) -> None:
        child = self._alive.pop(name)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)

    def _serve(self) -> None:
        content = _context()
        checked = context.of(content)
        desk = Desk(of_context(content, checked.tables), Kept(str(self._fut)), Provided("telehub", _SECRET))
        while True:
            with suppress(OSError), Server(
                desk, Faults(_FAULTS, self._seed * 1000 + self._starts), self._port, _SLOW_S
            ) as server:
                server.join()
            time.sleep(0.002)  # its predecessor's port is not free yet

    def _work(self) -> None:
        base, checked = f"http://127.0.0.1:{self._port}", context.of(_context())
        http = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)
        tokens = Tokens(http, Provider(f"{base}/token", "telehub", Secret(_SECRET)))
        ledger = Ledger(Store(self._store))
        sender = Sender(ledger, Client(http, base, tokens), lambda: checked, patience=_PATIENCE)
        while True:
            if not sender.round():
                time.sleep(0.005)

    def _wait(self) -> bool:
        ends = time.monotonic() + _END_S_MAX
        with closing(Store(self._store)) as store:
            ledger = Ledger(store)
            while ledger.counts() != {CONFIRMED: self._readings} and time.monotonic() < ends:
                time.sleep(0.05)
            return ledger.counts() == {CONFIRMED: self._readings}

    def _compare(self, done: bool) -> dict[str, object]:
        with closing(Store(self._store)) as store:
            return compare(store, Kept(str(self._fut)), self._readings, done)


def compare(store: Store, kept_by_fut: Kept, readings: int, done: bool) -> dict[str, object]:
    """What our ledger sent against what the stand-in keeps, name by name."""
    sent = [row["body"] for row in store.rows("SELECT body FROM fut WHERE body IS NOT NULL")]
    names = Counter(json.loads(body)["parameter"][0]["resource"]["entry"][0]["fullUrl"] for body in sent)
    kept = Counter(row.content["identifier"][0]["value"] for row in kept_by_fut.all())
    lost = readings - len(names.keys() & kept.keys())
    doubled = sum(count - 1 for count in kept.values())
    foreign = len(kept.keys() - names.keys())
    found = {"readings": readings, "lost": lost, "doubled": doubled, "foreign": foreign, "done": done}
    return {"ok": done and not (lost or doubled or foreign), **found}


def _context() -> dict[str, object]:
    request = {
        "code": {"system": "urn:oid:1.2.208.176.2.1", "code": "NPU03804"}, "version": "1", "shape": "single",
        "service_request": "https://careplan.fut.example.test/fhir/ServiceRequest/1", "timing": [],
        "reference_ranges": [],
    }  # fmt: skip
    assignment = {
        "hub": _HUB, "device": _DEVICE, "slot": None, "valid_from": "2026-01-01T00:00:00Z", "valid_to": None,
        "patient": "https://patient.fut.example.test/fhir/Patient/1",
        "episode_of_care": "https://careplan.fut.example.test/fhir/EpisodeOfCare/1", "device_reference": None,
        "requests": [request],
    }  # fmt: skip
    return {"format": 1, "ig": "8.0.0", "assignments": [assignment]}


def _reading(number: int) -> Reading:
    taken = _FIRST + timedelta(minutes=number)
    content = {
        "reading": f"{_HUB}:{_CHAIN}:{number}:0", "hub": _HUB, "sequence": number, "index": 0, "device": _DEVICE,
        "kind": "body_weight", "device_time": (taken + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"),
        "device_time_state": "ok", "hub_time": taken.strftime("%Y-%m-%dT%H:%M:%SZ"), "hub_clock": "ntp",
        "skew_ms": 0, "offset_min": 60, "quantities": [{"code": 188736, "value": f"{number}.50", "unit": 263875}],
        "status": [], "captures": [number], "test": False, "flags": [],
    }  # fmt: skip
    return Reading(
        hub=_HUB, chain=_CHAIN, sequence=number, position=0, capture=number, identity=str(number), device=_DEVICE,
        kind="body_weight", time_s=0, measured_s=0, possible_repeat=False, held="", description=0, envelope="",
        content=json.dumps(content),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
