"""Values as PhdBaseObservation and its kin have them, the device's status bits, and the coincident time stamp."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from firmware.measurement.codes import CODED, PRESS_DIA, PRESS_MEAN, PRESS_SYS
from tools.backend.fut.phd.words import ASN1, DATA_ABSENT, GATEWAY, MDC, PHD, PROFILE, UCUM, YES_NO, concept, mdc, table

_PRESSURE = 150020  # MDC_PRESS_BLD_NONINV
_PRESSURES = (PRESS_SYS, PRESS_DIA, PRESS_MEAN)
_ABSOLUTE_TIME = "67975"  # MDC_ATTR_TIME_ABS
_HTEST = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}
_TEST_FLAGS = ("test", "demo")
_VITAL = concept("http://terminology.hl7.org/CodeSystem/observation-category", "vital-signs")
_OF_A_DEVICE = concept(PHD + "CodeSystem/PhdObservationCategories", "phd")


@dataclass(frozen=True)
class Around:
    """What all observations of one reading share."""

    reading: dict[str, Any]
    patient: str
    gateway: str  # fullUrl
    device: str
    stamp: str | None  # of the coincident time stamp
    effective: str | None


def coincident(reading: dict[str, Any], gateway: str, device: str, offset_min: int) -> dict[str, Any] | None:
    """The device's clock and the hub's at one moment, so that a correction can be undone. None when it has none."""
    fault = reading["device_time_state"] in ("unknown", "invalid")
    if reading["skew_ms"] is None and not fault:
        return None
    at = reading.get("clock_at") or reading["hub_time"]
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "meta": {"profile": [PROFILE + "PhdCoincidentTimeStampObservation"]},
        "status": "final",
        "code": concept(MDC, _ABSOLUTE_TIME, "MDC_ATTR_TIME_ABS"),
        "subject": {"reference": device},
        "device": {"reference": gateway},
        "effectiveDateTime": at,
    }
    if fault or reading["skew_ms"] is None:
        return found | {"dataAbsentReason": concept(DATA_ABSENT, "unknown", "time fault")}
    moment = datetime.fromisoformat(at) + timedelta(minutes=offset_min, milliseconds=reading["skew_ms"])
    sign, minutes = ("-", -offset_min) if offset_min < 0 else ("+", offset_min)
    shown = moment.replace(tzinfo=None).isoformat(timespec="seconds")
    return found | {"valueDateTime": f"{shown}{sign}{minutes // 60:02d}:{minutes % 60:02d}"}


def observations(around: Around) -> list[tuple[str, dict[str, Any]]]:
    """(A name within the reading, the resource) of each value or compound, and of the status bits."""
    rows = around.reading["quantities"]
    pressures = [row for row in rows if row["code"] in _PRESSURES]
    found = []
    if pressures:
        parts = [{"code": mdc(row["code"])} | _told(row, around.reading["flags"]) for row in pressures]
        found.append((str(_PRESSURE), _base(around, _PRESSURE, "PhdCompoundNumericObservation") | {"component": parts}))
    for row in rows:
        if row not in pressures:
            profile = "PhdCodedEnumerationObservation" if row.get("unit") == CODED else "PhdNumericObservation"
            told = _told(row, around.reading["flags"])
            found.append((str(row["code"]), _base(around, row["code"], profile) | told))
    kind = "pulse_oximetry" if around.reading["kind"].startswith("pulse_oximetry") else around.reading["kind"]
    known = table()["status_bits"].get(kind, {})
    bits = [(name, known[name]) for name in around.reading["status"] if name in known]
    if bits:
        found.append(("status", _status(around, bits)))
    return found


def _base(around: Around, code: int, profile: str) -> dict[str, Any]:
    reading = around.reading
    extensions = [{"url": GATEWAY, "valueReference": {"reference": around.gateway}}]
    if around.stamp is not None:
        extensions.append(
            {"url": PROFILE + "CoincidentTimeStampReference", "valueReference": {"reference": around.stamp}}
        )
    coded = mdc(code)
    vital = len(coded["coding"]) > 1
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "meta": {"profile": [PROFILE + profile]},
        "extension": extensions,
        "status": _standing(reading),
        "category": [*([_VITAL] if vital else []), _OF_A_DEVICE],
        "code": coded,
        "subject": {"reference": around.patient},
        "performer": [{"reference": around.patient}],
        "device": {"reference": around.device},
    }
    if reading["test"] or any(flag in reading["flags"] for flag in _TEST_FLAGS):
        found["meta"]["security"] = [_HTEST]
    if around.effective is not None:
        found["effectiveDateTime"] = around.effective
    if reading["device_time"] is not None and reading["device_time_state"] == "ok":
        found["identifier"] = [_own_name(around, code)]
    meant = [table()["interpretations"][name] for name in reading["status"] if name in table()["interpretations"]]
    if meant:
        system = "http://hl7.org/fhir/uv/pocd/CodeSystem/measurement-status"
        found["interpretation"] = [concept(system, name) for name in meant]
    return found


def _standing(reading: dict[str, Any]) -> str:
    if "invalid" in reading["flags"]:
        return "entered-in-error"
    return "preliminary" if {"early_estimate", "measurement_ongoing"} & set(reading["status"]) else "final"


def _own_name(around: Around, code: int) -> dict[str, str]:
    """device-patient-type-timestamp: from the device's own stamp, so that a resend is the same (conditional create)."""
    device = around.reading["device"].replace(":", "-").upper()
    patient = around.patient.rsplit("/", 1)[-1]
    stamp = "".join(letter for letter in around.reading["device_time"] if letter.isdigit())
    return {"system": PROFILE + "PhdBaseObservation", "value": f"{device}-{patient}-{code}-{stamp}"}


def _told(row: dict[str, Any], flags: list[str]) -> dict[str, Any]:
    if "unavailable" in flags:
        return {"dataAbsentReason": concept(DATA_ABSENT, "not-performed")}
    if "invalid" in flags:
        return {"dataAbsentReason": concept(DATA_ABSENT, "error")}
    if "reason" in row:
        return {"dataAbsentReason": concept(DATA_ABSENT, table()["absent"][row["reason"]])}
    if row["unit"] == CODED:
        return {"valueCodeableConcept": mdc(int(row["value"]))}
    return {"valueQuantity": {"value": Decimal(row["value"]), **_unit(row["unit"])}}


def _unit(code: int) -> dict[str, str]:
    ucum = table()["ucum"].get(str(code))
    return {"unit": ucum, "system": UCUM, "code": ucum} if ucum else {"system": MDC, "code": str(code)}


def _status(around: Around, bits: list[tuple[str, str]]) -> dict[str, Any]:
    """The bits that are set; those that are not say nothing (they are events)."""
    code = int(bits[0][1].partition(".")[0])
    components = [
        {"code": concept(ASN1, bit, name.replace("_", "-")), "valueCodeableConcept": concept(YES_NO, "Y")}
        for name, bit in bits
    ]
    return _base(around, code, "PhdBitsEnumerationObservation") | {"component": components}
