"""Users and their consent, bonds as some devices want them; each read by the hub itself."""

import asyncio
import json

import pytest

from tests.twin import homes
from tools.simulator.devices import blood_pressure as cuffs
from tools.simulator.devices import body_scales, readings
from tools.simulator.devices.twins import TWINS
from tools.simulator.house import CUFF, DELIVERED_S, Model, twin

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P8", "P10")]

_WEIGHT, _BODY = TWINS["beurer_bf720"].shows


def _scale(*users, wrong=False):
    known = [[slot, code + wrong] for slot, code in users]
    return Model(body_scales.BeurerBf720, "beurer_bf720", options={"users": users}, settings={"users": known})


async def _visits(house, device, count=1):
    before = len([entry for entry in device.log if entry[1] == "connected"])
    await house.until(
        lambda: len([entry for entry in device.log if entry[1] == "connected"]) >= before + count
        and device.link is None,
        200,
        "it was visited",
    )


def test_each_user_s_weights_come_by_his_consent_and_no_stub_is_stored(home):
    """Two users, one visit: weight and composition of one step belong to one slot and one time."""
    house = home(_scale((1, 1234), (2, 42)))
    scale = house.devices[0]

    async def story():
        scale.step_on(_WEIGHT, _BODY, user=1)
        scale.step_on(readings.weight("64.2"), user=2)
        scale.step_on(_WEIGHT, user=None)  # a guest's: nobody has consented to that
        await house.until(lambda: len(scale.unsent()) == 1 and scale.link is None, 200, "both users are read")
        await house.until(lambda: house.delivered_total() >= 3, DELIVERED_S, "three are delivered")

    house.world.run(story())
    stored = homes.stored(house)
    assert [(one["kind"], one["user"]) for one in stored] == [
        ("body_weight", 1),
        ("body_composition", 1),
        ("body_weight", 2),
    ]
    assert stored[0]["device_time"] == stored[1]["device_time"]
    assert [one["quantities"] for one in stored] == [entry["quantities"] for entry in scale.taken[:3]]
    assert "stub" not in [entry[1] for entry in scale.log]


@pytest.mark.parametrize("case", ["wrong code", "no code", "battery was out"])
def test_without_a_consent_nothing_is_read_and_a_person_is_told(home, case):
    """Nothing is invented of stubs, and the weight stays on the scale until the consent is right again."""
    model = _scale((1, 1234), wrong=case == "wrong code")
    house = home(Model(model.make, model.row, None, model.options, {}) if case == "no code" else model)
    scale = house.devices[0]

    async def story():
        if case == "battery was out":
            scale.remove_battery()
        scale.press(_WEIGHT, user=1)
        await _visits(house, scale)
        await asyncio.sleep(5)
        counters = await homes.told(house)
        assert counters["visit no_consent"] >= 1
        assert house.light() == "help"
        if case == "battery was out":  # the user is made anew on the scale, with the code that the hub has
            scale.users[1] = 1234
            house.press_button()
            scale.press(_WEIGHT, user=1)
            await homes.read(house, scale, 200)
            await homes.delivered(house)

    house.world.run(story())
    assert len(homes.stored(house)) == (2 if case == "battery was out" else 0)
    assert "stub" not in [entry[1] for entry in scale.log]


def test_a_composition_without_a_weight_is_stored_for_itself(home):
    house = home(twin("body_composition"))
    scale = house.devices[0]

    async def story():
        await homes.measure(house, scale, _BODY)
        await homes.measure(house, scale, _WEIGHT)
        await homes.delivered(house)

    house.world.run(story())
    assert [one["kind"] for one in homes.stored(house)] == ["body_composition", "body_weight"]
    assert [len(one["source"]) for one in homes.stored(house)] == [2, 1]  # split packets are one measurement
    assert homes.books(house) == (0, 0, 0)


def test_a_device_that_is_to_be_bonded_first_never_shows_its_error(home):
    """Pairing, a hundred links of it lost or not: no discovery goes over an unencrypted one."""
    house = home(CUFF)
    cuff = house.devices[0]
    offended = []
    cuff.listeners.append(lambda what, *_: offended.append(what) if what == "E10" else None)

    async def story():
        for systolic in range(120, 124):
            cuff.press(readings.blood_pressure(systolic, 80, 93, 70))
            await house.until(lambda: cuff.link is not None, 120, "a visit", 0.02)
            await asyncio.sleep(0.1 * (systolic - 119))
            if cuff.link is not None:
                cuff.drop_link()
            await asyncio.sleep(40)
        cuff.press(readings.blood_pressure(124, 80, 93, 70))
        await homes.read(house, cuff, 200)
        await homes.delivered(house)

    house.world.run(story())
    assert not offended and cuff.display == ""
    assert homes.books(house) == (0, 0, 0)


class PrivateCuff(cuffs.Cuff):
    """Its address is another every quarter of an hour."""

    PRIVATE = True


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_a_device_whose_address_changes_is_known_by_its_identity_once_it_is_paired(home, host):
    """Under one name on the platform, through addresses, a reboot, and a stranger that says it is that one."""
    house = home(Model(PrivateCuff, "blood_pressure"), CUFF, paired=False, hub={"host": host})
    private, cuff = house.devices
    listed = private.address

    async def story():
        house.press_button()
        await house.pair(private, 200)
        await house.pair(cuff, 200)
        await asyncio.sleep(310)
        for _ in range(2):
            before = private.bumble.random_address
            await asyncio.sleep(1000)
            await homes.measure(house, private, readings.blood_pressure(128, 82, 97, 71))
            assert private.bumble.random_address != before
        await house.power_cycle()
        await asyncio.sleep(1000)
        await homes.measure(house, private, readings.blood_pressure(129, 82, 97, 71), 120)
        await homes.measure(house, cuff, readings.blood_pressure(130, 82, 97, 71), 120)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert [one["device"] for one in homes.stored(house)] == [listed] * 3 + [cuff.address]


def test_the_hub_gives_its_identity_key_and_knows_a_device_with_an_empty_one_again(home):
    """An all-zero IRK resolves any address: the device is known by the address under which it bonded."""
    house = home(Model(TWINS["omron_blood_pressure"].make, "omron_blood_pressure"), paired=False)
    cuff = house.devices[0]
    cuff.bumble.irk = bytes(16)

    async def story():
        house.press_button()
        await house.pair(cuff, 200)
        await asyncio.sleep(310)
        (keys,) = cuff.bumble.keystore.bonds.values()
        assert keys.irk is not None and any(keys.irk.value)
        for _ in range(2):
            await homes.measure(house, cuff, readings.blood_pressure(128, 82, 97, 71))
        await house.power_cycle()
        await asyncio.sleep(20)
        await homes.measure(house, cuff, readings.blood_pressure(129, 82, 97, 71), 120)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert json.dumps(homes.stored(house)).count('"link"') == 3
