"""One connection to the broker: DNS, NTP, TLS, MQTT, each stage with a limit and a name for its failure.

The line (board/line.py) moves octets, ticks give time, flags and tasks: this file runs on any interpreter.
"""

import asyncio

from micropython import const

from firmware.contracts import OutOfTurn, PeerError
from firmware.uplink import packets

_DNS_PORT = const(53)
_DNS_TRIES = const(3)
_DNS_WAIT_MS = const(1_500)
_HANDSHAKE_MS = const(20_000)  # 2 to 4 s on the chip, and the same line
_ANSWER_MS = const(10_000)  # CONNACK, SUBACK, PINGRESP
_SEND_MS = const(10_000)  # a packet that TCP does not take in this time: the line is dead
_KEEPALIVE_S = const(240)  # the broker tells our last will after 1.5 times this: within a quarter of an hour
_PING_AFTER_MS = const(100_000)
_READ_OCTETS = const(256)
# 50 packets a second, and 200 at once: several times what a backlog's receipts and PUBACKs need.
_PACKET_MS = const(20)
_BURST_MS = const(4_000)


class Session:
    """`on_message(name, payload)` is called for each message; `name` is the topic's last word."""

    def __init__(self, line, ticks, timekeeper, broker: dict, hub: str):
        self._line = line
        self._ticks = ticks
        self._timekeeper = timekeeper
        self._broker = broker
        self._topic = ("telehub/1/" + hub + "/").encode()
        self._hub = hub
        self._open = False
        self._failure = None
        self._reading = None
        self._sending = asyncio.Lock()  # the line takes one packet at a time
        self._answer = ticks.flag()
        self._answered: "tuple[int, bytes] | None" = None
        self._heard_ms = 0  # when the last whole packet came: single octets are no sign of life
        self._burst_ms = 0  # what is left of the packets that may come at once
        self._identifier = 0  # of the last packet that has one
        self.opened = 0  # handshakes that led to a session, for the health report
        self.on_message = lambda name, payload: None
        self.on_end = None

    def up(self) -> bool:
        return self._open and self._failure is None

    # -- opening -------------------------------------------------------------------------------------------

    async def prepare(self, ntp_host: "str | None") -> str:
        """Join the network, ask NTP when a host is given, and return the broker's address. No handshake yet."""
        await self._line.join()
        if ntp_host:
            await self._ask_time(ntp_host)
        return await self._resolve(self._broker["host"])

    async def connect(self, address: str, limit_ms: int) -> None:
        """Connect by TCP: no handshake yet. Whoever calls this or `open` calls `close` when it failed."""
        if self._open:
            raise OutOfTurn
        await self._limited(self._line.open(address, self._broker["port"], self._broker["host"]), limit_ms)

    async def open(self, will: bytes) -> None:
        """Shake hands, connect by MQTT, subscribe. PeerError names the stage that failed."""
        self._answered = None
        self._answer.clear()
        self._heard_ms, self._burst_ms = self._ticks.now_ms(), _BURST_MS
        health = self._topic + b"health"
        # The first octets carry the handshake with them.
        await self._limited(
            self._line.write(packets.connect(self._hub.encode(), _KEEPALIVE_S, health, will)), _HANDSHAKE_MS
        )
        self.check_dates()
        self._reading = self._ticks.spawn(self._read())
        await self._answer_of(packets.CONNACK)
        for name in (b"receipt", b"order"):
            self._identifier, octets = self._composer().subscribe_packet(self._topic + name)
            if packets.packet_id(await self._ask(octets, packets.SUBACK)) != self._identifier:
                raise PeerError("mqtt: foreign suback")
        self.opened += 1
        self._open = True

    def check_dates(self) -> None:
        """PeerError when the broker's certificate is not valid by the clock as it is now."""
        from firmware.uplink import certificate

        clock = self._timekeeper
        certificate.check_dates(self._line.certificate(), clock.utc(), floor_only=not clock.quality)

    async def _limited(self, coroutine, limit_ms):
        if not await self._ticks.within(coroutine, limit_ms):
            raise PeerError("link: no answer")

    async def _resolve(self, host: str) -> str:
        from firmware.uplink import dns

        if dns.is_address(host):
            return host
        for _ in range(_DNS_TRIES):
            question = dns.question(host, self._ticks.now_ms() & 0xFFFF)

            def accept(octets, question=question):
                return dns.answer(octets, question)

            address = await self._line.ask(self._line.name_server(), _DNS_PORT, question, _DNS_WAIT_MS, accept)
            if address:
                return address
        raise PeerError("dns: no answer")

    async def _ask_time(self, host: str) -> None:
        """NTP improves the clock; without it the hub goes on."""
        try:
            address = await self._resolve(host)
            began_ms = self._ticks.now_ms()
            seconds = self._line.ntp_s(address)
            trip_ms = self._ticks.now_ms() - began_ms
        except PeerError:
            return
        self._timekeeper.ntp(seconds, trip_ms + 1000)  # whole seconds

    # -- talking -------------------------------------------------------------------------------------------

    async def publish(self, name: str, payload: "bytes | memoryview") -> None:
        """Hand one message to TCP, QoS 1. What the broker says of it frees nothing, so it is not waited for."""
        if not self.up():
            raise PeerError("link: down")
        self._identifier, octets = self._composer().publish_packet(self._topic + name.encode(), payload)
        await self._send(octets)

    async def keep_alive(self) -> None:
        """Ping when nothing was heard for a while. PeerError when the broker is mute."""
        if not self.up():
            raise PeerError("link: down")
        if self._ticks.now_ms() - self._heard_ms >= _PING_AFTER_MS:
            await self.ping()

    async def ping(self) -> None:
        """PeerError when the broker does not answer."""
        await self._ask(self._composer().ping_packet(), packets.PINGRESP)

    def _composer(self):
        """What writes packets: loaded for one and not kept."""
        return self._line.composer(self._hub, self._broker["host"], _KEEPALIVE_S, self._identifier)

    async def _ask(self, octets, kind: int) -> bytes:
        self._answered = None
        self._answer.clear()
        await self._send(octets)
        return await self._answer_of(kind)

    async def _answer_of(self, kind: int) -> bytes:
        if not await self._ticks.within(self._answer.wait(), _ANSWER_MS):
            raise self._fail(PeerError("mqtt: no answer", kind))
        if self._failure is not None:
            raise self._failure
        answered, self._answered = self._answered, None
        if answered is None or answered[0] != kind:
            raise self._fail(PeerError("mqtt: out of turn", kind))
        return answered[1]

    async def _send(self, octets) -> None:
        async def send():
            async with self._sending:
                await self._line.write(octets)

        try:
            await self._limited(send(), _SEND_MS)
        except PeerError as error:
            raise self._fail(error)

    async def _read(self) -> None:
        reader = packets.PacketReader()
        try:
            while True:
                reader.feed(await self._line.read(min(_READ_OCTETS, reader.room())))
                packet = reader.next_packet()
                while packet is not None:
                    now_ms = self._ticks.now_ms()
                    self._burst_ms = min(_BURST_MS, self._burst_ms + now_ms - self._heard_ms) - _PACKET_MS
                    self._heard_ms = now_ms
                    if self._burst_ms < 0:
                        raise PeerError("mqtt: flood")
                    await self._take(*packet)
                    packet = reader.next_packet()
        except Exception as error:  # noqa: BLE001 - also what is nobody's fault but ours: a reader ends no link in silence
            self._fail(error)

    async def _take(self, kind: int, flags: int, body: bytes) -> None:
        if kind == packets.PUBLISH:
            topic, identifier, payload = packets.publish(flags, body)
            if topic not in (self._topic + b"receipt", self._topic + b"order"):
                raise PeerError("mqtt: foreign topic")
            self.on_message(topic[len(self._topic) :].decode(), payload)
            if identifier:
                await self._send(packets.puback(identifier))
        elif kind != packets.PUBACK:
            if kind == packets.CONNACK:
                packets.connack(body)  # a refusal is told here, before the broker's hanging up is
            elif kind == packets.SUBACK:
                packets.suback(body)
            self._answered = (kind, body)
            self._answer.set()

    # -- closing -------------------------------------------------------------------------------------------

    def _fail(self, error):
        """Remember why the link ended, once, and wake those who wait for it."""
        if self._failure is None:
            self._failure = error
            if self.on_end:
                self.on_end()
        self._answer.set()
        return error

    async def close(self) -> "Exception | None":
        """Free everything; return why the link ended, if it ended by itself: no PeerError is a fault of ours."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
        await self._line.close()
        self._open = False
        failure, self._failure = self._failure, None
        return failure
