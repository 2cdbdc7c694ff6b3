"""The receiver on RabbitMQ: hubs speak MQTT to it, workers take from one quorum queue.

RabbitMQ's MQTT plugin publishes telehub/1/<hub>/up as telehub.1.<hub>.up on the exchange amq.topic; the queue `telehub`
is bound to what hubs say. A quorum queue is on the disks of a majority of a cluster's nodes, and gives each letter to
one worker; a letter whose worker dies goes to another. A worker acknowledges after its commit, so nothing that a broker
took is forgotten; that a letter comes twice is the database's business (batch.py).
"""

import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pika
import pika.exceptions

from tools.backend.desks import HEALTH, LETTERS_PER_COMMIT_MAX, ORDER, RECEIPT, UP, Desks, Labelled, label
from tools.backend.health import HealthDesk
from tools.backend.receiver import Receiver

QUEUE, EXCHANGE = "telehub", "amq.topic"
# So much is on its way to a worker while it commits what came before: two full batches.
_PREFETCH = 2 * LETTERS_PER_COMMIT_MAX
_LETTERS_WAITING_MAX = 1_000_000  # a day of 250 000 hubs; beyond it the oldest go, and their hubs send again
_IN_MEMORY_MAX = 20_000  # of these; the others wait on the disk
_RETURNS_MAX = 20  # of one letter; what every worker dies of is dropped
_LOOK_S = 0.5  # how soon a stop is noticed
_BACKOFF_S_MIN, _BACKOFF_S_MAX = 0.5, 30.0


class BadQueue(Exception):
    """The broker's URL means nothing; args[0] says what is wrong."""


def is_queue(url: str) -> bool:
    """Whether this URL names a queue, and so this module."""
    return url.startswith(("amqp://", "amqps://"))


class QueueService:
    """One worker: takes from the queue, hands to the desks, publishes the answers, acknowledges; and begins again."""

    def __init__(
        self, broker: str, receiver: Receiver, health: HealthDesk, *, tls: ssl.SSLContext | None = None,
        log: Callable[[str], None] = print, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._parameters = _parameters(broker, tls)
        self._desks = Desks(receiver, health, log=log, now_ms=now_ms)
        self._log = log
        self._waiting: list[tuple[int, str, bytes]] = []  # delivery tag, routing key, octets

    def run(self, stop: threading.Event) -> None:
        """Serve until told to stop."""
        backoff_s = _BACKOFF_S_MIN
        while not stop.is_set():
            began = time.monotonic()
            try:
                self._session(stop)
                return
            except (pika.exceptions.AMQPError, OSError) as error:
                self._log(f"broker {self._parameters.host}:{self._parameters.port}: {type(error).__name__} {error}")
            if time.monotonic() - began > _BACKOFF_S_MAX:
                backoff_s = _BACKOFF_S_MIN  # that one had worked
            stop.wait(backoff_s)
            backoff_s = min(_BACKOFF_S_MAX, backoff_s * 2)

    def _session(self, stop: threading.Event) -> None:
        self._waiting.clear()
        connection = pika.BlockingConnection(self._parameters)
        try:
            channel = connection.channel()
            _declare(channel)
            channel.basic_qos(prefetch_count=_PREFETCH)
            channel.basic_consume(QUEUE, self._came)
            self._log(f"broker {self._parameters.host}:{self._parameters.port}: connected")
            while not stop.is_set():
                connection.process_data_events(time_limit=0 if self._waiting else _LOOK_S)
                if self._waiting:
                    self._answer(channel, stop)
                else:
                    self._order(channel, set())
        finally:
            with suppress(pika.exceptions.AMQPError, OSError):
                connection.close()

    def _came(self, _channel: Any, method: Any, _properties: Any, octets: bytes) -> None:
        self._waiting.append((method.delivery_tag, method.routing_key, octets))

    def _answer(self, channel: Any, stop: threading.Event) -> None:
        now, self._waiting = self._waiting[:LETTERS_PER_COMMIT_MAX], self._waiting[LETTERS_PER_COMMIT_MAX:]
        letters: list[Labelled] = []
        for _, key, octets in now:
            named = label(key, ".")
            if named:
                letters.append((*named, octets))
        answers = self._desks.take(letters)
        for hub, octets in answers:
            channel.basic_publish(EXCHANGE, f"telehub.1.{hub}.{RECEIPT}", octets)
        self._order(channel, {hub for hub, word, _ in letters if word == HEALTH})
        if self._desks.away:  # nothing is lost by a repeat; wait, and let any worker try
            stop.wait(_BACKOFF_S_MIN)
            channel.basic_nack(now[-1][0], multiple=True, requeue=True)
        else:
            channel.basic_ack(now[-1][0], multiple=True)

    def _order(self, channel: Any, reported: set[str]) -> None:
        """Send what waits for hubs that are there now."""
        for hub, octets in self._desks.orders(reported):
            channel.basic_publish(EXCHANGE, f"telehub.1.{hub}.{ORDER}", octets)


def _declare(channel: Any) -> None:
    """The queue, as every worker wants it: the first one makes it."""
    arguments = {
        "x-queue-type": "quorum", "x-max-length": _LETTERS_WAITING_MAX, "x-max-in-memory-length": _IN_MEMORY_MAX,
        "x-delivery-limit": _RETURNS_MAX,
    }  # fmt: skip
    channel.queue_declare(QUEUE, durable=True, arguments=arguments)
    for word in (UP, HEALTH):
        channel.queue_bind(QUEUE, EXCHANGE, f"telehub.1.*.{word}")


def _parameters(url: str, tls: ssl.SSLContext | None) -> pika.ConnectionParameters:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadQueue(str(error)) from error
    if not is_queue(url) or not parts.hostname or parts.path.strip("/") or parts.username:
        raise BadQueue("a queue is amqps://host[:port], or amqp://host[:port] without TLS")
    more: dict[str, Any] = {}
    if parts.scheme == "amqps":
        if tls is None:
            raise BadQueue("TLS without keys")
        # The certificate's name is the user (rabbitmq_auth_mechanism_ssl): no password anywhere.
        more = {
            "ssl_options": pika.SSLOptions(tls, parts.hostname),
            "credentials": pika.credentials.ExternalCredentials(),
        }
    return pika.ConnectionParameters(
        parts.hostname, port or (5671 if more else 5672), heartbeat=60, blocked_connection_timeout=300, **more
    )
