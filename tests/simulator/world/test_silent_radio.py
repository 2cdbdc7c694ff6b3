"""A radio that falls silent is noticed: counted, restarted, and when that does not help the hub starts over."""

import asyncio
import json

import pytest

from tools.simulator.world.home import World
from tools.simulator.world.scenario import scenario

pytestmark = pytest.mark.promise("P11")
_HOUR_S = 3600.0


class _Home(World):
    """A home of seed 2 in which a test decides what happens; `reports` are the counters that the platform was told."""

    def __init__(self):
        super().__init__(scenario(2, (), 0.0))
        self.reports: list[dict] = []
        self.platform.on_report = self._hear

    def _hear(self):
        content = self.platform.store.one("SELECT content FROM health ORDER BY id DESC LIMIT 1")["content"]
        self.reports.append(json.loads(content)["counters"])

    def counted(self, name):
        return max(counters.get(name, 0) for counters in self.reports)

    def run(self, story):
        async def whole():
            self.power.on()
            await self._set_up()
            await asyncio.sleep(120)
            await story(self)

        try:
            self.loop.run_until_complete(whole())
        finally:
            self.close()
        assert not self.checks.failures

    async def reads(self):
        before = self.platform.arrivals
        self.people.measure(0, 0)
        await asyncio.sleep(180)
        return self.platform.arrivals > before and not self.devices[0].memory


@pytest.mark.parametrize("kind", ["mute", "deaf"])
def test_a_restart_of_the_stack_helps(kind):
    async def story(home):
        setattr(home.air, kind, "restart")
        await asyncio.sleep(1.3 * _HOUR_S)  # a scan that does not end is noticed after a minute, deafness after an hour
        assert home.power.boots == 1 and await home.reads()
        await asyncio.sleep(_HOUR_S / 4)
        assert home.counted(f"radio {kind}") == 1 and home.counted("radio restarted") == 1

    _Home().run(story)


def test_a_restart_that_does_not_help_is_followed_by_a_reboot_that_is_told():
    async def story(home):
        home.struck["radio_mute"] += 1
        home.air.mute = "reboot"
        await asyncio.sleep(240)
        assert home.power.boots == 2 and await home.reads()
        assert home.counted("radio mute") == 2 and home.counted("reboot radio") == 1

    _Home().run(story)


def test_a_radio_that_hears_nobody_for_a_day_is_rebooted():
    async def story(home):
        home.struck["radio_deaf"] += 1
        home.air.deaf = "reboot"
        await asyncio.sleep(20 * _HOUR_S)
        assert home.power.boots == 1
        await asyncio.sleep(5 * _HOUR_S)
        assert home.power.boots == 2 and await home.reads()
        assert 20 <= home.counted("radio deaf") <= 25

    _Home().run(story)


def test_a_radio_that_works_is_left_alone():
    async def story(home):
        await asyncio.sleep(12 * _HOUR_S)
        assert home.power.boots == 1 and not home.counted("radio restarted")
        home.power.boot.leap(30 * _HOUR_S)  # a hub that was held up itself judges nobody
        await asyncio.sleep(_HOUR_S)
        assert home.power.boots == 1 and not home.counted("radio restarted")

    _Home().run(story)
