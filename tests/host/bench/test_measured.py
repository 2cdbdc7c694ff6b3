"""A quick slice of the figures, measured for real and kept within their targets; `telehub bench` measures the rest."""

import pytest

from tools.host import budget
from tools.host.bench import callback, days, flash_and_air, heap, workers
from tools.host.bench.plan import Plan

pytestmark = pytest.mark.needs("micropython32", "library")
PLAN = Plan()


@pytest.mark.parametrize("room", [flash_and_air.journal, flash_and_air.envelope])
def test_a_reading_costs_what_was_promised_in_flash_and_in_the_air(room):
    figures = list(room(PLAN))
    assert len(figures) == 3
    assert all(figure.ok for figure in figures), [figure.text() for figure in figures]
    assert all(figure.value for figure in figures if figure.unit == "octets")


def test_an_erase_in_the_callback_would_be_counted(monkeypatch):
    """The main loop erases ahead, and here everything is taken for the callback."""
    from tools.simulator.air.hub import Hub

    monkeypatch.setattr(Hub, "in_callback", property(lambda hub: True))
    monkeypatch.setattr(flash_and_air, "LONE", 60)  # until a sector is full
    monkeypatch.setattr(flash_and_air, "BURSTS", 2)
    flash_and_air.measure.cache_clear()
    try:
        assert flash_and_air.measure(2).erases_in_callback > 0
    finally:
        flash_and_air.measure.cache_clear()


def test_the_bluetooth_callback_stays_on_its_small_stack():
    most, on_main = callback.watch(1)
    assert 500 < most <= budget.CALLBACK_STACK_OCTETS_MAX
    assert on_main > most


def test_every_stage_is_weighed_and_all_of_it_leaves_room():
    octets = heap.live(1)
    assert set(octets) == set(heap.STAGES)
    assert octets["all"] == sum(value for stage, value in octets.items() if stage != "all")
    assert 0 < octets["journal"] < octets["all"] < budget.HEAP_PEAK_OCTETS_MAX


def test_an_hour_of_a_day_is_lived_and_everything_arrives():
    took, delivered = days.live(1, 4)
    assert delivered == 4
    assert took > 0


@pytest.mark.timeout(600)  # two whole stories, one of which fails by running out of time
def test_stories_run_beside_each_other_and_one_that_does_not_pass_is_told():
    stories = [workers.Story(1, "telehjerte"), workers.Story(1, "telehjerte", heap_octets=96 * 1024)]
    good, bad = workers.told(stories)
    assert good["ok"] and not good["failure"]
    assert not bad["ok"] and bad["failure"]
