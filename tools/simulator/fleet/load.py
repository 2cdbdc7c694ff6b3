"""The load itself: hubs take their turns, a morning's peak, and all of them again after an outage."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field

from tools.backend.keys import HubKeys, Keyring
from tools.backend.receipt import receipt_key
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import decode_receipt
from tools.simulator.fleet.sealed import Home
from tools.simulator.fleet.wire import Link, Refused

_WINDOW = 8  # envelopes of one hub on their way; a hub of ours has a few
_AGAIN_S = 15.0  # without a receipt an envelope is sent once more
_RECONNECT_S_MIN, _RECONNECT_S_MAX = 0.5, 8.0  # after an outage: not all at once

Keys = Callable[[str], HubKeys | None]


@dataclass
class Told:
    """What a phase was like."""

    sent: int = 0
    again: int = 0
    stored: int = 0
    held: int = 0
    wall_s: float = 0.0
    latencies_s: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        """Of the waits for a receipt, in seconds."""
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Hub:
    """One home's hub on the broker: sends its envelopes until each has its receipt."""

    def __init__(self, home: Home, letters: Iterable[bytes], first: int, keyring: Keyring, told: Told) -> None:
        keys = keyring.hub(home.hub)
        assert keys is not None
        self.home = home
        self._key = receipt_key(keyring, keys)
        self._topic = f"telehub/1/{home.hub}/up".encode()
        self._waiting = deque(enumerate(letters, first))  # not yet sent
        self._open: dict[int, tuple[bytes, float, float]] = {}  # sequence → octets, first sent, last sent
        self._told = told
        self._moved = asyncio.Event()
        self._link: Link | None = None

    @property
    def done(self) -> bool:
        """Whether everything has its receipt."""
        return not self._waiting and not self._open

    @property
    def sent_all(self) -> bool:
        """Whether everything has been sent at least once."""
        return not self._waiting

    async def connect(self, host: str, port: int, chance: random.Random) -> None:
        """Get in, however often it takes."""
        wait_s = _RECONNECT_S_MIN
        while True:
            try:
                self._link = await Link.open(host, port, self.home.hub, self._heard, self._lost)
                return
            except (OSError, Refused, TimeoutError):
                await asyncio.sleep(chance.uniform(wait_s / 2, wait_s))
                wait_s = min(_RECONNECT_S_MAX, wait_s * 2)

    def _heard(self, octets: bytes) -> None:
        try:
            receipt = decode_receipt(octets, self._key)
        except BadMessage:
            return
        entry = self._open.pop(receipt.sequence, None)
        if entry is None:
            return  # answered again
        self._told.latencies_s.append(time.monotonic() - entry[1])
        if receipt.status:
            self._told.held += 1
        else:
            self._told.stored += 1
        self._moved.set()

    def _lost(self) -> None:
        self._link = None
        self._moved.set()

    def send_next(self) -> bool:
        """One more envelope, when there is one."""
        if not self._waiting or self._link is None:
            return False
        sequence, octets = self._waiting.popleft()
        now_s = time.monotonic()
        self._open[sequence] = octets, now_s, now_s
        self._told.sent += 1
        self._link.publish(self._topic, octets)
        return True

    def _send_again(self, every: bool) -> None:
        now_s = time.monotonic()
        for sequence, (octets, first_s, last_s) in self._open.items():
            if self._link is not None and (every or now_s - last_s > _AGAIN_S):
                self._open[sequence] = octets, first_s, now_s
                self._told.again += 1
                self._link.publish(self._topic, octets)

    async def settle(self, host: str, port: int, chance: random.Random, fill: bool = True) -> None:
        """Until all is receipted; connects again when cut off. `fill`: send what waits, as the window has room."""
        while not self.done:
            if self._link is None:
                await self.connect(host, port, chance)
                self._send_again(every=True)
            while fill and len(self._open) < _WINDOW and self.send_next():
                pass
            self._moved.clear()
            if not self.done:
                try:
                    await asyncio.wait_for(self._moved.wait(), _AGAIN_S)
                except TimeoutError:
                    self._send_again(every=False)

    def close(self) -> None:
        """Leave."""
        if self._link is not None:
            self._link.close()


async def days(hubs: Iterator[Hub], host: str, port: int, slots: int, told: Told) -> None:
    """Hubs take turns on so many connections, each with all that it has."""
    chance, began = random.Random(1), time.monotonic()

    async def slot() -> None:
        for hub in hubs:  # one iterator for all slots
            await hub.settle(host, port, chance)
            hub.close()

    await asyncio.gather(*(slot() for _ in range(slots)))
    told.wall_s = time.monotonic() - began


async def peak(hubs: list[Hub], host: str, port: int, per_s: float, told: Told) -> None:
    """All connected; envelopes come at random moments, so many a second, whether or not the last was answered."""
    chance, began = random.Random(2), time.monotonic()
    await asyncio.gather(*(hub.connect(host, port, chance) for hub in hubs))
    due_s = time.monotonic()
    turn = [hub for _ in range(max((len(hub._waiting) for hub in hubs), default=0)) for hub in hubs]
    for hub in turn:
        due_s += chance.expovariate(per_s)
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        hub.send_next()
    await asyncio.gather(*(hub.settle(host, port, chance) for hub in hubs))
    told.wall_s = time.monotonic() - began


async def storm(
    hubs: list[Hub], host: str, port: int, outage: Callable[[], Awaitable[None]], told: Told
) -> None:
    """All connected and half way through; the broker is gone for a while; all come back with all that they have."""
    chance = random.Random(3)
    await asyncio.gather(*(hub.connect(host, port, chance) for hub in hubs))
    for hub in hubs:
        hub.send_next()
    await outage()
    began = time.monotonic()
    await asyncio.gather(*(hub.settle(host, port, chance) for hub in hubs))
    told.wall_s = time.monotonic() - began
    for hub in hubs:
        hub.close()
