"""One home from its set-up to its last day, and the books after it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tools.simulator.faults import DAY_S, Act
from tools.simulator.nor import Nor
from tools.simulator.tally import Readings
from tools.simulator.world import inject
from tools.simulator.world.checks import Checks, Failure
from tools.simulator.world.chip import Memory
from tools.simulator.world.clock import Loop
from tools.simulator.world.devices import Device
from tools.simulator.world.identity import certificates, identity
from tools.simulator.world.kinds import KINDS
from tools.simulator.world.line import BROKER_NAME, NTP_NAME, Network
from tools.simulator.world.mqtt import Broker
from tools.simulator.world.people import People
from tools.simulator.world.platform import Platform
from tools.simulator.world.points import by_openssl
from tools.simulator.world.power import Power
from tools.simulator.world.radio import Air
from tools.simulator.world.scenario import SETTLE_S, Scenario

ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
_SECTORS, _SECTORS_SMALL = 64, 12
_LEAD_S = 20.0  # lived through before something happens
_AFTER_S = 90.0  # and at least so long after it
_LOOK_S = 15.0
_LIVED_S = 3600.0
_AFTERWARDS_S = 1_200.0  # longer than the rhythm of reports, so that one more is due
_PROGRESS_S = 3_600.0  # once nothing is wrong, all is with the platform within so long
_ROUNDS = 4  # of waking devices that still hold something
_ENDINGS_MAX = 5  # what is cancelled may begin something at its end


@dataclass
class Result:
    """What came of a run."""

    seed: int
    faults: tuple[str, ...]
    simulated_s: float
    count: Readings
    failures: list[Failure]
    injected: dict[str, int] = field(default_factory=dict)
    stuck: bool = False


class World:
    """Made from a scenario; `live()` it once."""

    def __init__(self, scenario: Scenario):
        self.scenario = scenario
        self.seed = seed = scenario.seed
        self.loop = Loop()
        self.chance = Random(f"world {seed}")
        self._epoch_s = scenario.start.timestamp()
        self.struck: Counter[str] = Counter()  # how often a fault took effect
        self._harmed: set[str] = set()
        sectors = _SECTORS_SMALL if "flash_small" in scenario.faults else _SECTORS
        erased = "noise" if "flash_noise" in scenario.faults else "ff"
        self.cells = Nor(sectors, erased=erased, seed=seed)
        self.memory = Memory(self.injected)
        self.identity = identity(seed)
        self.keyring = self.identity.keyring()
        self.platform = Platform(self, self.keyring, self.identity.hub)
        self.broker = Broker(self.loop, self.platform.deliver, self.injected)
        self.platform.publish = self.broker.publish
        self.network = Network(self.loop, self.broker, self.time, self.injected)
        self.network.certificates = certificates()
        self.air = Air()
        self.devices = [
            Device(self, KINDS[name], f"c0:a1:b2:c3:{seed & 255:02x}:{number:02x}", number, self.air.wake)
            for number, name in enumerate(scenario.kit)
        ]
        self.air.devices = list(self.devices)
        self.power = Power(self)
        self.people = People(self)
        self.checks = Checks(self)
        for device in self.devices:
            device.on_confirmed = self.checks.on_confirmed
        self.platform.on_envelope = self.checks.on_envelope
        self.platform.on_report = self.checks.on_report
        self.bonds_file = "{}"
        self.calm = False
        self.lights: list[tuple[float, str]] = []
        self.settings = {
            "format": 1,
            "devices": [{"address": one.address, "address_type": 1, "row": one.kind.row} for one in self.devices],
            "zone": ZONE,
            "wifi": {"ssid": "home", "key": "secret"},
            "broker": {"host": BROKER_NAME, "port": 8883},
            "platform": {"agreement": self.identity.platform_octets.hex()},
            "time": {"ntp": NTP_NAME},
        }

    # -- what parts tell

    def time(self) -> float:
        """Unix seconds of virtual time."""
        return self._epoch_s + self.loop.time()

    def injected(self, name: str) -> None:
        """A fault took effect."""
        self.struck[name] += 1

    def harm(self, what: str) -> None:
        """Something is damaged for good, beyond what software can mend."""
        self._harmed.add(what)

    def harmed(self, what: str) -> bool:
        """Whether it is."""
        return what in self._harmed

    def told(self, what: str) -> None:
        """What the radio's callback did."""
        if what == "bond_changed" and self.people.impostor is not None:
            self.injected("impostor")

    def light_changed(self, word: str) -> None:
        """The hub shows something else."""
        self.lights.append((self.loop.time(), word))
        self.checks.on_light(word)

    def holds_only_copy(self, start: int, end: int) -> bool:
        """Whether there are octets of a reading between these that is nowhere else."""
        image = self.cells.image()
        for device in self.devices:
            for carried in device.sent.values():
                for octets in carried:
                    at = image.find(octets)
                    while at >= 0:
                        # a frame begins up to 29 octets before its value, and is padded to a whole unit
                        if at - 32 < end and start < at + len(octets) + 16:
                            return True
                        at = image.find(octets, at + 1)
        return False

    # -- time

    def live(self) -> Result:
        """From the set-up to the closed books."""
        try:
            with by_openssl():
                return self.loop.run_until_complete(self._live())
        finally:
            self.close()

    def close(self) -> None:
        """End everything that still waits: a coroutine left over would end in the midst of something else."""
        self.power.off()
        for _ in range(_ENDINGS_MAX):
            left = asyncio.all_tasks(self.loop)
            if not left:
                break
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self.loop.close()
        self.platform.store.close()

    async def _live(self) -> Result:
        self.power.on()
        await self._set_up()
        for act in self.scenario.acts:
            await self._until(act.at_s)
            self._do(act)
            self.checks.after_step()
        await self._until(SETTLE_S + self.scenario.days * DAY_S)
        stuck = not await self._end()
        count = self.checks.close()
        if stuck:
            self.checks.fails("P11", f"an hour after all faults: {self._left()}")
        self._traits()
        return Result(
            self.seed,
            self.scenario.faults,
            round(self.loop.time(), 3),
            count,
            self.checks.failures,
            {name: self.struck[name] for name in self.scenario.faults},
            stuck,
        )

    async def _set_up(self) -> None:
        await asyncio.sleep(20.0)
        self.people.press_button()
        for device in self.devices:
            if device.kind.bonds:
                await self.people.pair(device)
        for device in self.devices:
            if device.kind.bonds and not device.keys:
                self.checks.fails("P11", f"{device.MODEL} could not be paired")

    def _do(self, act: Act) -> None:
        if act.verb == "press":
            self.people.measure(int(act.name), act.facts["user"])
        elif act.verb == "plug":
            self.power.plugged("nightly_off", act.name == "in")
        elif act.verb == "begin":
            inject.begin(self, act.name, act.facts)
        else:
            inject.end(self, act.name, act.facts)

    async def _until(self, at_s: float) -> None:
        """Let time pass; what is quiet is leapt over."""
        loop = self.loop
        lived_until_s = min(at_s, loop.time() + _AFTER_S)
        while (left_s := at_s - loop.time()) > 0:
            if loop.time() < lived_until_s or left_s <= _LEAD_S or not self._quiet(at_s):
                await asyncio.sleep(min(_LOOK_S, left_s))
                self.checks.after_step()
            elif self.power.boot is not None:
                self.power.boot.leap(left_s - _LEAD_S)
                await asyncio.sleep(0)
            else:
                loop.leap(left_s - _LEAD_S)
                await asyncio.sleep(0)

    def _quiet(self, at_s: float) -> bool:
        now_s = self.loop.time()
        if any(now_s < moment + _LIVED_S and moment < at_s for moment in self.scenario.lived):
            return False
        if self.people.tasks or any(device.awake() or device.link is not None for device in self.air.devices):
            return False
        return self.power.boot is None or self.power.boot.quiet()

    async def _end(self) -> bool:
        """Everything works again: whether all is delivered within the hour."""
        inject.all_over(self)
        self.power.all_over()
        self.calm = True
        self.checks.expect_reports()
        ends_s = self.loop.time() + _PROGRESS_S
        for _ in range(_ROUNDS):
            await asyncio.sleep(10.0)
            await self.people.pair_all()
            for device in self.devices:
                if device.memory and not device.full():
                    self.people.measure(device.number, 0)
                elif device.memory:
                    device.wake()
            if await self._within(self.checks.settled, (ends_s - self.loop.time()) / 2):
                break
        if not await self._within(self.checks.settled, ends_s - self.loop.time()):
            return False
        # what was delivered is shown, and the hub goes on telling that it lives
        await asyncio.sleep(_AFTERWARDS_S)
        self.checks.after_step()
        return True

    async def _within(self, condition: Callable[[], bool], seconds: float) -> bool:
        ends_s = self.loop.time() + seconds
        while not condition():
            if self.loop.time() >= ends_s:
                return False
            await asyncio.sleep(_LOOK_S)
            self.checks.after_step()
        return True

    def _left(self) -> str:
        boot = self.power.boot
        waiting = boot.hub.journal.waiting() if boot is not None and boot.hub is not None else "no hub"
        memories = [len(device.memory) for device in self.devices]
        return f"waiting {waiting}, in devices {memories}, boots {self.power.boots}, light {self.lights[-1:]}"

    def _traits(self) -> None:
        """Traits that showed."""
        faults = self.scenario.faults
        if "flash_noise" in faults or "flash_small" in faults:
            for name in ("flash_noise", "flash_small"):
                self.struck[name] += name in faults and self.cells.erases > 0
        self.struck["far_future"] += "far_future" in faults
        self.struck["dst_night"] += "dst_night" in faults
        self.struck["forgetful"] += "forgetful" in faults
