"""Houses for whole-hub tests, ended with their test."""

import pytest

from tests.twin import homes
from tools.simulator.house import House


@pytest.fixture
def home():
    """`home(*models, seed=1, paired=True, network=True, change=None, **options of House)`: a house that is ready.

    `change(settings)` alters the hub's settings before it gets them. What happens then is a coroutine that the test
    gives to `house.world.run`.
    """
    made = []

    def make(*models, seed=1, paired=True, network=True, change=None, **options):
        house = homes.OtherSettings(seed, models, change, **options) if change else House(seed, models, **options)
        made.append(house)
        house.world.run(homes.ready(house, paired, network))
        return house

    yield make
    for house in made:
        house.close()
