"""A context is checked before it is believed, and what is wrong is named by its JSON path."""

import copy
import json

import pytest

from tests.backend.fut import made
from tests.backend.fut.made import assignment, request
from tools.backend.fut.context import BadContext, read

A = "$.assignments[0]"
R = f"{A}.requests[0]"
# path → how to spoil a good context there
SPOILT = {
    "$": [lambda c: "{", lambda c: "[" * 100_000],
    "$.format": [lambda c: c.update(format=2), lambda c: c.pop("format")],
    "$.ig": [lambda c: c.update(ig="9.9.9"), lambda c: c.update(ig=8)],
    "$.zone": [lambda c: c.update(zone="Europe/Copenhagen")],
    "$.assignment": [lambda c: c.update(assignment=[])],
    A: [lambda c: first(c).update(valid_to="2025-01-01T00:00:00Z")],
    f"{A}.validto": [lambda c: first(c).update(validto=None)],
    f"{A}.hub": [lambda c: first(c).update(hub="24D7EB0A1B2C")],
    f"{A}.device": [lambda c: first(c).update(device="UA-651BLE")],
    f"{A}.slot": [lambda c: first(c).update(slot="1"), lambda c: first(c).update(slot=255)],
    f"{A}.valid_from": [lambda c: first(c).update(valid_from="2026-01-01"), lambda c: first(c).update(valid_from=None)],
    f"{A}.valid_to": [
        lambda c: first(c).update(valid_to=""),
        lambda c: first(c).update(valid_to="2026-02-30T00:00:00Z"),
    ],
    f"{A}.patient": [
        lambda c: first(c).update(patient="Patient/5001"),
        lambda c: first(c).update(patient=made.EPISODE),
    ],
    f"{A}.episode_of_care": [lambda c: first(c).update(episode_of_care=made.PATIENT)],
    f"{A}.device_reference": [lambda c: first(c).update(device_reference="Device/1")],
    f"{R}.code": [lambda c: asked(c).update(code={"system": made.NPU, "code": "NPU22089"})],
    f"{R}.service_request": [lambda c: asked(c).update(service_request="3101")],
    f"{R}.version": [lambda c: asked(c).update(version=True), lambda c: asked(c).update(version="a b")],
    f"{R}.shape": [
        lambda c: asked(c).update(shape="double"),
        lambda c: asked(c).update(shape="panel"),
        lambda c: asked(c).update(shape="split"),
        lambda c: asked(c).update(code={"system": made.SKS, "code": "ZZ3170"}),
    ],
    f"{R}.timing[0].type": [lambda c: asked(c).update(timing=[{"type": "resolved"}])],
    f"{R}.timing[0].start": [lambda c: asked(c)["timing"][0].update(start="soon")],
    f"{R}.timing[0]": [
        lambda c: asked(c).update(timing=[{"type": "Resolved"}]),
        lambda c: asked(c).update(timing=[{**made.SLOT, "type": "Adhoc"}]),
        lambda c: asked(c)["timing"][0].update(end="2026-03-02T05:00:00+01:00"),
    ],
    f"{R}.reference_ranges[0]": [lambda c: asked(c).update(reference_ranges=[{}])],
    f"{R}.reference_ranges[0].low": [lambda c: asked(c).update(reference_ranges=[{"low": 60}])],
    f"{R}.reference_ranges[0].low.code": [
        lambda c: asked(c).update(reference_ranges=[{"low": {"value": 60, "code": "lb"}}]),
    ],
    f"{R}.reference_ranges[0].type.coding[0]": [
        lambda c: asked(c).update(
            reference_ranges=[{"low": {"value": 60, "code": "kg"}, "type": {"coding": [{"system": "x", "code": "y"}]}}]
        ),
    ],
}  # fmt: skip


def first(content):
    return content["assignments"][0]


def asked(content):
    return first(content)["requests"][0]


@pytest.mark.parametrize(("path", "spoil"), [(path, spoil) for path, ways in SPOILT.items() for spoil in ways])
def test_what_is_wrong_is_named_by_its_path(path, spoil):
    content = copy.deepcopy(made.content())
    told = spoil(content)
    with pytest.raises(BadContext) as caught:
        read(told if isinstance(told, str) else json.dumps(content))
    assert caught.value.path == path
    assert caught.value.problem


def test_what_has_nothing_to_say_may_be_left_out():
    content = made.content()
    for name in ("slot", "valid_to", "device_reference"):
        del first(content)[name]
    del asked(content)["reference_ranges"]
    asked(content)["version"] = 3
    taken = read(json.dumps(content)).assignments[0]
    assert (taken.slot, taken.valid_to, taken.device_reference) == (None, None, None)
    assert (taken.requests[0].version, taken.requests[0].reference_ranges) == ("3", ())


@pytest.mark.parametrize("coding", [
    {"system": "urn:oid:1.2.208.184.100.1", "code": "RAL"}, {"system": made.NPU, "code": "NPU03804"},
    {"system": "http://ehealth.sundhed.dk/cs/reference-range-type", "code": "RELGAL"},
    {"system": "http://terminology.hl7.org/CodeSystem/referencerange-meaning", "code": "therapeutic"},
])  # fmt: skip
def test_every_type_of_range_that_fut_has_is_taken(coding):
    content = made.content()
    asked(content)["reference_ranges"] = [{"high": {"value": 90, "code": "kg"}, "type": {"coding": [coding]}}]
    assert read(json.dumps(content))


def test_a_good_one_is_taken():
    panel = assignment(made.PANEL_REQUEST, made.PULSE_REQUEST, slot=1, link="authenticated")
    split = assignment(*made.SPLIT_REQUESTS, device_reference=None)
    context = read(json.dumps(made.content(assignment(), panel, split, zone="UTC0")))
    assert len(context.assignments) == 3
    assert read(json.dumps(made.content(assignment(request("NPU03804", timing=()))))).ig == "8.0.0"
