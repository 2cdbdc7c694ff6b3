"""A hub's sockets: what the seam's network calls do. The hub's side is chip/socket.py.

Ops (numbers little-endian, addresses as text or four octets): 50 open, 51 write, 52 read, 53 poll, 54 close,
55 resolve, 56 resolved, 57 no delay; 70 open a datagram socket, 71 send to, 72 receive from. Nothing here
waits: EAGAIN says "not yet", and the hub is woken when that may have changed.
"""

import itertools
from collections import deque
from collections.abc import Callable

from tools.simulator.air import net_dns
from tools.simulator.air.net import Net
from tools.simulator.air.net_tcp import Connection

# newlib's numbers, as lwIP on the ESP32 raises them.
EBADF = 9
EAGAIN = 11
ENFILE = 23
ENOTCONN = 128
EHOSTUNREACH = 118
EAI_FAIL = -202  # lwIP netdb.h; MicroPython raises getaddrinfo's errors negative

SOCKETS_MAX = 10  # ESP-IDF's LWIP_MAX_SOCKETS
_DATAGRAMS_MAX = 6  # ESP-IDF's LWIP_UDP_RECVMBOX_SIZE

READABLE, WRITABLE, ERROR, HANG_UP = 1, 4, 8, 16

OPEN, WRITE, READ, POLL, CLOSE, RESOLVE, RESOLVED, NO_DELAY = range(50, 58)
DATAGRAMS, SEND_TO, RECEIVE_FROM = range(70, 73)


class _Datagrams:
    """A UDP socket: a short queue of what came."""

    def __init__(self) -> None:
        self.queue: deque[tuple[str, int, bytes]] = deque()
        self.closed = False


class HubSockets:
    """All sockets of one hub, and its resolver."""

    def __init__(self, net: Net, hub, station):
        self._net = net
        self._hub = hub
        self._station = station
        self._sockets: dict[int, Connection | _Datagrams] = {}
        self._queries: dict[int, net_dns.Query] = {}
        self._numbers = itertools.count(1)
        self._cache: dict[str, tuple[str, float]] = {}
        hub.services.update(
            {
                OPEN: self._open,
                WRITE: self._write,
                READ: self._read,
                POLL: self._poll,
                CLOSE: self._close,
                RESOLVE: self._resolve,
                RESOLVED: self._resolved,
                NO_DELAY: self._no_delay,
                DATAGRAMS: self._datagrams,
                SEND_TO: self._send_to,
                RECEIVE_FROM: self._receive_from,
            }
        )
        hub.on_power.append(self._power)

    def _associated(self) -> bool:
        """Whether lwIP has an address and a route: else it refuses at once."""
        return self._station is None or self._station.connected

    def _linked(self) -> bool:
        """Whether octets get through; lwIP does not know."""
        return self._net.up and (self._station is None or self._station.reachable)

    def _power(self, on: bool) -> None:
        if not on:
            for socket in self._sockets.values():
                if isinstance(socket, Connection):
                    socket.vanish()
                socket.closed = True
            for query in self._queries.values():
                query.cancel()
            self._sockets.clear()
            self._queries.clear()
            self._cache.clear()

    def _new(self, make: Callable[[], Connection | _Datagrams]) -> bytes:
        if len(self._sockets) >= SOCKETS_MAX:
            raise OSError(ENFILE)
        number = next(self._numbers)
        self._sockets[number] = make()
        return number.to_bytes(4, "little")

    def _socket(self, payload: bytes) -> Connection | _Datagrams:
        try:
            return self._sockets[int.from_bytes(payload[:4], "little")]
        except KeyError:
            raise OSError(EBADF) from None

    def _connection(self, payload: bytes) -> Connection:
        socket = self._socket(payload)
        assert isinstance(socket, Connection)
        return socket

    # -- TCP

    def _open(self, payload: bytes) -> bytes:
        address, port = _address(payload)
        if not self._associated():
            raise OSError(EHOSTUNREACH)
        listener = self._net.listeners.get((address, port))
        return self._new(lambda: Connection(self._net, listener, self._linked, self._hub.wake))

    def _write(self, payload: bytes) -> bytes:
        connection = self._connection(payload)
        if connection.error:
            raise OSError(connection.error)
        taken = connection.write(payload[4:])
        if not taken:
            raise OSError(EAGAIN)
        return taken.to_bytes(2, "little")

    def _read(self, payload: bytes) -> bytes:
        connection = self._connection(payload)
        octets = connection.read(int.from_bytes(payload[4:6], "little"))
        if octets or connection.ended:
            return octets
        raise OSError(connection.error or EAGAIN)

    def _poll(self, payload: bytes) -> bytes:
        socket = self._socket(payload)
        if isinstance(socket, _Datagrams):
            return bytes([WRITABLE | (READABLE if socket.queue else 0)])
        # As modsocket.c: an error or an end is readable; a reset is writable too, so that connect ends.
        flags = READABLE if socket.received or socket.ended or socket.error else 0
        flags |= WRITABLE if socket.room() else 0
        flags |= ERROR | HANG_UP | WRITABLE if socket.error else 0
        return bytes([flags])

    def _close(self, payload: bytes) -> None:
        socket = self._sockets.pop(int.from_bytes(payload[:4], "little"), None)
        if isinstance(socket, Connection):
            socket.close()
        elif socket is not None:
            socket.closed = True

    def _no_delay(self, payload: bytes) -> None:
        socket = self._socket(payload)
        if isinstance(socket, Connection):
            socket.no_delay = bool(payload[4])

    # -- names

    def _resolve(self, payload: bytes) -> bytes:
        name = payload.decode()
        number = next(self._numbers)
        cached = self._cache.get(name)
        if cached is not None and cached[1] > self._net.loop.time():
            query = net_dns.Query.answered(cached[0])
        elif not self._associated():
            query = net_dns.Query.answered(None)  # no server is known without a lease
        else:
            query = net_dns.Query(self._net, self._linked, name, self._hub.wake)
        self._queries[number] = query
        return number.to_bytes(4, "little")

    def _resolved(self, payload: bytes) -> bytes:
        number = int.from_bytes(payload, "little")
        query = self._queries[number]
        if not query.done:
            raise OSError(EAGAIN)
        del self._queries[number]
        if query.address is None:
            raise OSError(EAI_FAIL)
        if query.name:
            self._cache[query.name] = (query.address, self._net.loop.time() + query.lifetime_s)
        return query.address.encode()

    # -- UDP

    def _datagrams(self, _payload: bytes) -> bytes:
        return self._new(_Datagrams)

    def _send_to(self, payload: bytes) -> None:
        socket = self._socket(payload)
        assert isinstance(socket, _Datagrams)
        address, port = _address(payload[4:])
        if not self._associated():
            raise OSError(EHOSTUNREACH)

        def reply(octets: bytes) -> None:
            if not socket.closed and len(socket.queue) < _DATAGRAMS_MAX and self._linked():
                socket.queue.append((address, port, octets))
                self._hub.wake()

        self._net.send_datagram(address, port, payload[10:], reply)

    def _receive_from(self, payload: bytes) -> bytes:
        socket = self._socket(payload)
        assert isinstance(socket, _Datagrams)
        if not socket.queue:
            raise OSError(EAGAIN)
        address, port, octets = socket.queue.popleft()
        return bytes(int(part) for part in address.split(".")) + port.to_bytes(2, "little") + octets


def _address(payload: bytes) -> tuple[str, int]:
    """Four octets of address and a port."""
    return ".".join(str(octet) for octet in payload[:4]), int.from_bytes(payload[4:6], "little")
