"""P11: whatever a device does on its link, the hub goes on: the next device is read as if nothing had been."""

import asyncio
import random

import pytest

import drivers
from tests.twin import homes
from tests.twin.test_power_cuts import SMALL
from tools.simulator.devices import Patient, readings
from tools.simulator.devices.twins import TWINS
from tools.simulator.house import CUFF, DELIVERED_S, NONIN, OXIMETER, SCALE, twin

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P11")]

_BP = readings.blood_pressure(128, 82, 97, 71)
_STEPS, _STEP_S = 24, 0.07  # the shortest visit of these devices takes 1.5 s and a linger of as much
_CONNECTED_S_MAX = 3.0  # from the first advertisement, when nobody else is being visited


async def _next_is_normal(house, device, reading):
    """Measured, connected to within three seconds, read in one visit, delivered."""
    connections = _count(device, "connected")
    begun_s = house.loop.time()
    device.press(reading)
    await house.until(lambda: _count(device, "connected") > connections, 60, "it is connected to", 0.1)
    assert house.loop.time() - begun_s <= _CONNECTED_S_MAX
    await homes.read(house, device)
    assert _count(device, "connected") == connections + 1
    await homes.delivered(house)


def _count(device, word):
    return [entry[1] for entry in device.log].count(word)


@pytest.mark.promise("P2", "P4")
@pytest.mark.parametrize("model", [CUFF, NONIN, OXIMETER], ids=["cuff", "oximeter", "unbonded"])
def test_links_lost_at_every_step_of_a_visit(home, model):
    """Each visit is cut short a little later than the one before: from connecting to the device's hanging up."""
    house = home(model, SCALE)
    device, scale = house.devices
    patient = Patient("copd", random.Random(2))
    measure = patient.blood_pressure if model is CUFF else patient.oximetry

    async def story():
        for step in range(_STEPS):
            connections = _count(device, "connected")
            device.press(measure())
            await house.until(lambda seen=connections: _count(device, "connected") > seen, 400, "a visit", 0.005)
            await asyncio.sleep((step + house.chance.random()) * _STEP_S)
            if device.link is not None:
                device.drop_link()
            await asyncio.sleep(house.chance.uniform(5, 40))
        await asyncio.sleep(70)
        await _next_is_normal(house, scale, readings.weight("79.9"))
        if device.unsent():
            device.press(measure())
            await homes.read(house, device, 400)
        await homes.delivered(house)

    house.world.run(story())
    assert _count(device, "drop") > _STEPS * 2 // 3
    assert homes.books(house) == (0, 0, 0)
    assert not house.hub.crashes


@pytest.mark.parametrize("delay_ms", [700, 2_000, 6_000])
def test_a_slow_device(home, delay_ms):
    """Slow answers are waited for, up to the step's limit; another device is read in the meantime or after it."""
    house = home(CUFF, SCALE)
    cuff, scale = house.devices

    async def story():
        cuff.faults.answer_delay_ms = delay_ms
        cuff.press(_BP)
        await asyncio.sleep(100)
        await homes.measure(house, scale, readings.weight("79.9"), 120)
        assert bool(cuff.unsent()) == (delay_ms > 5_000)
        cuff.faults.answer_delay_ms = 0
        cuff.press(readings.blood_pressure(129, 83, 98, 72))
        await homes.read(house, cuff, 400)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_a_device_that_says_nothing_and_one_that_never_hangs_up(home):
    house = home(CUFF, SCALE)
    cuff, scale = house.devices

    async def story():
        cuff.faults.silent = True
        cuff.press(_BP)
        scale.press(readings.weight("79.8"))
        await homes.read(house, scale)
        cuff.faults.silent = False
        scale.LINGER_S = cuff.LINGER_S = cuff.PATIENCE_S = scale.PATIENCE_S = 10_000.0
        cuff.press(readings.blood_pressure(129, 83, 98, 72))
        await homes.read(house, cuff, 120)  # the hub hangs up when nothing more comes
        await _next_is_normal(house, scale, readings.weight("79.9"))

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P2", "P4")
@pytest.mark.parametrize(("row", "requests"), [("ad_ua651ble", 8), ("glucose_meter", 15), ("beurer_bf720", 20)])
def test_an_attribute_error_at_every_step_of_a_visit(home, row, requests):
    """Each visit has one of its requests refused: what is not read then is read the next time, once."""
    house = home(twin(row), SCALE)
    device, scale = house.devices
    shows, user = TWINS[row].shows, TWINS[row].user

    async def story():
        for step in range(1, requests + 1):
            device.faults.refuse_at = step
            connections = _count(device, "connected")
            device.press(shows[step % len(shows)], user)
            await house.until(lambda seen=connections: _count(device, "connected") > seen, 60, "a visit")
            await house.until(lambda: device.link is None, 200, "it ends")
            await asyncio.sleep(310)  # the longest rest of one that gave nothing
        device.faults.refuse_at = None
        device.press(shows[0], user)
        await homes.read(house, device, 60)
        await _next_is_normal(house, scale, readings.weight("79.9"))

    house.world.run(story())
    assert _count(device, "refused") >= requests
    assert homes.books(house) == (0, 0, 0)
    assert not house.hub.crashes


