"""The fewest classes of faults that still fail: without any one of them, the run keeps its promises."""

from collections.abc import Callable
from dataclasses import replace

from tools.simulator.campaign.runs import Outcome, Run, live


def minimise(outcome: Outcome, told: Callable[[Outcome], None] = lambda outcome: None) -> Outcome:
    """Leave out halves, then single classes, as long as the same promise is broken (Zeller's delta debugging)."""
    promise = outcome.failures[0][0]
    smallest = outcome
    size = max(1, len(outcome.run.faults) // 2)
    while True:
        smaller = _without(smallest, size, promise, told)
        if smaller is not None:
            smallest = smaller
            size = min(size, max(1, len(smallest.run.faults) // 2))
        elif size == 1:
            return smallest
        else:
            size //= 2


def _without(outcome: Outcome, size: int, promise: str, told: Callable[[Outcome], None]) -> Outcome | None:
    faults = outcome.run.faults
    for at in range(0, len(faults), size):
        run: Run = replace(outcome.run, faults=faults[:at] + faults[at + size :], chosen=True)
        tried = live(run)
        told(tried)
        if any(failed == promise for failed, _, _ in tried.failures):
            return tried
    return None
