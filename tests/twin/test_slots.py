"""P2, P11: an application that fails is undone or gone round, however often and wherever in its start it fails."""

import asyncio

import pytest

from firmware.journal import frame
from firmware.journal.journal import Journal
from tests.twin import homes
from tools.simulator import slots
from tools.simulator.devices import readings
from tools.simulator.nor import Nor
from tools.technician import ca

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P11")]

FAILED_BOOTS = 50
BP = readings.blood_pressure(128, 82, 97, 71)
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


@pytest.fixture
def slotted():
    """`slotted(spare=True)`: see simulator/slots.py; ended with the test."""
    made = []

    def make(spare=True):
        made.append(slots.house(spare))
        return made[-1]

    yield make
    for house in made:
        house.close()


async def _spoil(house, label, text):
    house.power_off()
    await house.run_on_hub(_SPOIL.format(label=label, text=text))


async def _reads(house, limit_s=600):
    await homes.measure(house, house.devices[0], BP, limit_s)
    await homes.delivered(house)


def test_an_update_that_proves_itself_is_kept(slotted):
    house = slotted()

    async def story():
        house.power_off()
        await house.run_on_hub(_TRY)
        assert slots.state(house)["trial"] == 2
        await slots.connected(house)
        await house.until(lambda: slots.state(house)["kept"] == 1, 120, "the update is kept")
        assert slots.state(house) == {"kept": 1, "trial": 0, "undone": 0, "boots": 0}
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
        house.devices[0].press(BP)  # during the trial: it waits in the cuff
        await slots.connected(house, 600)
        assert house.hub.counters.boots - boots == 4  # three tries, and the old one
        await _reads(house)
        counters = house.store.rows("SELECT content FROM health ORDER BY id")
        assert any('"update undone": 1' in row["content"] for row in counters)
        assert slots.state(house)["undone"] == 0  # people know now
        await asyncio.sleep(310)
        assert slots.state(house) == {"kept": 0, "trial": 0, "undone": 0, "boots": 0}

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
        await homes.measure(house, house.devices[0], BP)
        await house.until(lambda: slots.state(house)["undone"] == 2, 3 * 3700, "it is undone", 5)
        assert slots.state(house)["kept"] == 0
        house.network(True)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("text", [_RAISES, _HANGS], ids=["raises", "hangs"])
def test_a_kept_application_that_fails_gives_way_to_the_other(slotted, text):
    house = slotted()

    async def story():
        await _spoil(house, "app_a", text)
        await slots.connected(house, 900)
        await _reads(house)
        await asyncio.sleep(310)
        assert slots.state(house) == {"kept": 1, "trial": 0, "undone": 0, "boots": 0}

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


async def _failed_boots(house):
    """Give power, and let it fail so often."""
    boots, reports = house.hub.counters.boots, slots.reports(house)
    house.power_on()
    await house.until(lambda: house.hub.counters.boots - boots >= FAILED_BOOTS, 2 * 3600, "fifty failed boots", 1)
    assert slots.reports(house) == reports
    house.power_off()


@pytest.mark.parametrize("text", [_RAISES, _HANGS], ids=["raises", "hangs"])
def test_fifty_failed_boots_of_both_slots_leave_a_hub_that_works_when_one_is_whole(slotted, text):
    """Over the cable that stays outside one of them is made whole: nothing was lost, nothing else is to be done."""
    house = slotted()

    async def story():
        await homes.measure(house, house.devices[0], BP)
        for label in ("app_a", "app_b"):
            await _spoil(house, label, text)
        await _failed_boots(house)
        house.hub.flash.cells["app_b"] = Nor(slots.SLOT_SECTORS, image=slots.image())
        await slots.connected(house, 900)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_fifty_boots_without_a_readable_file_system_format_nothing(slotted):
    house = slotted()

    async def story():
        await homes.measure(house, house.devices[0], BP)
        house.power_off()
        whole = house.hub.flash.cells["vfs"]
        house.hub.flash.cells["vfs"] = Nor(whole.sector_count, image=bytes(len(whole.image())))
        await _failed_boots(house)
        assert not any(house.hub.flash.cells["vfs"].image())
        house.hub.flash.cells["vfs"] = whole
        await slots.connected(house, 900)
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
        await homes.measure(house, house.devices[0], BP)
        house.power_off()
        hub.services[_NVS_COMMIT] = cut
        for _ in range(FAILED_BOOTS):
            house.power_on()
            await house.until(lambda: not hub.alive, 60, "it is cut", 0.1)
        hub.services[_NVS_COMMIT] = commit
        await slots.connected(house, 900)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_an_update_whose_slot_cannot_be_read_is_undone_and_told(slotted):
    house = slotted()

    async def story():
        house.power_off()
        await house.run_on_hub(_TRY)
        house.hub.flash.cells["app_b"] = Nor(slots.SLOT_SECTORS)
        await slots.connected(house)
        await _reads(house)
        await house.until(lambda: slots.state(house)["undone"] == 2, 400, "it is undone")
        assert slots.state(house) == {"kept": 0, "trial": 0, "undone": 2, "boots": 0}
        await house.power_cycle()
        await house.until(lambda: slots.state(house)["undone"] == 0, 200, "it is told")
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_a_hub_that_nothing_helps_fetches_and_keeps_readings_before_it_tries_all_of_it_again(slotted):
    """After ten boots that failed: ten minutes without a line, whatever it was that ended the hub."""
    house = slotted()

    async def story():
        house.power_off()
        house.hub.flash.nvs[b"telehub\0boot\0"] = b"b" + bytes((0, 0, 0, 0, 10, 0))
        told = slots.reports(house)
        house.power_on()
        await homes.measure(house, house.devices[0], BP, 120)
        assert house.light() == "help" and house.journal().waiting() == 1
        await asyncio.sleep(400)
        assert slots.reports(house) == told and house.delivered_total() == 0
        await homes.delivered(house)
        assert slots.state(house)["boots"] == 12

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


_LISTED = """
import esp32, os, vfs
vfs.mount(vfs.VfsLfs2(esp32.Partition.find(esp32.Partition.TYPE_DATA, label="app_b")[0]), "/new")
result = " ".join(os.listdir("/new"))
"""


def test_an_older_application_is_put_away_before_the_journal_gets_a_format_that_it_cannot_read(slotted, monkeypatch):
    """Only once the newer one has delivered something: until then the older one must find what it can read."""
    house = slotted()
    old = Nor(house.hub.flash.cells["journal"].sector_count)
    with monkeypatch.context() as older:
        older.setattr(frame, "VERSION", 1)
        Journal(old, ca.seeded(1, "journal"))

    async def story():
        house.power_off()
        house.hub.flash.cells["journal"] = old.copy()
        await slots.connected(house)
        await asyncio.sleep(320)
        house.power_off()
        assert "main.py" in (await house.run_on_hub(_LISTED)).split()
        await slots.connected(house)
        await _reads(house)
        house.power_off()
        assert "main.py" not in (await house.run_on_hub(_LISTED)).split()
        await slots.connected(house)
        await _reads(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
