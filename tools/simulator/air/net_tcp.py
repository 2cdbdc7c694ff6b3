"""TCP as a hub meets it: lwIP's small buffers and long patience, over a router that may be gone.

Sources of the numbers: ESP-IDF v5 `components/lwip/Kconfig` (MSS 1440, send buffer and window 5760, RTO 1500
ms, 12 retransmissions of data and of SYN) and lwIP `tcp.c` (`tcp_backoff`: doubling at each retransmission,
at most seven times; not while connecting), `err.c` and newlib's `sys/errno.h` for the error numbers.
"""

from collections import deque
from collections.abc import Callable

from tools.simulator.air.net import Listener, Net

MSS_OCTETS = 1440
SEND_BUFFER_OCTETS = 5760
WINDOW_OCTETS = 5760
_RTO_S = 1.5
_SENDS_MAX = 12
_DOUBLINGS_MAX = 7
# "dribble": so many octets of each send come singly, 1 ms apart; a fixed count, since lengths vary.
_DRIBBLED_OCTETS = 64
_DRIBBLE_S = 0.001

ECONNRESET = 104
ECONNABORTED = 113


class Pipe:
    """One direction: items come in order, one latency later; lost ones are sent again, for a while."""

    def __init__(self, net: Net, linked: Callable[[], bool], arrive: Callable, give_up: Callable[[], None]):
        self._net = net
        self._linked = linked
        self._arrive = arrive
        self._give_up = give_up
        self._lost: deque = deque()
        self._resends = 0
        self._due = 0.0
        self.closed = False

    def send(self, item, delay_s: float = 0.0) -> None:
        """Send one item."""
        if self._lost:
            self._lost.append(item)
        elif not self._linked():
            self._lose(item)
        else:
            self._due = max(self._net.loop.time() + self._net.latency_s + delay_s, self._due)
            self._net.loop.call_at(self._due, self._land, item)

    def _land(self, item) -> None:
        if self.closed:
            return
        if self._lost:
            self._lost.append(item)
        elif not self._linked():
            self._lose(item)
        else:
            self._arrive(item)

    def _lose(self, item) -> None:
        self._lost.append(item)
        self._resends = 0
        self._net.loop.call_later(_RTO_S, self._resend)

    def _resend(self) -> None:
        if self.closed:
            return
        if self._linked():
            lost, self._lost = self._lost, deque()
            for item in lost:
                self.send(item)
            return
        self._resends += 1
        if self._resends >= _SENDS_MAX:
            self.closed = True
            self._give_up()
            return
        self._net.loop.call_later(_RTO_S * 2 ** min(self._resends, _DOUBLINGS_MAX), self._resend)


class Endpoint:
    """A server's end of a connection. The service sets the callbacks and calls send, close, reset."""

    def __init__(self, connection: "Connection"):
        self._connection = connection
        self.on_octets: Callable[[bytes], None] = lambda octets: None
        self.on_gone: Callable[[bool], None] = lambda reset: None  # told once; True when not closed in order
        self.name: str | None = None  # of the client's certificate, behind TLS

    def send(self, octets: bytes) -> None:
        """Give octets to the hub as fast as its window takes them."""
        self._connection.from_server(octets)

    def close(self) -> None:
        """End in order, after what was sent."""
        self._connection.close_from_server()

    def reset(self) -> None:
        """End at once."""
        self._connection.reset_from_server()


