"""What the light says, on both interpreters."""

from firmware import indicator
from firmware.measurement.names import LIGHTS


def test_every_state_has_a_rhythm_and_words_of_its_own():
    assert len(set(indicator.RHYTHMS)) == len(indicator.RHYTHMS) == 6
    for column in range(3):
        assert len(set([row[column] for row in LIGHTS])) == len(LIGHTS) == 6


def test_kept_becomes_waiting_after_a_quarter_of_an_hour_and_delivered_fades():
    kept = indicator.state(False, False, 1, 900_000, None)
    assert kept == indicator.KEPT
    assert indicator.state(False, False, 1, 900_001, None) == indicator.WAITING
    assert indicator.state(False, False, 0, 0, 899_999) == indicator.DELIVERED
    assert indicator.state(False, False, 0, 0, 900_000) == indicator.READY
    assert indicator.state(False, False, 0, 0, None) == indicator.READY


def test_delivered_is_never_shown_while_something_waits():
    assert indicator.state(False, False, 1, 0, 10) == indicator.KEPT
    assert indicator.state(False, True, 0, 0, 10) == indicator.HELP
    assert indicator.state(True, True, 1, 0, 10) == indicator.VISITING
