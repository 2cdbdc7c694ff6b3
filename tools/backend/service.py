"""The receiver on a broker: MQTT 3.1.1, mutual TLS, QoS 1 both ways, for as long as it is let.

The hub is the one in the topic: the broker lets a certificate publish under its own name alone. The session
is kept by the broker while the service is away, but nothing rests on that: a hub sends until it has a
receipt.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

from tools.backend.desks import HEALTH, LETTERS_PER_COMMIT_MAX, ORDER, RECEIPT, UP, Desks, Labelled, label
from tools.backend.health import HealthDesk
from tools.backend.receiver import Receiver

CLIENT = "backend"  # the name in the platform's certificate, by which the broker's access list knows it
_QOS = 1
# Of several workers each letter goes to one; what was on its way to one that died, its hub sends again.
_SHARED = "$share/telehub/"

# What may wait in memory: 2 MiB of full envelopes. What a broker sends beyond is dropped, and the hubs send
# it again.
_LETTERS_WAITING_MAX = 1024
_ORDERS_EVERY_S = 1.0
_PUBLISH_S_MAX = 10
_BACKOFF_S_MIN, _BACKOFF_S_MAX = 1.0, 60.0  # a hub tries at least every ten minutes: a minute late is not late


class BadBroker(Exception):
    """The broker's URL means nothing; args[0] says what is wrong."""


def parse_broker(url: str) -> tuple[str, int, bool]:
    """Host, port and whether with TLS, of mqtts://host[:port] or mqtt://host[:port]."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadBroker(str(error)) from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path.strip("/") or parts.username:
        raise BadBroker("a broker is mqtts://host[:port], or mqtt://host[:port] without TLS")
    secure = parts.scheme == "mqtts"
    return parts.hostname, port or (8883 if secure else 1883), secure


def client_name(worker: int) -> str:
    """The name of a worker; 0 is the only one, and the first of several is called as that."""
    return CLIENT if worker < 2 else f"{CLIENT}-{worker}"


def tls_context(keys: Path, worker: int = 0) -> ssl.SSLContext:
    """Mutual TLS with DIR/ca.pem, DIR/backend.pem and DIR/backend.key; a further worker's own, where they are."""
    name = client_name(worker) if (keys / f"{client_name(worker)}.pem").exists() else CLIENT
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(keys / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(keys / f"{name}.pem", keys / f"{name}.key")
    return context


class Service:
    """Connects, subscribes, hands letters to the desks, publishes the answers; and begins again."""

    def __init__(
        self,
        broker: str,
        receiver: Receiver,
        health: HealthDesk,
        *,
        tls: ssl.SSLContext | None = None,
        log: Callable[[str], None] = print,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        worker: int = 0,
    ) -> None:
        self.host, self.port, secure = parse_broker(broker)
        if secure and tls is None:
            raise BadBroker("TLS without keys")
        self._tls = tls if secure else None
        self.desks = Desks(receiver, health, log=log, now_ms=now_ms)
        self._log = log
        self._worker = worker
        self._busy = asyncio.Lock()  # the store takes one call at a time

    async def run(self) -> None:
        """Serve until cancelled."""
        backoff_s = _BACKOFF_S_MIN
        while True:
            began = time.monotonic()
            try:
                await self._session()
            except (aiomqtt.MqttError, OSError) as error:
                self._log(f"broker {self.host}:{self.port}: {error}")
            if time.monotonic() - began > _BACKOFF_S_MAX:
                backoff_s = _BACKOFF_S_MIN  # that one had worked
            await asyncio.sleep(
                backoff_s * random.uniform(0.5, 1)
            )  # not all services at once after an outage
            backoff_s = min(_BACKOFF_S_MAX, backoff_s * 2)

    async def _session(self) -> None:
        async with aiomqtt.Client(
            self.host,
            self.port,
            identifier=client_name(self._worker),
            clean_session=self._worker > 0,
            tls_context=self._tls,
            timeout=_PUBLISH_S_MAX,
            max_queued_incoming_messages=_LETTERS_WAITING_MAX,
        ) as client:
            client.pending_calls_threshold = LETTERS_PER_COMMIT_MAX  # a batch's receipts go out together
            for last in (UP, HEALTH):
                await client.subscribe(f"{_SHARED if self._worker else ''}telehub/1/+/{last}", qos=_QOS)
            self._log(f"broker {self.host}:{self.port}: connected")
            messages = aiter(client.messages)
            looking = asyncio.create_task(self._look(client))
            try:
                while True:
                    letters = [await anext(messages)]
                    while len(letters) < LETTERS_PER_COMMIT_MAX and len(client.messages):
                        letters.append(await anext(messages))
                    await self._answer(client, letters)
            finally:
                looking.cancel()

    async def _answer(self, client: aiomqtt.Client, letters: Sequence[aiomqtt.Message]) -> None:
        # In a thread, so that pings and pages go on during an fsync; shielded, so that a stop does not tear
        # the store's connection away under it.
        labelled = _letters(letters)
        async with self._busy:
            answers = await asyncio.shield(asyncio.to_thread(self.desks.take, labelled))
        await asyncio.gather(
            *(client.publish(f"telehub/1/{hub}/{RECEIPT}", octets, qos=_QOS) for hub, octets in answers)
        )
        await self._order(client, {hub for hub, word, _ in labelled if word == HEALTH})

    async def _order(self, client: aiomqtt.Client, reported: set[str]) -> None:
        """Send what waits for hubs that are there now; never retained."""
        async with self._busy:
            orders = await asyncio.shield(asyncio.to_thread(self.desks.orders, reported))
        for hub, octets in orders:
            await client.publish(f"telehub/1/{hub}/{ORDER}", octets, qos=_QOS)

    async def _look(self, client: aiomqtt.Client) -> None:
        """A person who orders something waits at the telephone: not until the hub's next report."""
        while True:
            await asyncio.sleep(_ORDERS_EVERY_S)
            await self._order(client, set())


def _letters(messages: Sequence[aiomqtt.Message]) -> list[Labelled]:
    letters = []
    for message in messages:
        named = label(message.topic.value)
        if named and isinstance(message.payload, (bytes, bytearray)):
            letters.append((*named, bytes(message.payload)))
    return letters
