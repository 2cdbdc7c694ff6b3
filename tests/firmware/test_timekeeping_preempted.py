"""P9: a reading may come between any two bytecodes of a clock that is being set; it is stamped with a true time."""

import sys

import pytest

from firmware import timekeeping
from firmware.timekeeping import BUILT_S, Timekeeper

_UP_MS = 7_200_000  # two hours after the boot, or after the last fix
_TRUE_S = BUILT_S + 3_000_000


def _times_within(timekeeper, act):
    """What the Bluetooth callback reads at each bytecode of `act`."""
    seen = []

    def trace(frame, event, _argument):
        if frame.f_code.co_filename != timekeeping.__file__:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            sys.settrace(None)
            seen.append((timekeeper.time_s(), timekeeper.quality))
            sys.settrace(trace)
        return trace

    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(None)
    return seen


@pytest.mark.promise("P9")
@pytest.mark.parametrize("source", ["ntp", "platform", "receipt"])
def test_no_time_is_read_that_never_was(source):
    timekeeper = Timekeeper(lambda: _UP_MS, BUILT_S, 1)
    before = timekeeper.time_s()
    act = {
        "ntp": lambda: timekeeper.ntp(_TRUE_S, 1000),
        "platform": lambda: timekeeper.platform(_TRUE_S, 1000),
        "receipt": lambda: timekeeper.raise_floor(_TRUE_S),
    }[source]
    seen = _times_within(timekeeper, act)
    assert {time_s for time_s, _ in seen} == {before, _TRUE_S}
    assert all(time_s == _TRUE_S for time_s, quality in seen if quality)
