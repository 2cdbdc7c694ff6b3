"""What real devices do otherwise than one thinks, and which test shows that the hub keeps its promise all the same.

Gathered from public code, issue threads and specifications; none was seen here. A quirk without a test, or a test
that is no longer there, fails the run. `python -m tests.test_quirks` prints the table.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_MEMORY = "tests/twin/test_quirks_memory.py::test_"
_CLOCKS = "tests/twin/test_quirks_clocks.py::test_"
_VALUES = "tests/twin/test_quirks_values.py::test_"
_USERS = "tests/twin/test_quirks_users.py::test_"
_BONDS = "tests/twin/test_bonds.py::test_"
_ODD = "tests/twin/test_readings.py::test_"
_VISIT = "tests/ble/pure_visit.py::test_"
_ADVERT = "tests/ble/pure_advert.py::test_"
_EACH = "tests/twin/test_devices.py::test_what_the_display_showed_is_what_the_platform_has"

# number, what a device does, where the hub's promise about it is tested
QUIRKS = (
    (
        1,
        "It deletes a reading as soon as that is confirmed",
        ("tests/twin/test_kept_before_confirmed.py::test_a_confirmed_reading_is_in_the_cells_at_that_moment",),
    ),
    (2, "It sends all of its memory each time, oldest first", (_MEMORY + "all_of_a_memory_each_time_is_stored_once",)),
    (
        3,
        "It sends one record twice; two equal readings can both be true",
        (
            _ODD + "a_reading_sent_again_with_its_time_is_stored_once",
            _ODD + "true_equal_readings_are_all_there",
            _ODD + "a_reading_without_a_time_sent_again_is_marked",
        ),
    ),
    (
        4,
        "It advertises for seconds and is gone a moment after its last value",
        (
            _MEMORY + "all_of_a_memory_each_time_is_stored_once",
            _VISIT + "inside_a_window_it_is_paired_and_described_before_it_can_hang_up",
        ),
    ),
    (
        5,
        "Discovered before it is bonded it shows an error and switches off",
        (_USERS + "a_device_that_is_to_be_bonded_first_never_shows_its_error",),
    ),
    (
        6,
        "It asks for encryption late, with an ATT error",
        (_VISIT + "security_asked_for_late_is_given_and_the_step_done_once_more",),
    ),
    (
        7,
        "Its pairing mode is another advert than its data",
        (
            _ADVERT + "a_cuff_tells_pairing_mode_from_waiting_data",
            _ADVERT + "a_company_s_own_bit_asks_for_pairing",
            _BONDS + "a_device_is_paired_in_a_window_and_never_outside",
        ),
    ),
    (8, "Its clock is in one of four places and formats", (_CLOCKS + "clocks_of_four_kinds_are_set_to_local_time",)),
    (9, "Writing its clock breaks it", (_CLOCKS + "an_omron_s_clock_is_never_written",)),
    (
        10,
        "Its clock was lost with the battery, or is years off",
        (
            "tests/twin/test_clocks.py::test_a_reading_from_before_the_clock_was_set_keeps_its_time_and_its_skew",
            "tests/twin/test_clocks.py::test_a_clock_is_read_before_it_is_set_and_the_skew_travels",
        ),
    ),
    (
        11,
        "Its time is local, without a zone, also in the hour that comes twice",
        (
            _CLOCKS + "two_readings_of_the_hour_that_comes_twice_are_both_there_in_their_order",
            "tests/twin/test_clocks.py::test_local_time_is_written_across_the_change_of_clocks",
        ),
    ),
    (
        12,
        "Its layout is not quite the standard's",
        (_VALUES + "a_layout_of_its_own_is_read_by_its_row_and_held_by_any_other",),
    ),
    (13, "Its unit can be switched", (_VALUES + "a_unit_switched_on_the_device_travels_as_sent",)),
    (14, "Its numbers have unusual exponents", (_ODD + "odd_readings_are_stored_as_what_they_are",)),
    (
        15,
        "NaN, 0, 127, 255, 511 or 65535 mean that there is no value",
        (_VALUES + "no_finger_no_skin_is_no_value_with_its_reason", _ODD + "odd_readings_are_stored_as_what_they_are"),
    ),
    (
        16,
        "Its status says what its features deny",
        (_VALUES + "a_status_that_the_features_deny_and_a_battery_of_255_are_not_believed_and_not_dropped",),
    ),
    (
        17,
        "It sends zeros until a user has consented, and batteries forget users",
        (
            _USERS + "each_user_s_weights_come_by_his_consent_and_no_stub_is_stored",
            _USERS + "without_a_consent_nothing_is_read_and_a_person_is_told",
        ),
    ),
    (
        18,
        "It sends weights that do not stand yet",
        (_VALUES + "of_the_weights_on_the_way_to_the_one_that_stands_none_is_a_reading",),
    ),
    (
        19,
        "Its identity key is all zero",
        (_USERS + "the_hub_gives_its_identity_key_and_knows_a_device_with_an_empty_one_again",),
    ),
    (
        20,
        "It wants the hub's identity key, and its Service Changed subscribed to",
        (_USERS + "the_hub_gives_its_identity_key_and_knows_a_device_with_an_empty_one_again", _EACH),
    ),
    (
        21,
        "Paired with another host it no longer knows the hub",
        (
            _BONDS + "a_device_that_lost_its_bond_works_again_after_the_window_only",
            _VISIT + "a_lost_bond_is_told_and_not_tried_again",
        ),
    ),
    (
        22,
        "It was reset, and the hub's bond is stale",
        (_BONDS + "a_device_that_advertises_no_pairing_mode_is_paired_again_in_a_window",),
    ),
    (
        23,
        "Its battery level is nonsense",
        (_VALUES + "a_status_that_the_features_deny_and_a_battery_of_255_are_not_believed_and_not_dropped",),
    ),
    (
        24,
        "Record numbers have gaps, wrap, begin anew; filters are not known; there is nothing new",
        (
            _MEMORY + "a_meter_is_asked_for_what_came_after_the_last_record",
            _MEMORY + "numbers_that_wrap_or_begin_anew_lose_nothing",
            _MEMORY + "a_meter_that_knows_no_filter_is_asked_for_all",
        ),
    ),
    (
        25,
        "Its record numbers have 32 bits, not 16",
        (
            _MEMORY + "records_of_32_bit_numbers_are_asked_for_with_them",
            "tests/drivers/pure_profiles.py::test_records_are_asked_for_from_the_last_one_on",
        ),
    ),
    (26, "A strip put in drops the link", (_MEMORY + "a_strip_put_in_costs_the_link_and_no_record",)),
    (27, "Control solution looks like glucose", (_EACH, "tests/backend/test_honest.py::test_every_such_word_is_tried")),
    (
        28,
        "Weight and composition come apart, or one alone, or one in two packets",
        (
            _USERS + "a_composition_without_a_weight_is_stored_for_itself",
            _USERS + "each_user_s_weights_come_by_his_consent_and_no_stub_is_stored",
        ),
    ),
    (
        29,
        "Old firmware has a number of the maker's for the standard's value",
        (_VALUES + "old_firmware_with_the_maker_s_own_uuid_is_read_by_the_same_row",),
    ),
    (
        30,
        "Its advert does not name its service",
        (_ADVERT + "a_listed_standard_device_is_visited_whatever_it_advertises", _EACH),
    ),
    (31, "Its list of beats is cut short", (_VALUES + "half_an_interval_between_beats_makes_no_value",)),
    (32, "It sets flags of a later revision", (_VALUES + "flags_of_a_later_revision_are_never_guessed_at",)),
    (
        33,
        "Its maker's app must have set it up first",
        ("tests/host/test_devices.py::test_what_a_technician_must_know_of_a_device_is_told",),
    ),
    (34, "It has a demo, a test or a service mode", (_ODD + "odd_readings_are_stored_as_what_they_are",)),
)


def test_the_table_is_whole():
    assert [number for number, _, _ in QUIRKS] == list(range(1, 35))


@pytest.mark.parametrize(("number", "what", "tests"), QUIRKS, ids=[str(quirk[0]) for quirk in QUIRKS])
def test_each_quirk_has_a_test(number, what, tests):
    assert what and tests
    for test in tests:
        path, name = test.split("::")
        assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE), test


if __name__ == "__main__":
    for number, what, tests in QUIRKS:
        print(f"{number:2d}  {what}", *(f"      {test}" for test in tests), sep="\n")
