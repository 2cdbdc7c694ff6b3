"""The hub's heap after thousands of visits: what is free at quiet moments does not shrink, and no task is left over.

Three kinds of device in turn; links are lost at any moment of a visit, and the router goes away, since what is left
over is left over by what went wrong. Weighed when everything is delivered and the hub only listens.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.host.parts import need
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, OXIMETER, READ_S, SCALE, House, TooLate

VISITS = 10_000
_WEIGHINGS = 40
_WARM_VISITS = 100  # tables that grow to their limit, and what is compiled or joined once
_EVERY_S = 25
_LOST_EVERY, _LOST_S_MAX = 7, 3.0  # links; a visit takes 1.5 s and a linger of as much
_NO_ROUTER_EVERY, _NO_ROUTER_S = 150, 400  # longer than the hub waits for an answer
_PRESSES_MAX = 8  # of one turn, until it is read
_DELIVERED_S = 3600
_QUIET_S = 45
_HANDLE_S = 7.0  # between two weighings of one moment: what was loaded for a while is forgotten


@dataclass(frozen=True)
class Weight:
    """At a quiet moment."""

    visits: int
    free_octets: int
    tasks: int


@dataclass(frozen=True)
class Soak:
    """What was seen."""

    weights: list[Weight]
    visits: int
    boots: int
    lost: int  # displays' readings that are not in the store

    @property
    def shrunk_octets(self) -> int:
        """How much less is free in the last third than in the first, at the best moment of each."""
        first, last = self._thirds()
        return max(weight.free_octets for weight in first) - max(weight.free_octets for weight in last)

    @property
    def tasks_left(self) -> int:
        """How many more tasks there are in the last third than in the first, at the best moment of each."""
        first, last = self._thirds()
        return min(weight.tasks for weight in last) - min(weight.tasks for weight in first)

    def _thirds(self) -> tuple[list[Weight], list[Weight]]:
        third = max(1, len(self.weights) // 3)
        return self.weights[:third], self.weights[-third:]


def measure(plan: Plan) -> Iterator[Figure]:
    """Every figure of this room, from one long run."""
    need("micropython32")
    soak = live(plan.seed, VISITS)
    yield Figure("soak.heap_shrunk_octets", soak.shrunk_octets, "octets", budget.SOAK_OCTETS_MAX, runs=soak.visits)
    yield Figure("soak.tasks_left", soak.tasks_left, "tasks", 0, runs=soak.visits)
    yield Figure("soak.restarts", soak.boots, "boots", 0, runs=soak.visits)
    yield Figure("soak.readings_lost", soak.lost, "readings", 0, runs=soak.visits)
    yield Figure("soak.visits", soak.visits, "visits", VISITS, "min")


def live(seed: int, visits: int) -> Soak:
    """A house in which devices are used until they were visited so often."""
    with House(seed, (CUFF, SCALE, OXIMETER)) as house:
        house.world.run(house.ready())
        boots = house.hub.counters.boots
        soaking = _Soaking(house)
        weights = house.world.run(soaking.until(visits))
        lost = house.taken() - house.delivered_total()
        return Soak(weights, soaking.visits, house.hub.counters.boots - boots, lost)


class _Soaking:
    """Uses the devices of a house."""

    def __init__(self, house: House):
        self.visits = 0
        self._house = house
        patient = Patient("heart_failure", random.Random(house.seed))
        self._measures = (patient.blood_pressure, patient.weight, patient.oximetry)
        self._turn = 0
        for device in house.devices:
            device.listeners.append(self._noted)

    def _noted(self, what: str, *_facts) -> None:
        self.visits += what == "connected"

    async def until(self, visits: int) -> list[Weight]:
        """Until there were so many; weighed at even distances."""
        warm = min(_WARM_VISITS, visits // 4)
        weights: list[Weight] = []
        for number in range(1, _WEIGHINGS + 1):
            while self.visits < warm + (visits - warm) * number // _WEIGHINGS:
                await self._next()
            weights.append(await self._weighed())
        return weights

    async def _next(self) -> None:
        """The next device is used, until the hub has all that it holds."""
        self._turn += 1
        house, turn = self._house, self._turn
        device, measure = house.devices[turn % 3], self._measures[turn % 3]
        if turn % _NO_ROUTER_EVERY == 0:
            house.network(False)
            house.loop.call_later(_NO_ROUTER_S, house.network, True)
        before = self.visits
        device.press(measure())
        if turn % _LOST_EVERY == 0:
            await house.until(lambda: self.visits > before, READ_S, "a visit", 0.02)
            await asyncio.sleep(house.chance.random() * _LOST_S_MAX)
            if device.link is not None:
                device.drop_link()
        for _ in range(_PRESSES_MAX):
            try:
                await house.read(device)
                break
            except TooLate:
                device.press(measure())
        await asyncio.sleep(_EVERY_S)

    async def _weighed(self) -> Weight:
        house = self._house
        await house.until_delivered(_DELIVERED_S)
        await asyncio.sleep(_QUIET_S)
        free, tasks = await house.hub.weigh()
        for _ in range(2):
            await asyncio.sleep(_HANDLE_S)
            again = await house.hub.weigh()
            free, tasks = max(free, again[0]), min(tasks, again[1])
        return Weight(self.visits, free, tasks)
