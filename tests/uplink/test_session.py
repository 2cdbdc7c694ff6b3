"""A hostile broker, octet by octet: what it may cost the hub, and by which name it is counted.

The session runs on CPython in virtual time; the wire is played by hand. Its octets are from OASIS MQTT 3.1.1, and those
that the hub sends are read by the simulator's own reader. What umqtt.simple would do with each stands in
tests/conformance/test_umqtt.py: no octet of a broker's ever reaches it (tests/test_names.py).
"""

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.contracts import PeerError
from firmware.uplink import packets, session
from firmware.uplink.backoff import Backoff
from firmware.uplink.session import Session
from tools.simulator.world.clock import Loop, Ticks
from tools.simulator.world.mqtt import Composer, packet, publish, text

pytestmark = pytest.mark.promise("P11")

HUB = "24d7eb0a1b2c"
TOPIC = f"telehub/1/{HUB}/".encode()
CONNACK, PINGRESP = bytes.fromhex("20020000"), bytes.fromhex("d000")
GOES_ON, SILENT = None, "mqtt: no answer"
_OCTETS_HELD_MAX = packets.BODY_OCTETS_MAX + 5 + 256  # one packet, its head, one read
_ENDS_MS = 20_000 + 3 * 10_000 + 100  # handshake, CONNACK, two SUBACKs


class Wire:
    """board/line.py's part. `broker(octets)` is called with what the hub writes, and calls `say`."""

    def __init__(self, ticks):
        self._ticks = ticks
        self._inbox = bytearray()
        self._come = asyncio.Event()
        self.broker = self.answer
        self.written = bytearray()
        self.stuck = False  # TCP takes nothing more
        self.gone = False
        self.open_ = False
        self.held_max = 0

    async def open(self, address, port, name):
        self.open_ = True

    async def write(self, octets):
        while self.stuck:
            await self._ticks.sleep_ms(1000)
        self.written += octets
        self.broker(bytes(octets))

    async def read(self, octets_max):
        assert 0 < octets_max <= 256
        while not self._inbox:
            if self.gone:
                raise PeerError("line: closed")
            self._come.clear()
            await self._come.wait()
        await self._ticks.sleep_ms(1)  # on the chip, too, every read lets the others run
        octets = bytes(self._inbox[:octets_max])
        del self._inbox[:octets_max]
        return octets

    def say(self, octets):
        self._inbox += octets
        self._come.set()

    def hang_up(self):
        self.gone = True
        self._come.set()

    def answer(self, octets):
        """A good broker: CONNACK, SUBACK with the same identifier, PUBACK, PINGRESP."""
        kind = octets[0] >> 4
        if kind == 1:
            self.say(CONNACK)
        elif kind == 8:
            self.say(b"\x90\x03" + octets[2:4] + b"\x01")
        elif kind == 3:
            at = octets.index(TOPIC[:7]) - 2
            end = at + 2 + (octets[at] << 8 | octets[at + 1])
            self.say(b"\x40\x02" + octets[end : end + 2])
        elif kind == 12:
            self.say(PINGRESP)

    def composer(self, client_id, name, keepalive_s, identifier):
        return Composer(identifier)

    def certificate(self):
        return b""

    async def close(self):
        self.open_ = False


class Clock:
    quality = 0

    def utc(self):
        return (2026, 1, 5, 8, 0, 0)


class Trial:
    """One session on one wire; `messages` is what it handed on."""

    def __init__(self, monkeypatch=None):
        self.loop = Loop()
        self.died = []
        self.ticks = Ticks(self.loop, self.died.append)
        self.wire = Wire(self.ticks)
        self.messages = []
        self.session = Session(self.wire, self.ticks, Clock(), {"host": "broker", "port": 8883}, HUB)
        self.session.check_dates = lambda: None  # tests/uplink/test_tls_trials.py
        self.session.on_message = lambda name, payload: self.messages.append((name, bytes(payload)))

    def run(self, coroutine):
        """Run to its end; what is left over afterwards is a fault."""
        try:
            result = self.loop.run_until_complete(coroutine)
            self.loop.run_until_complete(asyncio.sleep(0))
            assert [task for task in self.ticks.tasks if not task.done()] == []
            assert self.died == [] and not self.wire.open_
            return result
        finally:
            self.loop.close()

    async def opened(self):
        await self.session.connect("203.0.113.10", 1000)
        await self.session.open(b"gone")

    async def ended(self, doing=None, limit_ms=600_000):
        """(why the session ended or None, in ms): `doing()` after it was opened, then as delivery.py lives with it."""
        reason, began_ms = None, self.ticks.now_ms()
        try:
            await self.opened()
            began_ms = self.ticks.now_ms()
            if doing:
                doing()
            while self.session.up() and self.ticks.now_ms() - began_ms < limit_ms:
                await self.ticks.sleep_ms(1000)
                await self.session.keep_alive()
        except PeerError as error:
            reason = error
        took_ms = self.ticks.now_ms() - began_ms
        reason = await self.session.close() or reason
        return (reason.args[0] if reason else None), took_ms


