"""P10: a device that shows six digits is paired by them alone: told beforehand, or by order while it pairs."""

import asyncio

import pytest

from tests.twin import homes, ordering
from tools.simulator.devices.glucose_meters import LABEL, AccuChekGuide, glucose
from tools.simulator.house import PAIRED_S, Model

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

LABELLED = Model(AccuChekGuide, "accu_chek_guide", settings={"passkey": LABEL})
SHOWING = Model(AccuChekGuide, "accu_chek_guide", options={"label": None})
WRONG = Model(AccuChekGuide, "accu_chek_guide", settings={"passkey": LABEL + 1})


def octets_of(device):
    return bytes.fromhex(device.address.replace(":", ""))


def shown(device):
    return [entry[2] for entry in device.log if entry[1] == "digits"]


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_digits_that_never_change_need_no_line(home, host):
    house = home(LABELLED, paired=False, network=False, hub={"host": host})
    meter = house.devices[0]

    async def story():
        house.press_button()
        await asyncio.sleep(50)  # a window waits for the line first, and there is none
        await house.pair(meter, PAIRED_S)
        house.network(True)
        await house.until(house.connected, 900, "the line")
        await homes.measure(house, meter, glucose("104"), 120)
        await homes.delivered(house)

    house.world.run(story())
    [one] = homes.stored(house)
    assert "unencrypted" not in one["flags"]


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_digits_come_by_order_while_the_device_shows_them(home, host):
    house = home(SHOWING, paired=False, hub={"host": host})
    meter = house.devices[0]

    async def story():
        assert await ordering.give(house, house.order(1, "open window", seconds=300), 1) == ("done", "")
        meter.pairing_mode()
        await house.until(lambda: shown(meter), 60, "digits are shown")
        await asyncio.sleep(15)  # somebody reads them out on the telephone, another types
        began_s = house.loop.time()
        octets = house.order(2, "digits", address=octets_of(meter), passkey=shown(meter)[0])
        house.platform.send(octets, name="order")
        await house.until(meter.is_bonded, 10, "it is paired", step_s=0.1)
        assert house.loop.time() - began_s < 4  # taken within a second; twenty rounds follow
        assert await ordering.outcome(house, 2) == ("done", "")
        assert {"kind": "paired", "detail": "slot 0"}.items() <= ordering.newest(house)[1]["events"][-1].items()
        await homes.measure(house, meter, glucose("104"), 120)
        await homes.delivered(house)

    house.world.run(story())
    assert len(homes.stored(house)) == 1


def test_wrong_digits_are_tried_three_times_in_a_window_and_told(home):
    house = home(WRONG, paired=False)
    meter = house.devices[0]

    async def story():
        for _ in range(2):
            before = len(shown(meter))
            house.press_button()
            for _ in range(14):
                meter.pairing_mode()
                await asyncio.sleep(20)
            assert len(shown(meter)) - before == 3
            assert house.light() == "help"
            await asyncio.sleep(40)
        told = await ordering.report(house)
        assert told["counters"]["visit wrong_digits"] == 6
        assert {"kind": "pairing failed", "detail": "wrong_digits"}.items() <= told["events"][-1].items()
        assert not meter.is_bonded()

    house.world.run(story())


def test_without_digits_or_with_late_ones_it_is_told_and_tried_again_while_the_window_is_open(home):
    house = home(SHOWING, paired=False)
    meter = house.devices[0]

    async def story():
        assert await ordering.give(house, house.order(1, "plan", health_s=60), 1) == ("done", "")
        assert await ordering.give(house, house.order(2, "open window", seconds=900), 2) == ("done", "")
        meter.pairing_mode()
        await house.until(lambda: shown(meter), 60, "digits are shown")
        await asyncio.sleep(40)  # longer than pairing waits
        told = await ordering.report(house)
        assert told["counters"]["visit no_digits"] >= 1
        late = shown(meter)[-1]
        await house.until(lambda: meter.link is None, 60, "it gave up")
        count = len(shown(meter))
        assert await ordering.give(house, house.order(3, "digits", address=octets_of(meter), passkey=late), 3)
        meter.pairing_mode()
        await house.until(lambda: len(shown(meter)) > count, 60, "others are shown")
        await asyncio.sleep(10)
        assert not meter.is_bonded()  # the old ones were wrong by then
        assert (await ordering.report(house))["counters"]["visit wrong_digits"] == 1

    house.world.run(story())


def test_digits_without_a_window_are_refused(home):
    house = home(SHOWING, paired=False)
    meter = house.devices[0]

    async def story():
        order = house.order(1, "digits", address=octets_of(meter), passkey=1)
        assert await ordering.give(house, order, 1) == ("not possible", "no window is open")

    house.world.run(story())


def test_what_has_no_display_is_not_the_device_and_gets_no_bond(home):
    """It stands at the listed address and offers to pair without digits."""
    house = home(LABELLED, paired=False)
    meter = house.devices[0]
    meter.DIGITS = False

    async def story():
        house.press_button()
        await asyncio.sleep(5)
        meter.pairing_mode()
        await asyncio.sleep(30)
        told = await homes.told(house)
        assert told["visit wrong_digits"] >= 1
        bonds = await ordering.asked(house, _BONDS)
        assert not [name for name in bonds if name.split(":")[0] in ("1", "2")]

    house.world.run(story())
    assert homes.stored(house) == []


_BONDS = """
import json
from firmware import config
result = json.dumps(config.Store(config.FOLDER, "bonds").load() or {})
"""


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4, 0.6, 0.8, 1.2])
def test_a_link_lost_at_any_step_of_pairing_is_told_and_the_next_try_succeeds(home, after_s):
    house = home(LABELLED, paired=False)
    meter = house.devices[0]
    lost = []

    def hear(what, *_details):
        if what == "connected" and not lost:
            lost.append(True)
            house.loop.call_later(after_s, lambda: meter.link is not None and meter.drop_link())

    meter.listeners.append(hear)

    async def story():
        house.press_button()
        await asyncio.sleep(5)
        meter.pairing_mode()
        await asyncio.sleep(20)
        await house.pair(meter, PAIRED_S)
        await asyncio.sleep(300)
        await homes.measure(house, meter, glucose("104"), 120)
        await homes.delivered(house)

    house.world.run(story())
    assert lost
    assert len(homes.stored(house)) == 1
