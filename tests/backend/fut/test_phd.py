"""The HL7 PHD bundle: R4B's models of fhir.resources check the base, the rules of the guide are here by hand."""

import json
from decimal import Decimal

import pytest
import simplejson
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.device import Device
from fhir.resources.R4B.observation import Observation

from firmware.measurement.codes import REASONS
from firmware.measurement.names import STATUSES
from tests.backend.fut import made
from tests.backend.fut.made import quantity, reading
from tests.backend.fut.road import keep
from tools.backend.fut.phd import Gateway, bundle
from tools.backend.fut.phd.__main__ import main
from tools.backend.fut.phd.words import table
from tools.backend.store import Store

MDC = "urn:iso:std:iso:11073:10101"
PROFILE = "http://hl7.org/fhir/uv/phd/StructureDefinition/"
DESCRIPTION = {"manufacturer": "A&D Medical", "model": "UA-651BLE", "serial": "5231200001", "firmware": "BLP009_02_005"}
# What R4B has and R4 has not, of the resources that are used here.
NOT_IN_R4 = {"Observation": {"instantiatesCanonical", "instantiatesReference"}, "Device": set()}
MODELS = {"Device": Device, "Observation": Observation}


def made_bundle(one, description=DESCRIPTION):
    """The bundle's resources by profile, after the library has read all of it."""
    content = bundle(one, description, Gateway(made.HUB, "1.0.0"), made.PATIENT)
    text = simplejson.dumps(content, use_decimal=True)
    Bundle.model_validate_json(text)
    found = {}
    for entry in json.loads(text, parse_float=Decimal)["entry"]:
        resource = entry["resource"]
        MODELS[resource["resourceType"]].model_validate_json(json.dumps(resource, default=str))
        assert not NOT_IN_R4[resource["resourceType"]] & resource.keys()
        assert entry["request"]["method"] == "POST"
        if "identifier" in resource:  # it is known by name: made once, however often it is sent
            first = resource["identifier"][0]
            assert entry["request"]["ifNoneExist"] == f"identifier={first['system']}|{first['value']}"
        [profile] = resource["meta"]["profile"]
        found.setdefault(profile.removeprefix(PROFILE), []).append((entry["fullUrl"], resource))
    return found


def only(found, profile):
    [(_, resource)] = found[profile]
    return resource


def test_blood_pressure_with_everything_that_the_device_told():
    found = made_bundle(reading(made.BLOOD_PRESSURE, "blood_pressure", status=["irregular_pulse"]))
    [(gateway_url, gateway)] = found["PhgDevice"]
    [(device_url, device)] = found["PhdDevice"]
    pressure, pulse = only(found, "PhdCompoundNumericObservation"), only(found, "PhdNumericObservation")
    assert gateway["type"]["coding"][0] == {"system": MDC, "code": "531981"}
    assert gateway["identifier"][0]["value"] == "24-D7-EB-FF-FE-0A-1B-2C"
    assert [one["type"]["coding"][0]["code"] for one in gateway["property"]] == ["68220", "532354.0"]
    assert device["type"]["coding"][0]["code"] == "65573"
    assert device["identifier"][0]["system"] == "http://hl7.org/fhir/sid/eui-48/bluetooth"
    assert device["identifier"][0]["value"] == "F8-90-25-D3-45-00"
    assert device["specialization"][0]["systemType"]["coding"][0]["code"] == "528391"
    assert (device["modelNumber"], device["serialNumber"]) == ("UA-651BLE", "5231200001")
    codes = [part["code"]["coding"][0]["code"] for part in pressure["component"]]
    assert (pressure["code"]["coding"][0]["code"], codes) == ("150020", ["150021", "150022", "150023"])
    assert pulse["valueQuantity"] == {
        "value": 67, "unit": "{beat}/min", "system": "http://unitsofmeasure.org", "code": "{beat}/min",
    }  # fmt: skip
    for one in (pressure, pulse):
        assert one["device"]["reference"] == device_url
        gateways = [row for row in one["extension"] if row["url"].endswith("observation-gatewayDevice")]
        assert gateways[0]["valueReference"]["reference"] == gateway_url
        assert one["effectiveDateTime"] == "2026-03-02T07:12:41+01:00"
        assert {"phd", "vital-signs"} == {row["coding"][0]["code"] for row in one["category"]}
        assert one["code"]["coding"][1]["system"] == "http://loinc.org"
        assert "security" not in one["meta"]
    [part] = only(found, "PhdBitsEnumerationObservation")["component"]
    assert part["code"]["coding"][0]["code"] == "8410608.2"  # IEEE 11073-10407, bit 2


