"""What one reading costs in flash and in the air, on a whole hub: a UA-651BLE alone, and with sixteen stored readings.

Octets that are programmed are counted by the flash model, from the press until after the receipt's record: session,
captures, plan, receipt, and what sectors begin with when one is opened. Envelopes are weighed as the platform got them.
"""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, House

BURST = 16
LONE = 8  # visits over which a lone reading's cost is taken
BURSTS = 3
_BETWEEN_S = 60  # between two presses for a burst
_SETTLED_S = 120  # after a receipt nothing more is programmed


@dataclass(frozen=True)
class Costs:
    """`first` is the first envelope of a chain, which tells the device's description too."""

    lone_octets: float
    of_16_octets: float
    erases_in_callback: int
    captures: int
    first_envelope: int
    lone_envelope: int
    of_16_envelope: float


def journal(plan: Plan) -> Iterator[Figure]:
    """Programmed octets per reading."""
    costs = measure(plan.seed)
    lone, of_16 = round(costs.lone_octets, 1), round(costs.of_16_octets, 1)
    yield Figure("journal.octets_lone_reading", lone, "octets", budget.JOURNAL_LONE_OCTETS_MAX, runs=LONE)
    yield Figure("journal.octets_reading_of_16", of_16, "octets", budget.JOURNAL_OF_16_OCTETS_MAX, runs=BURSTS)
    yield Figure("journal.erases_in_callback", costs.erases_in_callback, "erases", 0, runs=costs.captures)


def envelope(plan: Plan) -> Iterator[Figure]:
    """Octets of envelopes, signature included."""
    costs = measure(plan.seed)
    lone, of_16 = costs.lone_envelope, round(costs.of_16_envelope, 1)
    yield Figure("envelope.octets_one_reading", lone, "octets", budget.ENVELOPE_LONE_OCTETS_MAX, runs=LONE)
    yield Figure("envelope.octets_reading_of_16", of_16, "octets", budget.ENVELOPE_OF_16_OCTETS_MAX, runs=BURSTS)
    yield Figure("envelope.octets_first_of_chain", costs.first_envelope, "octets")


@cache
def measure(seed: int) -> Costs:
    """Live through it, once for all figures."""
    with House(seed, (CUFF,)) as house:
        house.world.run(house.ready())
        return house.world.run(_story(house))


async def _story(house: House) -> Costs:
    patient = Patient("heart_failure", random.Random(house.seed))
    cuff, cells = house.devices[0], house.journal_cells
    inside = 0
    erase = cells.erase

    def watched(sector: int) -> None:
        nonlocal inside
        inside += house.hub.in_callback
        erase(sector)

    cells.erase = watched  # type: ignore[method-assign]

    async def burst(count: int) -> tuple[int, list[int]]:
        """Octets programmed and the envelopes' sizes of one visit with `count` stored readings."""
        arrived, before = len(house.platform.named("up")), cells.programmed_octets
        house.world.link.advert_loss = 1.0  # out of reach until the last
        for _ in range(count - 1):
            cuff.press(patient.blood_pressure())
            await asyncio.sleep(_BETWEEN_S)
        house.world.link.advert_loss = 0.0
        cuff.press(patient.blood_pressure())
        await house.read(cuff)
        await house.until_delivered()
        await asyncio.sleep(_SETTLED_S)
        sizes = [len(arrival.octets) for arrival in house.platform.named("up")[arrived:]]
        return cells.programmed_octets - before, sizes

    _, (first,) = await burst(1)
    lone = [await burst(1) for _ in range(LONE)]
    of_16 = [await burst(BURST) for _ in range(BURSTS)]
    return Costs(
        sum(octets for octets, _ in lone) / LONE,
        sum(octets for octets, _ in of_16) / (BURSTS * BURST),
        inside,
        1 + LONE + BURSTS * BURST,
        first,
        max(sum(sizes) for _, sizes in lone),
        max(sum(sizes) for _, sizes in of_16) / BURST,
    )
