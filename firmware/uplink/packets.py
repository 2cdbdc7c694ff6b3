"""MQTT 3.1.1 packets from the broker, read without trusting it (OASIS MQTT 3.1.1, sections 2 and 3).

Octets in, packets out, None for "not yet". umqtt.simple's own reader asserts on the peer's octets, takes any
length and can wait for ever, so it is never called: see board/mqtt.py.
"""

from micropython import const

from firmware.contracts import PeerError

CONNACK = const(2)
PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)
PINGRESP = const(13)

_LENGTH_OCTETS_MAX = const(4)  # section 2.2.3: the remaining length takes at most four octets
BODY_OCTETS_MAX = const(1024)  # the longest thing a hub is sent is an order; a receipt is under 200 octets

# Fixed-header flags are reserved for all of these but PUBLISH (section 2.2.2): type -> exact body length, or None.
_KNOWN = {CONNACK: 2, PUBACK: 2, SUBACK: 3, PINGRESP: 0}


class PacketReader:
    """Collects a broker's octets and gives whole packets. Holds at most one packet of the longest kind."""

    def __init__(self, body_max: int = BODY_OCTETS_MAX):
        self._body_max = body_max
        self._octets = bytearray()

    def room(self) -> int:
        """How many octets may be fed before the next packet is taken."""
        return self._body_max + 1 + _LENGTH_OCTETS_MAX - len(self._octets)

    def feed(self, octets: "bytes | bytearray | memoryview") -> None:
        """Take octets as they came; at most `room()` of them."""
        if len(octets) > self.room():
            raise PeerError("mqtt: more than a packet")
        self._octets.extend(octets)

    def next_packet(self) -> "tuple[int, int, bytes] | None":
        """Return (type, flags, body), or None while octets are missing. PeerError when it is no MQTT."""
        octets = self._octets
        if len(octets) < 2:
            return None
        kind = octets[0] >> 4
        flags = octets[0] & 15
        if kind != PUBLISH:
            if kind not in _KNOWN or flags:
                raise PeerError("mqtt: packet type", octets[0])
        length = 0
        at = 1
        while True:
            if at > _LENGTH_OCTETS_MAX:
                raise PeerError("mqtt: length field")
            if at >= len(octets):
                return None
            length |= (octets[at] & 0x7F) << (7 * (at - 1))
            at += 1
            if not octets[at - 1] & 0x80:
                break
        if length > self._body_max:
            raise PeerError("mqtt: packet too long", length)
        expected = _KNOWN.get(kind)
        if expected is not None and length != expected:
            raise PeerError("mqtt: packet length", kind, length)
        if len(octets) < at + length:
            return None
        body = bytes(octets[at : at + length])
        self._octets = octets[at + length :]
        return kind, flags, body


def connack(body: bytes) -> bool:
    """Whether the broker kept a session. PeerError with the return code when it refused (section 3.2)."""
    if body[0] > 1:
        raise PeerError("mqtt: connack flags")
    if body[1]:
        raise PeerError("mqtt: refused", body[1])
    return bool(body[0])


def packet_id(body: bytes) -> int:
    """The packet identifier that a PUBACK or SUBACK answers."""
    return body[0] << 8 | body[1]


def suback(body: bytes) -> int:
    """The packet identifier answered. PeerError when the broker refused the subscription (section 3.9.3)."""
    if body[2] > 2:
        raise PeerError("mqtt: subscription refused", body[2])
    return packet_id(body)


def publish(flags: int, body: bytes) -> "tuple[bytes, int, bytes]":
    """Return (topic, packet identifier or 0, payload) of a PUBLISH (section 3.3)."""
    quality_of_service = flags >> 1 & 3
    if quality_of_service > 1:
        raise PeerError("mqtt: quality of service", quality_of_service)  # we subscribe with at most 1
    if len(body) < 2:
        raise PeerError("mqtt: publish too short")
    topic_end = 2 + (body[0] << 8 | body[1])
    payload_at = topic_end + 2 * quality_of_service
    if payload_at > len(body):
        raise PeerError("mqtt: publish too short")
    identifier = 0
    if quality_of_service:
        identifier = body[topic_end] << 8 | body[topic_end + 1]
        if not identifier:
            raise PeerError("mqtt: packet identifier 0")
    return body[2:topic_end], identifier, body[payload_at:]


def connect(client_id: bytes, keepalive_s: int, will_topic: bytes, will_message: bytes) -> bytes:
    """Compose CONNECT with a clean session and a last will, QoS 1, not retained (section 3.1).

    umqtt.simple can only send this one over a socket that it opened itself, waiting as long as that takes.
    """
    body = bytearray(b"\x00\x04MQTT\x04")
    body.append(0x02 | 0x04 | 0x08)  # clean session, will, will QoS 1
    body.extend(bytes((keepalive_s >> 8, keepalive_s & 255)))
    for field in (client_id, will_topic, will_message):
        body.extend(bytes((len(field) >> 8, len(field) & 255)))
        body.extend(field)
    if len(body) > 127:
        return bytes((0x10, len(body) & 127 | 128, len(body) >> 7)) + bytes(body)
    return bytes((0x10, len(body))) + bytes(body)


def puback(identifier: int) -> bytes:
    """Compose the answer to a PUBLISH with QoS 1 (section 3.4)."""
    return bytes((PUBACK << 4, 2, identifier >> 8, identifier & 255))
