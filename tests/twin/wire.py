"""What can be seen from outside of a house's line to its platform: each connection, its hello, and what it carried."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tools.simulator.house import House

CLIENT_HELLO = b"\x16\x03"  # a TLS handshake record (RFC 5246, 6.2.1); the client's first one is its hello


@dataclass
class Connection:
    """One TCP connection that reached the broker's machine."""

    opened_s: float
    hello_s: float | None = None
    octets: bytearray = field(default_factory=bytearray)  # from the hub


class Wire:
    """Stands before the broker's port; whatever is set as `listener.service` afterwards stands behind it."""

    def __init__(self, house: House):
        self.connections: list[Connection] = []
        self.datagrams: list[tuple[float, str, int, bytes]] = []
        self.still()
        self._house = house
        net = house.net
        behind, send_datagram = house.broker.listener.service, net.send_datagram

        def service(endpoint) -> None:
            connection = Connection(house.loop.time())
            self.connections.append(connection)
            self.on_connect()
            behind(endpoint)
            on_octets = endpoint.on_octets

            def heard(octets: bytes) -> None:
                if connection.hello_s is None and octets.startswith(CLIENT_HELLO):
                    connection.hello_s = house.loop.time()
                    self.on_hello()
                connection.octets += octets
                on_octets(octets)

            endpoint.on_octets = heard

        def datagram(address, port, octets, reply) -> None:
            self.datagrams.append((house.loop.time(), address, port, octets))
            self.on_datagram(port)
            send_datagram(address, port, octets, reply)

        house.broker.listener.service = service
        net.send_datagram = datagram

    def still(self) -> None:
        """Call nobody any more at a connect, a hello, a datagram."""
        self.on_connect: Callable[[], None] = lambda: None
        self.on_hello: Callable[[], None] = lambda: None
        self.on_datagram: Callable[[int], None] = lambda port: None

    def hellos(self) -> list[float]:
        """When handshakes began."""
        return [connection.hello_s for connection in self.connections if connection.hello_s is not None]


def noted(device, what: str) -> list[float]:
    """The virtual seconds at which a device noted something ("advertise", "connected", "gone" ...)."""
    return [ms / 1000 for ms, word, *_ in device.log if word == what]


def visits(device) -> list[tuple[float, float]]:
    """The links that a device had: (connected, gone)."""
    gone = [*noted(device, "gone"), float("inf")]
    return list(zip(noted(device, "connected"), gone, strict=False))


def waits(device, pressed_alone: bool = True) -> list[float]:
    """For each time that a device began to advertise with its user beside it: how long until the hub connected.

    `pressed_alone=False`: also for each time that it began again, for what was left after a visit.
    """
    pressed, waited, begun = False, [], None
    for ms, what, *_ in device.log:
        pressed = pressed or bool(waited and not pressed_alone)
        if what == "press":
            pressed = True
        elif what == "advertise" and pressed and begun is None:
            begun = ms / 1000
        elif what == "connected" and begun is not None:
            waited.append(ms / 1000 - begun)
            pressed, begun = False, None
    if begun is not None:
        waited.append(float("inf"))
    return waited


def costs_seen(house: House, name: str) -> list[float]:
    """The moments at which the hub begins a kind of work (tools/simulator/costs.py), as they come."""
    moments: list[float] = []
    ms = house.world.costs.ms

    def counting(work: str, octets: int = 0) -> float:
        if work == name:
            moments.append(house.loop.time())
        return ms(work, octets)

    house.world.costs.ms = counting
    return moments


def on_cost(house: House, name: str, call) -> None:
    """Have `call()` called, once, when the hub next begins a kind of work."""
    ms = house.world.costs.ms

    def watching(work: str, octets: int = 0) -> float:
        if work == name and house.world.costs.ms is watching:
            house.world.costs.ms = ms
            call()
        return ms(work, octets)

    house.world.costs.ms = watching
