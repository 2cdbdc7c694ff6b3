"""P10: only listed devices, bonded in a window that a person opened; an impostor gets nothing and harms nothing."""

import asyncio

import pytest

from tests.twin import homes
from tools.simulator.devices import Ua651ble, readings
from tools.simulator.house import CUFF, DELIVERED_S, NONIN, OXIMETER, PAIRED_S, SCALE, Model

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

_BP = readings.blood_pressure(128, 82, 97, 71)
_FORGED = readings.blood_pressure(199, 111, 140, 140)
_WINDOW_S = 300


def _connections(device):
    return [entry[1] for entry in device.log].count("connected")


def test_a_device_that_is_not_listed_is_never_connected_to(home):
    house = home(CUFF)
    stranger = Ua651ble(house.world, "c0:ff:ee:00:00:01")

    async def story():
        await stranger.start()
        stranger.press(_BP)
        await asyncio.sleep(40)
        house.press_button()
        stranger.pairing_mode()
        await asyncio.sleep(70)
        stranger.press(_BP)
        await homes.measure(house, house.devices[0], _BP)
        await homes.delivered(house)

    house.world.run(story())
    assert _connections(stranger) == 0
    assert len(homes.stored(house)) == 1


@pytest.mark.parametrize("model", [CUFF, NONIN], ids=["cuff", "oximeter"])
def test_a_device_is_paired_in_a_window_and_never_outside(home, model):
    house = home(model, paired=False)
    device = house.devices[0]
    reading = _BP if model is CUFF else readings.oximetry("97.0", "70.0")

    async def outside():
        device.press(reading)
        await asyncio.sleep(60)
        device.pairing_mode()
        await asyncio.sleep(130)
        assert _connections(device) == 0
        assert not device.is_bonded()

    async def story():
        await outside()
        house.press_button()
        await asyncio.sleep(_WINDOW_S + 5)  # nobody put the device into its pairing mode
        await outside()
        house.press_button()
        await asyncio.sleep(_WINDOW_S - 40)
        await house.pair(device, 60)
        await asyncio.sleep(60)
        await homes.measure(house, device, reading)
        await homes.delivered(house)
        return await homes.told(house)

    counters = house.world.run(story())
    assert counters["visit not_bonded"] >= 1
    assert homes.books(house) == (0, 0, 0)
    flags = homes.stored(house)[0]["flags"]
    assert "unencrypted" not in flags


def test_a_device_that_cannot_bond_is_listed_as_that_and_says_so(home):
    house = home(OXIMETER)

    async def story():
        await homes.measure(house, house.devices[0], readings.oximetry("97.0", "70.0"))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.stored(house)[0]["flags"] == ["unencrypted"]


def _bonds_of(device):
    return dict(device.bumble.keystore.bonds), dict(device._cccds)


