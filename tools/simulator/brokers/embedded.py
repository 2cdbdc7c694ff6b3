"""amqtt in the air's virtual time: TLS is ended by the air, the rules are access.py's, faults are gate.py's.

What amqtt does its own way, and what is done about it here: a QoS 1 message to a client whose connection dies
while it is in flight is dropped after 5 s (a hub asks again: every receipt is repeated on demand); keep-alive
is not enforced, CONNECT is believed, and wills are sent unchecked (gate.py); a monitor wakes each second
(stopped: it would be the largest cost of a virtual day); a failed delivery task is an asyncio error that
nobody fetched (counted, not fatal).
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from amqtt.adapters import StreamReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin

from tools.simulator.air.net import BROKER, Net
from tools.simulator.air.net_tls import TlsService, server_context
from tools.simulator.brokers import access
from tools.simulator.brokers.gate import FAULTS, PUBLISH, Gate, encode_length
from tools.technician.ca import Authority, Identity

PORT = 8883
_LISTENER = "air"
_CONFIG: dict[str, Any] = {
    "listeners": {"default": {"type": "external"}, _LISTENER: {"type": "external"}},
    "plugins": {f"{__name__}.Authentication": {}, f"{__name__}.Authorisation": {}},
}
_ENDS_S = 1.0  # for the library to be done with a connection that is gone
_OVERSIZE_OCTETS = 268_435_455  # the most that MQTT's length field can say
_OVERSIZE_BEGUN_OCTETS = 4096
_RUBBISH = bytes((7 * index * index + 241) & 0xFF for index in range(200))

logging.getLogger("amqtt").setLevel(logging.CRITICAL)
logging.getLogger("transitions").setLevel(logging.CRITICAL)


class Authentication(BaseAuthPlugin):
    """The gate lets nobody through whom the handshake has not named."""

    async def authenticate(self, *, session) -> bool | None:
        """Always: see gate.py."""
        return True


class Authorisation(BaseTopicPlugin):
    """The rules of access.py; the client id is the certificate's name."""

    async def topic_filtering(self, *, session=None, topic=None, action=None) -> bool | None:
        """Whether this session may do that."""
        if action is Action.RECEIVE:
            return True  # it was asked when it subscribed
        allowed = access.may_publish if action is Action.PUBLISH else access.may_subscribe
        return allowed(session.client_id, topic)


class _Tapped(Broker):
    """amqtt's broker, with the platform listening where permitted messages and wills come together."""

    tap: Callable[[str, bytes], bool]

    async def _broadcast_message(self, session, topic, data, force_qos=None) -> None:
        if self.tap(topic, bytes(data or b"")):
            await super()._broadcast_message(session, topic, data, force_qos)


class _Writer(WriterAdapter):
    """The library's way to the client."""

    def __init__(self, gate: Gate):
        self._gate = gate

    def write(self, data: bytes) -> None:
        """One packet."""
        self._gate.from_library(bytes(data))

    async def drain(self) -> None:
        """Nothing is held here."""

    def get_peer_info(self) -> tuple[str, int] | None:
        """For logs, which are off."""
        return "hub", 0

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """TLS ended before."""
        return None

    async def close(self) -> None:
        """End the connection."""
        self._gate.close()


class BackendSession:
    """The platform's own session: no TLS, no socket, kept over its own absence as a persistent session is."""

    def __init__(self, broker: "EmbeddedBroker"):
        self._broker = broker
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._receive: Callable[[str, bytes], None] | None = None

    def subscribe(self, receive: Callable[[str, bytes], None] | None) -> None:
        """Have `receive(topic, payload)` called for what hubs say; None: be away, and find it afterwards."""
        self._receive = receive
        while receive is not None and self._waiting:
            receive(*self._waiting.popleft())

    def publish(self, topic: str, payload: bytes) -> None:
        """Send to a hub."""
        assert access.may_publish(access.BACKEND, topic), topic
        self._broker.publish(topic, payload)

    def deliver(self, topic: str, payload: bytes) -> None:
        """The broker has something for the platform."""
        if self._receive is None:
            self._waiting.append((topic, payload))
        else:
            self._receive(topic, payload)

    def forget(self) -> None:
        """The broker lost its sessions."""
        self._waiting.clear()


