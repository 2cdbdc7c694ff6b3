"""A Bluetooth host that says nothing any more, on the real interpreter: noticed, restarted, and read from again."""

import asyncio
import random

import pytest

from tests.twin import homes
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P11")]

_NOTICED_S = 120  # a scan of a minute, a quarter of one more, and the next look at it


class Mute:
    """The host's events are lost until it was switched on so often."""

    def __init__(self, nimble, cured_by):
        self._nimble = nimble
        self._left = cured_by
        self._post, nimble.post = nimble.post, self._lost
        for code, service in list(nimble.hub.services.items()):
            if service == nimble._set_active:
                nimble.hub.services[code] = self._active
                self._service = service

    def _lost(self, *_event):
        """Nobody hears of it."""

    def _active(self, payload):
        if payload[0]:
            self._left -= 1
            if not self._left:
                self._nimble.post = self._post
        return self._service(payload)


@pytest.mark.parametrize("cured_by", [1, 2])
def test_a_mute_host_is_restarted_then_the_chip(home, cured_by):
    house = home(CUFF)
    boots = len(house.hub.crashes)
    Mute(house.hub.nimble, cured_by)

    async def story():
        await asyncio.sleep(_NOTICED_S * cured_by)
        await homes.measure(house, house.devices[0], Patient("copd", random.Random(1)).blood_pressure())
        return await homes.told(house)

    counters = house.world.run(story())
    assert len(homes.stored(house)) == 1 and len(house.hub.crashes) == boots
    if cured_by == 1:
        assert counters["radio mute"] == counters["radio restarted"] == 1
        assert "telehub" not in house.hub.output()
    else:
        assert "Reboot: radio" in house.hub.output()  # the counters began anew
