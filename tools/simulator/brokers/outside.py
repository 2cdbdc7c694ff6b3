"""A broker on a real socket: hubs reach it over the bridge, the platform by the backend's own service.

The service runs on a thread with an asyncio loop of its own, so it lives in real time; what it takes and answers is
told to the house's loop. Time of the world is real while octets are under way, while the service is at work on a
letter, and while it is not connected; else it leaps.
"""

import asyncio
import ssl
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt

from tools.backend.health import HealthDesk
from tools.backend.keys import Keyring
from tools.backend.receiver import Receiver
from tools.backend.service import CLIENT, Service, parse_broker, tls_context
from tools.backend.store import Store
from tools.simulator.air.net import Net
from tools.simulator.brokers import access, bridge
from tools.simulator.brokers.mosquitto import Mosquitto
from tools.technician import ca

_ANSWER_S_MAX = 10  # for each thing that a usable broker does at once
_CONNECTED_S_MAX = 60.0  # the service's longest wait between two tries
_STOP_S_MAX = 10
_STEP_S = 0.05
_PROBE = b"telehub: does the broker let this through?"

Told = Callable[[str, str, bytes, bytes | None], None]  # hub, topic's last word, octets, answer


class Unusable(Exception):
    """The broker does not do what hub and platform need; args[0] says what is missing."""


class _Overheard(Receiver):
    """The receiver, and a house that hears of each envelope and its receipt."""

    told: Told

    def handle_many(self, letters: Iterable[tuple[str, bytes]], now_s: int) -> list[bytes | None]:
        """As the receiver's."""
        letters = list(letters)
        answers = super().handle_many(letters, now_s)
        for (hub, octets), answer in zip(letters, answers, strict=True):
            self.told(hub, "up", octets, answer)
        return answers


class _OverheardHealth(HealthDesk):
    told: Told

    def handle_many(self, letters: Sequence[tuple[str, bytes]], now_ms: int) -> list[bytes | None]:
        """As the desk's."""
        answers = super().handle_many(letters, now_ms)
        for (hub, octets), answer in zip(letters, answers, strict=True):
            self.told(hub, "health", octets, answer)
        return answers


