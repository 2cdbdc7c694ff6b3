"""The same scenario on the twin: real MicroPython, Bumble, TLS, broker; and whether the world came to the same end.

Of the classes of faults those strike that a house (tools/simulator/house.py) can be told to have. A plain scale is no
device of the twin; an A&D scale stands in its place, in both.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tools.backend import exports
from tools.simulator.demo import record
from tools.simulator.devices import MedicalDevice, Patient, joined_taken
from tools.simulator.faults import DAY_S, Act
from tools.simulator.house import CUFF, NONIN, OXIMETER, SCALE, Arrival, House, TooLate
from tools.simulator.world.home import World
from tools.simulator.world.kinds import KINDS
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
_CUT_S_MAX = 900.0  # as in the world: a cut that nothing ran into is a plug that was pulled
_BROKER_DOWN_S = 20.0
_PROGRESS_S = 7_200.0  # once nothing is wrong, all is with the platform within so long
_WAKING_S = 600.0
_LOOK_S = 30.0  # each look at the journal mounts a copy of it
_ROUNDS = 4  # of waking devices that still hold something


def live(run: "Run", outcome: "Outcome") -> None:
    """Live through a run on the twin, then in the world; the two must agree on what became of every reading."""
    plan = scenario(run.seed, run.faults, run.days)
    plan = replace(plan, kit=tuple(_STAND_IN.get(name, name) for name in plan.kit), acts=_of_a_day(plan))
    with House(run.seed, tuple(_MODELS[name] for name in plan.kit), hub=_hub(plan)) as house:
        lived = _Twin(house, plan, outcome)
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


class _Twin:
    """One house and what is done to it."""

    def __init__(self, house: House, plan: Scenario, outcome: "Outcome"):
        self.house = house
        self.plan = plan
        self.outcome = outcome
        self.injected: Counter[str] = Counter()
        self.patients = [Patient(plan.condition, random.Random(f"patient {plan.seed} {user}")) for user in range(2)]
        self.chance = random.Random(f"world {plan.seed}")
        self.plugs_out: set[str] = set()
        self.cut: tuple[str, float] | None = None
        self.silent_about: set[bytes] = set()
        self.silent_about_next = False
        self.late_s = 0.0
        self.twice = self.down = False
        house.platform.between = self._between
        self.tasks: set[asyncio.Task] = set()

    async def live(self) -> None:
        """From the set-up to the last delivery."""
        house = self.house
        await house.ready()
        begun_s = house.loop.time()
        for act in self.plan.acts:
            await self._until(begun_s + act.at_s - SETTLE_S)
            self._do(act)
        await self._until(begun_s + self.plan.days * DAY_S)
        self._all_over()
        for _ in range(_ROUNDS):
            self._power_on()
            await asyncio.sleep(30)
            for number, device in enumerate(house.devices):
                if device.unsent():
                    self._press(number, 0)
                    await asyncio.sleep(90)
            try:
                await house.until(self._settled, _WAKING_S, "everything is delivered")
                break
            except TooLate:
                pass
        await house.until(self._settled, _PROGRESS_S, "everything is delivered")
        await house.until(lambda: not house.journal().waiting(), _PROGRESS_S, "every receipt is kept", _LOOK_S)

    async def _until(self, at_s: float) -> None:
        """Let time pass; a hub that ran into its cut gets power again."""
        house = self.house
        while (left_s := at_s - house.loop.time()) > 0:
            await asyncio.sleep(min(left_s, 1.0 if self.cut is not None else left_s))
            if self.cut is not None and not house.hub.alive:
                name, off_s = self.cut
                self.cut = None
                self.injected[name] += 1
                house.loop.call_later(off_s, self._power_on)

    def _settled(self) -> bool:
        return self.house.all_delivered() and not any(device.unsent() for device in self.house.devices)

    def close(self) -> None:
        """What became of every reading."""
        house, outcome = self.house, self.outcome
        stored = list(exports.readings(house.store))
        taken = joined_taken(house.devices)
        lost, doubled, repeats = record.compare(taken, stored)
        held = sum(1 for _ in exports.readings(house.store, held=True))
        in_device = sum(len(device.unsent()) for device in house.devices)
        waiting = house.journal().waiting()
        outcome.simulated_s = house.loop.time()
        outcome.injected = {name: self.injected[name] for name in self.plan.faults}
        for name in ("two_users", "forgetful", "flash_noise", "nightly_off"):
            if name in outcome.injected and not outcome.injected[name]:
                outcome.injected[name] = int(name != "nightly_off" and name != "two_users")
        outcome.count = {
            "taken": len(taken),
            "delivered": len(stored) - repeats,
            "held": held,
            "waiting": waiting,
            "in_device": in_device,
            "possible_repeats": repeats,
            "lost": max(0, lost - waiting - in_device),
            "doubled": doubled,
        }
        for name, promise in (("lost", "P2"), ("doubled", "P4")):
            if outcome.count[name]:
                outcome.failures.append((promise, f"{outcome.count[name]} readings are {name}", outcome.simulated_s))
        for crash in house.hub.crashes:
            outcome.failures.append(("P11", f"the hub ended itself: {crash[-400:]}", outcome.simulated_s))

    # -- acts

    def _do(self, act: Act) -> None:
        if act.verb == "press":
            self.injected["two_users"] += act.facts["user"]
            self._press(int(act.name), act.facts["user"])
        elif act.verb == "plug":
            self._plug("nightly_off", act.name == "in")
        elif act.verb == "begin":
            _BEGIN[act.name](self, act.facts)
        else:
            _END.get(act.name, lambda twin, facts: None)(self, act.facts)

    def _press(self, number: int, user: int) -> None:
        device = self.house.devices[number]
        if len(device.memory) < device.MEMORY_MAX:
            device.press(getattr(self.patients[user], KINDS[self.plan.kit[number]].measures)())

    def _plug(self, name: str, plugged_in: bool) -> None:
        if plugged_in:
            self.plugs_out.discard(name)
            self._power_on()
        else:
            self.injected[name] += self.house.hub.alive
            self.plugs_out.add(name)
            self.house.power_off()

    def _power_on(self) -> None:
        if not self.plugs_out and not self.house.hub.alive:
            self.house.journal_cells.power_on()
            self.house.power_on()

    def one(self) -> MedicalDevice:
        """Some device."""
        return self.chance.choice(self.house.devices)

    def arm(self, name: str, facts: dict[str, Any], **cut: Any) -> None:
        """Plan a cut; when nothing runs into it, the plug is pulled."""
        if not self.house.hub.alive or self.cut is not None:
            return
        armed = self.cut = (name, facts["off_s"])
        self.house.journal_cells.cut_at(tear=facts["tear"], **cut)
        self.house.loop.call_later(_CUT_S_MAX, self._cut_late, armed)

    def _cut_late(self, armed: tuple[str, float]) -> None:
        if self.cut is armed and self.house.hub.alive:
            self.house.journal_cells.cut_at()
            self.house.power_off()

    def spawn(self, coroutine) -> None:
        """Let something go on beside the story."""
        task = self.house.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _between(self, arrival: Arrival) -> list[bytes]:
        """What the hub gets to hear instead of the platform's answer."""
        answers = [] if arrival.answer is None else [arrival.answer]
        if self.down:
            self.injected["platform_down"] += 1
            return []
        if arrival.name != "up" or not answers:
            return answers
        if self.silent_about_next:
            self.silent_about_next = False
            self.silent_about.add(arrival.octets)
        if arrival.octets in self.silent_about:
            self.injected["platform_never"] += 1
            return []
        if self.twice:
            self.injected["platform_twice"] += 1
            answers *= 2
        if self.late_s:
            self.injected["platform_late"] += 1
            for answer in answers:
                self.house.loop.call_later(self.late_s, self.house.platform.send, answer)
            return []
        return answers

    def _all_over(self) -> None:
        for end in _END.values():
            end(self, {})
        self.plugs_out.clear()
        self.cut = None
        self.silent_about.clear()
        self.silent_about_next = False
        cells = self.house.journal_cells
        cells.cut_at()
        cells.refuse_program(0)
        cells.refuse_erase(0)
        cells.silent = 0


