"""Each device against a small collector on aioble, run by MicroPython on the twin."""

import asyncio
import json

import pytest

from tests.simulator.devices.home import as_shown, shown
from tests.simulator.twin import run_on_hub
from tools.simulator.air.world import World
from tools.simulator.devices import Faults, Nonin3230, Oximeter, Patient, Ua651ble, Uc352ble

ADDRESS = "c0:a1:b2:c3:d4:e9"

DEVICES = (
    (Ua651ble, "ad_ua651ble", "blood_pressure", 0x2A35),
    (Uc352ble, "ad_uc352ble", "weight", 0x2A9D),
    (Oximeter, "pulse_oximeter_unbonded", "oximetry", 0x2A5E),
    (Nonin3230, "nonin_3230", "oximetry", 0x2A5E),
)
every_device = pytest.mark.parametrize(("make", "row", "measure", "values"), DEVICES)
pytestmark = pytest.mark.needs("micropython32", "library")

_PROGRAM = """
from tests.simulator.devices.hub_side import collect
result = collect({address!r}, {service}, {values}, {bond}, {visits})
"""
_LOOK_S = 1.0


def _run(tmp_path, make, measure, values, presses, visits, **options):
    """Pair where it can, press so often, visit so often; (device, what came in each visit)."""
    world = World(seed=3)
    try:
        return world.run(_story(world, tmp_path, make, measure, values, presses, visits, options))
    finally:
        world.close()


async def _story(world, tmp_path, make, measure, values, presses, visits, options):
    device = make(world, ADDRESS, **options)
    await device.start()
    program = tmp_path / "program.py"
    program.write_text(
        _PROGRAM.format(
            address=ADDRESS,
            service=make.SERVICE,
            values=values,
            bond=make.BONDS,
            visits=visits + make.BONDS,
        )
    )
    running = asyncio.ensure_future(run_on_hub(world, program))
    if make.BONDS:
        device.pairing_mode()
        while not (running.done() or (device.is_bonded() and device.link is None)):
            await asyncio.sleep(_LOOK_S)
    patient = Patient("heart_failure", device.chance)
    for _ in range(presses):
        device.press(getattr(patient, measure)())
    told = json.loads(await running)
    return device, [[bytes.fromhex(text) for text in one] for one in told]


def _values(told, row, values, device):
    """The readings among what was indicated: control points answer on the same road."""
    answers = (b"\x06\x00\x01\x01", b"\x06\x00\x01\x06")
    return [as_shown(row, values, octets) for visit in told for octets in visit if octets not in answers]


@every_device
def test_everything_arrives_in_order_and_is_deleted(tmp_path, make, row, measure, values):
    device, told = _run(tmp_path, make, measure, values, presses=3, visits=1)
    assert _values(told, row, values, device) == [shown(entry) for entry in device.taken]
    assert device.unsent() == []
    words = [entry[1] for entry in device.log]
    words = words[words.index("press") :]
    assert words.count("confirmed") == 3
    assert "hang up" in words
    assert (
        words.index("subscribed")
        < words.index("indicate")
        < words.index("confirmed")
        < words.index("hang up")
    )
    assert words.index("encrypted") < words.index("subscribed") if make.BONDS else "encrypted" not in words


@every_device
def test_lost_confirmation_brings_the_reading_again(tmp_path, make, row, measure, values):
    faults = Faults(lose_confirmation_at=2)
    device, told = _run(tmp_path, make, measure, values, presses=3, visits=2, faults=faults)
    came = _values(told, row, values, device)
    assert came[1] == came[2]
    assert [came[0], *came[2:]] == [shown(entry) for entry in device.taken]
    assert device.unsent() == []


@every_device
def test_same_seed_gives_the_same_log(tmp_path, make, row, measure, values):
    def run():
        device, told = _run(tmp_path, make, measure, values, presses=2, visits=2, faults=Faults(drop_at=2))
        return device.log, device.taken, told

    assert run() == run()


def test_cuff_that_kept_its_subscription_sends_before_it_is_discovered(tmp_path):
    options = {
        "sends_early": True,
        "faults": Faults(drop_at=2),
    }  # the second visit finds the CCCD kept by the first
    device, told = _run(tmp_path, Ua651ble, "blood_pressure", 0x2A35, presses=3, visits=2, **options)
    assert _values(told, "ad_ua651ble", 0x2A35, device) == [shown(entry) for entry in device.taken]
    words = [entry[1] for entry in device.log]
    again = len(words) - words[::-1].index("connected")
    assert words.index("indicate", again) < words.index("encrypted", again) + 3
    assert "subscribed" not in words[again : words.index("indicate", again)]
