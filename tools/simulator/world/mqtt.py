"""MQTT 3.1.1 at its octets (OASIS standard, section 3): the hub's writer, and a broker that can misbehave.

The hub's own reader (firmware/uplink/packets.py) judges what the broker writes; the broker reads what the hub's writer
wrote. On the chip the writer is umqtt.simple.
"""

from collections.abc import Callable

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
_QOS_1 = 0x02


def packet(first: int, body: bytes) -> bytes:
    """A packet: its first octet, the remaining length, the rest."""
    length, left = bytearray(), len(body)
    while True:
        left, low = left >> 7, left & 0x7F
        length.append(low | (0x80 if left else 0))
        if not left:
            return bytes((first,)) + bytes(length) + body


def text(octets: bytes) -> bytes:
    """A string field."""
    return len(octets).to_bytes(2, "big") + octets


def publish(topic: bytes, payload: bytes, identifier: int, duplicate: bool = False) -> bytes:
    """PUBLISH with QoS 1."""
    first = PUBLISH << 4 | _QOS_1 | (0x08 if duplicate else 0)
    return packet(first, text(topic) + identifier.to_bytes(2, "big") + payload)


class Composer:
    """What firmware/board/mqtt.py offers: whole packets of the hub's."""

    def __init__(self, identifier: int):
        self._identifier = identifier

    def _next(self) -> int:
        self._identifier = self._identifier % 0xFFFF + 1
        return self._identifier

    def publish_packet(self, topic: bytes, payload: bytes) -> tuple[int, bytes]:
        """(packet identifier, PUBLISH with QoS 1)."""
        return self._next(), publish(bytes(topic), bytes(payload), self._identifier)

    def subscribe_packet(self, topic: bytes) -> tuple[int, bytes]:
        """(packet identifier, SUBSCRIBE with QoS 1)."""
        body = self._next().to_bytes(2, "big") + text(bytes(topic)) + b"\x01"
        return self._identifier, packet(SUBSCRIBE << 4 | 2, body)

    def ping_packet(self) -> bytes:
        """PINGREQ."""
        return packet(PINGREQ << 4, b"")

    def disconnect_packet(self) -> bytes:
        """DISCONNECT."""
        return packet(DISCONNECT << 4, b"")


class Misuse(Exception):
    """The hub sent what MQTT forbids: a fault of the software under test."""


def packets(octets: bytearray) -> list[tuple[int, bytes]]:
    """Take every whole packet from the front: (first octet, body)."""
    found: list[tuple[int, bytes]] = []
    while len(octets) >= 2:
        length, at = 0, 1
        while True:
            if at > 4:
                raise Misuse("remaining length")
            if at >= len(octets):
                return found
            length |= (octets[at] & 0x7F) << 7 * (at - 1)
            at += 1
            if not octets[at - 1] & 0x80:
                break
        if len(octets) < at + length:
            return found
        found.append((octets[0], bytes(octets[at : at + length])))
        del octets[: at + length]
    return found


class Broker:
    """One hub's broker. `deliver(topic, payload)` takes what the hub published; `publish` sends to the hub.

    Sessions are clean, as the hub asks for: what is published while it is away is lost.
    """

    def __init__(self, loop, deliver: Callable[[str, bytes], None], injected: Callable[[str], None]):
        self.loop = loop
        self._deliver = deliver
        self._injected = injected
        self.mute = False  # takes everything, says nothing
        self.refuses = 0  # CONNACK return code
        self.rubbish = False  # answers CONNECT with octets that are no MQTT
        self.lose_up = self.lose_down = 0  # messages that it takes and loses
        self.double_up = self.double_down = 0
        self.delay_s = 0.0
        self._connection = None
        self._octets = bytearray()
        self._will: tuple[str, bytes] | None = None
        self._topics: set[bytes] = set()
        self._identifier = 0
        self.opened = 0

    def connected(self) -> bool:
        """Whether the hub has a session that may hear."""
        return self._connection is not None and bool(self._topics)

    def attach(self, connection) -> None:
        """A TLS connection stands."""
        self._connection = connection
        self._octets.clear()
        self._topics = set()
        self._will = None

    def detach(self, connection, clean: bool = False) -> None:
        """It ended: the last will is told, unless the hub took its leave."""
        if connection is not self._connection:
            return
        will, self._will = self._will, None
        self._connection = None
        self._topics = set()
        if will is not None and not clean and not self.mute:
            self._deliver(*will)

    def cut(self) -> None:
        """Restart: every session is gone."""
        if self._connection is not None:
            self._connection.reset()

    def take(self, octets: bytes) -> None:
        """Octets from the hub."""
        self._octets += octets
        for first, body in packets(self._octets):
            if self.mute:
                self._injected("broker_mute")
                continue
            self._take(first, body)

    def _take(self, first: int, body: bytes) -> None:
        kind = first >> 4
        if kind == CONNECT:
            self._connect(body)
        elif kind == SUBSCRIBE:
            length = int.from_bytes(body[2:4], "big")
            self._topics.add(body[4 : 4 + length])
            self._send(packet(SUBACK << 4, body[:2] + b"\x01"))
            self.opened += 1
        elif kind == PUBLISH:
            length = int.from_bytes(body[:2], "big")
            topic, identifier, payload = body[2 : 2 + length], body[2 + length : 4 + length], body[4 + length :]
            self._send(packet(PUBACK << 4, identifier))
            if self.lose_up:
                self.lose_up -= 1
                self._injected("broker_loses")
                return
            self._deliver(topic.decode(), payload)
            if self.double_up:
                self.double_up -= 1
                self._injected("broker_doubles")
                self._deliver(topic.decode(), payload)
        elif kind == PINGREQ:
            self._send(packet(PINGRESP << 4, b""))
        elif kind == DISCONNECT:
            self._will = None
        elif kind != PUBACK:
            raise Misuse("packet type", first)

    def _connect(self, body: bytes) -> None:
        if self.rubbish:
            self._injected("broker_rubbish")
            self._send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return
        if self.refuses:
            self._injected("broker_refuses")
            self._send(packet(CONNACK << 4, bytes((0, self.refuses))))
            return
        if body[:7] != b"\0\x04MQTT\x04" or not body[7] & 0x04:
            raise Misuse("connect", body[:8])
        at = 10 + 2 + int.from_bytes(body[10:12], "big")
        length = int.from_bytes(body[at : at + 2], "big")
        topic = body[at + 2 : at + 2 + length].decode()
        at += 2 + length
        length = int.from_bytes(body[at : at + 2], "big")
        self._will = (topic, body[at + 2 : at + 2 + length])
        self._send(packet(CONNACK << 4, b"\0\0"))

    def publish(self, topic: str, payload: bytes) -> None:
        """To the hub, when it has subscribed."""
        if self.mute or topic.encode() not in self._topics:
            return
        if self.lose_down:
            self.lose_down -= 1
            self._injected("broker_loses")
            return
        copies = 1
        if self.double_down:
            self.double_down -= 1
            self._injected("broker_doubles")
            copies = 2
        self._identifier = self._identifier % 0xFFFF + 1
        for copy in range(copies):
            self._send(publish(topic.encode(), payload, self._identifier, duplicate=copy > 0))

    def _send(self, octets: bytes) -> None:
        if self._connection is not None:
            self._connection.from_broker(octets)
