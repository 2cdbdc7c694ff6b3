"""Devices that have no memory and say what they measure as long as they are worn."""

import asyncio

from tools.simulator.devices import database
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.standard import Standard


class Stream(Standard):
    """`press` puts it on, with what its display shows from then on; it is taken off after WORN_S.

    While it is connected it sends `frames` every PERIOD_S. It has no clock, and what it says has no time.
    """

    CLOCK = None
    SENDS = database.NOTIFY
    MEMORY_MAX = 1
    PERIOD_S = 1.0
    WORN_S = 40.0
    WINDOW_S = 40.0

    def __init__(self, world, address: str, **options):
        super().__init__(world, address, **{"clock_is_set": False, **options})
        self._worn_until = 0.0
        self._beat = 0

    def frames(self, held: Held) -> list[bytes]:
        """The values of one period."""
        return [self.encode(held)]

    def press(self, reading: Reading, user: int | None = None) -> dict:
        """Put it on."""
        self._worn_until = self.world.loop.time() + self.WORN_S
        self.world.loop.call_at(self._worn_until, self._take_off)
        return super().press(reading, user)

    def _take_off(self) -> None:
        if self._worn_until <= self.world.loop.time():
            self.memory.clear()
            self._window_until = 0.0

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Begin to tell."""
        if characteristic is self.measurement and notify and not self.is_sending():
            link.sending = self._run(self._tell(link))

    async def _tell(self, link: CollectorLink) -> None:
        while self.memory and not link.gone:
            if not self.faults.silent:
                for frame in self.frames(self.memory[-1]):
                    link.notify(self.measurement, frame[: len(frame) - self.faults.cut_octets])
                self._beat += 1
            await asyncio.sleep(self.PERIOD_S)
        if not self.memory:
            self.note("hang up")
            await link.hang_up()
