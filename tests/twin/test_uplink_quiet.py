"""When a handshake may begin: after a minute without devices, never in a visit, after ten minutes in any case."""

import asyncio

import pytest

from tests.twin import homes, wire
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P11")]

QUIET_S = 60
PUT_OFF_S = 600
WINDOW_LINE_S = 45  # so long a pairing window waits for the line
_VISIT_ENDS_S = 25  # a visit that is cut short ends with the step that it is in
_ANSWERED_S = 0.042  # after a DNS question: both ways, and a little
_READING = readings.blood_pressure(128, 82, 97, 71)


def _lose_line(house):
    for gate in list(house.broker._gates):
        gate.reset()


def _disturbed(house, seen):
    """The handshakes that began in a visit, or less than a minute after one."""
    links = [link for device in house.devices for link in wire.visits(device)]
    return [hello for hello in seen.hellos() for begun, gone in links if begun <= hello < gone + QUIET_S - 1]


async def _advertise(house, device, until_s, every_s=20):
    """Hold a device's button again and again: it asks to be paired, and nobody opened a window."""
    while house.loop.time() < until_s:
        device.pairing_mode()
        await asyncio.sleep(every_s)


@pytest.mark.parametrize("seed", range(3))
def test_no_handshake_begins_in_a_visit_or_within_a_minute_after_one(home, seed):
    house = home(CUFF, SCALE, seed=seed)
    seen = wire.Wire(house)
    cuff, scale = house.devices

    async def story():
        for _ in range(6):
            device, reading = house.chance.choice(((cuff, _READING), (scale, readings.weight("79.9"))))
            house.loop.call_later(house.chance.uniform(0, 70), _lose_line, house)
            for _ in range(house.chance.randint(1, 3)):
                await homes.measure(house, device, reading)
                await asyncio.sleep(house.chance.uniform(4, 58))
            await asyncio.sleep(house.chance.uniform(0, 100))
        await homes.delivered(house)

    house.world.run(story())
    assert len(seen.hellos()) >= 4
    assert _disturbed(house, seen) == []
    assert homes.books(house) == (0, 0, 0)


def test_no_handshake_begins_when_someone_is_heard_while_tcp_connects(home):
    """The first SYN is lost and a cuff calls before the second one."""
    house = home(CUFF)
    seen = wire.Wire(house)
    cuff = house.devices[0]
    cuff.faults.answer_delay_ms = 300

    def asked(_port):
        seen.still()
        house.loop.call_later(_ANSWERED_S, house.network, False)
        house.loop.call_later(0.2, cuff.press, _READING)
        house.loop.call_later(2.0, house.network, True)

    async def story():
        seen.on_datagram = asked
        _lose_line(house)
        await house.until(lambda: bool(wire.visits(cuff)[1:]), 30, "the visit")
        await homes.delivered(house)

    house.world.run(story())
    assert seen.connections[0].opened_s < wire.visits(cuff)[-1][1], "TCP was to stand while the visit was open"
    assert _disturbed(house, seen) == [] and len(seen.hellos()) == 1


def test_a_handshake_is_put_off_for_ten_minutes_and_not_longer(home):
    """A listed device calls for a pairing all the time."""
    house = home(CUFF, SCALE)
    seen = wire.Wire(house)
    begun_s = house.loop.time() + 5

    async def story():
        crying = asyncio.ensure_future(_advertise(house, house.devices[1], begun_s + 2 * PUT_OFF_S))
        await asyncio.sleep(5)
        _lose_line(house)
        await house.until(lambda: bool(seen.hellos()), PUT_OFF_S + QUIET_S, "the handshake")
        await house.until(house.connected, 10, "the line")
        await homes.measure(house, house.devices[0], _READING)  # and the visits go on
        crying.cancel()

    house.world.run(story())
    assert PUT_OFF_S <= seen.hellos()[0] - begun_s <= PUT_OFF_S + 5
    assert not wire.visits(house.devices[1])[1:]


