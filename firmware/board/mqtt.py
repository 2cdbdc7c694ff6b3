"""umqtt.simple's writing half. Its reading half trusts the broker and may wait for ever: it is never called."""

from umqtt.simple import MQTTClient

from firmware.contracts import OutOfTurn


class _Packet:
    """Stands where umqtt expects a socket and collects one whole packet: a single write, a single TLS record."""

    def __init__(self):
        self.octets = bytearray()

    def write(self, octets, length=None):
        self.octets.extend(octets if length is None else octets[:length])

    def close(self):
        pass


class _Written(Exception):
    """The packet is composed and umqtt would now wait for the broker."""


class Composer(MQTTClient):
    """Composes MQTT packets; what the broker answers is read by firmware/uplink/packets.py."""

    def wait_msg(self):
        """End umqtt's own waiting before it begins."""
        raise _Written

    def _compose(self, write, *arguments):
        packet = self.sock = _Packet()
        try:
            write(*arguments)
        except _Written:
            pass
        if not packet.octets:
            raise OutOfTurn
        return packet.octets

    def publish_packet(self, topic: bytes, payload: bytes) -> "tuple[int, bytearray]":
        """Return (packet identifier, PUBLISH with QoS 1)."""
        self._next_identifier()
        octets = self._compose(self.publish, topic, payload, False, 1)
        return self.pid, octets

    def subscribe_packet(self, topic: bytes) -> "tuple[int, bytearray]":
        """Return (packet identifier, SUBSCRIBE with QoS 1)."""
        self._next_identifier()
        self.set_callback(self._never)  # umqtt asserts that there is one
        octets = self._compose(self.subscribe, topic, 1)
        return self.pid, octets

    def ping_packet(self) -> bytearray:
        return self._compose(self.ping)

    def disconnect_packet(self) -> bytearray:
        return self._compose(self.disconnect)

    def _next_identifier(self):
        # umqtt counts up without end; the field has 16 bits and 0 is not allowed (MQTT 3.1.1, 2.3.1)
        if self.pid >= 0xFFFF:
            self.pid = 0

    def _never(self, _topic, _message):
        raise OutOfTurn
