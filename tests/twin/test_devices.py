"""Each device that telehub knows, read end to end: what its display showed is what the platform stored, verified."""

import json

import pytest

import drivers
from tests.twin import homes
from tools.simulator.devices.twins import TWINS
from tools.simulator.house import DELIVERED_S, twin

pytestmark = pytest.mark.needs("micropython32", "library")

# Several devices live in a house, so that a hub's start is not paid for each of them.
_ROWS = list(TWINS)
_HOUSES = [tuple(_ROWS[at : at + 5]) for at in range(0, len(_ROWS), 5)]
_SLOTS = {"beurer_bm85": 1}  # told without its flag
_STREAMED = ("pulse_oximetry_continuous", "heart_rate", "glucose_continuous")


def test_every_row_has_a_virtual_twin_and_is_read_here():
    assert set(TWINS) == set(drivers.ROWS) == {row for rows in _HOUSES for row in rows}


@pytest.mark.promise("P3", "P4", "P7", "P8")
@pytest.mark.parametrize("rows", _HOUSES, ids=" ".join)
def test_what_the_display_showed_is_what_the_platform_has(home, rows):
    """Once each, or for a stream at least once and nothing else; every other octet that was kept has a reason."""
    house = home(*(twin(row) for row in rows))

    async def story():
        for row, device in zip(rows, house.devices, strict=True):
            for reading in TWINS[row].shows:
                device.press(reading, TWINS[row].user)
                await homes.read(house, device, 120)
        await house.until(lambda: house.journal().waiting() == 0, DELIVERED_S, "all is delivered")

    house.world.run(story())
    stored = homes.stored(house)
    for row, device in zip(rows, house.devices, strict=True):
        of_it = [one for one in stored if one["device"] == device.address]
        of_it = [one for one in of_it if one["kind"] in {entry["kind"] for entry in device.taken}]
        if of_it and of_it[0]["kind"] in _STREAMED:
            assert 1 <= len(of_it) <= drivers.row(row).burst
            of_it = [one for at, one in enumerate(of_it) if _seen(one) not in map(_seen, of_it[:at])]
        assert [_seen(one) for one in of_it] == [_seen(entry) for entry in device.taken], row
        for one, entry in zip(of_it, device.taken, strict=True):
            assert ("control_solution" not in one["flags"]) == entry["for_patient"]
            assert one["row"] == row and one.get("user") == _SLOTS.get(row, TWINS[row].user)
    assert not house.store.rows("SELECT reason FROM undecoded")
    assert not house.hub.crashes


def _seen(reading):
    return reading["kind"], reading["device_time"], json.dumps(reading["quantities"]), tuple(reading["status"])
