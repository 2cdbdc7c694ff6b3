"""The killing: hubs send all the time, a victim falls every eighth of a second, in the end everything is counted."""

import argparse
import asyncio
import json
import multiprocessing
import random
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tools.backend.fut.kills import compare
from tools.backend.fut.ledger import CONFIRMED, Ledger
from tools.backend.fut.standin.kept import Kept
from tools.backend.keys import make_platform_keys
from tools.backend.servers.ending import told_to_end
from tools.backend.servers.ports import LOOPBACK, free_port
from tools.backend.store import Store
from tools.simulator.fleet import load, stage
from tools.simulator.fleet.kills.victims import context_of, send, stand_in, work
from tools.simulator.fleet.sealed import READINGS_A_DAY, Home, Sealed

_HOMES = 6
_READINGS_PER_KILL = 1.5
# Of a hundred kills so many; a broker's new start takes longest, and every hub waits for it.
_SHARES = {"worker 1": 26, "worker 2": 26, "sender": 22, "standin": 16, "database": 7, "broker": 3}
_LIFE_S_MAX = 0.25  # from one kill to the next
_END_S_MAX = 240.0

_SPAWN = multiprocessing.get_context("forkserver")  # a process in milliseconds, and no thread of ours in it


def main() -> int:
    """Run a campaign and tell of it; 1 when a reading was lost or doubled."""
    parser = argparse.ArgumentParser(description="kill -9 of everything between a hub and FUT")
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    _SPAWN.set_forkserver_preload(["tools.simulator.fleet.kills.victims"])
    with told_to_end(), tempfile.TemporaryDirectory(prefix="telehub-kills-") as folder:
        told = Campaign(Path(folder), given.seed, given.kills).run()
    print(json.dumps({"summary": "kills of everything", "seed": given.seed, **told}))
    return 0 if told["ok"] else 1


class Campaign:
    """One run in one folder."""

    def __init__(self, folder: Path, seed: int, kills: int) -> None:
        self._folder, self._seed, self._kills = folder, seed, kills
        self._chance = random.Random(seed)
        self._days = max(1, round(kills * _READINGS_PER_KILL / _HOMES / READINGS_A_DAY))
        self._sealed = Sealed.write(folder / "envelopes", _HOMES, self._days, seed)
        self._keyring = make_platform_keys(folder / "keys")
        self._sealed.register(self._keyring)
        self._content = context_of([Home(number, seed) for number in range(_HOMES)])
        self._fut_port = free_port()
        self._alive: dict[str, Any] = {}
        self.killed: Counter[str] = Counter()
        self._told = load.Told()

    def run(self) -> dict[str, object]:
        """Kill so often, then let everything end; what came of it."""
        began = time.monotonic()
        with stage.Databases("postgresql", self._folder) as stores, stage.broker("rabbitmq") as broker:
            self._database = stores.new()
            Store(self._database).close()
            try:
                asyncio.run(self._live(stores, broker))
                done = self._wait()
            finally:
                for process in self._alive.values():
                    process.kill()
                    process.join()
            with closing(Store(self._database)) as store:
                readings = _HOMES * self._days * READINGS_A_DAY
                found = compare(store, Kept(str(self._folder / "fut.db")), readings, done)
        more = {"killed": dict(self.killed), "receipts": self._told.stored, "sent_again": self._told.again}
        return found | more | {"wall_s": round(time.monotonic() - began, 1)}

    async def _live(self, stores: stage.Databases, broker: stage.Broker) -> None:
        self._broker = broker
        await asyncio.to_thread(self._start)
        hubs = [load.Hub(home, letters, 1, self._keyring, self._told) for home, letters in self._sealed]
        chance = random.Random(self._seed)
        at_work = asyncio.gather(*(hub.settle(LOOPBACK, broker.port, chance, fill=False) for hub in hubs))
        sending = asyncio.ensure_future(self._send(hubs))
        while self.killed.total() < self._kills:
            await asyncio.sleep(self._chance.uniform(0, _LIFE_S_MAX))
            (victim,) = self._chance.choices(list(_SHARES), list(_SHARES.values()))
            await asyncio.to_thread(self._kill, victim, stores)
            self.killed[victim.split()[0]] += 1
        sending.cancel()
        for hub in hubs:
            while hub.send_next() or not hub.sent_all:
                await asyncio.sleep(0.01)
        ends = time.monotonic() + _END_S_MAX
        while not at_work.done() and time.monotonic() < ends:
            await asyncio.to_thread(self._start)  # who fell by himself when his servers did
            await asyncio.sleep(0.2)
        at_work.cancel()
        for hub in hubs:
            hub.close()

    async def _send(self, hubs: list[load.Hub]) -> None:
        """Readings come all the time."""
        pause_s = _LIFE_S_MAX / 2 / _READINGS_PER_KILL
        while True:
            await asyncio.sleep(self._chance.uniform(0, 2 * pause_s))
            self._chance.choice(hubs).send_next()

    def _start(self) -> None:
        keys, url = str(self._folder / "keys"), f"http://{LOOPBACK}:{self._fut_port}"
        lives: dict[str, tuple[Any, ...]] = {
            "worker 1": (work, self._broker.worker_url, self._database, keys),
            "worker 2": (work, self._broker.worker_url, self._database, keys),
            "sender": (send, self._database, url, self._content),
            "standin": (stand_in, str(self._folder / "fut.db"), self._fut_port, self._content, self.killed.total()),
        }
        for name, what in lives.items():
            if name not in self._alive or not self._alive[name].is_alive():
                process = _SPAWN.Process(target=what[0], args=what[1:], daemon=True)
                process.start()
                self._alive[name] = process

    def _kill(self, victim: str, stores: stage.Databases) -> None:
        if victim == "broker":
            self._broker.kill()
            self._broker.start()
        elif victim == "database":
            assert stores.server is not None
            stores.server.kill()
            stores.server.start()
        else:
            process = self._alive.pop(victim)
            process.kill()
            process.join()
        self._start()

    def _wait(self) -> bool:
        ends, readings = time.monotonic() + _END_S_MAX, _HOMES * self._days * READINGS_A_DAY
        with closing(Store(self._database)) as store:
            ledger = Ledger(store)
            while ledger.counts() != {CONFIRMED: readings} and time.monotonic() < ends:
                self._start()
                time.sleep(0.1)
            return ledger.counts() == {CONFIRMED: readings}
