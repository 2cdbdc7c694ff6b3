"""Settings, keys and certificates that rot on a whole hub: one copy is enough, and with none it is blank, not open."""

import asyncio

import pytest

from tests.twin import homes
from tools.simulator.air.world import HubStopped
from tools.simulator.devices import readings
from tools.simulator.house import CUFF

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

_BP = readings.blood_pressure(128, 82, 97, 71)
_FLIP = """
import os
flipped = 0
for name in os.listdir("hub"):
    second = name.endswith(".b")
    if name in {names} or {names} == ("second" if second else "first"):
        path = "hub/" + name
        with open(path, "rb") as file:
            octets = bytearray(file.read())
        octets[len(octets) // 2] ^= 4
        with open(path, "wb") as file:
            file.write(octets)
        flipped += 1
result = str(flipped)
"""


async def _flip(house, names):
    """One bit of each of these files has rotted while the hub was off."""
    house.power_off()
    await asyncio.sleep(5)
    flipped = int(await house.run_on_hub(_FLIP.format(names=repr(names))))
    house.power_on()
    await asyncio.sleep(30)
    return flipped


@pytest.mark.parametrize("copies", ["first", "second"])
def test_one_rotten_copy_of_everything_is_no_loss(home, copies):
    house = home(CUFF)

    async def story():
        assert await _flip(house, copies) >= 8
        await homes.measure(house, house.devices[0], _BP)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("lost", ["signing.key", "ca.crt", "settings.a"])
def test_without_a_whole_copy_the_hub_is_blank_and_neither_restarts_for_ever_nor_connects(home, lost):
    house = home(CUFF)
    names = (lost, "settings.b" if lost == "settings.a" else lost + ".b")
    seen = {}

    async def story():
        seen.update(boots=house.hub.counters.boots, arrivals=len(house.platform.arrivals))
        house.devices[0].press(_BP)
        await _flip(house, names)

    with pytest.raises(HubStopped, match="returned"):  # main.py has said what to do, and waits for the cable
        house.world.run(story())
    assert house.light() == "off"
    assert house.hub.counters.boots <= seen["boots"] + 2, "the program that spoils, and one start"
    assert len(house.platform.arrivals) == seen["arrivals"]
