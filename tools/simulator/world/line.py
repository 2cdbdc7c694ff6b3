"""The hub's wire (what firmware/board/line.py is on the chip): Wi-Fi, names, time, one TCP connection under TLS.

Everything that a home's network does to a hub is a switch here; the octets inside TLS go to a broker (mqtt.py).
"""

import asyncio
import errno
from collections.abc import Callable
from typing import Any, cast

from firmware.contracts import PeerError
from tools.simulator.air.net import Net
from tools.simulator.air.net_dns import DnsServer
from tools.simulator.nor import PowerCut
from tools.simulator.world.mqtt import Broker, Composer

DNS_ADDRESS, BROKER_ADDRESS, NTP_ADDRESS = "192.168.1.1", "198.51.100.10", "198.51.100.20"
BROKER_NAME, NTP_NAME = "broker.example", "ntp.example"
_DNS_PORT = 53
_JOIN_FAILS_S = 15.0
_HOP_S = 0.02
_HANDSHAKE_S = 0.9  # tools/simulator/costs.py
_CONNECTION_FAILED = 0x6E00  # as mbedTLS reports a handshake that the peer ended; the hub shows it to nobody


class _Names:
    """What the DNS server (tools/simulator/air/net_dns.py) asks of a network."""

    def __init__(self, loop):
        self.loop = loop
        self.dns_servers = (DNS_ADDRESS,)
        self.udp: dict[tuple[str, int], Callable] = {}
        self.names = {BROKER_NAME: BROKER_ADDRESS, NTP_NAME: NTP_ADDRESS}


class Network:
    """The home's network and the world behind it, with all that can be wrong with them."""

    def __init__(self, loop, broker: Broker, now_s: Callable[[], float], injected: Callable[[str], None]):
        self.loop = loop
        self.broker = broker
        self.now_s = now_s
        self.injected = injected
        self._names = _Names(loop)
        self.dns = DnsServer(cast(Net, self._names))
        self.wifi = True
        self.up = True  # what is behind the router
        self.tcp: str | None = None  # "refused", "mute", "half_open", "reset", "one_octet", "stall"
        self.tls: str | None = None  # "fails", "closed", "expired", "not_yet"
        self.ntp: str | None = None  # "mute" or "lies"
        self.ntp_lie_s = 0
        self.stall_s = 30.0
        self.trip_s = _HOP_S
        self.certificates: dict[str | None, bytes] = {}
        self.open: Connection | None = None

    def reachable(self) -> bool:
        """Whether octets get from the hub to the broker at all."""
        return self.wifi and self.up


class Connection:
    """One TCP connection with TLS in it."""

    def __init__(self, network: Network):
        self._network = network
        self.shaken = False
        self.dead: int | None = None  # errno
        self.certificate = b""
        self._inbox = bytearray()
        self._arrived = asyncio.Event()

    def from_broker(self, octets: bytes) -> None:
        """Octets are on their way to the hub."""
        network = self._network
        if network.tcp == "half_open":
            network.injected("tcp_half_open")
            return
        delay_s = network.trip_s
        if network.tcp == "stall":
            network.injected("tcp_stall")
            delay_s += network.stall_s
        network.loop.call_later(delay_s, self._arrive, octets)

    def _arrive(self, octets: bytes) -> None:
        if self._network.reachable():
            self._inbox += octets
            self._arrived.set()

    def reset(self) -> None:
        """RST."""
        self.dead = errno.ECONNRESET
        self._network.broker.detach(self)
        self._arrived.set()

    async def read(self, octets_max: int) -> bytes:
        """What has come."""
        while not self._inbox:
            if self.dead is not None:
                raise PeerError("line: read", self.dead)
            self._arrived.clear()
            await self._arrived.wait()
        if self._network.tcp == "one_octet":
            self._network.injected("tcp_one_octet")
            octets_max = 1
        octets = bytes(self._inbox[:octets_max])
        del self._inbox[:octets_max]
        return octets

    async def write(self, octets: bytes) -> None:
        """Hand it to TCP; the first carries the handshake."""
        network = self._network
        if not self.shaken:
            await self._shake()
        if self.dead is not None:
            raise PeerError("line: write", self.dead)
        if network.tcp == "reset":
            network.injected("tcp_reset")
            self.reset()
            raise PeerError("line: write", errno.ECONNRESET)
        await asyncio.sleep(network.trip_s)
        if not network.reachable():
            return  # taken by TCP, and nobody will ever have it
        if network.tcp == "half_open":
            network.injected("tcp_half_open")
            return
        network.broker.take(octets)

    async def _shake(self) -> None:
        network = self._network
        if network.tcp in ("half_open", "stall") or not network.reachable():
            if network.tcp:
                network.injected("tcp_" + network.tcp)
            await asyncio.Event().wait()  # the hub's own limit ends this
        await asyncio.sleep(_HANDSHAKE_S)
        if network.tls in ("fails", "closed"):
            network.injected("tls")
            raise PeerError("line: write", _CONNECTION_FAILED if network.tls == "fails" else errno.ECONNRESET)
        if network.tls:
            network.injected("tls")
        self.shaken = True
        self.certificate = network.certificates[network.tls]
        network.broker.attach(self)

    def close(self) -> None:
        """FIN, or nothing when there is no network."""
        if self._network.reachable():
            self._network.broker.detach(self)


