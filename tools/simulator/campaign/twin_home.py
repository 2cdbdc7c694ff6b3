"""A home on the twin: what is done in it and to it, and what became of every reading."""

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from tools.backend import exports
from tools.simulator.campaign.twin_strikes import BEGIN, END
from tools.simulator.demo import record
from tools.simulator.devices import MedicalDevice, Patient, joined_taken
from tools.simulator.faults import DAY_S, Act
from tools.simulator.house import House, TooLate
from tools.simulator.platform import Arrival
from tools.simulator.world.kinds import KINDS
from tools.simulator.world.scenario import SETTLE_S, Scenario

if TYPE_CHECKING:
    from tools.simulator.campaign.runs import Outcome

_CUT_S_MAX = 900.0  # as in the world: a cut that nothing ran into is a plug that was pulled
_PROGRESS_S = 7_200.0  # once nothing is wrong, all is with the platform within so long
_WAKING_S = 600.0
_LOOK_S = 30.0  # each look at the journal mounts a copy of it
ROUNDS = 4  # of waking devices that still hold something


class Twin:
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
        for _ in range(ROUNDS):
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
            self.plug("nightly_off", act.name == "in")
        elif act.verb == "begin":
            BEGIN[act.name](self, act.facts)
        else:
            END.get(act.name, lambda twin, facts: None)(self, act.facts)

    def _press(self, number: int, user: int) -> None:
        device = self.house.devices[number]
        if len(device.memory) < device.MEMORY_MAX:
            device.press(getattr(self.patients[user], KINDS[self.plan.kit[number]].measures)())

    def plug(self, name: str, plugged_in: bool) -> None:
        """Somebody pulls the plug, or puts it in again."""
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
        for end in END.values():
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