@pytest.mark.parametrize(
    ("octets", "carrier"),
    [
        (
            b"\x0f(01)04012345678901\x0004012345678901\x002.51.1.1\x002.16.840.1.113883.3.24\x00",
            {
                "deviceIdentifier": "04012345678901",
                "issuer": "urn:oid:2.51.1.1",
                "jurisdiction": "urn:oid:2.16.840.1.113883.3.24",
                "carrierHRF": "(01)04012345678901",
            },
        ),
        (b"\x0204012345678901\x00", {"deviceIdentifier": "04012345678901"}),
        (b"\x01(01)04012345678901\x00", None),  # a label alone names no device
        (b"\x0204012345678901", None),  # cut short: half an identifier would be another device's
        (b"\x02\xff\x00", None),
        (b"", None),
        ("02", None),
    ],
)
def test_the_udi_is_the_devices_own(octets, carrier):
    device = only(made_bundle(reading(), DESCRIPTION | {"udi": octets}), "PhdDevice")
    assert device.get("udiCarrier") == (carrier and [carrier])


def test_the_coincident_time_stamp_lets_the_correction_be_undone():
    found = made_bundle(reading())
    [(url, stamp)] = found["PhdCoincidentTimeStampObservation"]
    [(device_url, _)], [(gateway_url, _)] = found["PhdDevice"], found["PhgDevice"]
    assert stamp["code"]["coding"][0]["code"] == "67975"
    assert (stamp["subject"]["reference"], stamp["device"]["reference"]) == (device_url, gateway_url)
    assert stamp["effectiveDateTime"] == "2026-03-02T06:13:01Z"
    assert stamp["valueDateTime"] == "2026-03-02T07:12:52+01:00"  # 9 s behind
    assert "identifier" not in stamp
    weight = only(found, "PhdNumericObservation")
    [reference] = [one for one in weight["extension"] if one["url"] == PROFILE + "CoincidentTimeStampReference"]
    assert reference["valueReference"]["reference"] == url


def test_the_clocks_are_told_at_the_moment_that_they_were_compared():
    found = made_bundle(reading(clock_at="2026-03-02T06:12:59Z", clock="2026-03-02T07:12:50"))
    stamp = only(found, "PhdCoincidentTimeStampObservation")
    assert (stamp["effectiveDateTime"], stamp["valueDateTime"]) == ("2026-03-02T06:12:59Z", "2026-03-02T07:12:50+01:00")


@pytest.mark.parametrize("state", ["unknown", "invalid"])
def test_a_time_fault_has_no_value_and_no_effective_time(state):
    found = made_bundle(reading(device_time=None, device_time_state=state))
    stamp = only(found, "PhdCoincidentTimeStampObservation")
    assert "valueDateTime" not in stamp
    assert stamp["dataAbsentReason"]["coding"][0]["code"] == "unknown"
    weight = only(found, "PhdNumericObservation")
    assert "effectiveDateTime" not in weight
    assert "identifier" not in weight  # no stamp of its own, no name of its own


def test_without_a_clock_the_time_of_hearing_counts():
    found = made_bundle(reading(device_time=None, device_time_state="absent", skew_ms=None))
    assert "PhdCoincidentTimeStampObservation" not in found
    assert only(found, "PhdNumericObservation")["effectiveDateTime"] == "2026-03-02T06:13:01Z"


