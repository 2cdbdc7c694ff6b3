"""A hub's virtual connections carried to a real socket: TLS and MQTT stay between hub and broker.

The world goes at most as fast as the real clock (`loop.outside`) while a connection is open; or, `leaping`, only while
octets are under way on it: then the hours between two readings pass at once, though a real broker is waiting too.
"""

import asyncio
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.net import BROKER, Listener, Net
from tools.simulator.air.net_tcp import Endpoint

TLS_PORT = 8883

_CONNECT_S_MAX = 10.0  # for the real socket; a hub waits no longer either
# Leaping: how long after the hub's last octets an answer may still come (a few times what the one before took: not all
# octets are answered), and how long after the broker's last octets more may follow. What comes later is not lost:
# in the world it only comes later.
_ANSWER_S_MIN, _ANSWER_S_MAX = 0.05, 2.0
_ANSWER_FACTOR = 4
SETTLED_S = 0.03


class _Carried(asyncio.Protocol):
    """One connection, both ways."""

    def __init__(self, endpoint: Endpoint, hold: "Hold", closed: Callable[[], None]):
        self._endpoint = endpoint
        self._hold = hold
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._gone = False
        self._asked_s = 0.0
        self._patience_s = _ANSWER_S_MAX
        endpoint.on_octets = self._from_hub
        endpoint.on_gone = self._hub_gone

    def connection_made(self, transport) -> None:
        """The real broker answered."""
        self._transport = transport
        self._write(bytes(self._early))
        if self._gone:
            transport.close()

    def abort(self) -> None:
        """End it towards the real broker and the hub."""
        if self._transport is not None:
            self._transport.abort()
            self.connection_lost(ConnectionAbortedError())

    def data_received(self, data: bytes) -> None:
        """From the real broker."""
        took_s = time.monotonic() - self._asked_s
        if took_s < _ANSWER_S_MAX:
            self._patience_s = max(_ANSWER_S_MIN, _ANSWER_FACTOR * took_s)
        self._hold.for_s(SETTLED_S)
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
        if self._gone:
            return
        if self._transport is None:
            self._early += octets
        else:
            self._write(octets)

    def _write(self, octets: bytes) -> None:
        assert self._transport is not None
        self._asked_s = time.monotonic()
        self._hold.for_s(min(self._patience_s, _ANSWER_S_MAX))
        self._transport.write(octets)

    def _hub_gone(self, reset: bool) -> None:
        self._gone = True
        if self._transport is not None:
            if reset:
                self._transport.abort()
            else:
                self._transport.close()


class Hold:
    """Keeps the world at the real clock's pace: until `end`, or `leaping` for as long as was last said."""

    def __init__(self, loop: VirtualLoop, leaping: bool):
        self._loop = loop
        self._leaping = leaping
        self._timer: asyncio.TimerHandle | None = None
        self._held = False

    def on(self) -> None:
        """Until something else is said."""
        self._stop()
        if not self._held:
            self._held = True
            self._loop.outside += 1

    def for_s(self, seconds: float) -> None:
        """For so long from now: the virtual timer runs at the real clock's pace meanwhile."""
        self.on()
        if self._leaping:
            self._timer = self._loop.call_later(seconds, self.end)

    def end(self) -> None:
        """Nothing is under way."""
        self._stop()
        if self._held:
            self._held = False
            self._loop.outside -= 1

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Bridge:
    """A service for `Net.listen` that carries every connection to host:port."""

    def __init__(self, net: Net, host: str, port: int, leaping: bool = False):
        self._loop = net.loop
        self._host, self._port = host, port
        self._leaping = leaping
        self._tasks: set[asyncio.Task] = set()
        self._open: dict[_Carried, tuple[Hold, float]] = {}
        net.on_close(self._end)

    def opened_s(self) -> list[float]:
        """Virtual times at which the connections that are open now were made."""
        return [at_s for _, at_s in self._open.values()]

    def cut(self) -> None:
        """Lose every connection."""
        for carried in list(self._open):
            carried.abort()

    def __call__(self, endpoint: Endpoint) -> None:
        hold = Hold(self._loop, self._leaping)
        hold.on()
        carried = _Carried(endpoint, hold, lambda: self._over(carried))
        self._open[carried] = (hold, self._loop.time())
        task = self._loop.create_task(self._connect(carried))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connect(self, carried: _Carried) -> None:
        try:
            connecting = self._loop.create_connection(lambda: carried, self._host, self._port)
            await asyncio.wait_for(connecting, _CONNECT_S_MAX)
        except OSError:  # and TimeoutError, which is one
            carried.refused()

    def _over(self, carried: _Carried) -> None:
        hold, _ = self._open.pop(carried, (None, 0.0))
        if hold is not None:
            hold.end()

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.cut()
        for carried in list(self._open):  # those that were still connecting
            self._over(carried)


def bridge(
    net: Net, url: str, *, address: str = BROKER, name: str | None = None, leaping: bool = False
) -> Listener:
    """Let hubs reach the broker of `url` (mqtts://host:port) in the virtual network, as `name` or its own."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtts", "ssl") or not parts.hostname:
        raise ValueError("a broker's URL is mqtts://host[:port]")
    net.names[name or parts.hostname] = address
    return net.listen(address, TLS_PORT, Bridge(net, parts.hostname, parts.port or TLS_PORT, leaping))


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
