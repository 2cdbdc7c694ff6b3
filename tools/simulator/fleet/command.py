"""`telehub fleet`: real envelopes of many hubs upon a real broker and database, and what it cost."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tools.backend import completeness
from tools.backend.keys import Keyring, make_platform_keys
from tools.backend.servers.ending import told_to_end
from tools.backend.servers.ports import LOOPBACK
from tools.backend.store import Store
from tools.host.figures import Figure
from tools.host.output import Output, WrongUse
from tools.simulator.fleet import load, stage, usage
from tools.simulator.fleet.load import Hub, Told
from tools.simulator.fleet.sealed import READINGS_A_DAY, Sealed

_CONNECTIONS_MAX = 500
_FULL = (10_000, 30)  # hubs and days of the run that has a target of its own
_FULL_S_MAX = 3600
_COST_GROWTH_MAX = 1.3
_MEMORY_GROWTH_MAX = 1.25  # from a quarter of the way on
_TELLS_FROM = 1000  # readings; with fewer, the workers' start is what one measures
_FEW_FROM = 1 << 20  # numbers of the few hubs: none of the fleet's


@dataclass(frozen=True)
class Run:
    """What was asked for."""

    hubs: int
    days: int
    connections: int
    per_s: float
    outage_s: float
    workers: int


def command(
    hubs: Annotated[int, typer.Option(min=1, help="so many homes")] = 100,
    days: Annotated[int, typer.Option(min=3, help="so many days of each; the last two are peak and outage")] = 5,
    broker: Annotated[str, typer.Option(help="rabbitmq or mosquitto: a throw-away one")] = "rabbitmq",
    database: Annotated[str, typer.Option(help="postgresql or sqlite: a throw-away one")] = "postgresql",
    workers: Annotated[int, typer.Option(min=1, max=8)] = 2,
    connections: Annotated[int, typer.Option(min=1, max=_CONNECTIONS_MAX, help="at once")] = _CONNECTIONS_MAX,
    peak: Annotated[float, typer.Option(min=1, help="envelopes a second in the morning's peak")] = 50.0,
    outage: Annotated[float, typer.Option(min=0, help="seconds that the broker is gone")] = 3.0,
    few: Annotated[int, typer.Option(min=0, help="so few hubs first, whose cost is the measure; 0: none")] = 10,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> int:
    """Let thousands of hubs send sealed envelopes, in turns, in a peak and after an outage; 1 when one is lost."""
    if broker not in ("rabbitmq", "mosquitto") or database not in ("postgresql", "sqlite"):
        raise WrongUse("a broker is rabbitmq or mosquitto, a database postgresql or sqlite", "telehub fleet --help")
    output = Output(as_json)
    run = Run(hubs, days, min(connections, hubs), peak, outage, workers)
    figures: list[Figure] = []
    with ExitStack() as stack:
        stack.enter_context(told_to_end())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="telehub-fleet-")))
        stores = stack.enter_context(stage.Databases(database, folder))
        keyring = make_platform_keys(folder / "keys")
        output.log(f"sealing {hubs * days * READINGS_A_DAY} envelopes of {hubs} hubs …")
        sealed = Sealed.write(folder / "envelopes", hubs, days, seed)
        sealed.register(keyring)
        with stage.broker(broker) as running:
            few_cost = None
            if few:
                some_days = max(3, min(hubs * days, 500) // few)
                some = Sealed.write(folder / "few", few, some_days, seed, _FEW_FROM)
                some.register(keyring)
                output.log(f"{few} hubs, {some_days} days …")
                measured = _Fleet(Run(few, some_days, few, peak, 0, workers), some, keyring, output)
                few_cost = measured.go(running, stores, folder / "keys", whole=False)
            fleet = _Fleet(run, sealed, keyring, output)
            fleet.go(running, stores, folder / "keys")
            figures = fleet.figures(few_cost)
    for figure in figures:
        output.line(figure.line(), figure.text())
    missed = [figure.figure for figure in figures if not figure.ok]
    verdict = f"MISSED: {', '.join(missed)}" if missed else "all within their targets"
    return output.summary(
        "fleet", not missed, f"{len(figures)} figures, {verdict}", hubs=hubs, days=days,
        readings=hubs * days * READINGS_A_DAY, broker=broker, database=database, workers=workers, missed=missed,
    )  # fmt: skip


class _Fleet:
    """One fleet on a database of its own."""

    def __init__(self, run: Run, sealed: Sealed, keyring: Keyring, output: Output) -> None:
        self._run, self._sealed, self._keyring, self._output = run, sealed, keyring, output
        self._told = {phase: Told() for phase in ("days", "peak", "storm")}
        self._cost_us: dict[str, float] = {}
        self._memory: list[int] = []
        self._lost = self._doubled = self._incomplete = 0

    def go(self, broker: stage.Broker, stores: stage.Databases, keys: Path, whole: bool = True) -> float:
        """Run all phases, or the days alone; the cost of a reading in microseconds of processor."""
        database = stores.new()
        with stage.Backend(broker.worker_url, database, keys, self._run.workers) as backend:
            asyncio.run(self._phases(broker, stores, backend, whole))
        self._check(database, whole)
        return self._cost_us["backend"] + self._cost_us["database"] + self._cost_us["broker"]

    async def _phases(
        self, broker: stage.Broker, stores: stage.Databases, backend: stage.Backend, whole: bool
    ) -> None:
        tails: list[tuple[Hub, Hub]] = []
        used = {
            "backend": backend.cpu_s, "broker": lambda: usage.cpu_s(broker.pid),
            "database": lambda: usage.cpu_s(stores.pid) if stores.pid else 0.0,
        }  # fmt: skip
        before = {name: ask() for name, ask in used.items()}
        watching = asyncio.ensure_future(self._watch(backend))
        told = self._told["days"]
        await load.days(self._hubs(tails, whole), LOOPBACK, broker.port, self._run.connections, told)
        watching.cancel()
        self._memory.append(backend.resident_octets())
        for name, ask in used.items():
            self._cost_us[name] = (ask() - before[name]) * 1e6 / max(1, told.stored)
        self._output.log(f"days: {told.stored} in {told.wall_s:.1f} s")
        if not whole:
            return
        await load.peak([peak for peak, _ in tails], LOOPBACK, broker.port, self._run.per_s, self._told["peak"])
        self._output.log(f"peak: {self._told['peak'].stored} in {self._told['peak'].wall_s:.1f} s")

        async def outage() -> None:
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(self._run.outage_s)
            await asyncio.to_thread(broker.start)

        await load.storm([storm for _, storm in tails], LOOPBACK, broker.port, outage, self._told["storm"])
        self._output.log(f"storm: {self._told['storm'].stored} in {self._told['storm'].wall_s:.1f} s")

    def _hubs(self, tails: list[tuple[Hub, Hub]], whole: bool) -> Iterator[Hub]:
        """All hubs in turn; the first ones keep their last two days for what comes after."""
        kept = 2 * READINGS_A_DAY if whole else 0
        for home, letters in self._sealed:
            count = len(letters)
            if kept and len(tails) < self._run.connections:
                middle = count - READINGS_A_DAY
                peak = Hub(home, letters[count - kept : middle], count - kept + 1, self._keyring, self._told["peak"])
                storm = Hub(home, letters[middle:], middle + 1, self._keyring, self._told["storm"])
                tails.append((peak, storm))
                letters = letters[: count - kept]
            yield Hub(home, letters, 1, self._keyring, self._told["days"])

    async def _watch(self, backend: stage.Backend) -> None:
        """Note the workers' memory now and then."""
        while True:
            await asyncio.sleep(2)
            self._memory.append(backend.resident_octets())

    def _check(self, database: str, whole: bool) -> None:
        store = Store(database)
        expected = self._run.hubs * self._run.days * READINGS_A_DAY
        row = store.one("SELECT COUNT(*) AS n, COUNT(DISTINCT identity) AS distinct_n FROM reading WHERE held = ''")
        assert row is not None
        self._lost, self._doubled = expected - row["distinct_n"], row["n"] - row["distinct_n"]
        some = range(self._sealed.first, self._sealed.first + min(self._run.hubs, 200))
        for number in some:
            states = completeness.chains(store, f"24d7{number:08x}")
            self._incomplete += not (len(states) == 1 and states[0].complete)
        store.close()

    def figures(self, few_cost: float | None) -> list[Figure]:
        """What came of it."""
        run, days = self._run, self._told["days"]
        full = (run.hubs, run.days) >= _FULL
        wall_s = round(sum(told.wall_s for told in self._told.values()), 1)
        cost = sum(self._cost_us.values())
        memory = self._memory[len(self._memory) // 4 :]
        growth = memory[-1] / memory[0] if memory and memory[0] else None
        found = [
            Figure("fleet.lost", self._lost, "readings", 0),
            Figure("fleet.doubled", self._doubled, "readings", 0),
            Figure("fleet.incomplete", self._incomplete, "chains", 0),
            Figure("fleet.held", sum(told.held for told in self._told.values()), "envelopes", 0),
            Figure("fleet.connections", run.connections, "at once", _CONNECTIONS_MAX),
            Figure("fleet.wall", wall_s, "s", _FULL_S_MAX if full else None),
            Figure("fleet.rate", round(days.stored / days.wall_s) if days.wall_s else None, "readings/s"),
            Figure("fleet.sent_again", sum(told.again for told in self._told.values()), "envelopes"),
        ]
        for phase, told in self._told.items():
            found.append(Figure(f"fleet.receipt_p50.{phase}", round(told.quantile(0.5) * 1000, 1), "ms"))
            found.append(Figure(f"fleet.receipt_p99.{phase}", round(told.quantile(0.99) * 1000, 1), "ms"))
        found += [Figure(f"fleet.cpu.{name}", round(us), "us/reading") for name, us in self._cost_us.items()]
        if few_cost:
            ratio = round(cost / few_cost, 3)
            target = _COST_GROWTH_MAX if days.stored >= _TELLS_FROM else None
            found.append(Figure("fleet.cost_growth", ratio, "x", target, peer="few hubs", peer_value=round(few_cost)))
        mib = round(memory[-1] / (1 << 20), 1) if memory else None
        found.append(Figure("fleet.memory", mib, "MiB of all workers"))
        if growth is not None:
            found.append(Figure("fleet.memory_growth", round(growth, 3), "x", _MEMORY_GROWTH_MAX))
        return found
