"""The hub's heap: the smallest with which the demo's story passes, and what each stage keeps on it.

Loaded code is on the heap (as the stock image runs it from LittleFS), and in the figures; the twin's own modules are
not: their share is measured and given on top (tools/simulator/air/launch.py).
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.host import budget
from tools.host.bench.plan import Plan
from tools.host.bench.workers import SCENARIOS, Story, told
from tools.host.figures import Figure
from tools.host.parts import need
from tools.simulator.house import CUFF, SCALE, House

_STEP_OCTETS = 1024
_LOWEST_OCTETS = 96 * 1024  # less than the code alone takes
# In the order in which a reading travels; "all" is their sum.
STAGES = ("libraries", "board", "ble", "journal", "measurement", "seal", "uplink", "hub", "all")
_PROGRAM = Path(__file__).with_name("stages.py")


def measure(plan: Plan) -> Iterator[Figure]:
    """What of this room is asked for."""
    need("micropython32")
    if any(plan.asks(f"heap.live_octets.{stage}") for stage in STAGES):
        octets = live(plan.seed)
        for stage in STAGES:
            yield Figure(f"heap.live_octets.{stage}", octets[stage], "octets")
    if plan.asks("heap.smallest_octets") or plan.asks("heap.over_stretch_octets"):
        found = smallest(lambda octets: passes(plan.seed, octets))
        over = None if found is None else max(0, found - budget.HEAP_PEAK_OCTETS_STRETCH)
        yield Figure("heap.smallest_octets", found, "octets", budget.HEAP_PEAK_OCTETS_MAX, runs=len(SCENARIOS))
        yield Figure("heap.over_stretch_octets", over, "octets", runs=len(SCENARIOS))




def live(seed: int) -> dict[str, int]:
    """Octets that each stage keeps after its import and construction, on an enrolled hub."""
    with House(seed, (CUFF, SCALE)) as house:

        async def weighed() -> dict[str, int]:
            await house.start()
            await house.enrol()
            octets: dict[str, int] = json.loads(await house.run_on_hub(_PROGRAM.read_text()))
            return octets

        return house.world.run(weighed())


def passes(seed: int, octets: int) -> bool:
    """Whether the whole story passes in each scenario with a heap of this size."""
    return all(run["ok"] for run in told(Story(seed, scenario, octets) for scenario in SCENARIOS))


def smallest(enough: Callable[[int], bool]) -> int | None:
    """The least heap that is enough, in whole steps; None when the hub's own is not."""
    low, high = _LOWEST_OCTETS // _STEP_OCTETS, budget.HUB_HEAP_OCTETS // _STEP_OCTETS
    if not enough(high * _STEP_OCTETS):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle * _STEP_OCTETS):
            high = middle
        else:
            low = middle
    return high * _STEP_OCTETS
