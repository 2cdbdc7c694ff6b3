"""The network of the air: a home router, the internet behind it, and what can go wrong with both.

- `Net.listen(address, port, service)` puts a server there; `service(endpoint)` is called per connection
  (net_tcp.py). The `Listener` that comes back has the switches of a bad server: `fault`, `fault_after`.
- `Net.udp[(address, port)] = handler(octets, reply)` answers datagrams (net_dns.py, net_ntp.py).
- `Net.names` is the zone of the DNS server.
- `Net.up = False`: the router forwards nothing; TCP sends again as lwIP does, UDP is lost.
- `Net.attach(hub, station)` gives a hub its sockets (net_sockets.py); `station.connected` and
  `station.reachable` (wifi.py) say whether its Wi-Fi carries them.
- `Net.close()`, when all hubs are off and the loop has stopped, ends what real sockets, processes and tasks
  are left.

All times are virtual. Nothing here depends on how many octets a TLS handshake takes: an ECDSA signature
varies by two octets from run to run, so every duration is counted in sends and round trips.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tools.simulator.air.clock import VirtualLoop

# RFC 1918 at home, RFC 5737 (TEST-NET-3) outside.
ROUTER = "192.168.4.1"
SECOND_DNS = "192.168.4.2"
HUB = "192.168.4.17"
BROKER = "203.0.113.10"
NTP = "203.0.113.123"

LATENCY_MS = 20.0  # one way, home to a server in the same country: xDSL and Wi-Fi together

FAULTS = {
    "refuse": "nobody listens: a reset answers the connect",
    "mute connect": "nothing answers the connect",
    "mute": "connects, acknowledges, and never says a word",
    "reset": "resets the connection after `fault_after` sends of its own",
    "stall": "falls silent after `fault_after` sends of its own and takes no more octets",
    "dribble": "sends the first octets of everything one by one",
}


@dataclass
class Listener:
    """A server's port, and how it misbehaves towards connections that come from now on."""

    service: Callable
    fault: str | None = None
    fault_after: int = 0
    connections: int = 0

    def break_as(self, fault: str | None, after: int = 0) -> None:
        """Misbehave as FAULTS says; None: work again."""
        assert fault is None or fault in FAULTS
        self.fault, self.fault_after = fault, after


class Net:
    """One home network and the servers it reaches."""

    def __init__(self, loop: VirtualLoop, unix_time: Callable[[], float], latency_ms: float = LATENCY_MS):
        self.loop = loop
        self.unix_time = unix_time
        self.latency_ms = latency_ms
        self.up = True
        self.names: dict[str, str] = {}
        self.listeners: dict[tuple[str, int], Listener] = {}
        self.udp: dict[tuple[str, int], Callable[[bytes, Callable[[bytes], None]], None]] = {}
        self.dns_servers = [ROUTER, SECOND_DNS]
        self._closing: list[Callable[[], None]] = []

    @property
    def latency_s(self) -> float:
        """One way."""
        return self.latency_ms / 1000

    def listen(self, address: str, port: int, service: Callable) -> Listener:
        """Have `service(endpoint)` called for every connection to this port."""
        listener = self.listeners[(address, port)] = Listener(service)
        return listener

    def send_datagram(self, address: str, port: int, octets: bytes, reply: Callable[[bytes], None]) -> None:
        """Carry a datagram to its handler and `reply` with what that answers, if the router forwards both."""

        def arrive() -> None:
            handler = self.udp.get((address, port))
            if handler is not None and self.up:
                handler(octets, lambda answer: self.later(leave, answer))

        def leave(answer: bytes) -> None:
            if self.up:
                reply(answer)

        if self.up:
            self.later(arrive)

    def later(self, callback: Callable, *arguments) -> None:
        """Call one latency from now."""
        self.loop.call_later(self.latency_s, callback, *arguments)

    def attach(self, hub, station=None):
        """Give `hub` sockets over its Wi-Fi station; None: a station that is always there."""
        from tools.simulator.air.net_sockets import HubSockets

        return HubSockets(self, hub, station)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the world ends: real sockets and processes must go."""
        self._closing.append(callback)

    def close(self) -> None:
        """End what real sockets and processes the network holds."""
        while self._closing:
            self._closing.pop()()
