"""A reading becomes what FUT takes: judged by a checker that knows the guide, not the mapper, and by the stand-in."""

import json
import shutil
from decimal import Decimal

import pytest

from tests.backend.fut import made
from tests.backend.fut.checker import CODES, problems
from tests.backend.fut.made import assignment, made_context, quantity, reading, request
from tools.backend.fut import tables
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.reasons import Held
from tools.backend.fut.standin import rules
from tools.backend.fut.standin.known import of_context

# What a device tells (MDC code, value, MDC unit) → FUT's code, and its value there, by hand.
SUPPORTED = {
    "SpO2": (150456, "93", 262688, made.NPU, "NPU03011", "93"),
    "SpO2 with a decimal": (150456, "93.0", 262688, made.NPU, "NPU03011", "93.0"),
    "pulse of a cuff": (149546, "67", 264864, made.NPU, "NPU21692", "67"),
    "pulse of an oximeter": (149530, "86.0", 264864, made.NPU, "NPU21692", "86"),
    "weight": (188736, "82.40", 263875, made.NPU, "NPU03804", "82.40"),
    "weight in lb": (188736, "181.6", 263904, made.NPU, "NPU03804", "82.37"),  # 82.372374392
    "height": (188740, "1.755", 263424, made.NPU, "NPU03794", "1.755"),
    "height in cm": (188740, "175.5", 263441, made.NPU, "NPU03794", "1.755"),
    "height in inches": (188740, "69.1", 263520, made.NPU, "NPU03794", "1.755"),  # 1.75514
    "BMI": (188752, "26.8", 264096, made.NPU, "NPU27281", "26.8"),
    "temperature": (150364, "37.30", 268192, made.NPU, "NPU08676", "37.30"),
    "temperature of the ear": (188428, "38.1", 268192, made.NPU, "NPU08676", "38.1"),
    "temperature in Fahrenheit": (150364, "98.6", 266560, made.NPU, "NPU08676", "37.00"),  # 0.1 F is 0.056 C
    "FEV1": (152586, "2.31", 263744, made.MCS, "MCS88015", "2.31"),
    "FEV1 in mL": (152586, "2310", 263762, made.MCS, "MCS88015", "2.310"),
    "FVC": (188928, "3.02", 263744, made.MCS, "MCS88016", "3.02"),
    "FEV1/FVC": (188948, "76", 262688, made.MCS, "MCS88017", "0.76"),
}
TIMINGS = {
    "Resolved": [made.SLOT],
    "Unresolved": [{"type": "Unresolved"}],
    "Adhoc": [{"type": "Adhoc"}],
    "Extra": [
        {"type": "Resolved", "start": "2026-03-02T18:00:00+01:00", "end": "2026-03-02T22:00:00+01:00"},
        {"type": "Extra"},
    ],
}


def mapped(one, *requests, **changes):
    """The Observations of a body that the checker and the stand-in find right."""
    content = made.content(assignment(*requests, **changes))
    context = made_context(*content["assignments"])
    body = map_reading(one, context).body
    assert problems(body) == []
    parsed = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    bundle = parsed["parameter"][0]["resource"]
    assert rules.judge(bundle, of_context(content, context.tables)) is None
    return [entry["resource"] for entry in bundle["entry"]]


def held(one, context):
    with pytest.raises(Held) as caught:
        map_reading(one, context)
    return caught.value.reason


def test_no_code_of_futs_is_left_out_below():
    """The checker's list is copied from the guide by hand."""
    alone = {(system, code) for _, _, _, system, code, _ in SUPPORTED.values()}
    assert alone | {(made.NPU, "DNK05472"), (made.NPU, "DNK05473")} == set(CODES)


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", SUPPORTED)
def test_every_quantity_that_fut_takes_at_every_timing(name, timing):
    mdc, value, unit, system, code, expected = SUPPORTED[name]
    asked = request(code, 3105, timing=TIMINGS[timing], system=system)
    [one] = mapped(reading([quantity(mdc, value, unit)]), asked)
    assert str(one["valueQuantity"]["value"]) == expected
    assert timing_type(one) == timing


