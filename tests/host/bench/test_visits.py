"""The figures of visits can be missed: a device that falls asleep at once is, and the strangers are really heard."""

import pytest

from tools.host import budget
from tools.host.bench import visits
from tools.simulator.house import CUFF, OXIMETER, House

pytestmark = pytest.mark.needs("micropython32", "library")


def test_the_share_is_of_the_devices_own_window():
    with House(1, (CUFF, OXIMETER)) as house:
        house.world.run(house.ready())
        cuff, oximeter = house.devices
        usual = house.world.run(visits.share_of(house, "ad_ua651ble", cuff))
        oximeter.WINDOW_S = 1.0
        short = house.world.run(visits.share_of(house, "pulse_oximeter_unbonded", oximeter))
        house.world.link.advert_loss = 1.0
        unheard = house.world.run(visits.share_of(house, "ad_ua651ble", cuff))
    assert 0 < usual < budget.ADVERT_SHARE_PERCENT_MAX < short
    assert unheard is None


def test_a_hundred_strangers_are_heard_and_visits_can_be_missed():
    with House(1, (CUFF, OXIMETER)) as house:
        house.world.run(house.ready())
        heard, begun_s = house.world.link.adverts_sent, house.loop.time()
        assert house.world.run(visits.in_a_neighbourhood(house, 1)) == (2, 2)
        rate = (house.world.link.adverts_sent - heard) / (house.loop.time() - begun_s)
        assert 0.5 * visits.STRANGERS_ADVERTS_PER_S < rate < 1.2 * visits.STRANGERS_ADVERTS_PER_S
        house.world.link.advert_loss = 1.0
        assert house.world.run(visits.in_a_neighbourhood(house, 1))[0] == 0