def instead(kind, octets):
    """A broker that answers one kind of packet so, and the others well."""

    def trial(one):
        def broker(said):
            if said[0] >> 4 == kind:
                one.wire.say(octets(said) if callable(octets) else octets)
            else:
                one.wire.answer(said)

        one.wire.broker = broker

    return trial


CONNECT_, SUBSCRIBE_, PINGREQ_ = 1, 8, 12
OPENING = {
    "no CONNACK": (CONNECT_, b"", SILENT),
    "half a CONNACK": (CONNECT_, b"\x20\x02\x00", SILENT),
    "a CONNACK that is too long": (CONNECT_, b"\x20\x03\x00\x00\x00", "mqtt: packet length"),
    "a CONNACK with reserved flags": (CONNECT_, b"\x20\x02\x02\x00", "mqtt: connack flags"),
    **{f"refused with {code}": (CONNECT_, bytes((0x20, 2, 0, code)), "mqtt: refused") for code in (1, 2, 3, 4, 5, 255)},
    "PINGRESP in the place of CONNACK": (CONNECT_, PINGRESP, "mqtt: out of turn"),
    "PUBACK in the place of CONNACK": (CONNECT_, b"\x40\x02\x00\x01", SILENT),
    "CONNECT back": (CONNECT_, b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00", "mqtt: packet type"),
    "no SUBACK": (SUBSCRIBE_, b"", SILENT),
    "a SUBACK of nobody": (SUBSCRIBE_, b"\x90\x03\xff\xff\x01", "mqtt: foreign suback"),
    "a refused one": (SUBSCRIBE_, lambda said: b"\x90\x03" + said[2:4] + b"\x80", "mqtt: subscription refused"),
    "a SUBACK of two": (SUBSCRIBE_, lambda said: b"\x90\x04" + said[2:4] + b"\x01\x01", "mqtt: packet length"),
    "a second CONNACK for SUBACK": (SUBSCRIBE_, CONNACK, "mqtt: out of turn"),
    "octets of another protocol": (CONNECT_, b"HTTP/1.1 400 Bad Request\r\n\r\n", "mqtt: packet type"),
    "a packet of 256 MB": (CONNECT_, b"\x30\xff\xff\xff\x7f" + bytes(5000), "mqtt: packet too long"),
    "a length without end": (CONNECT_, b"\x30" + b"\xff" * 300, "mqtt: length field"),
    "receipts before CONNACK": (CONNECT_, publish(TOPIC + b"receipt", b"early", 1), SILENT),
}  # fmt: skip


@pytest.mark.parametrize("name", OPENING)
def test_whatever_answers_the_opening_it_ends_in_time_and_by_name(name):
    kind, octets, reason = OPENING[name]
    trial = Trial()
    instead(kind, octets)(trial)
    told, took_ms = trial.run(trial.ended())
    assert told == reason and took_ms <= _ENDS_MS


LATER = {
    "foreign topic": (publish(b"telehub/1/24d7eb0a1b2d/receipt", b"x", 1), "mqtt: foreign topic"),
    "its own upward topic": (publish(TOPIC + b"up", b"x", 1), "mqtt: foreign topic"),
    "a topic that begins alike": (publish(TOPIC + b"receipts", b"x", 1), "mqtt: foreign topic"),
    "an empty topic": (publish(b"", b"x", 1), "mqtt: foreign topic"),
    "a topic that is no text": (publish(TOPIC + b"\xff\xfe", b"x", 1), "mqtt: foreign topic"),
    "quality of service 2": (b"\x34\x05\x00\x01a\x00\x01", "mqtt: quality of service"),
    "quality of service 3": (b"\x36\x05\x00\x01a\x00\x01", "mqtt: quality of service"),
    "packet identifier 0": (b"\x32\x05\x00\x01a\x00\x00", "mqtt: packet identifier 0"),
    "topic longer than its packet": (b"\x30\x03\xff\xffa", "mqtt: publish too short"),
    "a PUBLISH of nothing": (b"\x30\x00", "mqtt: publish too short"),
    "a reserved type": (b"\xf0\x00", "mqtt: packet type"),
    "type 0": (b"\x00\x00", "mqtt: packet type"),
    "PUBREC": (b"\x50\x02\x00\x01", "mqtt: packet type"),
    "PUBACK with flags": (b"\x42\x02\x00\x01", "mqtt: packet type"),
    "a PUBACK that is too short": (b"\x40\x01\x00", "mqtt: packet length"),
    "one octet more than the longest": (
        packet(0x30, text(TOPIC + b"receipt") + bytes(1024 - 2 - len(TOPIC) - 7 + 1)), "mqtt: packet too long",
    ),
    "CONNACK again, refusing": (b"\x20\x02\x00\x05", "mqtt: refused"),
    "SUBACK again, refusing": (b"\x90\x03\x00\x02\x80", "mqtt: subscription refused"),
    "PUBACK of nobody": (b"\x40\x02\xff\xff", GOES_ON),
    "PUBACK doubled": (b"\x40\x02\x00\x01" * 9, GOES_ON),
    "PINGRESP unasked": (PINGRESP * 9, GOES_ON),
    "the longest message": (
        packet(0x30, text(TOPIC + b"receipt") + bytes(1024 - 2 - len(TOPIC) - 7)), GOES_ON,
    ),
    "a message of nothing": (packet(0x30, text(TOPIC + b"order")), GOES_ON),
    "half a packet and then nothing": (publish(TOPIC + b"receipt", bytes(90), 1)[:-1], "mqtt: no answer"),
    "a head and then nothing": (b"\x30", "mqtt: no answer"),
    "the same identifier again": (publish(TOPIC + b"receipt", b"x", 7) * 3, GOES_ON),
}  # fmt: skip


@pytest.mark.parametrize("name", LATER)
def test_whatever_comes_later_is_passed_over_or_ends_the_session_by_name(name):
    octets, reason = LATER[name]
    trial = Trial()
    told, took_ms = trial.run(trial.ended(lambda: trial.wire.say(octets)))
    assert told == reason
    assert reason is GOES_ON or took_ms <= 100_000 + 10_000 + 2_000
    assert all(name in ("receipt", "order") for name, _ in trial.messages)


@pytest.mark.parametrize("name", LATER)
def test_slow_octets_are_the_same_octets(name):
    octets, reason = LATER[name]
    trial = Trial()

    def doing():
        for at, octet in enumerate(octets[:200]):
            trial.loop.call_later(at * 0.4, trial.wire.say, bytes((octet,)))
        trial.loop.call_later(len(octets[:200]) * 0.4, trial.wire.say, octets[200:])

    assert trial.run(trial.ended(doing))[0] == reason


def test_single_octets_are_no_sign_of_life():
    """A packet that never ends, an octet every half minute: umqtt would wait for it; the hub asks, and leaves."""
    trial = Trial()

    def doing():
        trial.wire.broker = lambda said: None
        for at, octet in enumerate(publish(TOPIC + b"receipt", bytes(900), 1)):
            trial.loop.call_later(at * 30.0, trial.wire.say, bytes((octet,)))

    reason, took_ms = trial.run(trial.ended(doing, 3_600_000))
    assert reason == "mqtt: no answer" and took_ms <= 112_000


def test_a_broker_that_answers_pings_keeps_its_line():
    trial = Trial()
    reason, took_ms = trial.run(trial.ended(limit_ms=3_600_000))
    assert reason is None and took_ms >= 3_600_000
    assert trial.wire.written.count(b"\xc0\x00") >= 30


def test_a_broker_that_takes_nothing_more_is_left():
    trial = Trial()

    async def story():
        await trial.opened()
        trial.wire.stuck = True
        began_ms = trial.ticks.now_ms()
        with pytest.raises(PeerError, match="link: no answer"):
            await trial.session.publish("up", b"x" * 900)
        assert trial.ticks.now_ms() - began_ms <= 10_100 and not trial.session.up()
        return await trial.session.close()

    assert trial.run(story()).args == ("link: no answer",)


FLOODS = {
    "PINGRESP": PINGRESP,
    "PUBACK": b"\x40\x02\x00\x09",
    "receipts": publish(TOPIC + b"receipt", bytes(130), 3),
    "orders without quality of service": packet(0x30, text(TOPIC + b"order") + bytes(300)),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_ends_the_session_soon_and_holds_little(name, monkeypatch):
    held = []
    feed = packets.PacketReader.feed
    monkeypatch.setattr(
        packets.PacketReader, "feed", lambda reader, octets: (feed(reader, octets), held.append(len(reader._octets)))[0]
    )
    trial = Trial()
    reason, _ = trial.run(trial.ended(lambda: trial.wire.say(FLOODS[name] * 5000)))
    assert reason == "mqtt: flood"
    assert max(held) <= _OCTETS_HELD_MAX
    assert len(trial.messages) <= session._BURST_MS // session._PACKET_MS + 60


def test_a_backlogs_receipts_are_no_flood():
    """Ten envelopes a second, each with its PUBACK and its receipt, for a quarter of an hour."""
    trial = Trial()

    def doing():
        for at in range(9000):
            octets = b"\x40\x02\x00\x09" + publish(TOPIC + b"receipt", bytes(130), 1 + at % 0xFFFF)
            trial.loop.call_later(at * 0.1, trial.wire.say, octets)

    reason, _ = trial.run(trial.ended(doing, 900_000))
    assert reason is None and len(trial.messages) >= 8990


def test_a_line_that_ends_is_told_once():
    trial = Trial()
    ends = []
    trial.session.on_end = lambda: ends.append(trial.ticks.now_ms())
    assert trial.run(trial.ended(trial.wire.hang_up))[0] == "line: closed"
    assert len(ends) == 1


# -- properties ---------------------------------------------------------------------------------------------

PACKETS = st.one_of(
    st.sampled_from([octets for octets, _ in LATER.values()]),
    st.binary(min_size=1, max_size=40),
    st.builds(packet, st.integers(0, 255), st.binary(max_size=1100)),
    st.builds(
        lambda name, payload, number: publish(TOPIC + name, payload, number),
        st.sampled_from([b"receipt", b"order", b"up", b""]), st.binary(max_size=200), st.integers(0, 0xFFFF),
    ),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(PACKETS, max_size=12), st.integers(1, 300))
def test_any_stream_leaves_the_session_up_or_ended_by_name(stream, piece):
    trial = Trial()
    whole = b"".join(stream)

    def doing():
        for number, at in enumerate(range(0, len(whole), piece)):
            trial.loop.call_later(number * 0.01, trial.wire.say, whole[at : at + piece])

    reason, _ = trial.run(trial.ended(doing, 150_000))
    assert reason is None or reason.split(": ")[0] in ("mqtt", "line", "link")
    assert all(name in ("receipt", "order") for name, _ in trial.messages)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["receipt", "order"]), st.binary(max_size=300)), max_size=20), st.randoms())
