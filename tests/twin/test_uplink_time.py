"""P9 on the line: who is believed about the time, how far, and that a sealed time never changes.

The truth is the world's clock at the moment when an envelope arrives, a second after it was sealed.
"""

import asyncio
import datetime

import cbor2
import pytest

from tests.twin import homes, wire
from tools.backend.keys import load_point
from tools.backend.receipt import make_time_answer
from tools.inspect import cose
from tools.inspect.envelope import decode_envelope, decode_health
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, HUB

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P9")]

DAY_S = 86_400
_AGREES_S = 3  # whole seconds, a round trip, and a signature
_READING = readings.blood_pressure(128, 82, 97, 71)


def _known(house):
    keys = house.keyring.hub(HUB)
    return lambda kid: load_point(keys.signing) if kid == keys.kid else None


def _sealed(house):
    """For each arrival of an envelope: (how far its sealed time is from the truth, clock, octets)."""
    found = []
    for arrival in house.platform.named("up"):
        envelope = decode_envelope(arrival.octets, _known(house))
        truth_s = house.world.start_s + arrival.at_s
        found.append((envelope.sealed_s - truth_s, envelope.clock["quality"], arrival.octets))
    return found


def _reports(house):
    octets = [arrival.octets for arrival in house.platform.named("health") if arrival.octets != b"gone"]
    return [decode_health(one, _known(house)) for one in octets]


def _answers(house, *names):
    """Let only these kinds of message be answered."""
    house.platform.between = lambda arrival: [arrival.answer] if arrival.answer and arrival.name in names else []


async def _begin_anew(house):
    """Pull the plug, put it in again, and wait for the hub's report; a while more, for it may wait for the time."""
    before = len(_reports(house))
    await house.power_cycle()
    await house.until(lambda: len(_reports(house)) > before, 60, "the report")
    await asyncio.sleep(8)


async def _measure(house):
    await homes.measure(house, house.devices[0], _READING)
    await asyncio.sleep(12)


@pytest.mark.promise("P11")
@pytest.mark.parametrize("fault", ["mute", "kiss", "short"])
def test_without_a_good_ntp_the_platforms_answer_sets_the_clock(home, fault):
    house = home(CUFF)

    async def story():
        house.world.home.ntp.break_as(fault)
        await _begin_anew(house)
        await _measure(house)
        await homes.delivered(house)
        await homes.told(house)

    house.world.run(story())
    ((off_s, quality, _),) = _sealed(house)
    assert abs(off_s) <= _AGREES_S and quality == "platform"
    assert _reports(house)[-1].jump_s is None  # nothing had to be put right: NTP's word was not taken


@pytest.mark.promise("P8")
def test_what_was_kept_before_the_first_time_is_timed_afterwards(home):
    """No network when the cuff is read; NTP stays mute, and the platform tells the time before anything is sealed."""
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        house.network(False)
        house.world.home.ntp.break_as("mute")
        await house.power_cycle()
        await asyncio.sleep(10)
        await homes.measure(house, cuff, _READING)
        await asyncio.sleep(600)
        house.network(True)
        await homes.delivered(house)

    house.world.run(story())
    confirmed_s = house.world.start_s + wire.noted(cuff, "confirmed")[0]
    (reading,) = homes.stored(house)
    assert reading["hub_clock"] == "platform"
    assert abs(datetime.datetime.fromisoformat(reading["hub_time"]).timestamp() - confirmed_s) <= _AGREES_S
    ((off_s, quality, _),) = _sealed(house)
    assert abs(off_s) <= _AGREES_S and quality == "platform"


@pytest.mark.promise("P4")
def test_a_reading_that_was_timed_afterwards_keeps_that_time_when_the_clock_is_corrected(home):
    """Kept without a time, sealed by an NTP that lies, and sent again after the platform has put the clock right."""
    house = home(CUFF)

    async def story():
        house.network(False)
        house.world.home.ntp.break_as("lying", 600)
        await house.power_cycle()
        await asyncio.sleep(10)
        await homes.measure(house, house.devices[0], _READING)
        _answers(house)
        await asyncio.sleep(120)
        house.network(True)
        await house.until(lambda: bool(house.platform.named("up")), 700, "the envelope arrives")
        _answers(house, "health")
        await house.until(lambda: _reports(house)[-1].jump_s is not None, 1300, "the jump is told")
        house.platform.between = None
        await homes.delivered(house)

    house.world.run(story())
    sealed = _sealed(house)
    assert len(sealed) >= 4 and len({octets for *_, octets in sealed}) == 1
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P11")
def test_with_ntp_blocked_for_ever_and_a_platform_without_time_readings_arrive_all_the_same(home):
    """The clock goes on from its floor and says so; the device's own time is what a reader has."""
    house = home(CUFF)

    async def story():
        house.world.home.ntp.break_as("mute")
        _answers(house, "up")
        await _begin_anew(house)
        for _ in range(2):
            await _measure(house)
        await homes.delivered(house)

    house.world.run(story())
    assert [quality for _, quality, _ in _sealed(house)] == ["none", "none"]
    assert homes.books(house) == (0, 0, 0)
    assert {one["hub_clock"] for one in homes.stored(house)} == {"none"}