Strike = Callable[[_Twin, dict[str, Any]], None]


def _link_drop(twin: _Twin, facts: dict[str, Any]) -> None:
    device = twin.one()
    device.faults.drop_at = device._sent_count + 1 + facts.get("value", 0)
    twin.injected["link_drop"] += 1


def _confirmation_lost(twin: _Twin, facts: dict[str, Any]) -> None:
    device = twin.one()
    device.faults.lose_confirmation_at = device._sent_count + 1
    twin.injected["confirmation_lost"] += 1


def _faults(name: str, attribute: str, value: Callable[[dict[str, Any]], Any]) -> Strike:
    def strike(twin: _Twin, facts: dict[str, Any]) -> None:
        twin.injected[name] += bool(value(facts))
        for device in twin.house.devices:
            setattr(device.faults, attribute, value(facts))

    return strike


def _clock_lost(twin: _Twin, facts: dict[str, Any]) -> None:
    twin.one().remove_battery()
    twin.injected["clock_lost"] += 1


def _brown_out(twin: _Twin, facts: dict[str, Any]) -> None:
    if twin.house.hub.alive and twin.cut is None:
        twin.injected["brown_out"] += 1
        twin.spawn(twin.house.power_cycle())


def _network(name: str, up: bool) -> Strike:
    def strike(twin: _Twin, facts: dict[str, Any]) -> None:
        twin.injected[name] += not up
        twin.house.network(up)

    return strike


