"""The platform: the real receiver, health desk and store, and what may go wrong between them and a hub."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.backend.health import LAST_WILL, HealthDesk
from tools.backend.keys import Keyring
from tools.backend.receipt import make_receipt, receipt_key
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.inspect import cose
from tools.inspect.envelope import Numbered, make_time_answer, peek
from tools.inspect.envelope import make_receipt as receipt_octets

_ANSWER_S = 0.05
_REPLAYED_MAX = 64  # receipts that a replaying network remembers


@dataclass
class Arrival:
    """An envelope that came, and whose it claims to be."""

    octets: bytes
    named: Numbered


class Platform:
    """Takes what the broker delivers; answers through it."""

    def __init__(self, world: Any, keyring: Keyring, hub: str):
        self._world = world
        self._keyring = keyring
        self._hub = hub
        self.store = Store(":memory:")
        # One process, one reader, nothing to survive: the store's own power cuts have their own tests.
        self.store.rows("PRAGMA synchronous = OFF")
        self._receiver = Receiver(self.store, keyring)
        self._desk = HealthDesk(self.store, keyring)
        self.publish: Callable[[str, bytes], None] = lambda topic, payload: None
        self.on_envelope: Callable[[Arrival], None] = lambda arrival: None
        self.on_report: Callable[[], None] = lambda: None
        self.down = False
        self.silent_about_next = False  # one envelope is never answered, from now on
        self.never: set[bytes] = set()  # hashes of those
        self.late_s = 0.0
        self.twice = False
        self.forges = False
        self.replays = False
        self.holds = False  # the hub's registration is wrong: all is held, kept whole
        self.tells_no_time = False
        self._old: list[bytes] = []
        self.arrivals = 0
        self.reports = 0
        self.gone = 0

    def deliver(self, topic: str, octets: bytes) -> None:
        """One message of the hub's."""
        hub, name = topic.split("/")[2:4]
        assert hub == self._hub
        if self.down:
            self._world.injected("platform_down")
            return
        if name == "up":
            self._envelope(octets)
        elif name == "health":
            self._health(octets)

    def _envelope(self, octets: bytes) -> None:
        self.arrivals += 1
        named = peek(cose.sign1(octets))
        assert named is not None
        self.on_envelope(Arrival(octets, named))
        receipt = self._receiver.handle(self._hub, octets, int(self._world.time()))
        if self.holds:
            self._world.injected("platform_holds")
        if self.silent_about_next:
            self.silent_about_next = False
            self.never.add(named.hash)
        if named.hash in self.never:
            self._world.injected("platform_never")
            return
        if receipt is None:
            return
        if self.forges:
            self._world.injected("receipt_forged")
            for forged in self._forged(named):
                self._answer(forged, 0.0)
        if self.replays:
            for old in self._old:
                self._world.injected("receipt_replayed")
                self._answer(old, 0.0)
        if len(self._old) < _REPLAYED_MAX:
            self._old.append(receipt)
        if self.late_s:
            self._world.injected("platform_late")
        self._answer(receipt, self.late_s)
        if self.twice:
            self._world.injected("platform_twice")
            self._answer(receipt, self.late_s)

    def _forged(self, named: Numbered) -> list[bytes]:
        """Receipts by those who lack the key, and by the key for what was never sent."""
        kid = self._keyring.platform_kid
        keys = self._keyring.hub(self._hub)
        assert keys is not None
        later = Numbered(named.hub, named.chain, named.sequence + 1, named.hash)
        other = Numbered(named.hub, named.chain, named.sequence, bytes(32))
        key = receipt_key(self._keyring, keys)
        return [
            receipt_octets(named, None, kid, bytes(32)),
            receipt_octets(later, None, kid, key),
            receipt_octets(other, None, kid, key),
            b"\xd1\x84",
        ]

    def answer_all(self) -> None:
        """What was never answered is from now on: the next repeat gets its receipt."""
        self.never.clear()
        self.silent_about_next = False

    def _health(self, octets: bytes) -> None:
        answer = self._desk.handle(self._hub, octets, int(self._world.time() * 1000))
        if octets == LAST_WILL:
            self.gone += 1
            return
        self.reports += 1
        self.on_report()
        if self.tells_no_time:
            self._world.injected("clock_unset")
        elif answer is not None:
            self._answer(answer, self.late_s)

    def forged_time(self, nonce: bytes) -> bytes:
        """A time answer by those who lack the key."""
        return make_time_answer(self._hub, nonce, 0, self._keyring.platform_kid, bytes(32))

    def _answer(self, octets: bytes, late_s: float) -> None:
        topic = f"telehub/1/{self._hub}/receipt"
        self._world.loop.call_later(_ANSWER_S + late_s, self._publish, topic, octets)

    def _publish(self, topic: str, octets: bytes) -> None:
        self.publish(topic, octets)


__all__ = ["Arrival", "Platform", "make_receipt"]
