"""What FUT must not get, and why: each reason of the one list, and that nothing else may be one."""

import pytest

from tests.backend.fut import made
from tests.backend.fut.made import assignment, made_context, quantity, reading, request
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.reasons import READING, Held

LATER = {"valid_from": "2026-03-02T08:00:00+01:00"}  # the reading is of 07:12:41
ENDED = {"valid_to": "2026-03-02T07:00:00+01:00"}
ABSENT = {"device_time": None, "device_time_state": "absent"}
OTHER = "https://patient.fut.example.test/fhir/Patient/5002"

# reason → (reading, context)
CASES = {
    "test_data": [
        (reading(test=True), made_context()),
        (reading(flags=["test"]), made_context()),
        (reading(flags=["demo"]), made_context()),
        (reading(status=["testing"]), made_context()),
    ],
    "control_solution": [(reading(flags=["control_solution"]), made_context())],
    "calibration": [
        (reading(flags=["calibration"]), made_context()),
        (reading(status=["calibration_ongoing"]), made_context()),
    ],
    "device_says_invalid": [
        (reading(flags=[flag]), made_context()) for flag in ("invalid", "unavailable", "unsuccessful")
    ],
    "not_final": [(reading(status=["early_estimate"]), made_context())],
    "continuous": [(reading(kind="pulse_oximetry_continuous"), made_context())],
    "incomplete": [(reading(flags=["incomplete"]), made_context())],
    "undecoded": [(reading([], "undecoded"), made_context())],
    "possible_repeat": [(reading(flags=["possible_repeat"]), made_context())],
    "bond_changed": [(reading(flags=["bond_changed"]), made_context())],
    "session_lost": [(reading(flags=["session_lost"]), made_context())],
    "link_not_secure": [
        (reading(), made_context(assignment(link="authenticated"))),
        (reading(flags=["unencrypted"], link=["indicated"]), made_context(assignment(link="encrypted"))),
    ],
    "time_unknown": [
        (reading(device_time_state="unknown"), made_context()),
        (reading(flags=["clock_not_set"]), made_context()),
    ],
    "time_invalid": [
        (reading(device_time_state="invalid"), made_context()),
        (reading(status=["time_fault"]), made_context()),
    ],
    "time_in_future": [(reading(device_time="2026-03-02T09:12:41"), made_context())],
    "hub_clock_unknown": [(reading(hub_clock="none"), made_context())],
    "time_unproved": [
        (reading(skew_ms=None), made_context()),  # a cuff remembers, and its clock could not be read
        (reading(**ABSENT), made_context()),
        (reading(**ABSENT, row=None), made_context()),
        (reading(**ABSENT, row="pulse_oximeter_continuous", flags=["from_storage"]), made_context()),
        (reading(), made_context(assignment(valid_from="2026-03-02T07:12:41+01:00"))),
        (reading(), made_context(assignment(valid_to="2026-03-02T07:12:43+01:00"))),
    ],
    "not_assigned": [
        (reading(), made_context(assignment(**LATER))),  # delivered or not: it was taken before
        (reading(), made_context(assignment(**ENDED))),
        (reading(hub="24d7eb0a1b2d"), made_context()),
        (reading(device="f8:90:25:d3:45:01"), made_context()),
    ],
    "two_assignments": [
        (reading(), made_context(assignment(), assignment(patient=OTHER))),
    ],
    "other_user": [(reading(user=2), made_context(assignment(slot=1)))],
    "user_unknown": [
        (reading(user=255), made_context(assignment(slot=1))),
        (reading(), made_context(assignment(slot=1))),
        (reading(user=1), made_context()),
    ],
    "no_request": [(reading(), made_context(assignment(request("NPU03011"))))],
    "two_requests": [
        (reading(), made_context(assignment(request("NPU03804", 1), request("NPU03804", 2)))),
    ],
    "two_values": [(reading([quantity(188736, "71.5", 263875)] * 2), made_context())],
    "outside_plan": [(reading(at="2026-03-02T20:00:00Z"), made_context())],
    "code_not_in_ig": [(reading([quantity(160184, "5.4", 266866)], "blood_glucose"), made_context())],
    "unit_not_convertible": [(reading([quantity(188736, "71.5", 266016)]), made_context())],
    "out_of_range": [(reading([{"code": 188736, "reason": "+INF"}]), made_context())],
    "no_number": [
        (reading([{"code": 188736, "reason": "no_number"}]), made_context()),
        (reading([quantity(188736, "188736", 0)]), made_context()),
        (reading([]), made_context()),
    ],
}
# Known only to those who see many readings, or FUT's answer.
ELSEWHERE = {"repeated", "refused"}


def test_every_reason_has_a_case():
    assert set(CASES) | ELSEWHERE == set(READING)


@pytest.mark.parametrize(
    ("reason", "one", "context"), [(reason, *case) for reason, cases in CASES.items() for case in cases]
)
def test_it_is_held_for_this_reason(reason, one, context):
    with pytest.raises(Held) as caught:
        map_reading(one, context)
    assert caught.value.reason == reason
    told = [row["value"] for row in one["quantities"] if "value" in row]
    assert not any(value in caught.value.detail for value in told)  # no value leaves by this road


def test_a_device_that_changed_hands_is_split_by_the_time_of_taking():
    context = made_context(
        assignment(valid_to="2026-03-02T12:00:00+01:00"),
        assignment(patient=OTHER, valid_from="2026-03-02T12:00:00+01:00", requests=[request("NPU03804", timing=())]),
    )
    # Both arrive at 15:00: the first was in the device's memory.
    before = map_reading(reading(hub_time="2026-03-02T14:00:00Z"), context)
    after = map_reading(reading(at="2026-03-02T12:30:00Z", hub_time="2026-03-02T14:00:00Z"), context)
    assert (before.patient, after.patient) == (made.PATIENT, OTHER)


def test_two_people_at_one_cuff_are_told_apart_by_its_users():
    context = made_context(assignment(slot=1), assignment(slot=2, patient=OTHER))
    assert map_reading(reading(user=1), context).patient == made.PATIENT
    assert map_reading(reading(user=2), context).patient == OTHER


def test_a_device_without_memory_measured_when_it_was_heard():
    live = reading(**ABSENT, row="pulse_oximeter_continuous")
    assert map_reading(live, made_context()).moment.at.isoformat() == "2026-03-02T06:13:01+00:00"
    unread = reading(skew_ms=None, row="pulse_oximeter_continuous")
    assert map_reading(unread, made_context()).moment.correction is None


def test_a_safer_link_than_asked_for_is_good():
    safe = reading(link=["encrypted", "bonded", "authenticated"])
    assert map_reading(safe, made_context(assignment(link="authenticated")))
    assert map_reading(safe, made_context(assignment(link="encrypted")))


def test_a_resolved_time_counts_before_any_time():
    morning, any_time = request("NPU03804", 1), request("NPU03804", 2, timing=[{"type": "Adhoc"}])
    one = map_reading(reading(), made_context(assignment(any_time, morning)))
    assert '"Resolved"' in one.body
    assert "ServiceRequest/1" in one.body


def test_the_ends_of_a_resolved_time_belong_to_it():
    for at in ("2026-03-02T05:00:00Z", "2026-03-02T09:00:00Z"):
        assert '"Resolved"' in map_reading(reading(at=at), made_context()).body
    with pytest.raises(Held):
        map_reading(reading(at="2026-03-02T09:00:01Z"), made_context())
