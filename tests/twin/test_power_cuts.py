"""P2: the plug may be pulled inside any octet; nothing that a device saw confirmed is lost, and nothing comes twice."""

import asyncio
import random

import pytest

from tests.twin import homes
from tools.simulator.air.flash import TABLE
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, DELIVERED_S, SCALE, TooLate

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P4")]

_TEARS = ("prefix", "half_cleared", "page")
_OFF_S = (40, 90)  # longer than a device advertises, so that the next press begins the next visit
_CUTS = 4
_SECTORS = 8  # of a journal that is soon full: 3 of captures, 5 of the rest
SMALLEST = tuple(row._replace(sectors=6) if row.label == "journal" else row for row in TABLE)
SMALL = tuple(row._replace(sectors=_SECTORS) if row.label == "journal" else row for row in TABLE)
_UNIT_OCTETS, _SECTOR_OCTETS = 16, 4096
_CAPTURE_SECTORS = 3
_READING_UNITS = 3  # a capture's 29 octets and a cuff's 19

# What the next program is about when the device notes this: (its word, how many octets that program has at least).
_STAGES = {
    "session": ("encrypted", 64),
    "capture": ("indicate", 48),
    "plan": ("gone", 64),
}


class Life:
    """Readings of which none is like another, and every way to lose power."""

    def __init__(self, house, seed):
        self.house = house
        self.chance = random.Random(f"cuts {seed}")
        self.count = 0

    def press(self, device):
        """Measure once more."""
        self.count += 1
        if device.MODEL == "UA-651BLE":
            device.press(readings.blood_pressure(90 + self.count % 100, 50 + self.count // 100, 66, 60))
        else:
            device.press(readings.weight(f"{60 + self.count // 10}.{self.count % 10}"))

    def cut_soon(self, octets_max):
        """Cut the power within the next programs."""
        self.house.journal_cells.cut_at(octet=self.chance.randrange(octets_max), tear=self.chance.choice(_TEARS))

    async def back(self):
        """Wait for the end, a while, and for the plug to be put in again."""
        await self.house.until(lambda: not self.house.hub.alive, 120, "the cut comes")
        await asyncio.sleep(self.chance.uniform(*_OFF_S))
        self.house.power_on()
        await asyncio.sleep(3)


def _once_at(device, word, act):
    """Do something when the device notes this word for the first time from now."""

    def hear(what, *_details):
        if what == word:
            device.listeners.remove(hear)
            act()

    device.listeners.append(hear)


async def _all_arrives(house, life):
    device = house.devices[0]
    for _ in range(3):  # what the cut left in the device needs somebody to wake it, and its rest may be long
        life.press(device)
        try:
            await homes.read(house, device, 400)
            break
        except TooLate:
            pass
    await homes.delivered(house, 2 * DELIVERED_S)


@pytest.mark.parametrize(
    ("stage", "erased"),
    [("session", "ff"), ("capture", "ff"), ("capture", "noise"), ("plan", "noise"), ("receipt", "ff")],
)
def test_cut_inside_a_record(home, stage, erased):
    """Four cuts at seeded octets of one kind of record."""
    house = home(SCALE, hub={"erased": erased})
    scale = house.devices[0]
    life = Life(house, f"{erased} {stage}")

    async def story():
        for _ in range(_CUTS):
            if stage == "receipt":
                house.platform.heard.append(cut_at_receipt)
            else:
                word, octets = _STAGES[stage]
                _once_at(scale, word, lambda octets=octets: life.cut_soon(octets))
            life.press(scale)
            life.press(scale)
            await life.back()
        await _all_arrives(house, life)

    def cut_at_receipt(arrival):
        if arrival.name == "up":
            house.platform.heard.remove(cut_at_receipt)
            life.cut_soon(16)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert house.hub.counters.boots >= _CUTS


@pytest.mark.parametrize(("seed", "erased"), [(3, "ff"), (4, "noise")])
def test_cuts_anywhere_in_days_of_use(home, seed, erased):
    """The smallest journal, so that sectors are erased all the time; cuts in programs and erases, also in recovery."""
    house = home(CUFF, seed=seed, hub={"erased": erased, "table": SMALLEST})
    cuff = house.devices[0]
    life = Life(house, seed)
    cells = house.journal_cells

    async def story():
        for turn in range(18):
            if turn % 3 == 0:
                cells.cut_at(erase=life.chance.randrange(2), tear=life.chance.choice(_TEARS))
            elif turn % 3 == 1:
                life.cut_soon(2000)
            for _ in range(life.chance.randrange(8, 28)):
                life.press(cuff)
            for _ in range(20):
                await asyncio.sleep(45)
                if not house.hub.alive:
                    house.power_on()
                    if life.chance.random() < 0.3:
                        life.cut_soon(500)  # in the recovery, or soon after
                elif not cuff.unsent():
                    break
                elif cuff.link is None:
                    life.press(cuff)
        cells.cut_at()
        if not house.hub.alive:
            house.power_on()
        await _all_arrives(house, life)

    house.world.run(story())
    assert cells.erases > 8  # beside the torn ones; formatting takes 6
    assert house.hub.counters.boots >= 8
    assert cuff.overwritten == []
    assert homes.books(house) == (0, 0, 0)


def test_a_full_flash_is_told_and_devices_are_left_alone(home):
    """Without a network until nothing fits: no visit without room for all that the device may send."""
    house = home(CUFF, hub={"erased": "noise", "table": SMALL})
    cuff = house.devices[0]
    life = Life(house, 1)
    cells = house.journal_cells
    blank_units = []

    def units_left():
        units = range(0, _CAPTURE_SECTORS * _SECTOR_OCTETS, _UNIT_OCTETS)
        blank_units.append(sum(cells.blank(at, _UNIT_OCTETS) for at in units))

    cuff.listeners.append(lambda what, *_: units_left() if what == "connected" else None)

    async def story():
        house.network(False)
        for _ in range(60):
            for _ in range(20):
                life.press(cuff)
            connections = len(blank_units)
            await asyncio.sleep(400)
            if len(blank_units) == connections:
                break
        else:
            raise AssertionError("never full")
        assert len(cuff.unsent()) == 20
        assert house.light() == "help"
        kept = len(cuff.taken) - 20
        assert sum(house.kept().values()) == kept  # nothing that waits was overwritten
        house.network(True)
        counters = await homes.told(house)
        assert counters["no_room"] >= 1
        house.press_button()
        await house.until(lambda: house.delivered_total() >= kept, 4 * DELIVERED_S, "the backlog")
        life.press(cuff)
        await homes.read(house, cuff, 400)
        await homes.delivered(house)

    house.world.run(story())
    assert min(blank_units) >= 30 * _READING_UNITS + 2 * 34  # the row's largest burst, two of the longest values
    assert homes.books(house) == (0, 0, 0)


def test_readings_pile_up_while_the_hub_has_no_power(home):
    """Thirty in the cuff's memory come in one visit, in order, and go in few envelopes."""
    house = home(CUFF)
    cuff = house.devices[0]

    async def story():
        house.power_off()
        for number in range(30):
            cuff.press(readings.blood_pressure(110 + number, 70, 83, 60))
            await asyncio.sleep(3600)
        assert len(cuff.unsent()) == 30
        house.power_on()
        await asyncio.sleep(5)
        cuff.press(readings.blood_pressure(99, 70, 80, 60))  # its memory is full: the oldest is the device's own loss
        await homes.read(house, cuff, 120)
        await house.until(lambda: house.delivered_total() >= 30, DELIVERED_S, "all are delivered")

    house.world.run(story())
    assert [entry["taken"] for entry in cuff.overwritten] == [1]
    shown = [entry["quantities"][0]["value"] for entry in cuff.taken[1:]]
    assert [reading["quantities"][0]["value"] for reading in homes.stored(house)] == shown
    assert homes.books(house) == (1, 0, 0)
