"""A hub-day with 96 visits: what it costs on this host, and that nothing is lost or grows in it."""

import asyncio
import json
import random
import time

import pytest

from tests.simulator.twin import run_on_hub
from tools.simulator.air.world import World
from tools.simulator.devices import Patient, Ua651ble

ADDRESS = "c0:a1:b2:c3:d4:e9"
_VISITS = 96
_EVERY_S = 900
_WALL_S_MAX = 15.0  # the aim is 5 on two quiet cores (3 when this was written); other tests run beside it

_PROGRAM = f"""
from tests.simulator.devices.hub_side import collect
result = collect({ADDRESS!r}, 0x1810, 0x2A35, True, {_VISITS + 1})
"""


@pytest.mark.needs("micropython", "library")
def test_a_day_of_96_visits():
    """Every reading comes once, in order; the bond is made once and used 96 times."""
    with World(seed=5) as world:
        cuff = Ua651ble(world, ADDRESS)
        patient = Patient("heart_failure", random.Random(1))

        async def day():
            await cuff.start()
            program = world.folder / "day.py"
            program.write_text(_PROGRAM)
            running = asyncio.ensure_future(run_on_hub(world, program))
            cuff.pairing_mode()
            await asyncio.sleep(_EVERY_S)
            for _ in range(_VISITS):
                cuff.press(patient.blood_pressure())
                await asyncio.sleep(_EVERY_S)
            return json.loads(await running)

        begun = time.monotonic()
        visits = world.run(day())
        took = time.monotonic() - begun
    assert [len(values) for values in visits[1:]] == [1] * _VISITS
    assert len({value for values in visits for value in values}) == _VISITS
    assert not cuff.unsent()
    assert took < _WALL_S_MAX
    print(f"{took:.2f} s")