@pytest.mark.parametrize("flags", [["test"], ["demo"]])
def test_test_data_is_marked_htest(flags):
    weight = only(made_bundle(reading(flags=flags)), "PhdNumericObservation")
    assert weight["meta"]["security"] == [
        {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
    ]


def test_precision_and_units_are_the_devices_own():
    # PHD, FLOATS: 0xE0C8 is 2.00
    text = simplejson.dumps(
        bundle(reading([quantity(188736, "2.00", 263904)]), {}, Gateway(made.HUB, None), made.PATIENT), use_decimal=True
    )
    assert '"value": 2.00, "unit": "[lb_av]"' in text


@pytest.mark.parametrize(("reason", "code"), [
    ("NaN", "not-a-number"), ("NRes", "error"), ("+INF", "positive-infinity"), ("-INF", "negative-infinity"),
])  # fmt: skip
def test_special_numbers_say_why_there_is_none(reason, code):
    weight = only(made_bundle(reading([{"code": 188736, "reason": reason}])), "PhdNumericObservation")
    assert "valueQuantity" not in weight
    assert weight["dataAbsentReason"]["coding"][0]["code"] == code


@pytest.mark.parametrize(("kind", "code", "name", "bit"), [  # HL7/phd, CodeSystem ASN1ToHL7
    ("blood_pressure", 150021, "improper_position", "8410608.5"),
    ("pulse_oximetry", 150456, "sensor_displaced", "150604.2"),
    ("pulse_oximetry_fast", 150456, "low_perfusion", "150604.10"),
    ("blood_glucose", 160184, "strip_insertion_error", "8417752.3"),
])  # fmt: skip
def test_status_bits_are_the_guides(kind, code, name, bit):
    found = made_bundle(reading([quantity(code, "1", 266016)], kind, status=[name]))
    status = only(found, "PhdBitsEnumerationObservation")
    assert status["code"]["coding"][0]["code"] == bit.partition(".")[0]
    assert [part["code"]["coding"][0]["code"] for part in status["component"]] == [bit]


def test_every_status_of_those_devices_is_the_guides_or_the_measurements_own():
    own = {"measurement_ongoing", "early_estimate", "validated", "fully_qualified", "from_storage", "demo", "testing",
           "calibration_ongoing", "unavailable", "questionable", "invalid"}  # fmt: skip
    for kind, names in table()["status_bits"].items():
        told = set()
        for name in STATUSES[kind]:
            told |= set(name[1]) if isinstance(name, tuple) else {name}
        told -= {None, "pulse_range_rfu", "time_fault"} | (own if kind == "pulse_oximetry" else set())
        assert told == set(names)


def test_every_reason_of_ours_has_its_word():
    assert set(REASONS) == set(table()["absent"])


def test_what_the_device_calls_invalid_is_in_error():
    weight = only(made_bundle(reading(flags=["invalid"])), "PhdNumericObservation")
    assert (weight["status"], weight["dataAbsentReason"]["coding"][0]["code"]) == ("entered-in-error", "error")
    early = only(made_bundle(reading(status=["early_estimate"])), "PhdNumericObservation")
    assert (early["status"], early["interpretation"][0]["coding"][0]["code"]) == ("preliminary", "early-indication")


def test_codes_and_units_that_nobody_knows_pass_through():
    odd = only(made_bundle(reading([quantity(9_000_001, "7", 9_000_002)], "observation")), "PhdNumericObservation")
    assert odd["code"]["coding"] == [{"system": MDC, "code": "9000001"}]
    assert odd["valueQuantity"] == {"value": 7, "system": MDC, "code": "9000002"}


def test_a_resend_has_the_same_name_and_another_measurement_another():
    def name(one):
        return only(made_bundle(one), "PhdNumericObservation")["identifier"][0]["value"]

    first = name(reading())
    assert first == "F8-90-25-D3-45-00-5001-188736-20260302071232"  # device, patient, type, the device's own stamp
    assert name(reading(number=2)) == first
    assert name(reading(number=2, at="2026-03-02T06:13:41Z")) != first


def test_the_same_reading_gives_the_same_octets():
    one = reading(made.BLOOD_PRESSURE, "blood_pressure")
    assert made_bundle(one) == made_bundle(one)


def test_a_stores_readings_come_out_a_bundle_a_line(tmp_path, capsys):
    store = Store(tmp_path / "store.db")
    for number in (1, 2):
        keep(store, reading(number=number, at=f"2026-03-02T06:0{number}:00Z"), held="bond" if number == 2 else "")
    arguments = ["--database", str(tmp_path / "store.db"), "--hub", made.HUB, "--patient", "logical-7"]
    assert main(arguments) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        Bundle.model_validate_json(line)
        assert '"logical-7"' in line
