"""A simulated hub-day: a cuff is used every quarter of an hour, and each reading is delivered before the next."""

import asyncio
import os
import random
import time
from collections.abc import Iterator

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, House

VISITS = 96
_EVERY_S = 900


def measure(plan: Plan) -> Iterator[Figure]:
    """Wall seconds of one day (a missing value: not everything was delivered)."""
    used = _processor_s()
    took, delivered = live(plan.seed, VISITS)
    used = _processor_s() - used
    yield Figure("day.wall_s", round(took, 2) if delivered == VISITS else None, "s", budget.DAY_WALL_S_MAX)
    yield Figure("day.processor_s", round(used, 2), "s")  # set-up included; what others run is not in it
    yield Figure("day.delivered", delivered, "readings", VISITS, "min")


def _processor_s() -> float:
    """Processor seconds of this process and of the hubs that it ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def live(seed: int, visits: int) -> tuple[float, int]:
    """(wall seconds, readings delivered) of a quarter of an hour for each visit."""
    with House(seed, (CUFF,)) as house:
        house.world.run(house.ready())
        begun = time.monotonic()
        house.world.run(_day(house, visits))
        return time.monotonic() - begun, house.delivered_total()


async def _day(house: House, visits: int) -> None:
    patient = Patient("heart_failure", random.Random(house.seed))
    for _ in range(visits):
        house.devices[0].press(patient.blood_pressure())
        await asyncio.sleep(_EVERY_S)