def test_segments_without_end_hold_the_radio_for_their_time_and_no_longer(home):
    """What was kept of them travels undecoded; the scale is read after the cap."""
    house = home(twin("blood_pressure_enhanced"), SCALE)
    endless, scale = house.devices
    endless.faults.endless = True

    async def story():
        endless.press(_BP)
        await house.until(endless.is_sending, 30, "it sends")
        begun_s = house.loop.time()
        scale.WINDOW_S = 200.0
        scale.press(readings.weight("79.9"))
        await homes.read(house, scale, 200)
        assert house.loop.time() - begun_s < drivers.row("blood_pressure_enhanced").cap_ms / 1000 + 15
        endless.faults.endless = False
        endless.press(readings.blood_pressure(129, 83, 98, 72))
        await homes.read(house, endless, 600)
        await house.until(lambda: house.journal().waiting() == 0, 2 * DELIVERED_S, "all is delivered")

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    assert {row["reason"] for row in house.store.rows("SELECT reason FROM undecoded")} == {"incomplete"}
    assert not house.hub.crashes


def test_two_devices_awake_together(home):
    """All four at once: each is read before it falls asleep."""
    house = home(CUFF, SCALE, NONIN, OXIMETER)
    patient = Patient("heart_failure", random.Random(4))

    async def story():
        for device, measure in zip(
            house.devices, (patient.blood_pressure, patient.weight, patient.oximetry, patient.oximetry), strict=True
        ):
            device.press(measure())
        await asyncio.sleep(45)
        assert [device.unsent() for device in house.devices] == [[], [], [], []]
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.promise("P2")
@pytest.mark.parametrize("handle", ["its own", "nobody's"])
def test_a_flood_of_notifications(home, handle):
    """A thousand in one visit, more than there is room for: what was confirmed is there, and the hub goes on."""
    house = home(
        CUFF, SCALE, hub={"table": tuple(row._replace(sectors=16) if row.label == "journal" else row for row in SMALL)}
    )
    cuff, scale = house.devices
    flooding = True

    def flood(what, *_details):
        if what == "subscribed" and flooding:
            house.world.loop.create_task(pour(cuff.link))

    class Nobodys:
        handle = 0x0FFF

    async def pour(link):
        for number in range(1000):
            if link.gone:
                return
            link.notify(cuff.measurement if handle == "its own" else Nobodys, bytes((0x80, number & 255, number >> 8)))
            await asyncio.sleep(0.004)

    cuff.listeners.append(flood)

    async def story():
        nonlocal flooding
        cuff.press(_BP)
        await asyncio.sleep(120)
        flooding = False
        await asyncio.sleep(900)
        house.press_button()
        await asyncio.sleep(5)
        await homes.measure(house, scale, readings.weight("79.9"), 200)
        if cuff.unsent():
            cuff.press(readings.blood_pressure(129, 83, 98, 72))
            await homes.read(house, cuff, 400)
        await house.until(lambda: house.journal().waiting() == 0, 4 * DELIVERED_S, "all is delivered")

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)
    rows = house.store.rows("SELECT capture, reason FROM undecoded ORDER BY capture")
    assert len(rows) > 100
    assert {row["reason"] for row in rows} == {"short" if handle == "its own" else "no handle"}
    assert not house.hub.crashes


_BROKEN = """
from aioble import core
from firmware.listening import Listening
keep, heard = Listening.keep, [0]

def breaks(self, *facts):
    heard[0] += 1
    if heard[0] in (2, 3):
        raise ZeroDivisionError
    keep(self, *facts)

def silences(event, data):
    if event == 17 and heard[0] == 5:  # a write was answered
        heard[0] += 1
        raise ZeroDivisionError

Listening.keep = breaks
core._irq_handlers.append(silences)  # behind ours: what it leaves out would silence Bluetooth for ever
import main
"""


@pytest.mark.promise("P1")
@pytest.mark.parametrize("host", ["esp", "fork"])
def test_an_exception_in_the_bluetooth_handler_silences_nothing(home, host):
    """In what keeps a value (then it is not confirmed), and in another's handler behind ours."""
    house = home(CUFF, SCALE, hub={"host": host})
    cuff, scale = house.devices
    confirmed = []

    def note(what, *_details):
        if what == "confirmed":
            confirmed.append(house.journal().next_capture)

    cuff.listeners.append(note)

    async def story():
        house.power_off()
        program = house.world.folder / "broken.py"
        program.write_text(_BROKEN)
        house.hub.start(program=program)
        await asyncio.sleep(5)
        before = house.journal().next_capture
        for systolic in (120, 121, 122, 123):
            cuff.press(readings.blood_pressure(systolic, 80, 93, 70))
            await asyncio.sleep(45)
        await homes.read(house, cuff, 400)
        assert [number - before for number in confirmed] == [1, 2, 3, 4]
        assert house.light() == "help"  # a possible loss is told
        await homes.measure(house, scale, readings.weight("79.9"), 120)
        await homes.delivered(house)

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


_BAD_DRIVER = """
import drivers
decode = drivers.decode

def breaks(row, uuid, octets):
    if row == "ad_uc352ble":
        raise IndexError
    return decode(row, uuid, octets)

drivers.decode = breaks
import main
"""


@pytest.mark.promise("P2")
def test_a_driver_that_fails_takes_nothing_with_it(home):
    """Its octets travel as they are; without that they would end the hub whenever it starts."""
    house = home(SCALE, CUFF)
    scale, cuff = house.devices

    async def story():
        house.power_off()
        program = house.world.folder / "driver.py"
        program.write_text(_BAD_DRIVER)
        house.hub.start(program=program)
        await asyncio.sleep(5)
        boots = house.hub.counters.boots
        scale.press(readings.weight("79.9"))
        octets = scale.encode(scale.memory[0])
        await homes.read(house, scale)
        await homes.measure(house, cuff, _BP)
        await house.until(lambda: house.delivered().get(cuff.address) == 1, 900, "the cuff's arrives")
        assert house.hub.counters.boots == boots
        return octets

    octets = house.world.run(story())
    (row,) = house.store.rows("SELECT reason, content FROM undecoded")
    assert row["reason"] == "driver"
    assert octets.hex() in row["content"]
