"""P10: the plug is pulled in every write of an order: its number never goes back, its effect is whole or none."""

import pytest

from tests.twin import ordering
from tools.simulator.house import CUFF, ZONE, TooLate

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P10")]

OTHER = "EST5EDT,M3.2.0,M11.1.0"
_STEP_OCTETS = 97  # every program of the two copies is met: each is 256 octets, and a copy has several
_ROUNDS_MAX = 24


@pytest.mark.parametrize("tear", ["prefix", "half_cleared"])
def test_an_orders_number_and_effect_are_one_through_every_cut(home, tear):
    house = home(CUFF, paired=False)
    cells = house.hub.flash.cells["vfs"]
    seen = []

    async def story():
        number, zone, octet = 0, ZONE, 0
        for _ in range(_ROUNDS_MAX):
            wanted = OTHER if zone == ZONE else ZONE
            order = house.order(number + 1, "zone", rule=wanted)
            cells.cut_at(octet=octet, tear=tear)
            house.platform.send(order, name="order")
            try:
                await house.until(lambda: not house.hub.alive, 8, "the cut comes")
            except TooLate:
                break  # nothing more is written
            kept = await ordering.settings(house)
            told = kept.get("order", [0])[0]
            assert told in (number, number + 1)
            assert kept["zone"] == (wanted if told > number else zone)
            seen.append(told > number)
            house.power_on()
            await ordering.report(house)
            assert await ordering.give(house, order, number + 1) == ("done", "")  # it came already, or it comes now
            number, zone, octet = number + 1, wanted, octet + _STEP_OCTETS

    house.world.run(story())
    assert seen.count(False) > 2
    assert seen.count(True) > 2


def test_a_deed_of_the_moment_is_done_once_at_most(home):
    """A window's number is on flash before it opens: sent again after a cut, the order opens none."""
    house = home(CUFF, paired=False)
    cells = house.hub.flash.cells["vfs"]
    results = set()

    async def story():
        number, octet = 0, 0
        for _ in range(_ROUNDS_MAX):
            order = house.order(number + 1, "open window", seconds=30)
            cells.cut_at(octet=octet, tear="prefix")
            house.platform.send(order, name="order")
            try:
                await house.until(lambda: not house.hub.alive, 8, "the cut comes")
            except TooLate:
                break
            kept = await ordering.settings(house)
            told = kept.get("order", [0, 0, ""])
            house.power_on()
            await ordering.report(house)
            house.platform.send(order, name="order")
            result, _ = await ordering.outcome(house, number + 1)
            assert result == ("begun" if told[0] > number else "done")
            results.add(result)
            number, octet = number + 1, octet + 4 * _STEP_OCTETS

    house.world.run(story())
    assert results == {"begun", "done"}