@pytest.mark.parametrize("timing", TIMINGS)
def test_blood_pressure_as_a_panel(timing):
    panel = request("ZZ3170", 3101, "panel", TIMINGS[timing], made.SKS)
    [one] = mapped(reading(made.BLOOD_PRESSURE, "blood_pressure"), panel)
    assert [part["valueQuantity"]["value"] for part in one["component"]] == [128, 81]
    assert timing_type(one) == timing


@pytest.mark.parametrize("timing", TIMINGS)
def test_blood_pressure_as_two_observations(timing):
    split = [request(code, number, "split", TIMINGS[timing]) for code, number in (("DNK05472", 1), ("DNK05473", 2))]
    systolic, diastolic = mapped(reading(made.BLOOD_PRESSURE, "blood_pressure"), *split)
    assert (systolic["valueQuantity"]["value"], diastolic["valueQuantity"]["value"]) == (128, 81)
    assert systolic["basedOn"][0]["reference"].endswith("/ServiceRequest/1")
    assert diastolic["basedOn"][0]["reference"].endswith("/ServiceRequest/2")


def test_pressure_in_kilopascal_is_a_whole_number_of_millimetres():
    told = [quantity(150021, "17.1", 265987), quantity(150022, "10.8", 265987)]  # 128.26 and 81.007 mmHg
    [one] = mapped(reading(told, "blood_pressure"), made.PANEL_REQUEST)
    assert [str(part["valueQuantity"]["value"]) for part in one["component"]] == ["128", "81"]


def test_pulse_goes_with_its_device_to_that_devices_request():
    oximeter = "d0:20:dc:dd:b6:01"
    context = made_context(
        assignment(made.PANEL_REQUEST, request("NPU21692", 1)),
        assignment(request("NPU03011", 3), request("NPU21692", 2), device=oximeter),
    )
    cuff = map_reading(reading(made.BLOOD_PRESSURE, "blood_pressure"), context).parameters
    told = [quantity(150456, "93", 262688), quantity(149530, "86", 264864)]
    finger = map_reading(reading(told, "pulse_oximetry", device=oximeter), context).parameters
    assert pulse_request(cuff).endswith("/1")
    assert pulse_request(finger).endswith("/2")


def test_mean_pressure_status_and_what_nobody_asked_for_stay_and_are_named():
    one = map_reading(
        reading(made.BLOOD_PRESSURE, "blood_pressure", status=["irregular_pulse"]),
        made_context(assignment(made.PANEL_REQUEST)),
    )
    assert one.left == ((150023, "no_fut_code"), (149546, "not_requested"))
    assert "97" not in one.body
    assert "irregular" not in one.body


def test_a_failed_measurement_is_told_as_fut_tells_it():
    told = [{"code": code, "reason": "NaN"} for code in (150021, 150022)]
    [panel] = mapped(reading(told, "blood_pressure"), made.PANEL_REQUEST)
    assert panel["dataAbsentReason"]["coding"][0]["code"] == "error"
    half = [{"code": 150021, "reason": "NRes"}, quantity(150022, "81", 266016)]
    [panel] = mapped(reading(half, "blood_pressure"), made.PANEL_REQUEST)
    assert panel["component"][0]["dataAbsentReason"]["coding"][0]["code"] == "error"
    assert panel["component"][1]["valueQuantity"]["value"] == 81


@pytest.mark.parametrize("reason", ["+INF", "-INF", "overrun"])
def test_too_high_is_no_failure(reason):
    assert held(reading([{"code": 188736, "reason": reason}]), made_context()) == "out_of_range"


