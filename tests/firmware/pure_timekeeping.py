"""The hub's clock, on both interpreters."""

from firmware.timekeeping import CLOCK_NONE, CLOCK_NTP, CLOCK_PLATFORM, Timekeeper

FLOOR_S = 1_767_600_000


class Monotonic:
    def __init__(self):
        self.ms = 0

    def __call__(self):
        return self.ms


def made():
    monotonic = Monotonic()
    return monotonic, Timekeeper(monotonic, FLOOR_S, 3)


def test_without_a_source_time_goes_on_from_the_floor_and_proves_nothing():
    monotonic, clock = made()
    monotonic.ms = 61_000
    assert clock.time_s() == FLOOR_S + 61 and clock.quality == CLOCK_NONE
    assert not clock.confirmed() and clock.new_fix() is None


def test_ntp_sets_the_clock_once_it_is_past_the_floor():
    monotonic, clock = made()
    assert not clock.ntp(FLOOR_S - 1, 1000) and clock.quality == CLOCK_NONE
    assert not clock.ntp(2_085_978_496, 1000)  # 2036-02-07T06:28:16Z: what ntptime makes of a kiss-of-death
    monotonic.ms = 5_000
    assert clock.ntp(FLOOR_S + 1000, 1020)
    fix = clock.new_fix()
    assert (fix.boot, fix.mono_ms, fix.time_s, fix.source, fix.uncertainty_ms) == (3, 5_000, FLOOR_S + 1000, 1, 1020)
    assert clock.new_fix() is None
    monotonic.ms = 7_500
    assert clock.time_s() == FLOOR_S + 1002 and clock.quality == CLOCK_NTP and clock.confirmed()


def test_an_uncertain_clock_sets_no_device():
    _, clock = made()
    clock.ntp(FLOOR_S + 5, 2_001)
    assert not clock.confirmed()


def test_the_platform_corrects_a_lying_ntp_in_both_directions_and_the_jump_is_told():
    for lie_s in (86_400, -3_600):
        _, clock = made()
        clock.ntp(FLOOR_S + 200_000 + lie_s, 1000)
        assert clock.platform(FLOOR_S + 200_000, 300) == -lie_s
        assert clock.jump_s == -lie_s and clock.time_s() == FLOOR_S + 200_000 and clock.quality == CLOCK_PLATFORM
        assert clock.confirmed()
        assert not clock.ntp(FLOOR_S + 200_000 + lie_s, 1000)  # it lies on: a disagreement that is not settled
        assert not clock.confirmed() and clock.time_s() == FLOOR_S + 200_000
        clock.platform(FLOOR_S + 200_000, 300)
        assert clock.confirmed()


def test_agreement_is_no_jump():
    _, clock = made()
    clock.ntp(FLOOR_S + 1000, 1000)
    clock.platform(FLOOR_S + 1001, 200)
    assert clock.jump_s == 0 and clock.ntp(FLOOR_S + 1001, 1000) and clock.confirmed()


def test_a_receipt_raises_the_floor_and_an_unset_clock_with_it():
    monotonic, clock = made()
    monotonic.ms = 10_000
    clock.raise_floor(FLOOR_S + 500)
    assert clock.time_s() == FLOOR_S + 500 and clock.quality == CLOCK_NONE
    clock.raise_floor(FLOOR_S + 400)
    assert clock.floor_s == FLOOR_S + 500 and not clock.ntp(FLOOR_S + 450, 100)


def test_dates_come_from_whole_seconds():
    _, clock = made()
    clock.ntp(1_767_600_009, 1000)  # `date -u -d @1767600009`: Mon Jan 5 08:00:09 2026
    assert clock.utc() == (2026, 1, 5, 8, 0, 9)


def test_an_answer_that_says_what_is_known_makes_no_new_fix_but_once_a_day():
    monotonic, clock = made()
    clock.platform(FLOOR_S + 100, 300)
    assert clock.new_fix() is not None
    fixes = 0
    for minute in range(10, 1441, 10):
        monotonic.ms = minute * 60_000
        clock.platform(FLOOR_S + 100 + minute * 60, 300)
        fixes += clock.new_fix() is not None
    assert fixes == 1
    clock.platform(FLOOR_S + 100 + 86_400 + 3_600, 300)  # a jump is told at once
    assert clock.new_fix() is not None


def test_a_late_answer_of_the_platform_moves_no_better_clock_that_it_does_not_contradict():
    for late_s in (30, 600):  # someone held the answer back, and half of that is added as if it had travelled
        _, clock = made()
        clock.ntp(FLOOR_S + 1000, 1040)
        clock.new_fix()
        assert clock.platform(FLOOR_S + 1000 + late_s // 2, late_s * 1000 + 1000) == 0
        assert clock.time_s() == FLOOR_S + 1000 and clock.confirmed() and clock.jump_s == 0
        assert clock.new_fix() is None
        clock.platform(FLOOR_S + 90_000, late_s * 1000 + 1000)  # this one does: NTP lied by a day
        assert clock.time_s() == FLOOR_S + 90_000 and clock.jump_s == 89_000 and not clock.confirmed()


def test_a_late_answer_sets_a_clock_that_had_no_time_at_all():
    _, clock = made()
    clock.platform(FLOOR_S + 700, 61_000)
    assert clock.time_s() == FLOOR_S + 700 and clock.quality == CLOCK_PLATFORM and not clock.confirmed()
