"""The same scenario on the twin: real MicroPython, Bumble, TLS, broker; and whether the world came to the same end.

Of the classes of faults those strike that twin_strikes.py knows. A plain scale is no device of the twin; an A&D scale
stands in its place, in both.
"""

import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tools.simulator.campaign.twin_home import ROUNDS, Twin
from tools.simulator.campaign.twin_strikes import BEGIN
from tools.simulator.faults import DAY_S, Act
from tools.simulator.house import CUFF, NONIN, OXIMETER, SCALE, House, TooLate
from tools.simulator.world.home import World
from tools.simulator.world.scenario import SETTLE_S, Scenario, scenario

if TYPE_CHECKING:
    from tools.simulator.campaign.runs import Outcome, Run

_MODELS = {"cuff": CUFF, "scale": SCALE, "nonin": NONIN, "oximeter": OXIMETER}
_STAND_IN = {"plain_scale": "scale"}
_MET_BY_READINGS = (
    "silent_device", "slow_device", "platform_down", "platform_late", "platform_twice", "platform_never",
)  # fmt: skip
_MET_S = 300.0  # after the beginning and before the end of such a fault someone measures
_LASTS_S_MAX = 3 * 3_600.0
_TICKS, _WRAP_MS_MAX = 1 << 30, 7_200_000
CLASSES = tuple(BEGIN)


def live(run: "Run", outcome: "Outcome") -> None:
    """Live through a run on the twin, then in the world; the two must agree on what became of every reading."""
    plan = scenario(run.seed, run.faults, run.days)
    plan = replace(plan, kit=tuple(_STAND_IN.get(name, name) for name in plan.kit), acts=_of_a_day(plan))
    with House(run.seed, tuple(_MODELS[name] for name in plan.kit), hub=_hub(plan)) as house:
        lived = Twin(house, plan, outcome)
        try:
            house.world.run(lived.live())
        except TooLate as late:
            outcome.failures.append(("P11", f"in time, this did not happen: {late.args[0]}", house.loop.time()))
            outcome.stuck = True
        lived.close()
        _compare(lived, World(plan), outcome)


def _of_a_day(plan: Scenario) -> tuple[Act, ...]:
    """The acts as a day has room for them: nothing lasts for days, and what only readings meet is met by some."""
    chance = random.Random(f"day {plan.seed}")
    begun: dict[str, float] = {}
    acts: list[Act] = []
    presses: list[float] = []
    for act in plan.acts:
        if act.verb == "end":
            act = act._replace(at_s=min(act.at_s, begun[act.name] + _LASTS_S_MAX))
        if act.verb == "begin":
            begun[act.name] = act.at_s
        if act.name in _MET_BY_READINGS:
            presses.append(act.at_s + (_MET_S if act.verb == "begin" else -_MET_S))
        acts.append(act)
    end_s = SETTLE_S + plan.days * DAY_S
    for at_s in presses:
        if SETTLE_S < at_s < end_s:
            acts.append(Act(at_s, "press", str(chance.randrange(len(plan.kit))), {"user": 0}))
    return tuple(sorted(acts, key=lambda act: act.at_s))


def _hub(plan: Scenario) -> dict[str, Any]:
    """The chip's counter of milliseconds wraps within hours of each boot, not after twelve days."""
    before_ms = random.Random(f"wrap {plan.seed}").randrange(60_000, _WRAP_MS_MAX)
    options: dict[str, Any] = {"hub": {"ticks_start": _TICKS - before_ms}}
    return options | ({"erased": "noise"} if "flash_noise" in plan.faults else {})


def _compare(twin: Twin, world: World, outcome: "Outcome") -> None:
    """The same people showed the same readings on the same displays, and all of them came to the same end."""
    result = world.live()
    for failure in result.failures:
        outcome.failures.append((failure.promise, f"in the world: {failure.what}", failure.at_s))
    for there, here in zip(twin.house.devices, world.devices, strict=True):
        shown = [[entry["quantities"] for entry in device.taken] for device in (there, here)]
        # waking devices at the end takes presses of its own: the shorter list is a beginning of the longer one
        common = min(map(len, shown))
        if shown[0][:common] != shown[1][:common] or abs(len(shown[0]) - len(shown[1])) > ROUNDS:
            outcome.failures.append(("P4", f"twin and world disagree on what {there.MODEL} showed", 0.0))
    for name in ("lost", "doubled", "waiting", "in_device"):
        if outcome.count[name] != getattr(result.count, name):
            told = f"twin {outcome.count[name]}, world {getattr(result.count, name)}"
            outcome.failures.append(("P2", f"twin and world disagree on {name}: {told}", 0.0))
