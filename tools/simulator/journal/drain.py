"""A year's readings, and the network is back: the hub's own delivery loop against a broker two seconds away."""

import asyncio
import hashlib
from collections import namedtuple
from dataclasses import dataclass, field
from typing import Any

from firmware.contracts import Full
from firmware.delivery import Delivery
from firmware.journal.journal import Journal
from firmware.seal import cose, p256
from firmware.seal.batch import BUFFER_OCTETS
from firmware.sealing import Sealing
from firmware.timekeeping import Timekeeper
from tools.inspect.envelope import Numbered, make_receipt
from tools.simulator.costs import Costs
from tools.simulator.world.clock import Loop, Ticks

ROUND_TRIP_S = 2.0
_LIVE_EVERY_S = 20.0  # a reading is taken this often while the backlog goes out
_LIMIT_S = 3_600.0
_HUB = bytes.fromhex("24d7eb0a1b2c")
_KEY = hashlib.sha256(b"a key of this figure alone").digest()
_Keys = namedtuple("_Keys", ("hub_id", "signing", "signing_kid", "receipts"))
_Receipts = namedtuple("_Receipts", ("hub", "kid", "key"))
_Listening = namedtuple("_Listening", ("visiting",))
_PLATFORM = _Receipts(_HUB, b"platform", _KEY)


class _Counted:
    """What firmware/health.py is asked for here."""

    def __init__(self, ticks: Ticks) -> None:
        self.counters: dict[str, int] = {}
        self.nonce = None
        self.answered = ticks.flag()
        self.answered.set()
        self.reported_ms = ticks.now_ms()
        self.every_ms = 600_000

    def count(self, name: str) -> None:
        """Something happened."""
        self.counters[name] = self.counters.get(name, 0) + 1


@dataclass
class Drained:
    """What came of it."""

    seconds: float = 0.0
    envelopes: int = 0
    live_waits_s: list[float] = field(default_factory=list)


class _Session:
    """A line that holds; the platform stores what it gets and its receipt is here a round trip later."""

    def __init__(self, hub: "_Hub") -> None:
        self._hub = hub
        self.on_message: Any = None
        self.on_end: Any = None

    def up(self) -> bool:
        """Until all is delivered."""
        return not self._hub.finished

    async def publish(self, name: str, octets: Any) -> None:
        """Signing has taken its time before; the rest is the network's."""
        hub = self._hub
        if name != "up":
            return
        await hub.ticks.sleep_ms(int(hub.costs.ms("p256.sign")))
        sequence = hub.sending
        plan = hub.journal.read_plan(sequence)
        answer = make_receipt(
            Numbered(_HUB.hex(), hub.journal.chain.hex(), sequence, plan.hash), None, b"platform", _KEY
        )
        hub.result.envelopes += 1
        hub.loop.call_later(ROUND_TRIP_S, hub.receipted, answer, plan.captures)

    async def keep_alive(self) -> None:
        """It is alive."""


class _Hub:
    """What firmware/delivery.py knows of a hub."""

    def __init__(self, loop: Loop, journal: Journal):
        self.loop, self.journal, self.costs = loop, journal, Costs()
        self.ticks = Ticks(loop, _raised)
        self.keys = _Keys(_HUB, _KEY, p256.key_id(p256.public_key(_KEY)), _PLATFORM)
        self.timekeeper = Timekeeper(self.ticks.now_ms, 1_830_000_000, journal.boot)
        self.timekeeper.ntp(1_832_000_000, 1000)
        self.health = _Counted(self.ticks)
        self.work, self.news = self.ticks.flag(), self.ticks.flag()
        self.listening = _Listening(False)
        self.random_octets = bytes
        self.session = _Session(self)
        self.buffer = bytearray(BUFFER_OCTETS)
        self.result = Drained()
        self.finished = False
        self.sending = 0
        self._taken: dict[int, float] = {}
        self.delivery = Delivery(self)

    def promise(self, _name: str, _within_ms: int) -> None:
        """No watchdog here."""

    def forget(self) -> None:
        """Code stays loaded."""

    def answered(self) -> None:
        """No order of the operator waits for it."""

    def stays(self) -> bool:
        """There is no other firmware to go back to."""
        return True

    def needs_help(self, reason: str) -> None:
        """Counted."""
        self.health.count(reason)

    def keeps(self, write: Any, *facts: Any) -> bool:
        """As firmware/hub.py."""
        try:
            write(*facts)
        except (Full, OSError):
            self.needs_help("flash")
            return False
        return True

    def report(self) -> bytes:
        """Nobody reads it here."""
        return b"report"

    def seal(self, live_from: int) -> None:
        """As firmware/hub.py."""
        Sealing(self, self.buffer).seal(live_from)

    def envelope(self, sequence: int) -> memoryview:
        """As firmware/hub.py; signed for nobody."""
        at, length, header = Sealing(self, self.buffer).payload(sequence)
        assert "plan replaced" not in self.health.counters
        self.sending = sequence
        return cose.sign1_in(self.buffer, at, length, _KEY, header)

    def receipted(self, answer: bytes, captures: Any) -> None:
        """A receipt comes in."""
        self.session.on_message("receipt", answer)
        for first, count in captures:
            for number in range(first, first + count):
                if number in self._taken:
                    self.result.live_waits_s.append(self.loop.time() - self._taken.pop(number))
        while self.journal.tidy():
            pass
        self.work.set()

    async def lives(self, backlog: int) -> None:
        """A reading every while, until the backlog is delivered."""
        started_s = self.loop.time()
        while self.journal.waiting() - len(self._taken) > 0:
            assert self.loop.time() - started_s < _LIMIT_S, "never done"
            number = self.journal.capture(1, 0, 14, 15, self.ticks.now_ms(), 1_832_000_000, 1, bytes(19))
            self._taken[number] = self.loop.time()
            self.work.set()
            self.result.seconds = self.loop.time() - started_s
            await asyncio.sleep(_LIVE_EVERY_S)
        while self._taken:
            await asyncio.sleep(1)
        self.finished = True
        self.work.set()


def _raised(error: BaseException) -> None:
    raise error


def drain(journal: Journal) -> Drained:
    """Deliver all that waits in this journal, live readings meanwhile."""
    loop = Loop()
    try:
        asyncio.set_event_loop(loop)
        hub = _Hub(loop, journal)

        async def run() -> None:
            await asyncio.gather(hub.delivery._deliver(), hub.lives(journal.waiting()))

        loop.run_until_complete(run())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return hub.result
