"""P9: the device's time, the hub's, and how good each is; a device's clock is read first and set only by a good one."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.twin import homes
from tools.simulator.devices import Ua651ble, Uc352ble, encode, readings
from tools.simulator.house import CONNECTED_S, CUFF, DELIVERED_S, NONIN, PAIRED_S, SCALE, Model

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P9")]

_COPENHAGEN = ZoneInfo("Europe/Copenhagen")  # house.ZONE in another notation, from another source
_SLOW_S = 437


def _written(device):
    """What was written to the device's clock: (what the hub wrote, local time in Copenhagen at that moment)."""
    start = device.world.start_s
    return [
        (
            datetime.fromisoformat(words[2]),
            datetime.fromtimestamp(start + words[0] / 1000, _COPENHAGEN).replace(tzinfo=None),
        )
        for words in device.log
        if words[1] == "clock"
    ]


def _slow_clock():
    return datetime(2026, 1, 5, 8, 55) - timedelta(seconds=_SLOW_S)  # the world starts at 07:55 UTC


def test_a_clock_is_read_before_it_is_set_and_the_skew_travels(home):
    house = home(Model(Uc352ble, "ad_uc352ble", options={"clock_start": _slow_clock()}), paired=False)
    scale = house.devices[0]

    async def story():
        house.press_button()
        await house.pair(scale, PAIRED_S)

    house.world.run(story())
    ((wrote, local),) = _written(scale)
    assert abs(wrote - local) <= timedelta(seconds=2)
    session = house.journal().last_session(0)
    assert session.clock_written
    shown = local - timedelta(seconds=_SLOW_S)
    assert session.clock in [encode.date_time(shown + timedelta(seconds=late)) for late in (-1, 0, 1)]


def test_a_reading_from_before_the_clock_was_set_keeps_its_time_and_its_skew(home):
    """Battery out: dates of 2010 look like dates. The reading keeps them; the next one has the hub's."""
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        cuff.remove_battery()
        await homes.measure(house, cuff, readings.blood_pressure(120, 80, 93, 70))
        await homes.measure(house, cuff, readings.blood_pressure(121, 81, 94, 71))
        await homes.delivered(house)

    house.world.run(story())
    before, after = homes.stored(house)
    assert before["device_time"].startswith("2010-01-01T00:00:")
    years = (datetime(2010, 1, 1) - datetime(2026, 1, 5)).total_seconds() / (365.25 * 86_400)
    assert before["skew_ms"] / 1000 / (365.25 * 86_400) == pytest.approx(years, abs=0.01)
    assert abs(after["skew_ms"]) <= 2000
    hub_time = datetime.fromisoformat(before["hub_time"])
    shown_at = datetime.fromisoformat(cuff.taken[0]["shown_at"])
    assert timedelta(0) <= hub_time - shown_at < timedelta(seconds=30)
    assert (before["hub_clock"], after["hub_clock"]) == ("platform", "platform")
    assert homes.books(house) == (0, 0, 0)


def _without_ntp(settings):
    settings["time"]["ntp"] = "nowhere.invalid"


def test_without_any_good_clock_no_device_is_set(home):
    """No NTP, and the platform's answer to the time does not come: readings travel all the same, and say so."""
    house = home(CUFF, NONIN, change=_without_ntp, network=False, paired=False)
    house.platform.between = lambda arrival: [] if arrival.name == "health" else [arrival.answer]

    async def story():
        house.network(True)
        await house.until(house.connected, 900, "the hub reaches its platform")
        house.press_button()
        for device in house.devices:
            await house.pair(device, PAIRED_S)
        await homes.measure(house, house.devices[0], readings.blood_pressure(120, 80, 93, 70))
        await homes.measure(house, house.devices[1], readings.oximetry("97.0", "70.0"))
        await homes.delivered(house)

    house.world.run(story())
    assert [_written(device) for device in house.devices] == [[], []]
    assert {one["hub_clock"] for one in homes.stored(house)} == {"none"}
    assert homes.books(house) == (0, 0, 0)


def test_the_platforms_answer_alone_is_enough(home):
    house = home(CUFF, change=_without_ntp)
    cuff = house.devices[0]

    async def story():
        await homes.measure(house, cuff, readings.blood_pressure(120, 80, 93, 70))
        await homes.delivered(house)

    house.world.run(story())
    assert len(_written(cuff)) == 2
    assert all(abs(wrote - local) <= timedelta(seconds=2) for wrote, local in _written(cuff))
    assert homes.stored(house)[0]["hub_clock"] == "platform"


def test_an_answer_that_took_its_time_sets_no_device(home):
    """No NTP, and five seconds between question and answer: good enough to date readings, not to set a device."""
    house = home(CUFF, change=_without_ntp, network=False, paired=False)
    cuff = house.devices[0]

    def late(arrival):
        if arrival.name == "up":
            return [arrival.answer]
        if arrival.answer is not None:
            house.loop.call_later(5, house.platform.send, arrival.answer)
        return []

    house.platform.between = late

    async def story():
        house.network(True)
        await house.until(house.connected, 900, "the hub reaches its platform")
        await asyncio.sleep(10)
        house.press_button()
        await house.pair(cuff, PAIRED_S)
        await homes.measure(house, cuff, readings.blood_pressure(120, 80, 93, 70))
        await homes.delivered(house)

    house.world.run(story())
    assert _written(cuff) == []
    assert homes.stored(house)[0]["hub_clock"] == "platform"


