"""Stand-in for MicroPython's umqtt.simple: an MQTT 3.1.1 client that blocks. See ../README.md."""

import socket
import struct

from micropython import const

_PORT = const(1883)
_PORT_TLS = const(8883)

_CONNECT = const(0x10)
_CONNACK = const(0x20)
_PUBLISH = const(0x30)
_PUBACK = const(0x40)
_SUBSCRIBE = const(0x82)
_SUBACK = const(0x90)
_UNSUBSCRIBE = const(0xA2)
_UNSUBACK = const(0xB0)
_PINGREQ = const(0xC0)
_PINGRESP = const(0xD0)
_DISCONNECT = const(0xE0)

_LENGTH_LIMIT = const(2097152)  # three octets of remaining length
_REFUSED = const(0x80)


class MQTTException(Exception):
    """The broker refused; args[0] is its code."""


class MQTTClient:
    """A connection to a broker."""

    def __init__(
        self,
        client_id,
        server,
        port=0,
        user=None,
        password=None,
        keepalive=0,
        ssl=None,
        ssl_params={},  # noqa: B006
    ):
        self.client_id = client_id
        self.server = server
        self.port = port or (_PORT_TLS if ssl else _PORT)
        self.user = user
        self.pswd = password
        self.keepalive = keepalive
        self.ssl = ssl
        self.ssl_params = ssl_params
        self.sock = None
        self.cb = None
        self.pid = 0
        self.lw_topic = None
        self.lw_msg = None
        self.lw_qos = 0
        self.lw_retain = False

    def set_callback(self, f):
        """Have `f(topic, message)` called for each message."""
        self.cb = f

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """What the broker publishes when this client vanishes; before connect()."""
        assert 0 <= qos <= 2
        assert topic
        self.lw_topic = topic
        self.lw_msg = msg
        self.lw_qos = qos
        self.lw_retain = retain

    # -- octets out

    def _head(self, first, remaining):
        head = bytearray((first,))
        while remaining > 0x7F:
            head.append(remaining & 0x7F | 0x80)
            remaining >>= 7
        head.append(remaining)
        self.sock.write(head)

    def _text(self, text):
        self.sock.write(struct.pack("!H", len(text)))
        self.sock.write(text)

    def _next_pid(self):
        self.pid += 1
        return self.pid

    def _write_pid(self, pid):
        self.sock.write(bytes((pid >> 8 & 0xFF, pid & 0xFF)))

    # -- octets in

    def _read_number(self):
        octets = self.sock.read(2)
        return octets[0] << 8 | octets[1]

    def _read_length(self):
        length = shift = 0
        while True:
            octet = self.sock.read(1)[0]
            length |= (octet & 0x7F) << shift
            if octet < 0x80:
                return length
            shift += 7

    # -- the link

    def _open(self, timeout):
        if self.sock:
            self.sock.close()
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        self.sock.connect(socket.getaddrinfo(self.server, self.port)[0][-1])
        if self.ssl is True:
            import ssl

            self.sock = ssl.wrap_socket(self.sock, **self.ssl_params)
        elif self.ssl:
            self.sock = self.ssl.wrap_socket(self.sock, server_hostname=self.server)

    def connect(self, clean_session=True, timeout=None):
        """Open the connection; True when the broker kept a session."""
        self._open(timeout)
        flags = bool(clean_session) << 1
        texts = [self.client_id]
        if self.lw_topic:
            flags |= 0x04 | self.lw_qos << 3 | bool(self.lw_retain) << 5
            texts += [self.lw_topic, self.lw_msg]
        if self.user:
            flags |= 0xC0
            texts += [self.user, self.pswd]
        assert self.keepalive < 65536
        fixed = struct.pack("!H4sBBH", 4, b"MQTT", 4, flags, self.keepalive)
        self._head(_CONNECT, len(fixed) + sum(2 + len(text) for text in texts))
        self.sock.write(fixed)
        for text in texts:
            self._text(text)
        answer = self.sock.read(4)
        assert answer[0] == _CONNACK and answer[1] == 2
        if answer[3]:
            raise MQTTException(answer[3])
        return answer[2] & 1

    def disconnect(self):
        """Take leave and close."""
        self.sock.write(bytes((_DISCONNECT, 0)))
        self.sock.close()

    def ping(self):
        """Ask for a sign of life; wait_msg() takes the answer."""
        self.sock.write(bytes((_PINGREQ, 0)))

    # -- messages

    def publish(self, topic, msg, retain=False, qos=0):
        """Publish; at QoS 1 until the broker has acknowledged."""
        remaining = 2 + len(topic) + len(msg) + (2 if qos else 0)
        assert remaining < _LENGTH_LIMIT
        self._head(_PUBLISH | qos << 1 | bool(retain), remaining)
        self._text(topic)
        if qos:
            pid = self._next_pid()
            self._write_pid(pid)
        self.sock.write(msg)
        assert qos < 2
        while qos:
            if self.wait_msg() == _PUBACK:
                length = self.sock.read(1)
                assert length == b"\x02"
                if self._read_number() == pid:
                    return

    def subscribe(self, topic, qos=0):
        """Ask for a topic's messages, until the broker has answered."""
        assert self.cb is not None, "Subscribe callback is not set"
        self._ask(_SUBSCRIBE, topic, bytes((qos,)), _SUBACK)

    def unsubscribe(self, topic):
        """Ask for no more of a topic's messages, until the broker has answered."""
        self._ask(_UNSUBSCRIBE, topic, b"", _UNSUBACK)

    def _ask(self, packet, topic, tail, answer):
        pid = self._next_pid()
        self._head(packet, 4 + len(topic) + len(tail))
        self._write_pid(pid)
        self._text(topic)
        if tail:
            self.sock.write(tail)
        while self.wait_msg() != answer:
            pass
        octets = self.sock.read(3 + len(tail))  # length, identifier, and a code if a quality was asked
        assert octets[1] << 8 | octets[2] == pid
        if tail and octets[3] == _REFUSED:
            raise MQTTException(octets[3])

    def wait_msg(self):
        """Wait for a packet; a message goes to the callback, others are returned with their body unread."""
        octet = self.sock.read(1)
        self.sock.setblocking(True)  # here the connection's timeout is lost
        if octet is None:
            return None
        if not octet:
            raise OSError(-1)
        first = octet[0]
        if first == _PINGRESP:
            length = self.sock.read(1)[0]
            assert length == 0
            return None
        if first & 0xF0 == _PUBLISH:
            self._receive(first)
        return first

    def _receive(self, first):
        remaining = self._read_length()
        topic = self.sock.read(self._read_number())
        remaining -= 2 + len(topic)
        if first & 6:
            pid = self._read_number()
            remaining -= 2
        self.cb(topic, self.sock.read(remaining))
        if first & 6 == 2:
            self.sock.write(struct.pack("!BBH", _PUBACK, 2, pid))
        assert first & 6 != 4

    def check_msg(self):
        """As wait_msg(), or None at once when nothing has come."""
        self.sock.setblocking(False)
        return self.wait_msg()
