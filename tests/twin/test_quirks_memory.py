"""What devices do with their memories, their numbers and their minutes on the air; each read by the hub itself."""

import asyncio

import pytest

from tests.twin import homes
from tools.simulator.devices import readings
from tools.simulator.devices.glucose_meters import glucose
from tools.simulator.house import DELIVERED_S, twin

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P4")]


def _words(device, word):
    return [entry[2] for entry in device.log if entry[1] == word]


def _connections(device):
    return len([entry for entry in device.log if entry[1] == "connected"])


def _glucoses(house, device):
    return [one["quantities"][0]["value"] for one in homes.stored(house) if one["device"] == device.address]


async def _delivered(house):
    await house.until(lambda: house.journal().waiting() == 0, DELIVERED_S, "all is delivered")


def test_all_of_a_memory_each_time_is_stored_once(home):
    """Oldest first, six times over; its advert stands for four seconds, and it is gone half a second after the last."""
    house = home(twin("beurer_bm57"))
    cuff = house.devices[0]
    cuff.WINDOW_S, cuff.LINGER_S = 4.0, 0.5

    async def story():
        for systolic in range(120, 126):
            await homes.measure(house, cuff, readings.blood_pressure(systolic, 80, 93, 70))
            await asyncio.sleep(60)
        await homes.delivered(house)
        await _delivered(house)

    house.world.run(story())
    assert len(_words(cuff, "indicate")) == 6 + 5 + 4 + 3 + 2 + 1
    assert _connections(cuff) == 7  # with the one that paired it
    assert homes.books(house) == (0, 0, 0)


def test_a_meter_is_asked_for_what_came_after_the_last_record(home):
    """Through a reboot too; "no records" is no fault, and a clock set back changes nothing: numbers do not."""
    house = home(twin("glucose_meter"))
    meter = house.devices[0]

    async def story():
        for value in ("100", "101"):
            meter.show(glucose(value))
        await homes.measure(house, meter, glucose("102"))
        await homes.measure(house, meter, glucose("103"))
        await house.power_cycle()
        await asyncio.sleep(20)
        await homes.measure(house, meter, glucose("104"), 120)
        connections = _connections(meter)
        meter._wake(meter.WINDOW_S)  # somebody looks at it: nothing is new
        await house.until(
            lambda: _connections(meter) > connections and meter.link is None, 120, "it was visited"
        )
        await _delivered(house)

    house.world.run(story())
    requests = _words(meter, "racp")
    assert requests == [
        "0101",  # when it was paired
        "0101",
        "0103010400",
        "0103010500",
        "0103010600",
        "0106",
    ]
    assert _glucoses(house, meter) == ["100", "101", "102", "103", "104"]
    assert homes.books(house) == (0, 0, 0)


def test_numbers_that_wrap_or_begin_anew_lose_nothing(home):
    """After 65535 comes 0; after a reset 1 comes again, with another value and another time."""
    house = home(twin("glucose_meter"))
    meter = house.devices[0]
    meter.sequence = 65532

    async def story():
        for value in ("100", "101", "102", "103"):
            await homes.measure(house, meter, glucose(value))
            await asyncio.sleep(5)
        assert [held.number for held in meter.memory] == [65533, 65534, 65535, 0]
        meter.begin_anew()
        meter.sequence = 40
        await homes.measure(house, meter, glucose("104"))
        await homes.measure(house, meter, glucose("105"))
        meter.begin_anew()
        meter.show(glucose("106"))
        await homes.measure(house, meter, glucose("107"))
        await _delivered(house)

    house.world.run(story())
    # The newest, from which a reset is seen, comes before the older ones that are then asked for: each once.
    assert _glucoses(house, meter) == ["100", "101", "102", "103", "104", "105", "107", "106"]


def test_a_meter_that_knows_no_filter_is_asked_for_all(home):
    house = home(twin("glucose_meter"))
    meter = house.devices[0]
    meter.OPERATORS = (1,)

    async def story():
        for value in ("100", "101", "102"):
            await homes.measure(house, meter, glucose(value))
        await _delivered(house)

    house.world.run(story())
    assert _words(meter, "racp")[-2:] == ["0103010300", "0101"]
    assert homes.books(house) == (0, 0, 0)


def test_a_strip_put_in_costs_the_link_and_no_record(home):
    """The link is lost at the third of five; the rest is asked for from the last whole one on."""
    house = home(twin("glucose_meter"))
    meter = house.devices[0]
    meter.faults.drop_at = 3

    async def story():
        for value in ("100", "101", "102", "103"):
            meter.show(glucose(value, breakfast_kg="0.050"))
        await homes.measure(house, meter, glucose("104"), 200)
        await _delivered(house)

    house.world.run(story())
    assert _words(meter, "racp")[-2:] == ["0101", "0103010200"]
    assert homes.books(house) == (0, 0, 0)


def test_records_of_32_bit_numbers_are_asked_for_with_them(home):
    house = home(twin("health_sensor"))
    sensor = house.devices[0]
    sensor.sequence = 5

    async def story():
        for value in ("96", "97"):
            sensor.press(readings.made("observation", (readings.SPO2, value, readings.PERCENT)))
            sensor.memory[-1].number += 0x10000
            await homes.read(house, sensor)
        await _delivered(house)

    house.world.run(story())
    assert _words(sensor, "racp")[-2:] == ["0101", "01030107000100"]
    assert homes.books(house) == (0, 0, 0)
