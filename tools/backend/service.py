"""The receiver on a broker: MQTT 3.1.1, mutual TLS, QoS 1 both ways, for as long as it is let.

The hub is the one in the topic: the broker lets a certificate publish under its own name alone. The session
is kept by the broker while the service is away, but nothing rests on that: a hub sends until it has a
receipt.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiomqtt

from tools.backend.health import HealthDesk
from tools.backend.keys import is_hub_name
from tools.backend.receiver import Receiver

CLIENT = "backend"  # the name in the platform's certificate, by which the broker's access list knows it
_UP, _HEALTH, _RECEIPT = "up", "health", "receipt"
_QOS = 1

# One commit for what has queued up: an fsync costs as much as five signature checks. More would only add to
# the first one's wait for its receipt.
_LETTERS_PER_COMMIT_MAX = 64
# What may wait in memory: 2 MiB of full envelopes. What a broker sends beyond is dropped, and the hubs send
# it again.
_LETTERS_WAITING_MAX = 1024
_PUBLISH_S_MAX = 10
_BACKOFF_S_MIN, _BACKOFF_S_MAX = 1.0, 60.0  # a hub tries at least every ten minutes: a minute late is not late

_Letter = tuple[str, bytes]  # hub, octets


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


def tls_context(keys: Path) -> ssl.SSLContext:
    """Mutual TLS with DIR/ca.pem, DIR/backend.pem and DIR/backend.key."""
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(keys / "ca.pem"))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(keys / f"{CLIENT}.pem", keys / f"{CLIENT}.key")
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
    ) -> None:
        self.host, self.port, secure = parse_broker(broker)
        if secure and tls is None:
            raise BadBroker("TLS without keys")
        self._tls = tls if secure else None
        self._receiver, self._health = receiver, health
        self._log, self._now_ms = log, now_ms

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
            identifier=CLIENT,
            clean_session=False,
            tls_context=self._tls,
            timeout=_PUBLISH_S_MAX,
            max_queued_incoming_messages=_LETTERS_WAITING_MAX,
        ) as client:
            for last in (_UP, _HEALTH):
                await client.subscribe(f"telehub/1/+/{last}", qos=_QOS)
            self._log(f"broker {self.host}:{self.port}: connected")
            messages = aiter(client.messages)
            while True:
                letters = [await anext(messages)]
                while len(letters) < _LETTERS_PER_COMMIT_MAX and len(client.messages):
                    letters.append(await anext(messages))
                await self._answer(client, letters)

    async def _answer(self, client: aiomqtt.Client, letters: Sequence[aiomqtt.Message]) -> None:
        # In a thread, so that pings and pages go on during an fsync; shielded, so that a stop does not tear
        # the store's connection away under it.
        answers = await asyncio.shield(asyncio.to_thread(self.take, _letters(letters)))
        await asyncio.gather(
            *(client.publish(f"telehub/1/{hub}/{_RECEIPT}", octets, qos=_QOS) for hub, octets in answers)
        )

    def take(self, letters: Sequence[tuple[str, str, bytes]]) -> list[tuple[str, bytes]]:
        """Hand (hub, topic's last word, octets) to the desks; the answers as (hub, octets)."""
        now_ms = self._now_ms()
        up, told = ([(hub, octets) for hub, word, octets in letters if word == last] for last in (_UP, _HEALTH))
        answers = self._answers(up, lambda some: self._receiver.handle_many(some, now_ms // 1000))
        answers += self._answers(told, lambda some: self._health.handle_many(some, now_ms))
        return [(hub, octets) for (hub, _), octets in zip((*up, *told), answers, strict=True) if octets is not None]

    def _answers(
        self, letters: list[_Letter], desk: Callable[[list[_Letter]], list[bytes | None]]
    ) -> list[bytes | None]:
        if len(letters) > 1:
            with self._going_on("together"):
                return desk(letters)
        answers: list[bytes | None] = []
        for letter in letters:  # alone, or because one of several could not be taken
            answers.append(None)
            with self._going_on(letter[0]):
                answers[-1] = desk([letter])[0]
        return answers

    @contextmanager
    def _going_on(self, hub: str) -> Iterator[None]:
        """A full disk, or a letter that finds a fault of ours, costs its own answer and no other's (P11)."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the supervisor's place
            self._log(f"{hub}: not taken: {type(error).__name__}: {error}")


def _letters(messages: Sequence[aiomqtt.Message]) -> list[tuple[str, str, bytes]]:
    letters = []
    for message in messages:
        parts = message.topic.value.split("/")
        if len(parts) == 4 and is_hub_name(parts[2]) and isinstance(message.payload, (bytes, bytearray)):
            letters.append((parts[2], parts[3], bytes(message.payload)))
    return letters
