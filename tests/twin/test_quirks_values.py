"""Values as devices bend them; each read by the hub itself, and judged by what the platform stored."""

import asyncio

import cbor2
import pytest

from tests.twin import homes
from tools.simulator.devices import blood_pressure as cuffs
from tools.simulator.devices import oximeters, readings, scales
from tools.simulator.devices.heart_rate import heart_rate
from tools.simulator.devices.thermometers import temperature
from tools.simulator.devices.twins import TWINS
from tools.simulator.house import DELIVERED_S, SCALE, Model, twin

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P3", "P7", "P8")]

_BP = readings.blood_pressure(132, 84, 0, 69, status=("irregular_pulse",))


def _of(house, device):
    return [one for one in homes.stored(house) if one["device"] == device.address]


async def _read(house, *shown):
    for device, reading in zip(house.devices, shown, strict=True):
        device.press(reading)
        await homes.read(house, device, 120)
    await house.until(lambda: house.journal().waiting() == 0, DELIVERED_S, "all is delivered")


def test_a_unit_switched_on_the_device_travels_as_sent(home):
    """Degrees Fahrenheit, pounds and kilopascal: nothing is converted on the way."""
    house = home(twin("thermometer"), SCALE, twin("ad_ua651ble"))
    shown = (
        temperature("98.6", fahrenheit=True),
        readings.weight("176.20", pounds=True),
        readings.blood_pressure("17.1", "10.9", "13.0", 71, kpa=True),
    )
    house.world.run(_read(house, *shown))
    assert homes.books(house) == (0, 0, 0)


def test_no_finger_no_skin_is_no_value_with_its_reason(home):
    """127 and 255, 0 and NaN: none of them is a number."""
    house = home(twin("jumper_oximeter"), twin("heart_rate_strap"), twin("pulse_oximeter_unbonded"))
    shown = (
        oximeters.continuous("no_reading", "no_reading", "0.0"),
        heart_rate("no_reading"),
        readings.oximetry("NaN", "NRes"),
    )
    house.world.run(_read(house, *shown))
    for device in house.devices:
        stored = _of(house, device)
        assert stored
        for one in stored:
            assert one["quantities"] == device.taken[0]["quantities"]
            assert "reason" in one["quantities"][0] and "value" not in one["quantities"][0]


def test_a_layout_of_its_own_is_read_by_its_row_and_held_by_any_other(home):
    """The BM85's swapped octets: right by its row; by the standard's another pulse, which is not guessed."""
    house = home(twin("beurer_bm85"), Model(cuffs.Bm85, "blood_pressure"))
    house.world.run(_read(house, _BP, _BP))
    known, unknown = house.devices
    assert _of(house, known)[0]["quantities"] == known.taken[0]["quantities"]
    assert _of(house, known)[0]["user"] == 1
    assert _of(house, unknown) == []
    (row,) = house.store.rows("SELECT reason, content FROM undecoded")
    assert row["reason"] == "reserved" and unknown.encode(unknown.memory[0]).hex() in row["content"]
    assert house.light() == "help"


def test_flags_of_a_later_revision_are_never_guessed_at(home):
    """An unknown flag without octets of its own is told; one with octets makes the whole undecoded, kept and held."""
    grows = Model(cuffs.NewerCuff, "blood_pressure", options={"grows": True})
    house = home(Model(cuffs.NewerCuff, "blood_pressure"), grows)
    house.world.run(_read(house, _BP, _BP))
    plain, grown = house.devices
    assert _of(house, plain)[0]["flags"] == ["reserved_bits"]
    assert _of(house, plain)[0]["quantities"] == plain.taken[0]["quantities"]
    assert _of(house, grown) == []
    assert [row["reason"] for row in house.store.rows("SELECT reason FROM undecoded")] == ["reserved"]


def test_a_status_that_the_features_deny_and_a_battery_of_255_are_not_believed_and_not_dropped(home):
    house = home(Model(cuffs.BusyCuff, "blood_pressure"))
    cuff = house.devices[0]
    shown = readings.blood_pressure(128, 82, 97, 71, status=("body_movement", "irregular_pulse"))
    house.world.run(_read(house, shown))
    assert _of(house, cuff)[0]["status"] == ["body_movement", "irregular_pulse"]
    (description,) = house.store.rows("SELECT octets FROM description")
    assert b"battery" not in description["octets"] and cuff.serial.encode() in description["octets"]


def test_a_udi_that_the_device_tells_is_with_its_readings(home):
    house = home(twin("blood_pressure_enhanced"))
    house.world.run(_read(house, *TWINS["blood_pressure_enhanced"].shows[:1]))
    (description,) = house.store.rows("SELECT octets FROM description")
    assert cbor2.loads(description["octets"])["udi"] == house.devices[0].UDI


def test_half_an_interval_between_beats_makes_no_value(home):
    """A list of intervals that is cut short in its midst: the whole travels undecoded."""
    house = home(twin("heart_rate_strap"))
    strap = house.devices[0]
    strap.faults.cut_octets = 1
    house.world.run(_read(house, heart_rate("72")))
    assert _of(house, strap) == []
    rows = house.store.rows("SELECT reason FROM undecoded")
    assert rows and {row["reason"] for row in rows} == {"length"}


def test_old_firmware_with_the_maker_s_own_uuid_is_read_by_the_same_row(home):
    house = home(Model(scales.OldUc352ble, "ad_uc352ble"))
    house.world.run(_read(house, readings.weight("79.9")))
    assert homes.books(house) == (0, 0, 0)
    assert _of(house, house.devices[0])[0]["source"][0]["characteristic"].startswith("23434101")


def test_of_the_weights_on_the_way_to_the_one_that_stands_none_is_a_reading(home):
    """Told by its row; what the weight was made of travels with it, octet for octet."""
    house = home(twin("weight_scale_live"))
    scale = house.devices[0]
    house.world.run(_read(house, readings.weight("79.9")))
    (one,) = _of(house, scale)
    assert one["quantities"][0]["value"] == "79.900"
    sent = [int.from_bytes(bytes.fromhex(part["hex"])[1:3], "little") * 5 for part in one["source"]]
    assert sent == [*scale.ON_THE_WAY, 79_900]


def test_weights_that_are_each_a_weighing_are_each_a_reading(home):
    """The service has no mark for a weight that stands: where no row says more, nothing is dropped by guessing."""
    house = home(SCALE)
    scale = house.devices[0]

    async def story():
        for value in ("12.3", "64.0", "79.8", "79.9"):
            scale.press(readings.weight(value))
        await homes.read(house, scale)
        await homes.delivered(house)
        await asyncio.sleep(1)

    house.world.run(story())
    assert [one["quantities"][0]["value"] for one in _of(house, scale)] == ["12.300", "64.000", "79.800", "79.900"]


def test_a_strap_that_is_worn_on_and_on_takes_its_quota_and_no_more(home):
    """Three quarters: six values a visit, a visit a quarter; and the scale is read in between as ever."""
    house = home(twin("heart_rate_strap"), SCALE)
    strap, scale = house.devices
    strap.WORN_S = strap.WINDOW_S = 2700.0
    strap.PERIOD_S, strap.INTERVAL_MS = 2.0, 1000.0

    async def story():
        strap.press(heart_rate("72"))
        await asyncio.sleep(500)
        scale.press(readings.weight("79.9"))
        await homes.read(house, scale)
        await asyncio.sleep(2200)
        await house.until(lambda: house.journal().waiting() == 0, 2 * DELIVERED_S, "all is delivered")

    house.world.run(story())
    assert len(_of(house, strap)) == 3 * 6
    assert len(_of(house, scale)) == 1
