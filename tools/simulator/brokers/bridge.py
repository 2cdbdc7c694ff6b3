"""A hub's virtual connections carried to a real socket: TLS and MQTT stay between hub and broker.

While a connection is open the world goes at most as fast as the real clock (`loop.outside`).
"""

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

from tools.simulator.air.net import BROKER, Listener, Net
from tools.simulator.air.net_tcp import Endpoint

TLS_PORT = 8883


class _Carried(asyncio.Protocol):
    """One connection, both ways."""

    def __init__(self, endpoint: Endpoint, closed: Callable[[], None]):
        self._endpoint = endpoint
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._gone = False
        endpoint.on_octets = self._from_hub
        endpoint.on_gone = self._hub_gone

    def connection_made(self, transport) -> None:
        """The real broker answered."""
        self._transport = transport
        transport.write(bytes(self._early))
        if self._gone:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """From the real broker."""
        self._endpoint.send(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The real broker is gone."""
        self._closed()
        if not self._gone:
            self._gone = True
            if exc is None:
                self._endpoint.close()
            else:
                self._endpoint.reset()

    def refused(self) -> None:
        """There is no real broker."""
        self._closed()
        self._endpoint.reset()

    def _from_hub(self, octets: bytes) -> None:
        if self._transport is None:
            self._early += octets
        else:
            self._transport.write(octets)

    def _hub_gone(self, reset: bool) -> None:
        self._gone = True
        if self._transport is not None:
            if reset:
                self._transport.abort()
            else:
                self._transport.close()


class Bridge:
    """A service for `Net.listen` that carries every connection to host:port."""

    def __init__(self, net: Net, host: str, port: int):
        self._loop = net.loop
        self._host, self._port = host, port
        self._tasks: set[asyncio.Task] = set()
        self._open: dict[_Carried, None] = {}
        net.on_close(self._end)

    def __call__(self, endpoint: Endpoint) -> None:
        self._loop.outside += 1
        carried = _Carried(endpoint, lambda: self._over(carried))
        self._open[carried] = None
        task = self._loop.create_task(self._connect(carried))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, carried: _Carried) -> None:
        try:
            await self._loop.create_connection(lambda: carried, self._host, self._port)
        except OSError:
            carried.refused()

    def _over(self, carried: _Carried) -> None:
        if self._open.pop(carried, carried) is None:
            self._loop.outside -= 1

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        for carried in list(self._open):
            if carried._transport is not None:
                carried._transport.abort()
            self._over(carried)


def bridge(net: Net, url: str, *, address: str = BROKER, name: str | None = None) -> Listener:
    """Let hubs reach the broker of `url` (mqtts://host:port) in the virtual network, as `name` or its own."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtts", "ssl") or not parts.hostname:
        raise ValueError("a broker's URL is mqtts://host[:port]")
    net.names[name or parts.hostname] = address
    return net.listen(address, TLS_PORT, Bridge(net, parts.hostname, parts.port or TLS_PORT))


class _Doorway(asyncio.Protocol):
    """A real client's connection, which a virtual server holds as its endpoint."""

    name: str | None = None

    def __init__(self, service: Callable):
        self._service = service
        self._transport: asyncio.Transport | None = None
        self.on_octets: Callable[[bytes], None] = lambda octets: None
        self.on_gone: Callable[[bool], None] = lambda reset: None

    def connection_made(self, transport) -> None:
        """A client came."""
        self._transport = transport
        self._service(self)

    def data_received(self, data: bytes) -> None:
        """From the client."""
        self.on_octets(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self.on_gone(exc is not None)

    def send(self, octets: bytes) -> None:
        """As Endpoint.send."""
        assert self._transport is not None
        self._transport.write(octets)

    def close(self) -> None:
        """As Endpoint.close."""
        assert self._transport is not None
        self._transport.close()

    def reset(self) -> None:
        """As Endpoint.reset."""
        assert self._transport is not None
        self._transport.abort()


async def expose(net: Net, listener: Listener, host: str = "127.0.0.1") -> int:
    """Let real clients of this machine reach a virtual server; returns the port. Time is real from now on."""
    net.loop.outside += 1
    server = await net.loop.create_server(lambda: _Doorway(listener.service), host, 0)

    def end() -> None:
        net.loop.outside -= 1
        server.close()

    net.on_close(end)
    return server.sockets[0].getsockname()[1]
