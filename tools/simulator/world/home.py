"""One home from its set-up to its last day, and the books after it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from firmware.hub import Reboot
from tools.simulator.devices.readings import Patient
from tools.simulator.faults import DAY_S, Act
from tools.simulator.nor import Nor
from tools.simulator.world import inject
from tools.simulator.world.boot import Boot
from tools.simulator.world.checks import Checks, Count, Failure
from tools.simulator.world.chip import Memory
from tools.simulator.world.clock import Loop
from tools.simulator.world.devices import Device
from tools.simulator.world.identity import certificates, identity
from tools.simulator.world.kinds import KINDS
from tools.simulator.world.line import BROKER_NAME, NTP_NAME, Network
from tools.simulator.world.mqtt import Broker
from tools.simulator.world.platform import Platform
from tools.simulator.world.points import by_openssl
from tools.simulator.world.radio import Air
from tools.simulator.world.scenario import SETTLE_S, Scenario

ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
_BOOT_S = 1.2  # tools/simulator/costs.py
_SECTORS, _SECTORS_SMALL = 64, 12
_LEAD_S = 20.0  # lived through before something happens
_AFTER_S = 90.0  # and at least so long after it
_LOOK_S = 15.0
_LIVED_S = 3600.0
_AFTERWARDS_S = 1_200.0  # longer than the rhythm of reports, so that one more is due
_PAIR_S = 120.0
_CUT_S_MAX = 900.0  # a cut that nothing ran into by then is a plug that was pulled
_PROGRESS_S = 3_600.0  # once nothing is wrong, all is with the platform within so long
_ROUNDS = 4  # of waking devices that still hold something
_ENDINGS_MAX = 5  # what is cancelled may begin something at its end
_CRASHES_MAX = 20  # without an injected cause: then there is nothing more to learn from this run


class Hopeless(Exception):
    """The hub only ends itself; args[0] is how."""


@dataclass
class Result:
    """What came of a run."""

    seed: int
    faults: tuple[str, ...]
    simulated_s: float
    count: Count
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
        self._injected: Counter[str] = Counter()
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
        self.impostor: Device | None = None
        self.checks = Checks(self)
        for device in self.devices:
            device.on_confirmed = self.checks.on_confirmed
        self.platform.on_envelope = self.checks.on_envelope
        self.platform.on_report = self.checks.on_report
        self._patients = [Patient(scenario.condition, Random(f"patient {seed} {user}")) for user in range(2)]
        self._forger = Patient(scenario.condition, Random(f"forger {seed}"))
        self.bonds_file = "{}"
        self.boot: Boot | None = None
        self.boots = 0
        self.crashes: list[str] = []
        self._unasked = 0  # crashes that nothing injected explains
        self._plugs_out: set[str] = set()
        self._cut: tuple[str, float, tuple[int, str] | None] | None = None
        self.calm = False
        self.lights: list[tuple[float, str]] = []
        self.tasks: set[asyncio.Task] = set()
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
        self._injected[name] += 1

    def harm(self, what: str) -> None:
        """Something is damaged for good, beyond what software can mend."""
        self._harmed.add(what)

    def harmed(self, what: str) -> bool:
        """Whether it is."""
        return what in self._harmed

    def told(self, what: str) -> None:
        """What the radio's callback did."""
        if what == "bond_changed" and self.impostor is not None:
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

    # -- power

    def power_on(self, cause: str = "power on") -> None:
        """Current flows."""
        if self.boot is not None or self._plugs_out:
            return
        self.cells.power_on()
        self.boots += 1
        if self._cut is not None and self._cut[2] is not None:
            octet, tear = self._cut[2]
            self.cells.cut_at(octet=octet, tear=tear)
            self._cut = ("double_cut", self._cut[1], None)
        self.boot = Boot(self, cause)

    def power_off(self) -> None:
        """No current."""
        boot, self.boot = self.boot, None
        if boot is not None:
            boot.end()
        for device in (*self.devices, *([self.impostor] if self.impostor else [])):
            if device.link is not None:
                device.link.drop()
        self.network.open = None

    def power_lost(self) -> None:
        """The chip met its cut."""
        if self.boot is None:
            return
        off_s = _BOOT_S
        if self._cut is not None:
            name, off_s, again = self._cut
            self.injected(name)
            if again is None:
                self._cut = None
        self.power_off()
        self.loop.call_later(off_s, self.power_on)

    def cut_armed(self, name: str, off_s: float, again: tuple[int, str] | None = None) -> None:
        """A cut is planned in the cells."""
        self._cut = (name, off_s, again)

    def reset(self, boot: Boot, cause: str) -> None:
        """The chip starts over."""
        if boot is not self.boot:
            return
        if cause == "watchdog":
            self.checks.fails("P11", "the watchdog bit")
        self.power_off()
        self.air.mute = self.air.deaf = None  # a reset cures every radio
        self.loop.call_later(_BOOT_S, self.power_on, cause)

    def crashed(self, boot: Boot, text: str, error: BaseException | None = None) -> None:
        """An exception left the hub's loops: main.py starts anew."""
        if boot is not self.boot:
            return
        self.crashes.append(text)
        if isinstance(error, Reboot) and (self._injected["radio_mute"] or self._injected["radio_deaf"]):
            self.reset(boot, str(error))
            return
        if not isinstance(error, MemoryError):
            self._unasked += 1
            self.checks.fails("P11", f"the hub ended itself: {text.strip().splitlines()[-1]}\n{text}")
            if self._unasked > _CRASHES_MAX:
                self.loop.fail(Hopeless(text))
        self.reset(boot, "crash")

    def task_died(self, error: BaseException) -> None:
        """A task that nobody awaits ended; the hub goes on without it."""
        if not isinstance(error, MemoryError):
            self.checks.fails("P11", f"a task ended: {error!r}")

    def plugged(self, name: str, plugged_in: bool) -> None:
        """Somebody's hand at the plug."""
        if plugged_in:
            self._plugs_out.discard(name)
            self.power_on()
        else:
            if self.boot is not None:
                self.injected(name)
            self._plugs_out.add(name)
            self.power_off()

    # -- people

    def press_button(self) -> None:
        """The hub's."""
        boot = self.boot
        if boot is not None and boot.hub is not None:
            boot.button.pressed.set()

    def measure(self, number: int, user: int) -> None:
        """Someone uses a device."""
        device = self.devices[number]
        if device.full():
            return
        if user:
            self.injected("two_users")
        device.press(getattr(self._patients[user], device.kind.measures)())

    async def pair(self, device: Device) -> None:
        """Hold its button until it and the hub have bonded."""
        device.hold_button()
        ends_s = self.loop.time() + _PAIR_S
        while self.loop.time() < ends_s and not (device.keys and device.link is None):
            await asyncio.sleep(1.0)
        device.pairing = False
        device.window_until = 0.0

    def person_pairs_again(self) -> None:
        """The hub's light calls for help; someone comes."""
        self._spawn(self._pair_all())

    async def _pair_all(self) -> None:
        for device in self.devices:
            if device.kind.bonds and not device.keys:
                self.press_button()
                await asyncio.sleep(2.0)
                await self.pair(device)

    def impostor_comes(self, device: Device) -> None:
        """Somebody else under a device's address, while it is out of reach."""
        if self.impostor is not None:
            return
        other = Device(self, device.kind, device.address, device.number, self.air.wake)
        other.become_impostor()
        self.impostor = other
        self.air.devices[device.number] = other
        other.press(getattr(self._forger, other.kind.measures)())

    def impostor_goes(self) -> None:
        """It leaves."""
        if self.impostor is None:
            return
        number = self.impostor.number
        if self.impostor.link is not None:
            self.impostor.link.drop()
        self.impostor = None
        self.air.devices[number] = self.devices[number]

    def _spawn(self, coroutine) -> None:
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

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
        self.power_off()
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
        self.power_on()
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
            {name: self._injected[name] for name in self.scenario.faults},
            stuck,
        )

    async def _set_up(self) -> None:
        await asyncio.sleep(20.0)
        self.press_button()
        for device in self.devices:
            if device.kind.bonds:
                await self.pair(device)
        for device in self.devices:
            if device.kind.bonds and not device.keys:
                self.checks.fails("P11", f"{device.MODEL} could not be paired")

    def _do(self, act: Act) -> None:
        if act.verb == "press":
            self.measure(int(act.name), act.facts["user"])
        elif act.verb == "plug":
            self.plugged("nightly_off", act.name == "in")
        elif act.verb == "begin":
            inject.begin(self, act.name, act.facts)
            if self._cut is not None:
                self.loop.call_later(_CUT_S_MAX, self._cut_late, self._cut)
        else:
            inject.end(self, act.name, act.facts)

    def _cut_late(self, cut) -> None:
        """Nothing was programmed or erased meanwhile: the plug is pulled all the same."""
        if self._cut is cut and self.boot is not None:
            self.cells.cut_at()
            self.power_lost()

    async def _until(self, at_s: float) -> None:
        """Let time pass; what is quiet is leapt over."""
        loop = self.loop
        lived_until_s = min(at_s, loop.time() + _AFTER_S)
        while (left_s := at_s - loop.time()) > 0:
            if loop.time() < lived_until_s or left_s <= _LEAD_S or not self._quiet(at_s):
                await asyncio.sleep(min(_LOOK_S, left_s))
                self.checks.after_step()
            elif self.boot is not None:
                self.boot.leap(left_s - _LEAD_S)
                await asyncio.sleep(0)
            else:
                loop.leap(left_s - _LEAD_S)
                await asyncio.sleep(0)

    def _quiet(self, at_s: float) -> bool:
        now_s = self.loop.time()
        if any(now_s < moment + _LIVED_S and moment < at_s for moment in self.scenario.lived):
            return False
        if self.tasks or any(device.awake() or device.link is not None for device in self.air.devices):
            return False
        return self.boot is None or self.boot.quiet()

    async def _end(self) -> bool:
        """Everything works again: whether all is delivered within the hour."""
        inject.all_over(self)
        self._cut = None
        self._plugs_out.clear()
        self.power_on()
        self.calm = True
        self.checks.expect_reports()
        ends_s = self.loop.time() + _PROGRESS_S
        for _ in range(_ROUNDS):
            await asyncio.sleep(10.0)
            await self._pair_all()
            for device in self.devices:
                if device.memory and not device.full():
                    device.press(getattr(self._patients[0], device.kind.measures)())
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
        boot = self.boot
        waiting = boot.hub.journal.waiting() if boot is not None and boot.hub is not None else "no hub"
        memories = [len(device.memory) for device in self.devices]
        return f"waiting {waiting}, in devices {memories}, boots {self.boots}, light {self.lights[-1:]}"

    def _traits(self) -> None:
        """Traits that showed."""
        faults = self.scenario.faults
        if "flash_noise" in faults or "flash_small" in faults:
            for name in ("flash_noise", "flash_small"):
                self._injected[name] += name in faults and self.cells.erases > 0
        self._injected["far_future"] += "far_future" in faults
        self._injected["dst_night"] += "dst_night" in faults
        self._injected["forgetful"] += "forgetful" in faults