def test_then_an_open_visit_ends_before_the_handshake_begins(home):
    """A slow cuff is visited all the time, also in the tenth minute. What it still has, it gives later."""
    house = home(CUFF)
    seen = wire.Wire(house)
    cuff = house.devices[0]
    cuff.faults.answer_delay_ms = 1500

    async def use():
        for _ in range(18):
            cuff.press(_READING)
            await asyncio.sleep(40)

    async def story():
        _lose_line(house)
        lost_s = house.loop.time()
        using = asyncio.ensure_future(use())
        await house.until(lambda: bool(seen.hellos()), PUT_OFF_S + QUIET_S, "the handshake", 0.05)
        assert cuff.link is None
        assert PUT_OFF_S <= seen.hellos()[0] - lost_s <= PUT_OFF_S + _VISIT_ENDS_S
        await using
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    links = wire.visits(cuff)
    assert not [1 for hello in seen.hellos() for begun, gone in links if begun <= hello < gone]


@pytest.mark.parametrize("hang", ["dns", "connect"])
def test_visits_do_not_wait_for_a_line_that_was_put_off_and_then_hangs(home, hang):
    """In the eleventh minute nobody answers; a cuff that calls just then is connected within 3 s."""
    house = home(CUFF, SCALE)
    cuff, scale = house.devices
    seen = wire.Wire(house)
    until_s = house.loop.time() + PUT_OFF_S + 60

    async def story():
        crying = asyncio.ensure_future(_advertise(house, scale, until_s))
        await asyncio.sleep(5)
        if hang == "dns":
            house.world.home.dns.break_as("mute")
        else:
            house.broker.listener.break_as("mute connect")
        _lose_line(house)
        await house.until(lambda: bool(seen.datagrams), PUT_OFF_S + 10, "the address is asked for", 0.05)
        await homes.measure(house, cuff, _READING)
        crying.cancel()

    house.world.run(story())
    waited = wire.waits(cuff, pressed_alone=False)
    assert len(waited) == (2 if hang == "connect" else 1)  # its visit is cut short for the line, and taken up again
    assert max(waited) <= 3.0


@pytest.mark.parametrize("moment", ["between two tries", "in a try that fails"])
def test_in_a_pairing_window_the_line_is_made_before_anyone_is_listened_to(home, moment):
    house = home(CUFF, SCALE, paired=False)
    cuff, scale = house.devices
    seen = wire.Wire(house)

    async def story():
        house.broker.listener.break_as("mute connect")
        _lose_line(house)
        await asyncio.sleep(2400)  # backoff is at its longest
        tries = len(seen.datagrams)
        await house.until(lambda: len(seen.datagrams) > tries, 600, "a try", 0.1)
        await asyncio.sleep(3 if moment == "in a try that fails" else 30)
        scale.pairing_mode()  # it is heard, and the hub has no window
        await asyncio.sleep(2)
        house.broker.listener.break_as(None)
        pressed_s = house.loop.time()
        house.press_button()
        scale.pairing_mode()
        await house.until(house.connected, WINDOW_LINE_S, "the line", 0.1)
        assert house.loop.time() - pressed_s < (15 if moment == "in a try that fails" else 5)
        up_s = house.loop.time()
        await house.pair(scale, 60)
        await house.pair(cuff, 60)
        assert wire.visits(scale)[0][0] > up_s - 0.1

    house.world.run(story())
    assert len(seen.hellos()) == 1


def test_a_window_without_a_line_pairs_all_the_same_and_no_handshake_begins_in_a_visit(home):
    house = home(CUFF, SCALE, paired=False)
    cuff, scale = house.devices
    cuff.faults.answer_delay_ms = scale.faults.answer_delay_ms = 1000
    seen = wire.Wire(house)

    async def story():
        house.broker.break_as("refuse")
        _lose_line(house)
        await asyncio.sleep(1)
        house.press_button()
        pressed_s = house.loop.time()
        for device in (cuff, scale):
            await house.pair(device, WINDOW_LINE_S + 60)
        assert wire.visits(cuff)[0][0] - pressed_s >= WINDOW_LINE_S
        await asyncio.sleep(120)
        house.broker.break_as(None)
        await homes.measure(house, cuff, _READING)
        await homes.delivered(house)

    house.world.run(story())
    links = [link for device in house.devices for link in wire.visits(device)]
    assert len(seen.hellos()) > 5
    assert not [1 for hello in seen.hellos() for begun, gone in links if begun <= hello < gone]
    assert homes.books(house) == (0, 0, 0)
