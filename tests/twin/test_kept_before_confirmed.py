"""P1: whatever a device sees confirmed is in the flash's cells at that moment; a chip that refuses is hung up on."""

import asyncio

import pytest

from tests.twin import homes
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, NONIN, OXIMETER, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P1")]

SECTOR_OCTETS = 4096
_FOR_EVER = 1_000_000  # programs
_A_READING = {
    "UA-651BLE": readings.blood_pressure(128, 82, 97, 71),
    "UC-352BLE": readings.weight("79.9"),
    "Model 3230": readings.oximetry("95.0", "71.0"),
    "Spot-check oximeter": readings.oximetry("95.0", "71.0"),
}


class Witness:
    """Looks into the cells whenever a device of the house sees a confirmation (or just missed one)."""

    def __init__(self, house):
        self._house = house
        self.seen = 0
        self.missing = []
        for device in house.devices:
            device.listeners.append(lambda *words, device=device: self._hear(device, *words))

    def _hear(self, device, what, *_details):
        if what not in ("confirmed", "confirmation lost"):
            return
        self.seen += 1
        octets = device.encode(device.memory[0])  # it sends the oldest, which goes with its confirmation
        journal = self._house.journal()
        numbers = range(max(1, journal.next_capture - 3), journal.next_capture)
        if octets not in [journal.read(number).value for number in numbers]:
            self.missing.append((device.MODEL, octets.hex()))


@pytest.mark.parametrize(("host", "erased"), [("esp", "ff"), ("fork", "noise")])
def test_a_confirmed_reading_is_in_the_cells_at_that_moment(home, host, erased):
    house = home(CUFF, SCALE, NONIN, OXIMETER, hub={"host": host, "erased": erased})
    witness = Witness(house)
    for device in house.devices:
        device.faults.lose_confirmation_at = 2
        for _ in range(3):
            device.press(_A_READING[device.MODEL])
        house.world.run(homes.read(house, device, 120))
    assert witness.missing == []
    assert witness.seen == 4 * 4  # three readings each, one of them twice


@pytest.mark.parametrize("model", [CUFF, NONIN], ids=["cuff", "oximeter"])
def test_the_plug_is_pulled_at_the_moment_of_the_confirmation(home, model):
    """The device has deleted it, and nothing more of the firmware ran: only flash has it."""
    house = home(model)
    device = house.devices[0]
    device.listeners.append(lambda what, *_: house.power_off() if what == "confirmed" and house.hub.alive else None)

    async def story():
        for _ in range(2):
            device.press(_A_READING[device.MODEL])
            await asyncio.sleep(20)
            assert not house.hub.alive
            assert not device.unsent()
            house.power_on()
            await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize(("host", "refusals"), [("esp", 1), ("fork", 2)])
def test_a_refused_program_goes_to_other_units_and_then_to_the_reserve(home, host, refusals):
    """The device notices nothing: its first indication is confirmed."""
    house = home(CUFF, hub={"host": host})
    cuff = house.devices[0]
    witness = Witness(house)
    cuff.listeners.append(
        lambda *words: house.journal_cells.refuse_program(refusals * (words == ("indicate", 2)))  # the second reading
    )
    first, second = readings.blood_pressure(118, 72, 87, 61), _A_READING[cuff.MODEL]

    async def story():
        cuff.press(first)
        cuff.press(second)
        await homes.read(house, cuff)
        await homes.delivered(house)
        assert house.light() == "delivered"
        return await homes.told(house)

    counters = house.world.run(story())
    assert [entry[1] for entry in cuff.log].count("indicate") == 2
    assert (witness.seen, witness.missing) == (2, [])
    assert "possible_loss" not in counters
    assert homes.books(house) == (0, 0, 0)
    octets = [bytes.fromhex(reading["source"][0]["hex"]) for reading in homes.stored(house)]
    one, other = [house.journal_cells.image().index(value) // SECTOR_OCTETS for value in octets]
    assert (one == other) == (refusals == 1)


@pytest.mark.parametrize("host", ["esp", "fork"])
def test_a_chip_that_refuses_for_good_is_hung_up_on_before_the_confirmation(home, host):
    house = home(CUFF, hub={"host": host})
    cuff = house.devices[0]
    witness = Witness(house)
    refusing = True
    cuff.listeners.append(
        lambda what, *_: house.journal_cells.refuse_program(_FOR_EVER * (what == "indicate" and refusing))
    )

    async def story():
        nonlocal refusing
        cuff.press(_A_READING[cuff.MODEL])
        await asyncio.sleep(25)
        words = [entry[1] for entry in cuff.log]
        assert words.count("indicate") >= 1
        assert "confirmed" not in words
        assert len(cuff.unsent()) == 1
        house.journal_cells.refuse_program(0)
        refusing = False
        assert house.light() == "help"
        counters = await homes.told(house)
        assert counters["possible_loss"] >= 1
        cuff.press(_A_READING[cuff.MODEL])
        await homes.read(house, cuff)
        await homes.delivered(house)

    house.world.run(story())
    assert (witness.seen, witness.missing) == (2, [])
    assert homes.books(house) == (0, 0, 0)
    assert house.light() == "help"  # until somebody came
    house.press_button()
    house.world.run(5)
    assert house.light() == "delivered"
