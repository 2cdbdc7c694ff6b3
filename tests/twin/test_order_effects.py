"""What orders do to a hub that goes on living: devices, window, zone, plan, network, reset."""

import asyncio

import pytest

from tests.twin import homes, ordering
from tools.backend.keys import load_point
from tools.inspect.order import decode_order
from tools.simulator.air.world import HubStopped
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, DELIVERED_S, HUB, PAIRED_S, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

_BP = readings.blood_pressure(128, 82, 97, 71)
EASTERN = "EST5EDT,M3.2.0,M11.1.0"


def octets_of(device):
    return bytes.fromhex(device.address.replace(":", ""))


def unlisted(settings):
    """A technician's list with the first device alone."""
    del settings["devices"][1:]


def test_a_device_is_listed_paired_read_and_removed_by_orders(home):
    house = home(CUFF, SCALE, paired=False, change=unlisted)
    _cuff, scale = house.devices

    async def story():
        scale.press(readings.weight("79.9"))
        await asyncio.sleep(30)
        assert "connected" not in [entry[1] for entry in scale.log]
        allow = {"address": octets_of(scale), "address_type": 1, "row": "ad_uc352ble"}
        assert await ordering.give(house, house.order(1, "allow device", **allow), 1) == ("done", "")
        assert await ordering.give(house, house.order(2, "open window", seconds=120), 2) == ("done", "")
        await house.pair(scale, PAIRED_S)
        await homes.measure(house, scale, readings.weight("80.1"))
        await homes.delivered(house)
        await house.power_cycle()  # the list and the bond are on flash
        await homes.measure(house, scale, readings.weight("80.3"))
        await homes.delivered(house)
        assert await ordering.give(house, house.order(3, "remove device", address=octets_of(scale)), 3) == ("done", "")
        connections = [entry[1] for entry in scale.log].count("connected")
        scale.press(readings.weight("80.5"))
        await asyncio.sleep(60)
        assert [entry[1] for entry in scale.log].count("connected") == connections
        kept = await ordering.settings(house)
        assert [bool(entry) for entry in kept["devices"]] == [True, False]
        bonds = await ordering.asked(house, _BONDS)
        assert not [name for name in bonds if octets_of(scale)[::-1].hex() in name]

    house.world.run(story())
    assert len(homes.stored(house)) == 3  # the first one waited in the scale


_BONDS = """
import json
from firmware import config
result = json.dumps(config.Store(config.FOLDER, "bonds").load())
"""


def test_another_device_takes_a_slot_and_nothing_of_the_first_is_said_to_be_its(home):
    """A capture names the list's slot alone, so the order waits until the first one's are delivered."""
    house = home(CUFF, CUFF, change=unlisted, paired=False)
    old, new = house.devices

    async def story():
        house.press_button()
        await house.pair(old, PAIRED_S)
        house.platform.between = lambda arrival: [] if arrival.name == "up" else [arrival.answer]
        await homes.measure(house, old, _BP)
        await asyncio.sleep(120)  # sent, and not answered
        allow = {"address": octets_of(new), "address_type": 1, "row": "ad_ua651ble", "replaces": octets_of(old)}
        house.platform.send(house.order(1, "allow device", **allow), name="order")
        await asyncio.sleep(30)
        assert ordering.newest(house)[1]["order"] is None
        house.platform.between = None
        assert await ordering.outcome(house, 1, 2 * DELIVERED_S) == ("done", "")
        house.press_button()
        await house.pair(new, PAIRED_S)
        await homes.measure(house, new, readings.blood_pressure(131, 83, 98, 70))
        old.press(_BP)
        await asyncio.sleep(60)
        await house.until(lambda: len(homes.stored(house)) == 2, DELIVERED_S, "both arrive")
        assert len(old.unsent()) == 1

    house.world.run(story())
    assert [one["device"] for one in homes.stored(house)] == [old.address, new.address]


