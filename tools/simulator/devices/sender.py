"""Devices that send what they hold, oldest first, as soon as somebody subscribes; then hang up."""

import asyncio

from bumble.gatt import Characteristic

from tools.simulator.devices.base import Held, MedicalDevice
from tools.simulator.devices.link import CollectorLink, LinkGone

_FIRST_DELAY_S = (0.1, 0.6)  # a device thinks before its first value
_NEXT_DELAY_S = 0.05
_EARLY_DELAY_S = 0.01  # a bonded device that kept its CCCD does not wait for a discovery


class StoreAndForward(MedicalDevice):
    """A cuff or a scale: memory, oldest first, each deleted when confirmed, or (FORGETS = False) sent each time.

    `sends_early`: to a bonded collector whose CCCD it kept, it sends as soon as the link is encrypted.
    """

    measurement: Characteristic  # the one that carries the readings; `services` makes it

    def __init__(self, world, address: str, *, sends_early: bool = False, **options):
        self.sends_early = sends_early
        super().__init__(world, address, **options)

    def to_send(self) -> list[Held]:
        """What a collector gets now, in this order."""
        return self.memory

    def carrier(self, _held: Held) -> Characteristic:
        """The characteristic that carries this reading."""
        return self.measurement

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Begin to send."""
        if characteristic is self.measurement and indicate:
            self._begin(link, self.chance.uniform(*_FIRST_DELAY_S))

    def on_bonded_return(self, link: CollectorLink) -> None:
        """Begin to send without being asked, if this unit does so."""
        cccd = self._server.subscribers[link.connection].get(self.measurement.handle, b"\0")
        if self.sends_early and cccd[0] & 2:
            self._begin(link, _EARLY_DELAY_S)

    def _begin(self, link: CollectorLink, delay_s: float) -> None:
        if self._in_pairing_visit or self.is_sending():
            return
        link.sending = self._run(self._send_all(link, delay_s))

    async def _send_all(self, link: CollectorLink, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        try:
            gone_by: list[Held] = []
            while not link.gone:
                held = next((one for one in self.to_send() if one not in gone_by), None)
                if held is None:
                    break
                gone_by.append(held)
                await self.send_held(link, self.carrier(held), held)
                await asyncio.sleep(_NEXT_DELAY_S)
            await asyncio.sleep(self.LINGER_S)
        except LinkGone:
            pass  # what is unconfirmed stays in the memory
        if not link.gone:
            self.note("hang up")
            if not self.has_more():
                self._window_until = 0.0
            await link.hang_up()