def test_messages_come_whole_and_in_order_however_they_are_cut(messages, chance):
    trial = Trial()
    whole = b"".join(publish(TOPIC + name.encode(), payload, 1 + at) for at, (name, payload) in enumerate(messages))

    def doing():
        at = number = 0
        while at < len(whole):
            size = chance.randint(1, 400)
            trial.loop.call_later(number * 0.05, trial.wire.say, whole[at : at + size])
            at, number = at + size, number + 1

    assert trial.run(trial.ended(doing, 90_000))[0] is None
    assert trial.messages == messages
    # Each is answered with its own identifier, in the order of their coming (3.4, 4.6).
    expected = b"".join(b"\x40\x02" + (1 + at).to_bytes(2, "big") for at in range(len(messages)))
    assert bytes(trial.wire.written).endswith(expected)


# -- coming back --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_tries_come_later_and_later_within_bounds_and_apart(seed):
    backoff = Backoff(random.Random(seed).randbytes)
    waits = [backoff.next_ms() for _ in range(12)]
    steps = [min(2_000 << at, 300_000) for at in range(12)]
    assert all(step // 2 <= wait <= step for wait, step in zip(waits, steps, strict=True))
    backoff.reset()
    assert backoff.next_ms() <= 2_000


def test_no_two_hubs_come_back_together():
    waits = [Backoff(random.Random(seed).randbytes).next_ms() for seed in range(200)]
    assert len(set(waits)) > 150
    spread = sorted(waits)
    assert spread[0] < 1_050 and spread[-1] > 1_950
    assert max(later - earlier for earlier, later in itertools.pairwise(spread)) < 60
