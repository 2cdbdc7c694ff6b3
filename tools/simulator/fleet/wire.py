"""So much of MQTT 3.1.1 as a hub speaks, on an asyncio protocol: connect, subscribe, publish with QoS 1, be told.

Our own and not a client library: one process stands for 500 hubs beside the servers that it measures, and a library's
thread or task per client would cost more than the backend does.
"""

import asyncio
from collections.abc import Callable

_CONNECT, _CONNACK, _PUBLISH, _PUBACK, _SUBSCRIBE, _SUBACK, _DISCONNECT = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xE0
_KEEPALIVE_S = 600
_ANSWER_S_MAX = 60.0
_WINDOW = 0xFFFF


class Refused(Exception):
    """The broker did not let us in."""


class Link(asyncio.Protocol):
    """One hub's connection; `heard` gets each message's octets, `lost` is told once when it is over."""

    def __init__(self, heard: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self._heard, self._lost = heard, lost
        self._transport: asyncio.Transport | None = None
        self._rest = b""
        self._answered: asyncio.Future[int] | None = None
        self._packet = 0

    @classmethod
    async def open(
        cls, host: str, port: int, hub: str, heard: Callable[[bytes], None], lost: Callable[[], None]
    ) -> "Link":
        """Connect as `hub` and subscribe to its receipts."""
        loop = asyncio.get_running_loop()
        _, link = await asyncio.wait_for(loop.create_connection(lambda: cls(heard, lost), host, port), _ANSWER_S_MAX)
        name = hub.encode()
        head = b"\x00\x04MQTT\x04\x02" + _KEEPALIVE_S.to_bytes(2, "big") + len(name).to_bytes(2, "big") + name
        try:
            if await link._asked(_packet(_CONNECT, head)):
                raise Refused(hub)
            topic = f"telehub/1/{hub}/receipt".encode()
            await link._asked(_packet(_SUBSCRIBE, b"\x00\x01" + len(topic).to_bytes(2, "big") + topic + b"\x01"))
        except BaseException:
            link.cut()
            raise
        return link

    async def _asked(self, packet: bytes) -> int:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(packet)
        return await asyncio.wait_for(self._answered, _ANSWER_S_MAX)

    def publish(self, topic: bytes, octets: bytes) -> None:
        """Send one message with QoS 1. Its PUBACK frees nothing and so is not waited for."""
        if self._transport is None:
            return
        self._packet = self._packet % _WINDOW + 1
        head = len(topic).to_bytes(2, "big") + topic + self._packet.to_bytes(2, "big")
        self._transport.write(_packet(_PUBLISH | 2, head + octets))

    def close(self) -> None:
        """Say goodbye."""
        if self._transport is not None:
            self._transport.write(bytes((_DISCONNECT, 0)))
            self._transport.close()

    def cut(self) -> None:
        """Be gone without a word."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio says."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """As asyncio says."""
        self._transport = None
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError("the broker hung up"))
        self._lost()

    def data_received(self, data: bytes) -> None:
        """As asyncio says."""
        data = self._rest + data
        at = 0
        while (end := _end(data, at)) is not None:
            start, stop = end
            self._take(data[at], data[start:stop])
            at = stop
        self._rest = data[at:]

    def _take(self, kind: int, body: bytes) -> None:
        if kind & 0xF0 == _PUBLISH:
            at = 2 + int.from_bytes(body[:2], "big")
            if kind & 0x06:
                assert self._transport is not None
                self._transport.write(bytes((_PUBACK, 2)) + body[at : at + 2])
                at += 2
            self._heard(body[at:])
        elif kind in (_CONNACK, _SUBACK) and self._answered is not None and not self._answered.done():
            self._answered.set_result(body[-1])


def _packet(kind: int, body: bytes) -> bytes:
    length, head = len(body), bytearray((kind,))
    while True:
        length, low = divmod(length, 128)
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def _end(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` begins and ends; None while it is not whole."""
    length, shift, place = 0, 0, at + 1
    while place < len(data):
        octet = data[place]
        length |= (octet & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not octet & 0x80:
            return (place, place + length) if place + length <= len(data) else None
    return None
