"""A hub's ordinary days with four kinds of device, and the same with everything twice as slow or held up anywhere."""

import asyncio
import random

import pytest

from tests.twin import homes
from tools.simulator.air.hub import Preemption
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, NONIN, OXIMETER, SCALE

pytestmark = pytest.mark.needs("micropython32", "library")

_EVERY_S = 2400


async def _day(house):
    """Each device is used in turn, three times in a day; now and then twice in a row."""
    patient = Patient("heart_failure", random.Random(house.seed))
    measures = (patient.blood_pressure, patient.weight, patient.oximetry, patient.oximetry)
    for turn in range(3):
        for device, measure in zip(house.devices, measures, strict=True):
            for _ in range(1 + (house.chance.random() < 0.4)):
                device.press(measure())
                await asyncio.sleep(house.chance.uniform(3, 8))
            await homes.read(house, device, 120)
        await homes.delivered(house)
        if turn < 2:
            await asyncio.sleep(_EVERY_S)


@pytest.mark.promise("P4", "P9")
@pytest.mark.parametrize("costs_scale", [1.0, 2.0])
def test_a_days_readings_arrive_once(home, costs_scale):
    house = home(CUFF, SCALE, NONIN, OXIMETER, world={"costs_scale": costs_scale})
    house.world.run(_day(house))
    assert homes.books(house) == (0, 0, 0)
    assert house.light() == "delivered"
    assert not house.hub.crashes


@pytest.mark.promise("P4", "P11")
@pytest.mark.parametrize("seed", [2, 5])
def test_a_day_in_which_the_hub_is_held_up_anywhere(home, seed):
    """A Bluetooth event may come between any two calls of the main loop."""
    house = home(CUFF, SCALE, NONIN, OXIMETER, seed=seed, world={"preemption": Preemption(0.05, 20)})
    house.world.run(_day(house))
    assert homes.books(house) == (0, 0, 0)
    assert not house.hub.crashes
