"""A slice of the soak, and that it would see a leak; `make soak` has ten thousand visits."""

import pytest

from tools.host import budget
from tools.host.bench import soak
from tools.host.bench.soak import Soak, Weight

_VISITS = 300


@pytest.mark.promise("P11")
@pytest.mark.needs("micropython32", "library")
def test_hundreds_of_visits_leave_nothing_behind():
    seen = soak.live(2, _VISITS)
    assert seen.visits >= _VISITS and seen.boots == 0 and seen.lost == 0
    assert seen.shrunk_octets <= budget.SOAK_OCTETS_MAX, seen.weights
    assert seen.tasks_left == 0 and 0 < seen.weights[0].tasks < 20, seen.weights


def test_what_is_loaded_for_a_moment_is_no_leak_and_what_never_comes_back_is():
    moments = [Weight(10 * turn, 44_000 - 9000 * (turn % 3 == 1), 10) for turn in range(30)]
    assert (Soak(moments, 300, 0, 0).shrunk_octets, Soak(moments, 300, 0, 0).tasks_left) == (0, 0)
    leaking = [Weight(one.visits, one.free_octets - 8 * one.visits, 10 + one.visits // 100) for one in moments]
    assert Soak(leaking, 300, 0, 0).shrunk_octets > budget.SOAK_OCTETS_MAX
    assert Soak(leaking, 300, 0, 0).tasks_left == 2
