"""Months at home with everything going wrong: a slice of what `telehub campaign` lives through at night."""

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from firmware.uplink.deliveries import Deliveries
from tools.simulator.campaign.runs import Run, live
from tools.simulator.faults import FAULTS, swarm

_ROOT = Path(__file__).resolve().parents[3]
_MONTHS, _PER_TEST, _DAYS = 100, 10, 29.0  # a day less than what may become a year
# A week of each class alone: a seed in whose week it strikes.
_WEEK = 8.0
# The fewest classes that did it: held envelopes of two boots with one visit's number; two equal timeless readings.
_ONCE_FAILED = {110: ("nightly_off", "platform_holds", "wifi"), 112: ("bond_lost", "clock_lost", "link_drop")}
_SEEDS = range(1, 9)


@pytest.mark.promise("P1", "P2", "P3", "P4", "P5", "P6", "P11")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(1, _MONTHS + 1, _PER_TEST))
def test_a_month_keeps_every_promise_whatever_goes_wrong(first):
    for seed in range(first, first + _PER_TEST):
        outcome = live(Run(seed, swarm(seed), _DAYS))
        assert outcome.ok, f"{outcome.run.replay()}: {outcome.failures[0]}"
        count = outcome.count
        assert count["taken"] and not count["lost"] and not count["doubled"]
        assert count["taken"] == count["delivered"] + count["held"]


@pytest.mark.promise("P2", "P4", "P11")
@pytest.mark.parametrize("name", FAULTS)
def test_each_class_strikes_and_is_survived(name):
    for seed in _SEEDS:
        outcome = live(Run(seed, (name,), _WEEK, chosen=True))
        assert outcome.ok, f"{outcome.run.replay()}: {outcome.failures[0]}"
        if outcome.injected[name]:
            return
    pytest.fail(f"{name} strikes in no week")


@pytest.mark.parametrize("seed", _ONCE_FAILED)
def test_a_seed_that_once_failed_does_so_no_more(seed):
    outcome = live(Run(seed, _ONCE_FAILED[seed], 30.0, chosen=True))
    assert outcome.ok, f"{outcome.run.replay()}: {outcome.failures[0]}"


@pytest.mark.promise("P11")
def test_a_platform_that_answers_nothing_does_not_keep_the_hub_awake(monkeypatch):
    """With as many envelopes on their way as may be, and another one due, the line looks again after a while."""
    asked = []
    due = Deliveries.next
    monkeypatch.setattr(Deliveries, "next", lambda self, *facts: asked.append(1) or due(self, *facts))
    outcome = live(Run(101, ("platform_down",), 8.0, chosen=True))
    assert outcome.ok and outcome.count["taken"]
    assert len(asked) < 3_000  # it was 15 000


def test_a_seed_decides_everything():
    """Another process, which hashes texts otherwise, lives through the same month."""
    run = Run(7, swarm(7), 6.0)
    program = (
        "from dataclasses import asdict\n"
        "from tools.simulator.campaign.runs import Run, live\n"
        f"outcome = asdict(live({run!r})); del outcome['wall_s']; print(outcome)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT}/tools/host/cpython", "PYTHONHASHSEED": "77"}
    there = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=_ROOT, capture_output=True, text=True, check=True
    )
    here = asdict(live(run))
    del here["wall_s"]
    assert there.stdout.strip() == str(here)


def test_most_classes_are_off_in_a_run_and_none_is_off_in_all():
    runs = [swarm(seed) for seed in range(1, 101)]
    assert max(map(len, runs)) <= len(FAULTS) // 3
    assert set().union(*runs) == set(FAULTS)
    assert len(set(runs)) > 95


@pytest.mark.promise("P2")
@pytest.mark.timeout(600)
def test_a_year_of_nights_without_power():
    """The hub is switched off every night of a year, and the ring wraps many times."""
    seed = next(seed for seed in range(1, 500) if _is_a_year(seed))
    outcome = live(Run(seed, ("nightly_off", "flash_small"), 30.0, chosen=True))
    assert outcome.ok, outcome.failures[0]
    assert outcome.simulated_s > 364 * 86_400 and outcome.injected["nightly_off"] > 360
    assert outcome.count["taken"] > 500


def _is_a_year(seed: int) -> bool:
    from tools.simulator.world.scenario import scenario

    return scenario(seed, ("nightly_off",), 30.0).days > 30