class OutsideBroker:
    """A broker at `url`, and the platform on it. `keys` holds what the service's --keys needs for TLS.

    `process` is the broker when it is one of ours: only then can it be restarted; else its connections are cut.
    """

    def __init__(
        self, net: Net, url: str, authority: ca.Authority, keys: Path, host: str, process: Mosquitto | None = None
    ):
        self.host = host  # by which hubs know it
        self.url = url
        self._loop = net.loop
        self._authority, self._keys = authority, keys
        self._process = process
        self._listener = bridge.bridge(net, url, name=host, leaping=True)
        self._hold = bridge.Hold(self._loop, leaping=True)
        self._connected = threading.Event()
        self._ended = threading.Event()
        self._failure: Exception | None = None
        self._heard: list[tuple[float, str]] = []
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        net.on_close(self.close)

    async def start(
        self, database: str, keyring: Keyring, now_ms: Callable[[], int], told: Told, hub: str
    ) -> None:
        """See that the broker does what hubs need, and have the service serve on it. Unusable says what is wrong."""

        def note(name: str, last: str, octets: bytes, answer: bytes | None) -> None:
            self._heard.append((self._loop.time(), name))
            told(name, last, octets, answer)
            self._hold.for_s(bridge.SETTLED_S)  # the answer is on its way

        def overheard(*letter) -> None:
            if not self._ended.is_set():
                self._loop.call_soon_threadsafe(note, *letter)

        def serve() -> None:
            try:
                asyncio.run(self._serve(database, keyring, now_ms, overheard, hub))
            except asyncio.CancelledError:
                pass
            except Exception as error:  # noqa: BLE001 - told to the house, which ends
                self._failure = error
            self._ended.set()

        self._thread = threading.Thread(target=serve, name="telehub backend", daemon=True)
        self._thread.start()
        await self._until_connected()

    async def _serve(self, database: str, keyring: Keyring, now_ms, told: Told, hub: str) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        self._stop = lambda: loop.call_soon_threadsafe(task.cancel)
        tls = tls_context(self._keys)
        await _check(self.url, tls, self._authority, hub)
        store = Store(database)
        try:
            receiver, desk = _Overheard(store, keyring), _OverheardHealth(store, keyring)
            receiver.told = desk.told = told
            await Service(self.url, receiver, desk, tls=tls, log=self._log, now_ms=now_ms).run()
        finally:
            store.close()

    def _log(self, text: str) -> None:
        if text.endswith(": connected"):
            self._connected.set()
        else:
            self._connected.clear()

    async def _until_connected(self) -> None:
        self._hold.on()
        ends_s = self._loop.time() + _CONNECTED_S_MAX
        while not self._connected.is_set():
            if self._failure is not None:
                raise self._failure
            if self._loop.time() > ends_s:
                raise Unusable(f"a broker at {self.url} that answers")
            await asyncio.sleep(_STEP_S)
        self._hold.end()

    @property
    def connected(self) -> list[str]:
        """Hubs that the platform heard of since the connections that are open now were made."""
        opened_s = min(self._bridge.opened_s(), default=None)
        if opened_s is None:
            return []
        return sorted({hub for at_s, hub in self._heard if at_s >= opened_s})

    @property
    def restarts(self) -> bool:
        """Whether `restart` ends the broker's process, or only cuts the connections to it."""
        return self._process is not None

    async def restart(self, down_s: float, keep_sessions: bool = False) -> None:
        """Be away for `down_s`: a broker of ours dies with its sessions, from another hubs are cut off."""
        assert not keep_sessions
        if self._process is None:
            self._listener.break_as("refuse")
            self._bridge.cut()
            await asyncio.sleep(down_s)
            self._listener.break_as(None)
            return
        self._connected.clear()
        self._process.stop()
        await asyncio.sleep(down_s)
        self._process.start()
        await self._until_connected()

    @property
    def _bridge(self) -> bridge.Bridge:
        service = self._listener.service
        assert isinstance(service, bridge.Bridge)
        return service

    def close(self) -> None:
        """End the service and its thread."""
        if self._thread is not None and not self._ended.is_set():
            self._ended.set()
            self._stop()
            self._thread.join(_STOP_S_MAX)
        self._hold.end()


async def _check(url: str, tls: ssl.SSLContext, authority: ca.Authority, hub: str) -> None:
    """See that both sides get in and are let through to each other; forgets the sessions that earlier runs left."""
    hub_tls = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cadata=authority.certificate_pem.decode())
    with tempfile.TemporaryDirectory(prefix="telehub-") as folder:
        hub_tls.load_cert_chain(*authority.client(hub).save(Path(folder), "hub"))
    async with _let_in(url, tls, CLIENT) as platform, _let_in(url, hub_tls, hub) as home:
        await _let_through(platform, access.topic(hub, "health"), home)
        await _let_through(home, access.topic(hub, "receipt"), platform)


@asynccontextmanager
async def _let_in(url: str, tls: ssl.SSLContext, name: str) -> AsyncIterator[aiomqtt.Client]:
    host, port, _ = parse_broker(url)
    client = aiomqtt.Client(host, port, identifier=name, tls_context=tls, timeout=_ANSWER_S_MAX)
    try:
        await client.__aenter__()
    except (aiomqtt.MqttError, OSError) as error:
        raise Unusable(f"a broker at {url} that lets the client {name} in ({error})") from None
    try:
        yield client
    finally:
        await client.__aexit__(None, None, None)


async def _let_through(to: aiomqtt.Client, topic: str, by: aiomqtt.Client) -> None:
    try:
        async with asyncio.timeout(_ANSWER_S_MAX):
            await to.subscribe(topic, qos=1)
            await by.publish(topic, _PROBE, qos=1)
            await anext(aiter(to.messages))
    except (aiomqtt.MqttError, TimeoutError):
        raise Unusable(f"a broker that lets {topic} through") from None
