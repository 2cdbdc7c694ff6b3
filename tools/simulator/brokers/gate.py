"""Between TLS and the broker library: the certificate's name becomes the client, and faults happen.

The library reads a CONNECT and believes it: it deletes the session of the client id it names before it has
asked anybody, sends any last will, and never drops a silent client. So the gate rewrites the CONNECT (client
id = name in the certificate, no keep-alive, no forbidden will) and keeps time itself (MQTT 3.1.1, 3.1.2.10).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from tools.simulator.air.net_tcp import Endpoint
from tools.simulator.brokers import access

CONNECT, CONNACK, PUBLISH, PUBACK = 1, 2, 3, 4
_CONNECT_OCTETS_MAX = 2048
_REFUSED = 5  # CONNACK return code: not authorised
_BUSY = 3  # server unavailable
_WILL, _WILL_BITS, _CLEAN = 0x04, 0x3C, 0x02
_KEEPALIVE_GRACE = 1.5

FAULTS = {
    "mute": "takes CONNECT and everything else, and never answers",
    "mute later": "falls silent after CONNACK",
    "refuse": "answers CONNECT with 3, server unavailable",
    "rubbish": "answers CONNECT with octets that are no MQTT",
    "rubbish later": "answers the first PUBLISH with such octets",
    "oversize": "announces a packet of 256 MB after CONNACK and begins to send it",
    "lose puback": "delivers and never acknowledges",
    "lose message": "acknowledges and never delivers",
}


@dataclass
class Connect:
    """What a CONNECT says."""

    level: int
    flags: int
    keepalive_s: int
    client_id: str
    will: tuple[str, bytes] | None

    def octets(self) -> bytes:
        """As a packet, without user name and password: the certificate has said who it is."""
        fields = [self.client_id.encode()]
        if self.will is not None:
            fields += [self.will[0].encode(), self.will[1]]
        payload = b"".join(struct.pack("!H", len(field)) + field for field in fields)
        body = b"\0\4MQTT" + struct.pack("!BBH", self.level, self.flags, self.keepalive_s) + payload
        return b"\x10" + encode_length(len(body)) + body


def encode_length(length: int) -> bytes:
    """MQTT's remaining length (2.2.3)."""
    octets = bytearray()
    while True:
        length, low = length >> 7, length & 0x7F
        octets.append(low | (0x80 if length else 0))
        if not length:
            return bytes(octets)


def take_packet(buffer: bytearray) -> bytes | None:
    """Cut one whole packet off `buffer`; None while it is not there. ValueError when it never will be."""
    length, at = 0, 1
    while True:
        if at >= len(buffer):
            return None
        length |= (buffer[at] & 0x7F) << 7 * (at - 1)
        at += 1
        if not buffer[at - 1] & 0x80:
            break
        if at > 4:
            raise ValueError("length")
    if len(buffer) < at + length:
        if buffer[0] >> 4 == CONNECT and length > _CONNECT_OCTETS_MAX:
            raise ValueError("too long")
        return None
    packet = bytes(buffer[: at + length])
    del buffer[: at + length]
    return packet


def read_connect(packet: bytes) -> Connect:
    """Parse a CONNECT; ValueError when it is none."""
    if packet[0] != CONNECT << 4:
        raise ValueError("type")
    at = 1
    while packet[at] & 0x80:
        at += 1
    body = packet[at + 1 :]
    if body[:6] != b"\0\4MQTT" or len(body) < 12:
        raise ValueError("protocol")
    level, flags, keepalive_s = struct.unpack_from("!BBH", body, 6)
    at = 10
    fields = []
    for _ in range(3 if flags & _WILL else 1):
        (length,) = struct.unpack_from("!H", body, at)
        field = body[at + 2 : at + 2 + length]
        if len(field) < length:
            raise ValueError("short")
        fields.append(field)
        at += 2 + length
    will = (fields[1].decode(), fields[2]) if flags & _WILL else None
    return Connect(level, flags & ~0xC0, keepalive_s, fields[0].decode(), will)


class Gate:
    """One client's connection. `admit(gate)` hands it to the library, which then calls `from_library`."""

    def __init__(self, broker, endpoint: Endpoint, admit: Callable[["Gate"], None]):
        self._broker = broker
        self._endpoint = endpoint
        self._admit = admit
        self._buffer = bytearray()
        self._connected = False
        self._silent = False
        self._timer = None
        self.name = endpoint.name
        self.to_library: Callable[[bytes], None] = lambda octets: None
        self.gone: Callable[[], None] = lambda: None
        self.keepalive_s = 0
        endpoint.on_octets = self._from_client
        endpoint.on_gone = self._ended

    def close(self) -> None:
        """End the client's connection in order."""
        self._stop_clock()
        self._endpoint.close()

    def reset(self) -> None:
        """End it at once."""
        self._endpoint.reset()
        self._ended(True)

    # -- from the client

    def _from_client(self, octets: bytes) -> None:
        self._restart_clock()
        if self._broker.fault == "mute" or self._silent:
            return
        self._buffer += octets
        try:
            if not self._connected and self._buffer[0] >> 4 != CONNECT:
                raise ValueError("type")
            while True:
                packet = take_packet(self._buffer)
                if packet is None:
                    return
                self._on_packet(packet)
        except (ValueError, IndexError, struct.error):
            self._broker.refused.append("malformed")
            self._buffer.clear()
            self.close()
            self._ended(False)

    def _on_packet(self, packet: bytes) -> None:
        if not self._connected:
            self._on_connect(packet)
            return
        if packet[0] >> 4 == PUBLISH and self._broker.fault == "rubbish later":
            self._endpoint.send(self._broker.rubbish())
        self.to_library(packet)

    def _on_connect(self, packet: bytes) -> None:
        connect = read_connect(packet)
        if self._broker.fault == "refuse":
            self._refuse(_BUSY)
        elif self._broker.fault == "rubbish":
            self._endpoint.send(self._broker.rubbish())
        elif not access.may_connect(self.name):
            self._broker.refused.append("name")
            self._refuse(_REFUSED)
        else:
            assert self.name is not None
            self._connected = True
            self.keepalive_s, connect.keepalive_s = connect.keepalive_s, 0
            connect.client_id = self.name
            if connect.will is not None and not access.may_publish(self.name, connect.will[0]):
                connect.will = None
                connect.flags &= ~_WILL_BITS
            self._restart_clock()
            self._admit(self)
            self.to_library(connect.octets())

    def _refuse(self, code: int) -> None:
        self._endpoint.send(bytes((CONNACK << 4, 2, 0, code)))
        self.close()

    # -- from the library

    def from_library(self, packet: bytes) -> None:
        """Pass a packet on to the client, unless a fault says otherwise."""
        fault = self._broker.fault
        kind = packet[0] >> 4
        if self._silent or fault == "mute" or (fault == "lose puback" and kind == PUBACK):
            return
        if fault == "mute later" and kind != CONNACK:
            self._silent = True
            return
        self._endpoint.send(packet)
        if fault == "oversize" and kind == CONNACK:
            self._endpoint.send(self._broker.oversize(self.name))
            self._silent = True

    # -- keep-alive

    def _restart_clock(self) -> None:
        self._stop_clock()
        if self.keepalive_s:
            wait_s = self.keepalive_s * _KEEPALIVE_GRACE
            self._timer = self._broker.loop.call_later(wait_s, self._timed_out)

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        self.reset()

    def _ended(self, _reset: bool) -> None:
        self._stop_clock()
        gone, self.gone = self.gone, lambda: None
        gone()