def test_ranges_are_copied_digit_by_digit():
    row = {
        "low": {"value": 60.50, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        "type": {"coding": [{"system": "urn:oid:1.2.208.184.100.1", "code": "GAL"}]},
    }
    content = json.dumps(made.content(assignment(request("NPU03804", ranges=[row])))).replace("60.5", "60.50")
    from tools.backend.fut.context import read

    body = map_reading(reading(), read(content)).body
    assert problems(body) == []
    assert '"value": 60.50,' in body


def test_the_same_reading_gives_the_same_octets_and_another_other_names():
    context = made_context()
    assert map_reading(reading(), context).body == map_reading(reading(), context).body
    names = {map_reading(reading(number=number), context).parameters["parameter"][0]["resource"]["entry"][0]["fullUrl"]
             for number in range(1, 30)}  # fmt: skip
    assert len(names) == 29


def test_effective_time_is_the_devices_own_corrected_by_what_its_clock_was_off():
    [one] = mapped(reading(), made.WEIGHT_REQUEST)
    assert one["effectiveDateTime"] == "2026-03-02T07:12:41+01:00"
    assert map_reading(reading(), made_context()).moment.correction.total_seconds() == 9


def test_a_clock_left_in_winter_time_is_put_right_in_summer():
    # Taken 10:00 UTC on 1 July, local 12:00; the device shows 11:00, an hour behind the hub's local time.
    told = reading(at="2026-07-01T10:00:00Z", device_time="2026-07-01T11:00:00", skew_ms=-3_600_000, offset_min=120)
    [one] = mapped(told, request("NPU03804", timing=()))
    assert one["effectiveDateTime"] == "2026-07-01T12:00:00+02:00"


def test_without_the_hubs_offset_the_contexts_zone_counts_at_the_time_of_the_visit():
    told = reading(at="2026-07-01T10:00:00Z", device_time="2026-07-01T12:00:00", skew_ms=0)
    del told["offset_min"]
    [one] = mapped(told, request("NPU03804", timing=()))
    assert one["effectiveDateTime"] == "2026-07-01T12:00:00+02:00"


def test_entered_by_hand_is_told():
    told = reading(status=["manually_entered"])
    assert '"entered-manually"' in map_reading(told, made_context()).body


def test_codes_outside_of_the_release_are_refused_by_name():
    glucose = reading([quantity(160184, "5.4", 266866)], "blood_glucose")
    assert held(glucose, made_context()) == "code_not_in_ig"
    flow = reading([quantity(152584, "400", 265216)], "spirometry")
    assert held(flow, made_context()) == "code_not_in_ig"


def test_a_new_release_is_a_new_file_and_nothing_else(tmp_path, monkeypatch):
    shutil.copytree(tables._FOLDER, tmp_path / "tables")
    guide = json.loads((tmp_path / "tables/ig/8.0.0.json").read_text())
    unit = ["mmol/L", "http://unitsofmeasure.org", "mmol/L"]
    row = {"system": made.NPU, "code": "NPU22089", "display": "P(kB)—Glucose", "unit": unit, "type": "decimal"}
    guide["observation_codes"].append(row)
    (tmp_path / "tables/ig/99.0.0.json").write_text(json.dumps(guide))
    monkeypatch.setattr(tables, "_FOLDER", tmp_path / "tables")
    context = made_context(assignment(request("NPU22089")), ig="99.0.0")
    for value, mdc_unit, expected in (("5.4", 266866, "5.4"), ("97", 264274, "5.38")):  # 5.3842 by 180.156 g/mol
        body = map_reading(reading([quantity(160184, value, mdc_unit)], "blood_glucose"), context).body
        assert f'"value": {expected}, "unit": "mmol/L"' in body


def test_a_unit_without_a_listed_conversion_is_never_guessed():
    assert held(reading([quantity(188736, "13", 268192)]), made_context()) == "unit_not_convertible"


def test_a_panel_is_never_half_told():
    half = reading([quantity(150021, "128", 266016)], "blood_pressure")
    assert held(half, made_context(assignment(made.PANEL_REQUEST))) == "incomplete"


def pulse_request(parameters):
    entries = parameters["parameter"][0]["resource"]["entry"]
    [found] = [
        one["resource"] for one in entries if one["resource"]["code"]["coding"][0]["code"] == "NPU21692"
    ]
    return found["basedOn"][0]["reference"]


def timing_type(one):
    [timing] = [extension for extension in one["extension"] if extension["url"].endswith("resolved-timing")]
    [kind] = [part for part in timing["extension"] if part["url"] == "type"]
    return kind["valueCodeableConcept"]["coding"][0]["code"]
