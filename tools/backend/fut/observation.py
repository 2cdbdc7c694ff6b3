"""The resources of one measurement, as profile ehealth-observation wants them (IG, fsh/ehealth-observation.fsh)."""

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tools.backend.fut.context import Assignment, Timing
from tools.backend.fut.plan import Place
from tools.backend.fut.tables import Code

PROFILE = "http://ehealth.sundhed.dk/fhir/StructureDefinition/"
EPISODE = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
QUALITY_TYPES = "http://ehealth.sundhed.dk/cs/quality-types"
USAGE_QUALITY = "http://ehealth.sundhed.dk/cs/usage-quality"
TIMING_TYPES = "http://ehealth.sundhed.dk/cs/resolved-timing-type"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
URI = "urn:ietf:rfc:3986"
# Names of ours: the same reading gives the same identifiers, whoever maps it and however often (RFC 9562, version 5).
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://telehub.invalid/fut/measurement")


@dataclass(frozen=True)
class Value:
    """A number in FUT's unit, or none: the device measured, and it failed."""

    code: Code
    number: Decimal | None


def identifier(reading: str, code: Code) -> str:
    """The name of what a reading says under a code."""
    return named(reading, f"{code.system}|{code.code}")


def named(reading: str, what: str) -> str:
    """A name of ours within a reading."""
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, f'{reading}|{what}')}"


def concept(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    return {"coding": [{"system": system, "code": code}]}


def episode_extension(assignment: Assignment) -> dict[str, Any]:
    """Which episode of care it belongs to."""
    return {"url": EPISODE, "valueReference": {"reference": assignment.episode_of_care}}


def quality_extension(usage: str) -> dict[str, Any]:
    """How the value came here; devices' and situations' quality are not ours to tell."""
    return {
        "url": PROFILE + "ehealth-quality",
        "extension": [
            {"url": "qualityType", "valueCodeableConcept": concept(QUALITY_TYPES, "UQ")},
            {"url": "qualityCode", "valueCodeableConcept": concept(USAGE_QUALITY, usage)},
        ],
    }


def timing_extension(version: str, timing: Timing) -> dict[str, Any]:
    """Which time of the plan it meets."""
    parts: list[dict[str, Any]] = [{"url": "serviceRequestVersionId", "valueId": version}]
    if timing.type == "Resolved":
        parts += [
            {"url": "start", "valueDateTime": timing.start},
            {"url": "end", "valueDateTime": timing.end},
        ]
    parts.append({"url": "type", "valueCodeableConcept": concept(TIMING_TYPES, timing.type)})
    return {"url": PROFILE + "ehealth-resolved-timing", "extension": parts}


def observation(
    *, name: str, assignment: Assignment, place: Place, code: Code, values: list[Value], effective: str, usage: str
) -> dict[str, Any]:
    """One Observation; of a panel with its parts as components."""
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "meta": {"profile": [PROFILE + "ehealth-observation"]},
        "extension": [
            episode_extension(assignment),
            quality_extension(usage),
            timing_extension(place.request.version, place.timing),
        ],
        "identifier": [{"system": URI, "value": name}],
        "basedOn": [{"reference": place.request.service_request}],
        "status": "final",
        "code": {"coding": [code.coding]},
        "subject": {"reference": assignment.patient},
        "effectiveDateTime": effective,
        "performer": [{"reference": assignment.patient}],
    }
    if not code.parts:
        [value] = values
        resource |= _told(value)
    elif all(value.number is None for value in values):
        resource |= _ABSENT
    else:
        resource["component"] = [{"code": {"coding": [value.code.coding]}, **_told(value)} for value in values]
    if place.request.reference_ranges:
        resource["referenceRange"] = [_plain(one) for one in place.request.reference_ranges]
    if assignment.device_reference is not None:
        resource["device"] = {"reference": assignment.device_reference}
    return resource


_ABSENT: dict[str, Any] = {"dataAbsentReason": concept(DATA_ABSENT, "error")}


def _told(value: Value) -> dict[str, Any]:
    if value.number is None:
        return _ABSENT
    unit = value.code.unit
    assert unit is not None  # a number was converted to it
    return {"valueQuantity": {"value": value.number, "unit": unit.printed, "system": unit.system, "code": unit.code}}


def _plain(value: Any) -> Any:
    """A copied range, with arrays as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def parameters(entries: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """The body of $submit-measurement: (fullUrl, resource) each."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {
                "name": "measurement",
                "resource": {
                    "resourceType": "Bundle",
                    "type": "transaction",
                    "entry": [
                        {
                            "fullUrl": name,
                            "resource": resource,
                            "request": {"method": "POST", "url": resource["resourceType"]},
                        }
                        for name, resource in entries
                    ],
                },
            }
        ],
    }
