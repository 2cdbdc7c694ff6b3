"""A verified reading and its context give the Parameters of one $submit-measurement, or a reason why not. Pure.

Every value of a reading either goes, or is named with the reason why it stays (`left`). A value that the plan
asks for and that cannot go as it is holds the whole reading: half an answer would hide the other half.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import simplejson

from firmware.measurement.codes import CODED
from firmware.measurement.zone import Zone
from tools.backend.fut import assignment as assignments
from tools.backend.fut import moment as moments
from tools.backend.fut import observation, plan, questionnaire
from tools.backend.fut.context import Assignment, Context
from tools.backend.fut.conversion import convert
from tools.backend.fut.moment import Moment
from tools.backend.fut.observation import Value
from tools.backend.fut.reasons import VALUE, Held
from tools.backend.fut.tables import Code, SystemCode, Tables

# What a device or the hub says of a reading → why FUT does not get it. The first that applies is named.
_FLAGS = {
    "test": "test_data",
    "demo": "test_data",
    "control_solution": "control_solution",
    "calibration": "calibration",
    "invalid": "device_says_invalid",
    "unavailable": "device_says_invalid",
    "unsuccessful": "device_says_invalid",
    "incomplete": "incomplete",
    "bond_changed": "bond_changed",
    "possible_repeat": "possible_repeat",
    "session_lost": "session_lost",
}
_STATUS = {
    "test_data": "test_data",
    "demo": "test_data",
    "testing": "test_data",
    "calibration_ongoing": "calibration",
    "calibrating": "calibration",
    "early_estimate": "not_final",
    "measurement_ongoing": "not_final",
    "invalid": "device_says_invalid",
    "not_available": "device_says_invalid",
    "unavailable": "device_says_invalid",
}
# FUT takes single measurements, "not bulk uploads" (IG, POST_submit-measurement).
_STREAMS = ("pulse_oximetry_continuous", "pulse_oximetry_fast", "pulse_oximetry_slow", "glucose_continuous")
# Why a device gave no number → data absent with FUT's "error" (None), or held: too high is no failure.
_NO_NUMBER = {
    "NaN": None,
    "NRes": None,
    "unsuccessful": None,
    "no_reading": None,
    "+INF": "out_of_range",
    "-INF": "out_of_range",
    "overrun": "out_of_range",
}


@dataclass(frozen=True)
class Mapped:
    """One measurement for FUT."""

    reading: str
    patient: str
    parameters: dict[str, Any]
    moment: Moment
    left: tuple[tuple[int, str], ...]  # (MDC code, a reason of reasons.VALUE) of what stays behind

    @property
    def body(self) -> str:
        """As it is sent: the same octets each time."""
        return simplejson.dumps(self.parameters, use_decimal=True, ensure_ascii=False)


def map_reading(reading: dict[str, Any], context: Context) -> Mapped:
    """The measurement that a reading is; Held with the reason when FUT must not get it."""
    _check_kind(reading)
    zone = Zone(context.zone)
    moment = moments.taken(reading, zone)
    assignment = assignments.of(reading, context, moment)
    asked, left = _answered(reading, assignment, context.tables)
    usage = "entered-manually" if "manually_entered" in reading["status"] else "automatically-transferred"
    entries = []
    for code, values in asked:
        place = plan.place(assignment.requests, (code.system, code.code), moment.at)
        assert place is not None  # it was asked for
        name = observation.identifier(reading["reading"], code)
        resource = observation.observation(
            name=name,
            assignment=assignment,
            place=place,
            code=code,
            values=values,
            effective=moments.local_text(moment.at, zone),
            usage=usage,
        )
        entries.append((name, resource))
    if reading.get("answers"):
        entries.append(_answers(reading, assignment, moment))
    return Mapped(reading["reading"], assignment.patient, observation.parameters(entries), moment, tuple(left))


def _answers(reading: dict[str, Any], assignment: Assignment, moment: Moment) -> tuple[str, dict[str, Any]]:
    """What was asked beside the measurement, in the same submission."""
    told = reading["answers"]
    request, timing = plan.questionnaire(assignment.questionnaires, told["questionnaire"], moment.at)
    name = observation.named(reading["reading"], told["questionnaire"])
    return name, questionnaire.response(name, told, assignment, request, timing)


def _check_kind(reading: dict[str, Any]) -> None:
    if reading["kind"] == "undecoded":
        raise Held("undecoded")
    if reading["test"]:
        raise Held("test_data")
    for marks, meant in ((reading["flags"], _FLAGS), (reading["status"], _STATUS)):
        for mark, reason in meant.items():
            if mark in marks:
                raise Held(reason, mark)
    if reading["kind"] in _STREAMS:
        raise Held("continuous")


def _answered(
    reading: dict[str, Any], assignment: Assignment, known: Tables
) -> tuple[list[tuple[Code, list[Value]]], list[tuple[int, str]]]:
    """(Each code that the plan asks for and this reading answers, with its values; what stays behind)."""
    requested = {request.key for request in assignment.requests}
    wanted = requested | {part for key in requested for part in known.codes[key].parts}
    values: dict[SystemCode, Value] = {}
    left: list[tuple[int, str]] = []
    for quantity in reading["quantities"]:
        key = known.quantities.get(quantity["code"])
        reason = _why_not(key, wanted, known)
        if reason:
            left.append((quantity["code"], reason))
            continue
        assert key is not None
        if key in values:
            raise Held("two_values", key[1])
        values[key] = _value(quantity, known.codes[key], known)
    answered = []
    for code in known.codes.values():  # the table's order: any would do, and this one never changes
        if (code.system, code.code) not in requested:
            continue
        parts = [values[key] for key in code.parts or ((code.system, code.code),) if key in values]
        if parts and len(parts) < len(code.parts):
            raise Held("incomplete", f"{code.code} lacks a part")
        if parts:
            answered.append((code, parts))
    if not answered:
        known_to_fut = any(reason == "not_requested" for _, reason in left)
        raise Held("no_request" if known_to_fut else "code_not_in_ig" if left else "no_number")
    return answered, left


def _why_not(key: SystemCode | None, wanted: set[SystemCode], known: Tables) -> str:
    if key is None:
        reason = "no_fut_code"
    elif key not in known.codes:
        reason = "code_not_in_ig"
    elif key not in wanted:
        reason = "not_requested"
    else:
        return ""
    assert reason in VALUE
    return reason


def _value(quantity: dict[str, Any], code: Code, known: Tables) -> Value:
    if "reason" in quantity:
        held = _NO_NUMBER.get(quantity["reason"], "no_number")
        if held:
            raise Held(held, f"{code.code}: {quantity['reason']}")
        return Value(code, None)
    if quantity["unit"] == CODED:
        raise Held("no_number", f"{code.code} is told as a code")
    by = known.conversion(quantity["unit"], code)
    if by is None:
        raise Held("unit_not_convertible", f"{code.code}: MDC {quantity['unit']}")
    return Value(code, convert(Decimal(quantity["value"]), by, code.integer))
