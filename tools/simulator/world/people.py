"""Who lives in a home, and who comes by: they measure, pair, press buttons; somebody may pose as a device."""

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tools.simulator.devices.readings import Patient
from tools.simulator.world.devices import Device

if TYPE_CHECKING:
    from tools.simulator.world.home import World

_PAIR_S = 120.0


class People:
    """One home's."""

    def __init__(self, world: "World"):
        self.impostor: Device | None = None
        self.tasks: set[asyncio.Task] = set()
        self._world = world
        condition, seed = world.scenario.condition, world.seed
        self._patients = [Patient(condition, Random(f"patient {seed} {user}")) for user in range(2)]
        self._forger = Patient(condition, Random(f"forger {seed}"))

    def press_button(self) -> None:
        """The hub's."""
        boot = self._world.power.boot
        if boot is not None and boot.hub is not None:
            boot.button.pressed.set()

    def measure(self, number: int, user: int) -> None:
        """Someone uses a device."""
        device = self._world.devices[number]
        if device.full():
            return
        if user:
            self._world.injected("two_users")
        device.press(getattr(self._patients[user], device.kind.measures)())

    async def pair(self, device: Device) -> None:
        """Hold its button until it and the hub have bonded."""
        device.hold_button()
        ends_s = self._world.loop.time() + _PAIR_S
        while self._world.loop.time() < ends_s and not (device.keys and device.link is None):
            await asyncio.sleep(1.0)
        device.pairing = False
        device.window_until = 0.0

    def person_pairs_again(self) -> None:
        """The hub's light calls for help; someone comes."""
        self._spawn(self.pair_all())

    async def pair_all(self) -> None:
        """Every device that lost its bond."""
        for device in self._world.devices:
            if device.kind.bonds and not device.keys:
                self.press_button()
                await asyncio.sleep(2.0)
                await self.pair(device)

    def impostor_comes(self, device: Device) -> None:
        """Somebody else under a device's address, while it is out of reach."""
        if self.impostor is not None:
            return
        other = Device(self._world, device.kind, device.address, device.number, self._world.air.wake)
        other.become_impostor()
        self.impostor = other
        self._world.air.devices[device.number] = other
        other.press(getattr(self._forger, other.kind.measures)())

    def impostor_goes(self) -> None:
        """It leaves."""
        if self.impostor is None:
            return
        number = self.impostor.number
        if self.impostor.link is not None:
            self.impostor.link.drop()
        self.impostor = None
        self._world.air.devices[number] = self._world.devices[number]

    def _spawn(self, coroutine) -> None:
        task = self._world.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
