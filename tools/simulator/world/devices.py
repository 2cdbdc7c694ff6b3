"""Medical devices without a Bluetooth stack: they advertise, are connected to, send what they hold, and misbehave."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from drivers import uuid_octets
from firmware.contracts import PeerError
from tools.simulator.devices import clock, encode
from tools.simulator.devices.display import Display, Held
from tools.simulator.devices.readings import Reading
from tools.simulator.nor import PowerCut
from tools.simulator.world.kinds import CURRENT_TIME, DATE_TIME, INDICATE, READ, WRITE, Kind, constant

if TYPE_CHECKING:
    from tools.simulator.world.radio import Radio

_FIRST_DELAY_S = 0.3  # a device thinks before its first value
_NEXT_DELAY_S = 0.05
_GENERAL_DISCOVERABLE = 0x06
_REPORT_ALL = b"\x01\x01"
_SUCCESS = b"\x06\x00\x01\x01"
_NO_RECORDS = b"\x06\x00\x01\x06"
_ENCRYPTION_NEEDED, _NOT_PERMITTED, _WRONG_LENGTH = 0x0F, 0x03, 0x0D


class Hushed(Exception):
    """The link ended, or the hub is no more."""


@dataclass
class Troubles:
    """What is wrong with a device; counts go down to nothing."""

    drop_after_steps: int | None = None  # of the hub's requests
    drop_at_value: int | None = None  # the link is lost while this value is under way, kept or not
    confirmations_lost: int = 0
    answer_delay_s: float = 0.0
    silent: bool = False
    cut_octets: int = 0
    extra_octets: int = 0
    resends: int = 0  # values that it sends again after they were confirmed
    sends_early: bool = False  # before it is asked, once the link is encrypted
    new_keys: bool = False  # pairs anew with whoever asks: lost its bond, or is somebody else


class Link:
    """One connection as both ends see it."""

    def __init__(self, device: "Device", radio: "Radio"):
        self.device = device
        self.radio = radio
        self.open = True
        self.encrypted = False
        self.subscribed: set[int] = set()
        self.sending: asyncio.Task | None = None

    def drop(self) -> None:
        """The link is lost, whoever meant it."""
        if self.open:
            self.open = False
            self.device.on_gone(self)
            self.radio.on_gone(self)


class Device(Display):
    """A device in a home; `press` is what its user does."""

    def __init__(self, world: Any, kind: Kind, address: str, number: int, heard: Callable[[], None]):
        self.kind = kind
        habits = kind.habits
        self.MODEL, self.MEMORY_MAX = habits.MODEL, habits.MEMORY_MAX
        self.CLOCK_COUNTS_FROM = habits.CLOCK_COUNTS_FROM
        self.chance = Random(f"{world.seed}/{address}")
        self.set_up_display(world, address, self.chance)
        self.number = number
        self.serial = f"{self.chance.randrange(10**9):09d}"
        self.handles = kind.handles()
        self.troubles = Troubles()
        self.link: Link | None = None
        self.keys = b""  # of its bond with the hub, as it knows them
        self.pairing = False
        self.window_until = 0.0
        self.confirmed: list[Held] = []  # in the order in which it forgot them
        self.sent: dict[int, set[bytes]] = {}  # number on the display -> octets that carried it
        self.on_confirmed: Callable[[Device, Held, bytes], None] = lambda device, held, octets: None
        self._heard = heard

    # -- its user

    def press(self, reading: Reading) -> dict:
        """Measure: the display shows a result, which is stored; then advertise."""
        entry = self.show(reading)
        self._wake(self.kind.habits.WINDOW_S, pairing=False)
        return entry

    def hold_button(self) -> None:
        """Advertise for pairing."""
        self._wake(self.kind.habits.PAIRING_WINDOW_S, pairing=True)

    def wake(self) -> None:
        """Switch it on without measuring: it advertises for what it still holds."""
        self._wake(self.kind.habits.WINDOW_S, pairing=False)

    def full(self) -> bool:
        """A person sees that and does not measure."""
        return len(self.memory) >= self.MEMORY_MAX

    def become_impostor(self) -> None:
        """From here on be somebody else under this address: no keys, other readings."""
        self.impostor = True
        self.chance = Random(f"impostor {self.world.seed}/{self.address}")
        self.memory = []
        self.lose_bond()

    def lose_bond(self) -> None:
        """Forget the hub."""
        self.keys = b""
        self.troubles.new_keys = True

    # -- the air

    def awake(self) -> bool:
        """Whether it advertises."""
        return self.link is None and self.window_until > self.world.loop.time()

    def advert(self) -> tuple[bytes, bytes]:
        """Advertisement and scan response."""
        flags = self.kind.pairing_flags if self.pairing else _GENERAL_DISCOVERABLE
        service = uuid_octets(self.kind.services[0][0])
        name = self.MODEL.encode()
        return bytes((2, 1, flags, 3, 3)) + service, bytes((len(name) + 1, 9)) + name

    def connected(self, radio: "Radio") -> Link:
        """A collector connects."""
        self.link = Link(self, radio)
        return self.link

    def on_gone(self, link: Link) -> None:
        """The link ended; it goes on advertising while it has something, for what is left of its window."""
        if link.sending is not None:
            link.sending.cancel()
        if self.link is link:
            self.link = None
        if not self.memory and not self.pairing:
            self.window_until = 0.0

    def _wake(self, seconds: float, pairing: bool) -> None:
        self.pairing = pairing
        self.window_until = self.world.loop.time() + seconds
        self._heard()

    # -- what a collector asks

    def step(self, link: Link) -> None:
        """A request arrives: the moment at which a link likes to be lost."""
        troubles = self.troubles
        if troubles.drop_after_steps is not None:
            troubles.drop_after_steps -= 1
            if troubles.drop_after_steps < 0:
                troubles.drop_after_steps = None
                self.world.injected("link_drop")
                link.drop()

    def accepts(self, keys: bytes) -> bool:
        """Whether encryption with these keys works."""
        return bool(keys) and keys == self.keys

    def takes_new_keys(self) -> bool:
        """Whether it pairs now."""
        return self.kind.bonds and (self.pairing or self.troubles.new_keys)

    def discover(self, services: tuple) -> dict:
        """The characteristics of these services, in their order."""
        wanted = dict(self.kind.services)
        return {uuid: self.handles[uuid] for one in services for uuid, _ in wanted.get(one, ())}

    def read(self, link: Link, uuid: int) -> bytes:
        """A value."""
        self._may(link, uuid, READ)
        if uuid == DATE_TIME:
            return encode.date_time(self.clock.now())
        if uuid == CURRENT_TIME:
            return encode.current_time(self.clock.now())
        return constant(uuid, self.kind, self.serial)

    def write(self, link: Link, uuid: int, octets: bytes) -> None:
        """A clock, or a request for records."""
        self._may(link, uuid, WRITE)
        if uuid in (DATE_TIME, CURRENT_TIME):
            time = clock.parse(bytes(octets))
            if time is None or len(octets) != (7 if uuid == DATE_TIME else 10):
                raise PeerError("att", _WRONG_LENGTH)
            self.clock.set(time)
        elif self.kind.by_request and bytes(octets) == _REPORT_ALL:
            self._send(link, control=self.handles[uuid][0])
        else:
            raise PeerError("att", _NOT_PERMITTED)

    def subscribe(self, link: Link, uuid: int) -> None:
        """A client characteristic configuration is written."""
        self._may(link, uuid, INDICATE)
        link.subscribed.add(uuid)
        if uuid == self.kind.measurement and not self.kind.by_request:
            self._send(link)

    def encrypted(self, link: Link) -> None:
        """The link is encrypted now."""
        link.encrypted = True
        if self.troubles.sends_early and not self.kind.by_request and not self.pairing and self.memory:
            self.world.injected("early_values")
            self._send(link, delay_s=0.01)

    def _may(self, link: Link, uuid: int, properties: int) -> None:
        if not self.handles[uuid][1] & properties:
            raise PeerError("att", _NOT_PERMITTED)
        if self.kind.bonds and not link.encrypted and uuid in (self.kind.measurement, DATE_TIME, CURRENT_TIME):
            raise PeerError("att", _ENCRYPTION_NEEDED)

    # -- sending

    def _send(self, link: Link, delay_s: float = _FIRST_DELAY_S, control: int | None = None) -> None:
        if link.sending is None and not (self.pairing and self.kind.pairing_flags != _GENERAL_DISCOVERABLE):
            link.sending = self.world.loop.create_task(self._send_all(link, delay_s, control))
            link.sending.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.world.loop.fail(task.exception())  # a fault of the simulator's

    async def _send_all(self, link: Link, delay_s: float, control: int | None) -> None:
        try:
            await asyncio.sleep(delay_s)
            if self.troubles.silent:
                self.world.injected("silent_device")
                return
            answer = _SUCCESS if self.memory else _NO_RECORDS
            while self.memory and link.open:
                await self._send_one(link, self.memory[0])
                await asyncio.sleep(_NEXT_DELAY_S)
            if control is not None:
                self._indicate(link, control, answer)
            await asyncio.sleep(self.kind.habits.LINGER_S)
            if not self.memory:
                self.window_until = 0.0
        except Hushed:
            pass  # what is unconfirmed stays in the memory
        self.world.loop.call_soon(link.drop)

    async def _send_one(self, link: Link, held: Held) -> None:
        troubles = self.troubles
        octets = self.kind.encode(held)
        if troubles.cut_octets or troubles.extra_octets:
            octets = octets[: len(octets) - troubles.cut_octets] + bytes(troubles.extra_octets)
            self.world.injected("malformed_values")
        if not self.impostor:
            self.sent.setdefault(held.taken["taken"], set()).add(octets)
        if troubles.drop_at_value is not None:
            troubles.drop_at_value -= 1
            if troubles.drop_at_value < 0:
                troubles.drop_at_value = None
                self.world.injected("link_drop")
                link.drop()
                raise Hushed
        if troubles.answer_delay_s:
            await asyncio.sleep(troubles.answer_delay_s)
        self._indicate(link, self.handles[self.kind.measurement][0], octets)
        if troubles.confirmations_lost:
            troubles.confirmations_lost -= 1
            self.world.injected("confirmation_lost")
            link.drop()
            raise Hushed
        self.memory.remove(held)
        self.confirmed.append(held)
        if not self.impostor:
            self.on_confirmed(self, held, octets)
        while troubles.resends:
            troubles.resends -= 1
            self.world.injected("value_repeated")
            await asyncio.sleep(_NEXT_DELAY_S)
            self._indicate(link, self.handles[self.kind.measurement][0], octets)

    def _indicate(self, link: Link, handle: int, octets: bytes) -> None:
        """Send one indication; returns when its confirmation is here, else Hushed."""
        if not link.open:
            raise Hushed
        try:
            confirmed = link.radio.on_indication(link, handle, octets)
        except PowerCut:
            raise Hushed from None
        if not confirmed or not link.open:
            raise Hushed
