"""The platform of a house: the backend's receiver and health desk, in virtual time, and what may come between."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.backend.health import HealthDesk
from tools.backend.keys import Keyring
from tools.backend.receiver import Receiver
from tools.backend.store import Store

if TYPE_CHECKING:
    from tools.simulator.house import House


@dataclass
class Arrival:
    """One message at the platform, and what it answered."""

    at_s: float  # virtual
    hub: str
    name: str  # the last part of the topic
    octets: bytes
    answer: bytes | None = None


@dataclass
class Platform:
    """Receives what hubs send and answers, unless told to misbehave.

    `between(arrival)` may return other answers (a list) than the platform's own: a network, a broker or an impostor
    in between. `heard` is called with each arrival after it was stored.
    """

    house: "House"
    store: Store
    keyring: Keyring
    arrivals: list[Arrival] = field(default_factory=list)
    between: Callable[[Arrival], list[bytes]] | None = None
    heard: list[Callable[[Arrival], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._receiver = Receiver(self.store, self.keyring)
        self._desk = HealthDesk(self.store, self.keyring)
        self.orders = self._desk.orders

    def arrived(self, topic: str, octets: bytes) -> None:
        """Take one message of a hub's, store it, answer it."""
        hub, name = topic.split("/")[2:4]
        now_ms = self.house.time_ms()
        answer = None
        if name == "up":
            answer = self._receiver.handle(hub, octets, now_ms // 1000)
        elif name == "health":
            answer = self._desk.handle(hub, octets, now_ms)
            for _, _, order in self.orders.due(now_ms // 1000, hub):
                self.send(order, hub, "order")
        arrival = self.note(hub, name, octets, answer)
        answers = [answer] if answer is not None else []
        for given in self.between(arrival) if self.between else answers:
            self.send(given, hub)

    def note(self, hub: str, name: str, octets: bytes, answer: bytes | None) -> Arrival:
        """One message was taken and has its answer, here or by the backend's own service."""
        arrival = Arrival(self.house.loop.time(), hub, name, octets, answer)
        self.arrivals.append(arrival)
        for heard in self.heard:
            heard(arrival)
        return arrival

    def send(self, octets: bytes, hub: str = "", name: str = "receipt") -> None:
        """Publish to a hub; without a name to the house's own."""
        self.house.broker.backend.publish(f"telehub/1/{hub or self.house.hub.name}/{name}", octets)

    def named(self, name: str) -> list[Arrival]:
        """What arrived under one topic's last part."""
        return [arrival for arrival in self.arrivals if arrival.name == name]
