"""Clocks in four kinds, one that must be left alone, and the hour that comes twice; each read by the hub itself."""

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.twin import homes
from tools.simulator.devices import readings
from tools.simulator.devices.glucose_meters import glucose
from tools.simulator.devices.health_sensors import spirometry
from tools.simulator.house import twin

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P9")]
_COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_BP = readings.blood_pressure(128, 82, 97, 71)


def _off(house, device):
    shows = datetime.fromtimestamp(house.time(), _COPENHAGEN).replace(tzinfo=None)
    return abs(device.clock.now() - shows)


def test_clocks_of_four_kinds_are_set_to_local_time(home):
    """2A08 in the health service, 2A2B, a maker's own in UTC with its offset, and 2BF2 in the device's own format."""
    house = home(twin("ad_ua651ble"), twin("pulse_oximeter_unbonded"), twin("contour_next"), twin("spirometer"))
    shows = (_BP, readings.oximetry("95", "70"), glucose("101"), spirometry("2.40", "3.10", "380"))

    async def story():
        for device, reading in zip(house.devices, shows, strict=True):
            device.clock.set(datetime(2019, 1, 1))
            await homes.measure(house, device, reading)
            assert _off(house, device) < timedelta(seconds=20), device.MODEL
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert [one["device_time"][:4] for one in homes.stored(house)] == ["2019"] * 4  # set for what comes after these


def test_an_omron_s_clock_is_never_written(home):
    """It would be confused by that; a wrong one travels as what it was when it was read."""
    house = home(twin("omron_blood_pressure", clock_start=datetime(2024, 2, 29, 12)))
    cuff = house.devices[0]

    async def story():
        for _ in range(2):
            await homes.measure(house, cuff, _BP)
        await homes.delivered(house)

    house.world.run(story())
    assert cuff.display != "Err" and not [entry for entry in cuff.log if entry[1] == "clock"]
    assert all(one["skew_ms"] < -360 * 86_400_000 for one in homes.stored(house))
    assert homes.books(house) == (0, 0, 0)


def test_two_readings_of_the_hour_that_comes_twice_are_both_there_in_their_order(home):
    """Half past two in summer time and half past two in winter time, with another value."""
    start = "2026-10-25T00:28:00+00:00"
    local = datetime(2026, 10, 25, 2, 28)
    house = home(twin("ad_ua651ble", clock_start=local), world={"start": start})
    cuff = house.devices[0]

    async def story():
        cuff.clock.set(local + timedelta(minutes=2))
        await homes.measure(house, cuff, readings.blood_pressure(121, 80, 93, 70))
        await asyncio.sleep(3600 - 60)
        cuff.clock.set(local + timedelta(minutes=2))
        await homes.measure(house, cuff, readings.blood_pressure(122, 80, 93, 70))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    first, second = homes.stored(house)
    assert first["device_time"] == second["device_time"][:17] + first["device_time"][17:]
    assert first["hub_time"] < second["hub_time"]


def test_a_meter_that_measures_nothing_without_a_clock_is_told_and_not_set_by_an_unsure_hub(home):
    """Without a network the hub's clock is not confirmed: it tells "no_clock"; with one the meter is set, and read."""
    house = home(twin("accu_chek_guide", clock_is_set=False))
    meter = house.devices[0]

    async def story():
        meter.clock.lose()
        house.network(False)
        await house.power_cycle()
        await asyncio.sleep(30)
        meter.press(glucose("101"))
        await asyncio.sleep(60)
        assert not meter.clock.is_set and meter.unsent()
        house.network(True)
        counters = await homes.told(house)
        assert counters["visit no_clock"] >= 1
        await asyncio.sleep(300)
        await homes.measure(house, meter, glucose("102"), 120)
        assert meter.clock.is_set

    house.world.run(story())
    assert _off(house, meter) < timedelta(seconds=20)
