"""A day of the same scenario on the twin: MicroPython, Bumble, TLS, broker; the world comes to the same end."""

import pytest

from tools.simulator.campaign.runs import Run, live

_SEED = 8
_CLASSES = ("broker_restarts", "dns", "link_drop", "platform_late", "platform_never", "platform_twice", "silent_device")


@pytest.mark.promise("P2", "P4", "P6", "P11")
@pytest.mark.needs("micropython32", "library")
def test_a_day_on_the_twin_ends_as_in_the_world_and_every_class_strikes():
    outcome = live(Run(_SEED, _CLASSES, 1.0, "twin", chosen=True))
    assert outcome.ok, outcome.failures[0]
    assert all(outcome.injected[name] for name in _CLASSES), outcome.injected
    assert outcome.count["taken"] == outcome.count["delivered"] > 0