@pytest.mark.parametrize("lie_s", [-30 * DAY_S, -600, 600, 3 * 365 * DAY_S])
def test_the_platform_corrects_a_lying_ntp_and_what_was_sealed_stays(home, lie_s):
    house = home(CUFF)

    async def story():
        house.world.home.ntp.break_as("lying", lie_s)
        _answers(house)  # nothing is answered at first
        await _begin_anew(house)
        await _measure(house)
        house.platform.between = None
        await house.until(lambda: _reports(house)[-1].jump_s is not None, 1300, "the jump is told")
        await homes.delivered(house)
        await _measure(house)
        await homes.delivered(house)

    house.world.run(story())
    sealed = _sealed(house)
    first = [one for one in sealed if one[2] == sealed[0][2]]
    assert len(first) >= 2 and abs(sealed[0][0] - lie_s) <= _AGREES_S and sealed[0][1] == "ntp"
    assert {one[2] for one in sealed} == {sealed[0][2], sealed[-1][2]}  # the same octets, however often
    assert abs(sealed[-1][0]) <= _AGREES_S and sealed[-1][1] == "platform"
    jump_s = _reports(house)[-1].jump_s
    assert jump_s is not None and abs(jump_s + lie_s) <= _AGREES_S
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P10")
def test_an_ntp_that_lies_before_the_floor_is_not_believed(home):
    house = home(CUFF)

    async def story():
        house.world.home.ntp.break_as("lying", -60 * DAY_S)  # November 2025: before this firmware was built
        _answers(house, "up")
        await _begin_anew(house)
        await _measure(house)

    house.world.run(story())
    assert [quality for _, quality, _ in _sealed(house)] == ["none"]


@pytest.mark.promise("P10")
def test_an_old_answer_or_one_to_another_question_moves_no_clock(home):
    """Replayed, forged, with a nonce of nobody's, and one that was meant for another hub."""
    house = home(CUFF)
    keys = house.keyring.hub(HUB)

    async def story():
        old = [arrival.answer for arrival in house.platform.named("health") if arrival.answer]
        assert old
        now_ms = int(house.time() * 1000)
        forged = [
            *old,
            make_time_answer(house.keyring, keys, bytes(8), now_ms + DAY_S * 1000),
            cose.make_mac0(65003, house.keyring.platform_kid, cbor2.dumps({1: 1}), house.enrolled.receipt_key),
            cose.make_mac0(65003, house.keyring.platform_kid, _time(house, old[-1], now_ms + 10**9), bytes(32)),
        ]
        house.platform.between = lambda arrival: forged if arrival.name == "health" else [arrival.answer]
        counters = await homes.told(house)
        await asyncio.sleep(5)
        house.platform.between = None
        await _measure(house)
        counters = await homes.told(house)
        assert counters["receipt: stale nonce"] == len(old) + 1
        assert counters["receipt: malformed"] == 1 and counters["receipt: forged"] == 1

    house.world.run(story())
    assert abs(_sealed(house)[-1][0]) <= _AGREES_S
    assert _reports(house)[-1].jump_s is None


def _time(house, answer, time_ms):
    """The payload of a true answer, with another time."""
    fields = cbor2.loads(cose.mac0(answer).payload)
    return cbor2.dumps({**fields, 4: time_ms}, canonical=True)


@pytest.mark.promise("P10")
def test_an_answer_that_somebody_held_back_moves_no_good_clock(home):
    """The nonce is still the one that was asked with; half of four minutes would be added as if it had travelled."""
    house = home(CUFF)
    held_back = []

    def between(arrival):
        if arrival.name == "health" and arrival.answer:
            held_back.append(arrival.answer)
            return []
        return [arrival.answer] if arrival.answer else []

    async def story():
        house.platform.between = between
        await _begin_anew(house)
        await asyncio.sleep(240)
        house.platform.send(held_back[-1])
        house.platform.send(held_back[-1])  # one answer to each question
        await asyncio.sleep(5)
        await _measure(house)
        await homes.delivered(house)
        assert (await homes.told(house))["receipt: stale nonce"] == 1

    house.world.run(story())
    assert abs(_sealed(house)[-1][0]) <= _AGREES_S
