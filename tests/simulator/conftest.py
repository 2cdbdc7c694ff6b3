"""A bench per test, ended with it."""

import pytest

from tests.simulator.bench import Bench


@pytest.fixture
def bench():
    """Makes benches and closes them."""
    made = []

    def make(**options):
        made.append(Bench(**options))
        return made[-1]

    yield make
    for one in made:
        one.world.close()
