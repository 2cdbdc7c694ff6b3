"""The embedded broker's own behaviour: what its gate refuses, its clock, and its faults one by one."""

import asyncio
import itertools

import pytest

from tests.simulator.brokers.running import AUTHORITY, BROKER, HUB
from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.net import Net
from tools.simulator.brokers import embedded, gate
from tools.simulator.brokers.access import topic

# By hand from MQTT 3.1.1: section 3.1 (CONNECT, client id "x", keep-alive 10 s), 3.3, 3.8, 3.12.
CONNECT = bytes.fromhex("100d00044d51545404020 00a000178".replace(" ", ""))
WILL_TOPIC = topic(HUB, "health").encode()
CONNECT_WITH_WILL = (
    bytes([0x10, 10 + 3 + 2 + len(WILL_TOPIC) + 2 + 4])
    + bytes.fromhex("00044d515454040e000a000178")
    + len(WILL_TOPIC).to_bytes(2, "big")
    + WILL_TOPIC
    + b"\x00\x04gone"
)
CONNACK = bytes.fromhex("20020000")
PING, PONG = b"\xc0\x00", b"\xd0\x00"
UP = topic(HUB, "up").encode()


def publish(number, payload=b"octets"):
    body = len(UP).to_bytes(2, "big") + UP + number.to_bytes(2, "big") + payload
    return b"\x32" + gate.encode_length(len(body)) + body


class Client:
    """A plain endpoint as TLS would hand it over."""

    def __init__(self, name=HUB):
        self.name = name
        self.sent = bytearray()
        self.ended = None
        self.on_octets = self.on_gone = None

    def send(self, octets):
        self.sent += octets

    def close(self):
        self.ended = self.ended or "closed"

    def reset(self):
        self.ended = self.ended or "reset"


@pytest.fixture
def run():
    """run(scenario): the coroutine `scenario(broker, connect)` in virtual time; returns the broker."""
    loop = VirtualLoop(ceiling_s=1000)
    net = Net(loop, loop.time)
    broker = embedded.EmbeddedBroker(net, BROKER, AUTHORITY)
    broker.heard = []
    broker.backend.subscribe(lambda *message: broker.heard.append(message))

    async def whole(scenario):
        await broker.start()

        async def connect(octets=CONNECT, name=HUB):
            client = Client(name)
            broker._accept(client)
            client.on_octets(octets)
            await asyncio.sleep(0.1)
            return client

        await scenario(broker, connect)

    def run(scenario):
        loop.run_until_complete(whole(scenario))
        assert broker.errors == []
        return broker

    yield run
    net.close()
    loop.close()


def test_a_connect_is_accepted_octet_by_octet_too(run):
    async def scenario(broker, connect):
        client = await connect(b"")
        for octet in CONNECT:
            client.on_octets(bytes([octet]))
        await asyncio.sleep(0.1)
        assert client.sent == CONNACK
        assert broker.connected == [HUB]

    run(scenario)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: broker\r\n\r\n",
        PING,
        publish(1),
        b"\x10\x0d\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x01x",
        b"\x10\xff\xff\xff\xff\x7f",
        b"\x10\xff\xff\x03",
        CONNECT[:1] + b"\x0c" + CONNECT[2:],
    ],
)
def test_what_is_no_connect_ends_the_connection(run, octets):
    async def scenario(broker, connect):
        client = await connect(octets)
        assert client.ended == "closed"
        assert client.sent == b""
        assert broker.refused == ["malformed"]

    run(scenario)


@pytest.mark.parametrize("name", [None, "mallory", "24D7EB0A1B2C", "24d7eb0a1b2c/x", "+"])
def test_a_certificate_that_names_no_hub_is_not_authorised(run, name):
    async def scenario(broker, connect):
        client = await connect(name=name)
        assert client.sent == b"\x20\x02\x00\x05"
        assert client.ended == "closed"

    run(scenario)


def test_a_silent_client_is_dropped_after_one_and_a_half_keepalives_and_its_will_told(run):
    async def scenario(broker, connect):
        client = await connect(CONNECT_WITH_WILL)
        await asyncio.sleep(14)
        client.on_octets(PING)
        await asyncio.sleep(14)
        assert client.sent == CONNACK + PONG
        assert client.ended is None
        await asyncio.sleep(2)
        assert client.ended == "reset"
        assert broker.heard == [(topic(HUB, "health"), b"gone")]
        assert broker.connected == []

    run(scenario)


FAULTS = {
    # fault: (what the client is sent after CONNECT, after PUBLISH, whether the platform hears it)
    None: (CONNACK, b"\x40\x02\x00\x01", True),
    "mute": (b"", b"", False),
    "mute later": (CONNACK, b"", True),
    "refuse": (b"\x20\x02\x00\x03", b"", False),
    "lose puback": (CONNACK, b"", True),
    "lose message": (CONNACK, b"\x40\x02\x00\x01", False),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_does_what_it_says(run, fault):
    first, second, heard = FAULTS[fault]

    async def scenario(broker, connect):
        broker.break_as(fault)
        client = await connect()
        assert client.sent == first
        client.sent.clear()
        if client.ended is None:
            client.on_octets(publish(1))
        await asyncio.sleep(0.1)
        assert client.sent == second
        assert [payload for _, payload in broker.heard] == ([b"octets"] if heard else [])

    run(scenario)


def test_rubbish_and_oversize_are_what_a_hub_must_survive(run):
    async def scenario(broker, connect):
        for fault, before in (("rubbish", b""), ("oversize", CONNACK)):
            broker.break_as(fault)
            client = await connect()
            assert client.sent.startswith(before)
            assert len(client.sent) >= 200
        assert client.sent[4:9] == b"\x30\xff\xff\xff\x7f"
        broker.break_as("rubbish later")
        client = await connect()
        client.on_octets(publish(1))
        assert broker.rubbish() in client.sent

    run(scenario)


def test_the_platform_finds_what_came_while_it_was_away(run):
    async def scenario(broker, connect):
        broker.backend.subscribe(None)
        client = await connect()
        for number in (1, 2):
            client.on_octets(publish(number, b"%d" % number))
        await asyncio.sleep(1)
        assert broker.heard == []
        broker.backend.subscribe(lambda *message: broker.heard.append(message))
        assert [payload for _, payload in broker.heard] == [b"1", b"2"]

    run(scenario)


def test_a_client_that_comes_twice_is_taken_over(run):
    async def scenario(broker, connect):
        first = await connect()
        await connect()
        await asyncio.sleep(2)
        assert first.ended
        assert broker.connected == [HUB]

    run(scenario)


def test_a_quiet_broker_costs_nothing(run):
    async def scenario(broker, connect):
        await connect()
        before = broker.loop.jumps
        await asyncio.sleep(9)
        assert broker.loop.jumps - before <= 2  # amqtt's monitor would have woken each second

    run(scenario)


def test_packets_are_cut_at_every_length():
    for length in (0, 1, 127, 128, 16_383, 16_384, 70_000):
        packet = b"\x30" + gate.encode_length(length) + bytes(length)
        buffer = bytearray(packet + b"\xc0")
        assert gate.take_packet(buffer) == packet
        assert buffer == b"\xc0"
        for cut in itertools.chain(range(1, 6), (len(packet) - 1,)):
            if cut < len(packet):
                assert gate.take_packet(bytearray(packet[:cut])) is None