def test_a_visit_in_progress_is_not_disturbed_by_an_order(home):
    house = home(CUFF, SCALE)
    cuff = house.devices[0]

    async def story():
        for number in range(8):
            cuff.press(readings.blood_pressure(120 + number, 80, 90, 70))
        await house.until(lambda: cuff.link is not None, 30, "the visit")
        house.platform.send(house.order(1, "remove device", address=octets_of(cuff)), name="order")
        await house.until(lambda: not cuff.unsent(), 60, "it gave everything")
        assert await ordering.outcome(house, 1) == ("done", "")
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_zone_and_plan_are_followed_at_once_and_after_a_power_cut(home):
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        assert await ordering.give(house, house.order(1, "zone", rule=EASTERN), 1) == ("done", "")
        assert await ordering.give(house, house.order(2, "plan", health_s=120), 2) == ("done", "")
        for _ in range(2):
            began_s = house.loop.time()
            for _ in range(3):
                await ordering.report(house)
            assert house.loop.time() - began_s < 3 * 130
            await homes.measure(house, cuff, _BP)
            await homes.delivered(house)
            await house.power_cycle()
            await ordering.report(house)

    house.world.run(story())
    hour_apart = {one["device_time"][11:13] == one["hub_time"][11:13] for one in homes.stored(house)}
    assert hour_apart == {False}
    assert all("-05:00" in str(one) or one["skew_ms"] is not None for one in homes.stored(house))


def _elsewhere(house):
    """The family moved: another router, whose key travels in the order."""
    house.router.ssid, house.router.key = "Sommerhus", "en ny noegle"


def test_new_network_settings_stay_when_they_carried_an_answer(home):
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        octets = house.order(1, "network", ssid="Sommerhus", key="en ny noegle")
        assert b"noegle" not in octets
        house.platform.send(octets, name="order")
        await asyncio.sleep(2)
        _elsewhere(house)
        assert await ordering.outcome(house, 1, 600) == ("done", "")
        await homes.measure(house, cuff, _BP)
        await homes.delivered(house)
        kept = await ordering.settings(house)
        assert kept["wifi"] == {"ssid": "Sommerhus", "key": "en ny noegle"}
        assert "trial" not in kept

    house.world.run(story())


def test_old_network_settings_are_back_when_new_ones_carry_nothing(home):
    house = home(CUFF)
    cuff = house.devices[0]
    kept = {"ssid": house.router.ssid, "key": house.router.key}

    async def story():
        order = house.order(1, "network", ssid="Sommerhus", key="en ny noegle", host="nowhere.example")
        house.platform.send(order, name="order")
        await asyncio.sleep(60)
        await homes.measure(house, cuff, _BP)  # nothing is lost meanwhile
        assert await ordering.outcome(house, 1, 2400) == ("undone", "no answer of the platform's")
        await homes.delivered(house)
        found = await ordering.settings(house)
        assert found["wifi"] == kept
        assert "trial" not in found

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_settings_that_make_a_hub_start_over_and_over_do_not_last(home):
    """The time limit would begin anew with each boot."""
    house = home(CUFF, paired=False)

    async def story():
        house.platform.send(house.order(1, "network", ssid="Sommerhus", key="en ny noegle"), name="order")
        await asyncio.sleep(30)
        for _ in range(4):
            await house.power_cycle()
            await asyncio.sleep(30)
        assert await ordering.outcome(house, 1, 300) == ("undone", "no answer of the platform's")

    house.world.run(story())


@pytest.mark.parametrize("at_once", [0, 1])
def test_a_reset_hub_is_nobodys_and_takes_no_reading_with_it_unless_told_so(home, at_once):
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        house.platform.between = lambda arrival: [] if arrival.name == "up" else [arrival.answer]
        await homes.measure(house, cuff, _BP)
        await asyncio.sleep(90)
        house.platform.send(house.order(1, "reset", at_once=at_once), name="order")
        await asyncio.sleep(60)
        if not at_once:
            assert house.connected()
            house.platform.between = None
        assert await ordering.outcome(house, 1, 2 * DELIVERED_S) == ("done", "")
        await asyncio.sleep(60)

    with pytest.raises(HubStopped, match="returned"):  # main.py has said that it is blank, and waits for the cable
        house.world.run(story())
    house.power_off()
    assert house.world.run(house.run_on_hub("import os\nresult = ' '.join(os.listdir('hub'))")) == ""
    assert house.journal().next_capture == 1
    assert len(homes.stored(house)) == 1


def test_a_hub_that_was_away_gets_its_orders_one_after_the_other(home):
    house = home(CUFF, paired=False)
    queue = house.platform.orders

    async def story():
        house.power_off()
        for number, arguments in ((1, {"rule": EASTERN}), (2, {"rule": "no zone"}), (3, {"rule": "UTC0"})):
            octets = house.order(number, "zone", **arguments)
            order = decode_order(octets, lambda kid: load_point(house.operator.point))
            queue.add(order, octets, int(house.time()))
        await asyncio.sleep(60)
        house.power_on()
        assert await ordering.outcome(house, 3, 900) == ("done", "")
        assert (await ordering.settings(house))["zone"] == "UTC0"

    house.world.run(story())
    assert [one["result"] for one in queue.of(HUB)] == ["done", "bad argument", "done"]