class EmbeddedBroker:
    """The default broker. `await start()` before hubs connect."""

    def __init__(
        self, net: Net, identity: Identity, authority: Authority, address: str = BROKER, port: int = PORT
    ):
        self.loop = net.loop
        self.fault: str | None = None
        self.refused: list[str] = []
        self.errors: list[str] = []
        self.backend = BackendSession(self)
        self.tls = TlsService(server_context(identity, authority.certificate_pem), self._accept)
        self.listener = net.listen(address, port, self.tls)
        self._library: _Tapped | None = None
        self._gates: dict[Gate, None] = {}
        self._serving: dict[str, asyncio.Task] = {}
        self._tasks: set[asyncio.Task] = set()
        net.on_close(self._close)

    @property
    def connected(self) -> list[str]:
        """Names of the clients that are connected now."""
        return [gate.name for gate in self._gates if gate.name]

    def break_as(self, fault: str | None) -> None:
        """Misbehave as gate.FAULTS says; None: work again."""
        assert fault is None or fault in FAULTS
        self.fault = fault

    async def start(self) -> None:
        """Begin to serve."""
        inherited = self.loop.get_exception_handler()

        def on_exception(loop, context) -> None:
            if _is_librarys(context):
                self.errors.append(repr(context.get("exception")))
            elif inherited is not None:
                inherited(loop, context)
            else:
                loop.default_exception_handler(context)

        self.loop.set_exception_handler(on_exception)
        await self._start_library()

    async def restart(self, down_s: float, keep_sessions: bool = True) -> None:
        """Die, be away for `down_s`, come back with or without the sessions."""
        self.listener.break_as("refuse")
        for gate in list(self._gates):
            gate.reset()
        await asyncio.sleep(down_s)
        if not keep_sessions:
            assert self._library is not None
            await self._library.shutdown()
            self.backend.forget()
            await self._start_library()
        self.listener.break_as(None)

    def publish(self, topic: str, payload: bytes) -> None:
        """Give a message of the platform's to whoever subscribed to it."""
        assert self._library is not None
        self._run(self._library.internal_message_broadcast(topic, payload))

    def rubbish(self) -> bytes:
        """Octets that are no MQTT."""
        return _RUBBISH

    def oversize(self, name: str | None) -> bytes:
        """The beginning of a packet that is longer than any hub's memory."""
        topic = access.topic(name or "", "receipt").encode()
        head = bytes((PUBLISH << 4,)) + encode_length(_OVERSIZE_OCTETS)
        return head + len(topic).to_bytes(2, "big") + topic + bytes(_OVERSIZE_BEGUN_OCTETS)

    async def _start_library(self) -> None:
        self._library = _Tapped(_CONFIG, loop=self.loop)
        self._library.tap = self._tap
        await self._library.start()
        monitor = self._library._session_monitor_task
        if monitor is not None:
            monitor.cancel()

    def _tap(self, topic: str, payload: bytes) -> bool:
        """Let the platform hear what it is subscribed to; whether others may hear it too."""
        if access.may_subscribe(access.BACKEND, topic):
            if self.fault == "lose message":
                return False
            self.loop.call_soon(self.backend.deliver, topic, payload)
        return True

    def _accept(self, endpoint) -> None:
        Gate(self, endpoint, self._admit)

    def _admit(self, gate: Gate) -> None:
        reader = asyncio.StreamReader(loop=self.loop)
        gate.to_library = reader.feed_data

        def gone() -> None:
            self._gates.pop(gate, None)
            reader.feed_eof()

        gate.gone = gone
        # A client that comes again takes over (MQTT 3.1.4-2). The library does that by halves, so it is to be
        # quite done with the first connection before it hears of the second.
        for other in [other for other in self._gates if other.name == gate.name]:
            other.reset()
        self._gates[gate] = None
        assert gate.name is not None
        before = self._serving.get(gate.name)
        self._serving[gate.name] = self._run(self._serve(gate, reader, before))

    async def _serve(self, gate: Gate, reader: asyncio.StreamReader, before: asyncio.Task | None) -> None:
        if before is not None:
            await asyncio.wait([before], timeout=_ENDS_S)
            before.cancel()  # of a client that left between its CONNECT and the answer, the library misses the end
            await asyncio.wait([before])
        assert self._library is not None
        library = self._library
        await library.external_connected(StreamReaderAdapter(reader), _Writer(gate), _LISTENER)
        session = library.sessions.get(gate.name or "", (None, None))[0]
        if session is not None and session.clean_session:
            await library._delete_session(gate.name or "")  # the stopped monitor's other duty

    def _run(self, coroutine) -> asyncio.Task:
        task = self.loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _close(self) -> None:
        """End the library, so that nothing of it runs into a closed loop."""
        if not self.loop.is_closed() and not self.loop.is_running():
            self.loop.run_until_complete(self._stop())

    async def _stop(self) -> None:
        if self._library is not None:
            await self._library.shutdown()
        left = [
            task
            for task in asyncio.all_tasks(self.loop)
            if task in self._tasks or _is_librarys({"task": task})
        ]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _is_librarys(context: dict) -> bool:
    """Whether an asyncio error comes from a coroutine of amqtt."""
    source = context.get("future") or context.get("task")
    code = getattr(getattr(source, "get_coro", lambda: None)(), "cr_code", None)
    return code is not None and "amqtt" in code.co_filename