class Connection:
    """The hub's end: what lwIP knows of one connection."""

    def __init__(
        self, net: Net, listener: Listener | None, linked: Callable[[], bool], wake: Callable[[], None]
    ):
        self._net = net
        self._linked = linked
        self._listener = listener
        self._wake = wake
        self._fault = listener.fault if listener is not None else "mute connect"
        self._fault_after = listener.fault_after if listener is not None else 0
        self._to_server = Pipe(net, linked, self._at_server, lambda: self.fail(ECONNABORTED))
        self._to_hub = Pipe(net, linked, self._at_hub, lambda: None)
        self._endpoint: Endpoint | None = None
        self._server_told = False
        self._sends = 0
        self._syns = 0
        # towards the hub
        self._outgoing = bytearray()  # the server's, waiting for the window
        self._in_flight = 0
        self._server_closed = False
        self._end_sent = False
        self.received = bytearray()
        self.ended = False
        # from the hub
        self._unacknowledged = 0
        self._small = bytearray()  # held back by Nagle's algorithm
        self.no_delay = False
        self.open = False
        self.closed = False
        self.error = 0
        self._connect()

    # -- the hub's calls

    def room(self) -> int:
        """Octets that a write takes now."""
        return SEND_BUFFER_OCTETS - self._unacknowledged - len(self._small) if self.open else 0

    def write(self, octets: bytes) -> int:
        """Take as many octets as the send buffer has room for."""
        taken = octets[: self.room()]
        self._small += taken
        self._push()
        return len(taken)

    def read(self, count: int) -> bytes:
        """Up to `count` received octets; the window opens by as many."""
        taken = bytes(self.received[:count])
        del self.received[:count]
        if taken and self._outgoing:
            self._net.later(self._pump)  # the window update travels
        return taken

    def close(self) -> None:
        """The hub closes its socket."""
        if self.closed:
            return
        self._push(whole=True)
        self._to_server.send(None)
        self.closed = True

    def vanish(self) -> None:
        """The hub loses power: its end is silent from now on, and the server is not told."""
        self.closed = True
        self._to_server.closed = self._to_hub.closed = True
        self._wake = lambda: None

    def fail(self, error: int) -> None:
        """The connection is over for the hub."""
        if not self.error and not self.closed:
            self.error = error
            self.open = False
            self._to_hub.closed = True
            self._wake()

    # -- connecting

    def _connect(self) -> None:
        net = self._net
        if self._fault == "mute connect" or not self._linked():
            # SYN is sent again without doubling (tcp_slowtmr: "unless we are trying to connect").
            self._syns += 1
            if self._syns > _SENDS_MAX:
                self.fail(ECONNABORTED)
            else:
                net.loop.call_later(_RTO_S, self._try_again)
        elif self._fault == "refuse":
            net.loop.call_later(2 * net.latency_s, self.fail, ECONNRESET)
        else:
            net.loop.call_later(2 * net.latency_s, self._opened)

    def _try_again(self) -> None:
        if not self.closed and not self.error:
            self._connect()

    def _opened(self) -> None:
        if self.closed:
            return
        assert self._listener is not None
        self.open = True
        self._endpoint = Endpoint(self)
        self._listener.connections += 1
        if self._fault != "mute":
            self._listener.service(self._endpoint)
        self._wake()

    # -- hub to server

    def _push(self, whole: bool = False) -> None:
        """Send what Nagle's algorithm lets go: whole segments, or anything when nothing is on its way."""
        while self._small:
            if len(self._small) < MSS_OCTETS and self._unacknowledged and not (self.no_delay or whole):
                return
            segment = bytes(self._small[:MSS_OCTETS])
            del self._small[:MSS_OCTETS]
            self._unacknowledged += len(segment)
            self._to_server.send(segment)

    def _at_server(self, segment: bytes | None) -> None:
        if segment is None:
            self._tell_server(False)
            return
        if self._stalled():
            return
        self._net.later(self._acknowledged, len(segment))
        if self._endpoint is not None and not self._server_told:
            self._endpoint.on_octets(segment)

    def _acknowledged(self, count: int) -> None:
        self._unacknowledged -= count
        if not self.closed and not self.error:
            self._push()
            self._wake()

    def _tell_server(self, reset: bool) -> None:
        if not self._server_told and self._endpoint is not None:
            self._server_told = True
            self._endpoint.on_gone(reset)

    # -- server to hub

    def _stalled(self) -> bool:
        return self._fault == "stall" and self._sends >= self._fault_after

    def from_server(self, octets: bytes) -> None:
        """Queue octets for the hub."""
        if self._fault == "reset" and self._sends >= self._fault_after:
            self.reset_from_server()
            return
        if self._stalled() or self._server_closed:
            return
        self._sends += 1
        self._outgoing += octets
        self._pump(dribble=self._fault == "dribble")

    def _pump(self, dribble: bool = False) -> None:
        room = WINDOW_OCTETS - self._in_flight - len(self.received)
        octets = bytes(self._outgoing[:room]) if room > 0 else b""
        if octets:
            del self._outgoing[: len(octets)]
            self._in_flight += len(octets)
            single = min(len(octets) - 1, _DRIBBLED_OCTETS) if dribble else 0
            for at in range(single):
                self._to_hub.send(octets[at : at + 1], at * _DRIBBLE_S)
            self._to_hub.send(octets[single:], single * _DRIBBLE_S)
        if self._server_closed and not self._outgoing and not self._end_sent:
            self._end_sent = True
            self._to_hub.send(None)

    def _at_hub(self, octets: bytes | None) -> None:
        if octets is None:
            self.ended = True
        else:
            self._in_flight -= len(octets)
            self.received += octets
        self._wake()

    def close_from_server(self) -> None:
        """End in order."""
        if self._server_closed or self._stalled():
            return
        self._server_closed = True
        self._pump()

    def reset_from_server(self) -> None:
        """End at once."""
        self._tell_server(True)
        self._net.later(self.fail, ECONNRESET)