def test_a_platform_that_contradicts_ntp_wins_and_the_jump_is_told(home):
    """The router's NTP is wrong by an hour."""
    house = home(CUFF, paired=False, network=False)
    cuff = house.devices[0]
    house.world.home.ntp.break_as("lying", 3600)

    async def story():
        house.network(True)
        await house.until(house.connected, CONNECTED_S, "the hub reaches its platform")
        await asyncio.sleep(5)
        house.press_button()
        await house.pair(cuff, PAIRED_S)
        await homes.measure(house, cuff, readings.blood_pressure(120, 80, 93, 70))
        await homes.delivered(house)
        await homes.told(house)

    house.world.run(story())
    assert all(abs(wrote - local) <= timedelta(seconds=2) for wrote, local in _written(cuff))
    stored = homes.stored(house)[0]
    shown_at = datetime.fromisoformat(cuff.taken[0]["shown_at"])
    assert abs(datetime.fromisoformat(stored["hub_time"]) - shown_at) < timedelta(seconds=30)
    newest = house.store.rows("SELECT content FROM health ORDER BY id DESC LIMIT 1")[0]["content"]
    assert abs(json.loads(newest)["jump_s"] + 3600) <= 5


@pytest.mark.parametrize("start", ["2026-03-29T00:40:00+00:00", "2026-10-25T00:40:00+00:00"])
def test_local_time_is_written_across_the_change_of_clocks(home, start):
    """Copenhagen changes at 01:00 UTC on both days."""
    at = datetime.fromisoformat(start)
    local = at.astimezone(_COPENHAGEN).replace(tzinfo=None)
    house = home(Model(Ua651ble, "ad_ua651ble", options={"clock_start": local}), world={"start": start})
    cuff = house.devices[0]

    async def story():
        await homes.measure(house, cuff, readings.blood_pressure(120, 80, 93, 70))
        await homes.delivered(house)
        await asyncio.sleep(2400)
        await homes.measure(house, cuff, readings.blood_pressure(121, 81, 94, 71))
        await homes.measure(house, cuff, readings.blood_pressure(122, 82, 95, 72))
        await homes.delivered(house)

    house.world.run(story())
    written = _written(cuff)
    assert len(written) == 4
    assert all(abs(wrote - local) <= timedelta(seconds=2) for wrote, local in written)
    skews = [one["skew_ms"] for one in homes.stored(house)]
    assert abs(skews[0]) <= 2000
    assert abs(abs(skews[1]) - 3_600_000) <= 2000  # measured before the hub could set the clock anew
    assert abs(skews[2]) <= 2000
    assert homes.books(house) == (0, 0, 0)


def test_what_was_kept_before_the_first_time_is_timed_afterwards(home):
    """Without a network from the start. The boot that gets the time dates its readings; an earlier one says "none"."""
    house = home(SCALE, network=False)
    scale = house.devices[0]

    async def story():
        await homes.measure(house, scale, readings.weight("80.1"))
        await asyncio.sleep(3600)
        await house.power_cycle()
        await asyncio.sleep(1800)
        await homes.measure(house, scale, readings.weight("80.2"))
        await asyncio.sleep(3600)
        house.network(True)
        await homes.delivered(house, 2 * DELIVERED_S)

    house.world.run(story())
    assert _written(scale) == []
    earlier, later = homes.stored(house)
    assert earlier["hub_clock"] == "none"
    assert "timed_afterwards" in later["flags"]
    assert later["hub_clock"] in ("ntp", "platform")
    shown_at = datetime.fromisoformat(scale.taken[1]["shown_at"])
    hub_time = datetime.fromisoformat(later["hub_time"])
    assert hub_time.tzinfo == UTC
    assert timedelta(0) <= hub_time - shown_at < timedelta(seconds=30)
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P9", "P11")
@pytest.mark.parametrize("before_ms", [300, 1000, 1800, 2600])
def test_the_counter_of_milliseconds_wraps_within_a_visit_and_nobody_notices(home, before_ms):
    """After 12 days on the chip."""
    wraps_ms = 1 << 30
    house = home(CUFF, hub={"hub": {"ticks_start": wraps_ms - 900_000}})
    device = house.devices[0]

    async def story():
        await homes.measure(house, device, readings.blood_pressure(120, 82, 97, 71))
        await asyncio.sleep((wraps_ms - before_ms - house.hub.chip_ms()) / 1000)
        await homes.measure(house, device, readings.blood_pressure(121, 82, 97, 71))
        await asyncio.sleep(60)
        await homes.measure(house, device, readings.blood_pressure(122, 82, 97, 71))
        await homes.delivered(house)

    house.world.run(story())
    assert house.hub.chip_ms() > wraps_ms
    assert homes.books(house) == (0, 0, 0) and not house.hub.crashes
    for one in homes.stored(house):
        shown = datetime.fromisoformat(one["device_time"]).replace(tzinfo=_COPENHAGEN)
        assert abs(datetime.fromisoformat(one["hub_time"]) - shown) < timedelta(seconds=10)
        assert abs(one["skew_ms"]) < 5_000