def _become_itself(device, bonds):
    """The impostor leaves, and the device with its own keys is there again."""
    device.impostor = device.faults.repairs_always = False
    device.memory = [held for held in device.memory if held.taken not in device.forged]
    device.bumble.keystore.bonds.update(bonds[0])
    device._cccds.update(bonds[1])
    device._window_until = 0.0


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_an_impostor_is_hung_up_on_and_what_it_said_is_held(home, host):
    """It answers "key missing" and pushes a reading the moment that the link is encrypted anew."""
    house = home(CUFF, hub={"host": host})
    cuff = house.devices[0]
    true_bonds = _bonds_of(cuff)

    def push(what, *_details):
        if what in ("encrypted", "connected") and cuff.impostor:
            for held in cuff.memory:
                cuff.link.notify(cuff.measurement, cuff.encode(held))

    cuff.listeners.append(push)

    async def story():
        await homes.measure(house, cuff, _BP)
        await homes.delivered(house)
        cuff.become_impostor()
        connections, before = _connections(cuff), len(cuff.log)
        for _ in range(3):
            cuff.press(_FORGED)
            await asyncio.sleep(60)
        assert _connections(cuff) > connections
        assert "subscribed" not in [entry[1] for entry in cuff.log[before:]]
        assert house.light() == "help"
        counters = await homes.told(house)
        assert counters["bond_changed" if host == "esp" else "bond_lost"] >= 1
        await asyncio.sleep(DELIVERED_S)
        held = homes.stored(house, held=True)
        assert [one["quantities"][0]["value"] for one in homes.stored(house)] == ["128"]
        assert held
        assert all({"bond_changed", "unencrypted"} & set(one["flags"]) for one in held)
        assert any("bond_changed" in one["flags"] for one in held) == (host == "esp")  # the fork pairs nobody anew
        await house.power_cycle()
        cuff.press(_FORGED)
        await asyncio.sleep(60)
        assert house.light() == "help"  # its keys are still not the hub's
        _become_itself(cuff, true_bonds)
        await asyncio.sleep(400)
        await homes.measure(house, cuff, readings.blood_pressure(130, 83, 98, 72), 400)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_what_an_impostor_pushed_is_held_though_the_plug_is_pulled(home):
    """Before the visit's own record says that the bond changed: each value says so by itself."""
    house = home(CUFF)
    cuff = house.devices[0]

    async def push(link):
        for number in range(40):
            if link.gone:
                return
            cuff.link.notify(cuff.measurement, cuff.encode(cuff.memory[0])[:-1] + bytes((number,)))
            await asyncio.sleep(0.002)

    def hear(what, *_details):
        if what == "encrypted":
            house.loop.create_task(push(cuff.link))
        elif what == "gone":
            house.power_off()

    async def story():
        cuff.become_impostor()
        cuff.listeners.append(hear)
        cuff.press(_FORGED)
        await asyncio.sleep(60)
        assert not house.hub.alive
        house.power_on()
        await house.until(lambda: len(homes.stored(house, held=True)) > 1, 2 * DELIVERED_S, "what was pushed arrives")

    house.world.run(story())
    assert homes.stored(house) == []
    assert any("bond_changed" in one["flags"] for one in homes.stored(house, held=True))


def test_a_pairing_button_held_by_accident_costs_no_bond(home):
    house = home(CUFF)
    cuff = house.devices[0]
    connections = _connections(cuff)

    async def story():
        cuff.pairing_mode()
        await asyncio.sleep(70)
        assert _connections(cuff) == connections
        await homes.measure(house, cuff, _BP)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_a_device_that_advertises_no_pairing_mode_is_paired_again_in_a_window(home, host):
    """A Nonin takes a new bond for two minutes after its battery was changed, and its advertisements do not say so."""
    house = home(NONIN, hub={"host": host})
    nonin = house.devices[0]

    async def story():
        nonin.pairing_mode()  # the old bond is gone
        await asyncio.sleep(150)
        assert house.light() == "help"
        house.press_button()
        await house.pair(nonin, PAIRED_S)
        assert house.light() != "help"
        await homes.measure(house, nonin, readings.oximetry("97.0", "70.0"))
        await homes.delivered(house)
        await house.power_cycle()
        await homes.measure(house, nonin, readings.oximetry("96.0", "70.0"))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert homes.stored(house, held=True) == []


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_a_device_that_lost_its_bond_works_again_after_the_window_only(home, host):
    house = home(CUFF, hub={"host": host})
    cuff = house.devices[0]

    async def story():
        cuff.delete_bonds()
        cuff.press(_BP)
        await asyncio.sleep(60)
        assert len(cuff.unsent()) == 1
        assert house.light() == "help"
        cuff.pairing_mode()
        await asyncio.sleep(70)
        assert not cuff.is_bonded()
        house.press_button()
        await house.pair(cuff, PAIRED_S)
        await asyncio.sleep(5)
        assert house.light() != "help"
        cuff.press(readings.blood_pressure(129, 83, 98, 72))
        await homes.read(house, cuff)
        await homes.delivered(house)
        house.power_off()
        await asyncio.sleep(5)
        house.power_on()  # the new bond is on flash
        await asyncio.sleep(5)
        await homes.measure(house, cuff, readings.blood_pressure(130, 84, 99, 73))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert homes.stored(house, held=True) == []


_SPOIL = """
import os
for name in {names!r}:
    path = "hub/" + name
    size = os.stat(path)[6]
    with open(path, "wb") as file:
        file.write(b"rubbish" * (size // 7))
result = " ".join(os.listdir("hub"))
"""


async def _spoiled(house, *names):
    house.power_off()
    await asyncio.sleep(5)
    assert "bonds.a" in await house.run_on_hub(_SPOIL.format(names=names))
    house.power_on()
    await asyncio.sleep(5)


@pytest.mark.parametrize("copy", ["bonds.a", "bonds.b"])
def test_one_damaged_copy_of_the_bonds_is_no_loss(home, copy):
    house = home(CUFF, SCALE)

    async def story():
        await _spoiled(house, copy)
        await homes.measure(house, house.devices[0], _BP)
        await homes.measure(house, house.devices[1], readings.weight("79.9"))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_with_both_copies_damaged_a_person_is_asked_for_and_pairs_again(home):
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        await homes.measure(house, cuff, _BP)
        await homes.delivered(house)
        await _spoiled(house, "bonds.a", "bonds.b")
        connections = _connections(cuff)
        cuff.press(readings.blood_pressure(129, 83, 98, 72))
        await asyncio.sleep(60)
        assert _connections(cuff) == connections
        assert house.light() == "help"
        house.press_button()
        cuff.pairing_mode()
        await house.until(lambda: _connections(cuff) > connections and cuff.link is None, 120, "it is paired again")
        await homes.measure(house, cuff, readings.blood_pressure(130, 83, 98, 72))
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_a_home_with_as_many_devices_as_are_listed(home):
    """Eight bonds, made one after the other with the heap of the chip, and still there after a power cut."""
    house = home(CUFF, SCALE, NONIN, CUFF, SCALE, NONIN, CUFF, SCALE)
    of_model = {"UA-651BLE": _BP, "UC-352BLE": readings.weight("79.9"), "Model 3230": readings.oximetry("97.0", "70.0")}

    async def story():
        await house.power_cycle()
        for device in house.devices:
            await homes.measure(house, device, of_model[device.MODEL])
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert not house.hub.crashes
    assert house.hub.counters.boots == 4  # two to enrol it, and one for each time that the plug was put in


def test_bonds_survive_cuts_while_another_is_made(home):
    """The plug is pulled inside the file system's programs and erases: the old bond stays, the new one is or is not."""
    house = home(CUFF, SCALE, paired=False)
    cuff, scale = house.devices
    cells = house.hub.flash.cells["vfs"]

    async def story():
        house.press_button()
        await house.pair(cuff, PAIRED_S)
        for _ in range(6):
            scale.delete_bonds()
            armed = []

            def arm(what, *_details, armed=armed):
                if what == "encrypted" and not armed:
                    armed.append(True)
                    if house.chance.random() < 0.3:
                        cells.cut_at(erase=0, tear="half_cleared")
                    else:
                        cells.cut_at(
                            octet=house.chance.randrange(400), tear=house.chance.choice(("prefix", "half_cleared"))
                        )

            scale.listeners.append(arm)
            house.press_button()
            scale.pairing_mode()
            await house.until(lambda: not house.hub.alive, 120, "the cut comes")
            scale.listeners.remove(arm)
            await asyncio.sleep(80)
            house.power_on()
            await asyncio.sleep(5)
            await homes.measure(house, cuff, readings.blood_pressure(100 + len(cuff.taken), 70, 80, 60))
        house.press_button()
        scale.delete_bonds()
        await house.pair(scale, PAIRED_S)
        await homes.measure(house, scale, readings.weight("79.9"))
        await homes.delivered(house)

    house.world.run(story())
    assert house.hub.counters.boots >= 6
    assert homes.books(house) == (0, 0, 0)


def test_only_the_row_decides_what_is_read_not_what_a_device_calls_itself(home):
    """A cuff under a scale's row has nothing that the row names: it is left, and others go on."""
    house = home(Model(Ua651ble, "ad_uc352ble"), SCALE, paired=False)
    odd, scale = house.devices

    async def story():
        house.press_button()
        odd.pairing_mode()
        await house.pair(scale, PAIRED_S)
        odd.press(_BP)
        await homes.measure(house, scale, readings.weight("79.9"))
        await house.until(lambda: house.delivered().get(scale.address) == 1, DELIVERED_S, "the scale's arrives")

    house.world.run(story())
    assert [one["device"] for one in homes.stored(house)] == [scale.address]
    assert len(odd.unsent()) == 1
