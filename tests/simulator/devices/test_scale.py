"""The scale: what it shows is what it sends, in its own unit and steps."""

import pytest

from tests.simulator.devices.home import Collector, Home, as_shown, shown
from tools.simulator.devices import Patient, Uc352ble, readings

ADDRESS = "c0:a1:b2:c3:d4:e6"


def _run(story, seed=1, **options):
    home = Home(seed)

    async def go():
        scale, collector = Uc352ble(home, ADDRESS, **options), Collector(home)
        await scale.start()
        await collector.start()
        return await story(scale, collector)

    return home.run(go())


async def _visit(scale, collector):
    await collector.connect(scale.address)
    await collector.connection.encrypt()
    await collector.discover()
    await collector.subscribe(0x2A9D)
    await collector.gone


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (readings.weight("79.9"), "79.900"),
        (readings.weight("176.2", pounds=True), "176.20"),
        (readings.weight(None), None),
    ],
)
def test_what_the_display_shows_is_what_is_sent(reading, text):
    async def story(scale, collector):
        await collector.bond(scale)
        scale.press(reading)
        await _visit(scale, collector)
        (octets,) = collector.octets(0x2A9D)
        assert as_shown("ad_uc352ble", 0x2A9D, octets) == shown(scale.taken[0])
        assert scale.taken[0]["quantities"][0].get("value") == text

    _run(story)


def test_octets_of_one_reading_by_hand():
    async def story(scale, collector):
        scale.press(readings.weight("79.9"))
        octets = scale.encode(scale.memory[0])
        assert octets[:3] == bytes.fromhex("026c3e")  # GSS: SI with time; 15980 * 0.005 kg
        assert len(octets) == 10

    _run(story)


def test_value_between_the_steps_is_refused():
    with pytest.raises(ValueError, match=r"79\.901"):
        readings.weight("79.901")


def test_a_week_is_sent_in_its_order():
    async def story(scale, collector):
        await collector.bond(scale)
        patient = Patient("heart_failure", scale.chance)
        for _ in range(7):
            scale.press(patient.weight())
        await _visit(scale, collector)
        told = [as_shown("ad_uc352ble", 0x2A9D, octets) for octets in collector.octets(0x2A9D)]
        assert told == [shown(entry) for entry in scale.taken]
        assert scale.unsent() == []
        return scale.log, scale.taken

    assert _run(story, 5) == _run(story, 5)
    assert _run(story, 5) != _run(story, 6)