def _dns(twin: _Twin, facts: dict[str, Any]) -> None:
    twin.injected["dns"] += bool(facts)
    twin.house.world.home.dns.break_as(facts.get("fault"))


def _ntp(name: str, fault: str | None) -> Strike:
    def strike(twin: _Twin, facts: dict[str, Any]) -> None:
        twin.injected[name] += fault is not None
        twin.house.world.home.ntp.break_as(fault, facts.get("lie_s", 0.0))
        if fault is not None:  # only a hub that starts asks
            _brown_out(twin, facts)

    return strike


def _broker_restarts(twin: _Twin, facts: dict[str, Any]) -> None:
    twin.injected["broker_restarts"] += 1
    twin.spawn(twin.house.broker.restart(_BROKER_DOWN_S, keep_sessions=False))


def _refuses(twin: _Twin, facts: dict[str, Any]) -> None:
    twin.injected["flash_refuses"] += 1
    twin.house.journal_cells.refuse_program(facts["programs"])
    twin.house.journal_cells.refuse_erase(facts["erases"])


def _lies(twin: _Twin, facts: dict[str, Any]) -> None:
    twin.injected["flash_lies"] += 1
    twin.house.journal_cells.silent = facts["programs"]


def _attribute(name: str, value: Callable[[dict[str, Any]], Any]) -> Strike:
    def strike(twin: _Twin, facts: dict[str, Any]) -> None:
        setattr(twin, name, value(facts))

    return strike


def _trait(twin: _Twin, facts: dict[str, Any]) -> None:
    """The scenario has it."""


_BEGIN: dict[str, Strike] = {
    "power_cut": lambda twin, facts: twin.arm("power_cut", facts, octet=facts["octet"]),
    "power_cut_erase": lambda twin, facts: twin.arm("power_cut_erase", facts, erase=facts["erase"]),
    "plug_pulled": lambda twin, facts: twin._plug("plug_pulled", False),
    "brown_out": _brown_out,
    "nightly_off": _trait,
    "link_drop": _link_drop,
    "confirmation_lost": _confirmation_lost,
    "slow_device": _faults("slow_device", "answer_delay_ms", lambda facts: int(1000 * facts.get("delay_s", 0))),
    "silent_device": _faults("silent_device", "silent", lambda facts: True),
    "clock_lost": _clock_lost,
    "flash_refuses": _refuses,
    "flash_lies": _lies,
    "flash_noise": _trait,
    "wifi": _network("wifi", False),
    "internet": _network("internet", False),
    "dns": _dns,
    "clock_unset": _ntp("clock_unset", "mute"),
    "ntp_lies": _ntp("ntp_lies", "lying"),
    "broker_restarts": _broker_restarts,
    "platform_down": _attribute("down", lambda facts: True),
    "platform_late": _attribute("late_s", lambda facts: facts.get("late_s", 0.0)),
    "platform_twice": _attribute("twice", lambda facts: True),
    "platform_never": _attribute("silent_about_next", lambda facts: True),
    "two_users": _trait,
    "forgetful": _trait,
}
_END: dict[str, Strike] = {
    "plug_pulled": lambda twin, facts: twin._plug("plug_pulled", True),
    "slow_device": _faults("slow_device", "answer_delay_ms", lambda facts: 0),
    "silent_device": _faults("silent_device", "silent", lambda facts: False),
    "wifi": _network("wifi", True),
    "internet": _network("internet", True),
    "dns": lambda twin, facts: _dns(twin, {}),
    "clock_unset": _ntp("clock_unset", None),
    "ntp_lies": _ntp("ntp_lies", None),
    "platform_down": _attribute("down", lambda facts: False),
    "platform_late": _attribute("late_s", lambda facts: 0.0),
    "platform_twice": _attribute("twice", lambda facts: False),
}
CLASSES = tuple(_BEGIN)


def _compare(twin: _Twin, world: World, outcome: "Outcome") -> None:
    """The same people showed the same readings on the same displays, and all of them came to the same end."""
    result = world.live()
    for failure in result.failures:
        outcome.failures.append((failure.promise, f"in the world: {failure.what}", failure.at_s))
    for there, here in zip(twin.house.devices, world.devices, strict=True):
        shown = [[entry["quantities"] for entry in device.taken] for device in (there, here)]
        # waking devices at the end takes presses of its own: the shorter list is a beginning of the longer one
        common = min(map(len, shown))
        if shown[0][:common] != shown[1][:common] or abs(len(shown[0]) - len(shown[1])) > _ROUNDS:
            outcome.failures.append(("P4", f"twin and world disagree on what {there.MODEL} showed", 0.0))
    for name in ("lost", "doubled", "waiting", "in_device"):
        if outcome.count[name] != getattr(result.count, name):
            told = f"twin {outcome.count[name]}, world {getattr(result.count, name)}"
            outcome.failures.append(("P2", f"twin and world disagree on {name}: {told}", 0.0))