class Line:
    """One boot's line (firmware/board/line.py)."""

    def __init__(self, network: Network, memory: Callable[[str], None]):
        self._network = network
        self._memory = memory
        self._connection: Connection | None = None
        self.busy = 0  # calls that have not returned
        self.dead = False

    async def join(self) -> None:
        """PeerError when there is no Wi-Fi."""
        self._alive()
        if not self._network.wifi:
            self._network.injected("wifi")
            await self._waiting(asyncio.sleep(_JOIN_FAILS_S))
            raise PeerError("wifi: not joined")

    def name_server(self) -> str:
        """As the router named it."""
        return DNS_ADDRESS

    async def ask(self, address: str, port: int, octets: bytes, wait_ms: int, accept) -> Any:
        """A datagram, and what `accept` makes of the first answer that it takes."""
        self._alive()
        answers: list[bytes] = []
        server = self._network._names.udp.get((address, port))
        if server is not None and self._network.wifi:
            if self._network.dns.fault:
                self._network.injected("dns")
            server(bytes(octets), answers.append)
        waited_s, read = 0.0, 0
        while waited_s < wait_ms / 1000:
            await self._waiting(asyncio.sleep(0.1))
            waited_s += 0.1
            for answer in answers[read:]:
                accepted = accept(answer)
                if accepted is not None:
                    return accepted
            read = len(answers)
        return None

    def ntp_s(self, address: str) -> int:
        """Unix seconds from the time server."""
        self._alive()
        network = self._network
        if network.ntp == "mute":
            network.injected("clock_unset")
        if address != NTP_ADDRESS or not network.reachable() or network.ntp == "mute":
            raise PeerError("ntp: no answer")
        if network.ntp == "lies":
            network.injected("ntp_lies")
        return int(network.now_s()) + (network.ntp_lie_s if network.ntp == "lies" else 0)

    async def open(self, address: str, port: int, name: str) -> None:
        """TCP."""
        self._alive()
        network = self._network
        self._memory("publish")
        if network.tcp == "refused":
            network.injected("tcp_reset")
            raise PeerError("line: connect", errno.ECONNREFUSED)
        if address != BROKER_ADDRESS or not network.reachable() or network.tcp == "mute":
            await self._waiting(asyncio.Event().wait())  # no answer to any SYN: the hub's own limit ends this
        await self._waiting(asyncio.sleep(2 * network.trip_s))
        self._connection = network.open = Connection(network)

    def composer(self, client_id: str, name: str, keepalive_s: int, identifier: int) -> Composer:
        """What writes packets."""
        self._alive()
        self._memory("publish")
        return Composer(identifier)

    def certificate(self) -> bytes:
        """The broker's."""
        assert self._connection is not None
        return self._connection.certificate

    async def read(self, octets_max: int) -> bytes:
        """At least one octet."""
        self._alive()
        assert self._connection is not None
        octets = await self._connection.read(octets_max)
        self._alive()
        self._memory("publish")
        return octets

    async def write(self, octets) -> None:
        """All of them."""
        self._alive()
        assert self._connection is not None
        await self._waiting(self._connection.write(bytes(octets)))

    async def close(self) -> None:
        """Whatever state it is in."""
        self._alive()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def end(self) -> None:
        """The power is gone: the broker will notice some day."""
        self.dead = True
        if self._connection is not None:
            self._network.broker.detach(self._connection)

    async def _waiting(self, coroutine) -> None:
        self.busy += 1
        try:
            await coroutine
        finally:
            self.busy -= 1
        self._alive()

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut
