"""P2, P11: an application that fails is undone or gone round, however often and wherever in its start it fails."""

import asyncio
import functools

import pytest

from tests.twin import homes
from tools.simulator import slots
from tools.simulator.devices import readings
from tools.simulator.house import CONNECTED_S, CUFF, House
from tools.simulator.nor import Nor

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P11")]

FAILED_BOOTS = 50
_BP = readings.blood_pressure(128, 82, 97, 71)
_RAISES = "raise ImportError('half an application')\n"
_HANGS = "import time\nwhile True:\n    time.sleep_ms(1000)\n"
_NVS_COMMIT = 113
# Puts another main.py into a slot.
_SPOIL = """
import esp32, vfs
vfs.mount(vfs.VfsLfs2(esp32.Partition.find(esp32.Partition.TYPE_DATA, label={label!r})[0]), "/new")
with open("/new/main.py", "w") as file:
    file.write({text!r})
vfs.umount("/new")
"""
_TRY = "import boot\nboot.Slots(0).try_spare()"


@functools.cache
def _image() -> bytes:
    """The cells of a slot with this firmware: the same for each, so they are made once."""
    with House(1, (), hub={"table": slots.SLOTS_TABLE}) as house:

        async def filled():
            await house.start()
            await house.run_on_hub(slots.fill("app_a"))

        house.world.run(filled())
        return bytes(house.hub.flash.cells["app_a"].image())


@pytest.fixture
def slotted():
    """`slotted(spare=True)`: a house whose hub runs from slot a; the same application lies in slot b."""
    made = []

    def make(spare=True):
        house = House(1, (CUFF,), hub={"table": slots.SLOTS_TABLE})
        made.append(house)
        for label in ("app_a", "app_b")[: 2 if spare else 1]:
            house.hub.flash.cells[label] = Nor(slots.SLOT_SECTORS, image=_image())

        async def ready():
            await house.start()
            await house.enrol()
            await house.run_on_hub(slots.keep(0))
            await _connected(house)
            house.press_button()
            await house.pair(house.devices[0], 120)

        house.network(True)
        house.world.run(ready())
        house.world.crash_fails = False
        return house

    yield make
    for house in made:
        house.close()


async def _connected(house, limit_s=CONNECTED_S):
    """Give power, and wait for a report: the broker takes its time to see that a hub is gone."""
    reports = _reports(house)
    house.power_on()
    await house.until(lambda: _reports(house) > reports, limit_s, "the hub reaches its platform")


def _reports(house):
    return len([arrival for arrival in house.platform.named("health") if arrival.answer])


async def _spoil(house, label, text):
    house.power_off()
    await house.run_on_hub(_SPOIL.format(label=label, text=text))


def _state(house):
    kept, trial, undone, _, low, high = house.hub.flash.nvs[b"telehub\0boot\0"][1:]
    return {"kept": kept, "trial": trial, "undone": undone, "boots": low | high << 8}


async def _reads(house, limit_s=600):
    await homes.measure(house, house.devices[0], _BP, limit_s)
    await homes.delivered(house)


def test_an_update_that_proves_itself_is_kept(slotted):
    house = slotted()

    async def story():
        house.power_off()
        await house.run_on_hub(_TRY)
        assert _state(house)["trial"] == 2
        await _connected(house)
        await house.until(lambda: _state(house)["kept"] == 1, 120, "the update is kept")
        assert _state(house) == {"kept": 1, "trial": 0, "undone": 0, "boots": 0}
        await _reads(house)
        await house.power_cycle()
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("text", [_RAISES, _HANGS], ids=["raises", "hangs"])
def test_an_update_that_fails_is_undone_and_told(slotted, text):
    house = slotted()

    async def story():
        await _spoil(house, "app_b", text)
        await house.run_on_hub(_TRY)
        boots = house.hub.counters.boots
        house.devices[0].press(_BP)  # during the trial: it waits in the cuff
        await _connected(house, 600)
        assert house.hub.counters.boots - boots == 4  # three tries, and the old one
        await _reads(house)
        counters = house.store.rows("SELECT content FROM health ORDER BY id")
        assert any('"update undone": 1' in row["content"] for row in counters)
        assert _state(house)["undone"] == 0  # people know now
        await asyncio.sleep(310)
        assert _state(house) == {"kept": 0, "trial": 0, "undone": 0, "boots": 0}

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_an_update_that_never_reaches_the_platform_is_undone(slotted):
    """It runs well, but for an hour in each of three boots nobody answers it: a person cannot come to see."""
    house = slotted()

    async def story():
        house.power_off()
        await house.run_on_hub(_TRY)
        house.network(False)
        house.power_on()
        await asyncio.sleep(1800)
        await homes.measure(house, house.devices[0], _BP)
        await house.until(lambda: _state(house)["undone"] == 2, 3 * 3700, "it is undone", 5)
        assert _state(house)["kept"] == 0
        house.network(True)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("text", [_RAISES, _HANGS], ids=["raises", "hangs"])
def test_a_kept_application_that_fails_gives_way_to_the_other(slotted, text):
    house = slotted()

    async def story():
        await _spoil(house, "app_a", text)
        await _connected(house, 900)
        await _reads(house)
        await asyncio.sleep(310)
        assert _state(house) == {"kept": 1, "trial": 0, "undone": 0, "boots": 0}

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


async def _failed_boots(house):
    """Give power, and let it fail so often."""
    boots, reports = house.hub.counters.boots, _reports(house)
    house.power_on()
    await house.until(lambda: house.hub.counters.boots - boots >= FAILED_BOOTS, 2 * 3600, "fifty failed boots", 1)
    assert _reports(house) == reports
    house.power_off()


@pytest.mark.parametrize("text", [_RAISES, _HANGS], ids=["raises", "hangs"])
def test_fifty_failed_boots_of_both_slots_leave_a_hub_that_works_when_one_is_whole(slotted, text):
    """Over the cable that stays outside one of them is made whole: nothing was lost, nothing else is to be done."""
    house = slotted()

    async def story():
        await homes.measure(house, house.devices[0], _BP)
        for label in ("app_a", "app_b"):
            await _spoil(house, label, text)
        await _failed_boots(house)
        house.hub.flash.cells["app_b"] = Nor(slots.SLOT_SECTORS, image=_image())
        await _connected(house, 900)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_fifty_boots_without_a_readable_file_system_format_nothing(slotted):
    house = slotted()

    async def story():
        await homes.measure(house, house.devices[0], _BP)
        house.power_off()
        whole = house.hub.flash.cells["vfs"]
        house.hub.flash.cells["vfs"] = Nor(whole.sector_count, image=bytes(len(whole.image())))
        await _failed_boots(house)
        assert not any(house.hub.flash.cells["vfs"].image())
        house.hub.flash.cells["vfs"] = whole
        await _connected(house, 900)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("persisted", [False, True], ids=["before", "after"])
def test_fifty_boots_cut_inside_boot_py_change_nothing(slotted, persisted):
    """The plug is pulled at the one write of boot.py, before it is on flash or just after."""
    house = slotted()
    hub = house.hub
    commit = hub.services[_NVS_COMMIT]

    def cut(payload):
        if persisted:
            commit(payload)
        hub.power_cut()

    async def story():
        await homes.measure(house, house.devices[0], _BP)
        house.power_off()
        hub.services[_NVS_COMMIT] = cut
        for _ in range(FAILED_BOOTS):
            house.power_on()
            await house.until(lambda: not hub.alive, 60, "it is cut", 0.1)
        hub.services[_NVS_COMMIT] = commit
        await _connected(house, 900)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
