"""Is a resource what its profile says? Each fault is a sentence with its path; FUT's validator has no codes for them.

Of profiles ehealth-observation, ehealth-questionnaireresponse and ehealth-quality, ehealth-resolved-timing
(guide 8.0.0, input/fsh), and of FHIR R4's own invariants obs-3, obs-6 and obs-7.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

from tools.backend.fut.tables import Tables

PROFILE = "http://ehealth.sundhed.dk/fhir/StructureDefinition/"
EPISODE = "http://hl7.org/fhir/StructureDefinition/workflow-episodeOfCare"
_QUALITY = PROFILE + "ehealth-quality"
_TIMING = PROFILE + "ehealth-resolved-timing"
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_REFERENCE = re.compile(r"https?://\S+/(?P<type>[A-Za-z]+)/[A-Za-z0-9.-]{1,64}")
_ELEMENTS = {  # of FHIR R4's Observation, what the profile leaves room for
    "resourceType", "id", "meta", "text", "language", "extension", "identifier", "basedOn", "status", "category",
    "code", "subject", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "issued", "performer",
    "valueQuantity", "valueCodeableConcept", "dataAbsentReason", "interpretation", "note", "bodySite", "method",
    "device", "referenceRange", "component", "derivedFrom",
}  # fmt: skip
_PERFORMERS = ("Practitioner", "Organization", "Patient", "RelatedPerson")
_DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def faults(resource: dict[str, Any], tables: Tables) -> Iterator[str]:
    """Everything that the profile forbids in one resource."""
    kind = resource.get("resourceType")
    if kind == "Observation":
        yield from _observation(resource, tables)
    elif kind == "QuestionnaireResponse":
        yield from _answers(resource)


def _observation(resource: dict[str, Any], tables: Tables) -> Iterator[str]:
    yield from (f"Observation.{name}: no such element" for name in resource.keys() - _ELEMENTS)
    yield from _common(resource, "Observation", tables)
    if PROFILE + "ehealth-observation" not in resource.get("meta", {}).get("profile", []):
        yield "Observation.meta.profile: not ehealth-observation"
    yield from _coded(resource.get("code"), tables, "Observation.code")
    if sum(name.startswith("effective") for name in resource) != 1:
        yield "Observation.effective[x]: 1..1"
    moment = resource.get("effectiveDateTime", "2000-01-01T00:00:00Z")
    if not _date_time(moment):
        yield "Observation.effectiveDateTime: no dateTime with a zone"
    performers = resource.get("performer", [])
    if len(performers) != 1:
        yield "Observation.performer: 1..1"
    for one in performers:
        if _type(one) not in _PERFORMERS:
            yield "Observation.performer: of another type"
    if "device" in resource and _type(resource["device"]) != "Device":
        yield "Observation.device: no Device"
    yield from _value(resource, tables, "Observation", bool(resource.get("component")))
    for number, part in enumerate(resource.get("component", [])):
        path = f"Observation.component[{number}]"
        yield from _coded(part.get("code"), tables, path + ".code")
        yield from _value(part, tables, path, False)
        if _keys(part.get("code")) & _keys(resource.get("code")):
            yield f"{path}.code: the Observation's own (obs-7)"
    for number, one in enumerate(resource.get("referenceRange", [])):
        yield from _range(one, tables, f"Observation.referenceRange[{number}]")


def _common(resource: dict[str, Any], name: str, tables: Tables) -> Iterator[str]:
    for element in ("basedOn",):
        if len(resource.get(element, [])) != 1:
            yield f"{name}.{element}: 1..1"
    for one in resource.get("basedOn", []):
        if _type(one) != "ServiceRequest":
            yield f"{name}.basedOn: no ServiceRequest"
    if "subject" in resource and _type(resource["subject"]) != "Patient":
        yield f"{name}.subject: no Patient"
    if "contained" in resource:
        yield f"{name}.contained: references are to what exists"
    extensions = resource.get("extension", [])
    episodes = [one for one in extensions if one.get("url") == EPISODE]
    if len(episodes) > 1:
        yield f"{name}.extension(episodeOfCare): 1..1"
    timings = [one for one in extensions if one.get("url") == _TIMING]
    if len(timings) != 1:
        yield f"{name}.extension(resolvedTiming): 1..1"
    for one in timings:
        yield from _timing(one, f"{name}.extension(resolvedTiming)", tables)
    for one in extensions:
        if one.get("url") == _QUALITY:
            yield from _quality(one, f"{name}.extension(quality)")


def _timing(extension: dict[str, Any], path: str, tables: Tables) -> Iterator[str]:
    parts = parts_of(extension)
    if not isinstance(parts.get("serviceRequestVersionId"), str):
        yield f"{path}.serviceRequestVersionId: 1..1 id"
    if coding(parts.get("type"), "http://ehealth.sundhed.dk/cs/resolved-timing-type") not in tables.timing_types:
        yield f"{path}.type: 1..1 of resolved-timing-type"
    for name in ("start", "end"):
        if name in parts and not _date_time(parts[name]):
            yield f"{path}.{name}: no dateTime"
    for name in parts.keys() - {"serviceRequestVersionId", "type", "start", "end"}:
        yield f"{path}.{name}: no such part"


def _quality(extension: dict[str, Any], path: str) -> Iterator[str]:
    parts = parts_of(extension)
    kind = coding(parts.get("qualityType"), "http://ehealth.sundhed.dk/cs/quality-types")
    systems = {"UQ": "usage-quality", "DMQ": "device-measuring-quality", "SQ": "situation-quality"}
    if kind not in systems:
        yield f"{path}.qualityType: not of quality-types"
    elif coding(parts.get("qualityCode"), f"http://ehealth.sundhed.dk/cs/{systems[kind]}") is None:
        yield f"{path}.qualityCode: not of {systems[kind]}"


def _coded(concept: Any, tables: Tables, path: str) -> Iterator[str]:
    if not any(key in tables.codes for key in _keys(concept)):
        yield f"{path}: not in observation-codes"


def _value(holder: dict[str, Any], tables: Tables, path: str, has_parts: bool) -> Iterator[str]:
    values = [name for name in holder if name.startswith("value")]
    absent = holder.get("dataAbsentReason")
    if values and absent:
        yield f"{path}.dataAbsentReason: beside a value (obs-6)"
    if not values and not absent and not has_parts:
        yield f"{path}: neither a value nor why there is none"
    if absent and coding(absent, _DATA_ABSENT) not in tables.data_absent_reasons:
        yield f"{path}.dataAbsentReason: not of FUT's two"
    if len(values) > 1 or set(values) - {"valueQuantity", "valueCodeableConcept"}:
        yield f"{path}.value[x]: one Quantity or CodeableConcept"
    if "valueQuantity" in holder:
        units = [tables.codes[key].unit for key in _keys(holder.get("code")) if key in tables.codes]
        yield from _quantity(holder["valueQuantity"], {(unit.system, unit.code) for unit in units if unit}, path)


def _quantity(quantity: Any, units: set[tuple[str, str]], path: str) -> Iterator[str]:
    value = quantity.get("value") if isinstance(quantity, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        yield f"{path}.valueQuantity.value: no number"
        return
    if not all(isinstance(quantity.get(name), str) and quantity[name] for name in ("unit", "system", "code")):
        yield f"{path}.valueQuantity: unit, system and code are always given (guidance.md)"
    elif units and (quantity["system"], quantity["code"]) not in units:
        yield f"{path}.valueQuantity.code: not the unit that is expected of this code"


def _range(one: dict[str, Any], tables: Tables, path: str) -> Iterator[str]:
    if not {"low", "high", "text"} & one.keys():
        yield f"{path}: neither low nor high (obs-3)"
    kinds = _keys(one.get("type"))
    if kinds and not any(tables.is_range_type(key) for key in kinds):
        yield f"{path}.type: not of reference-range-type"


def _answers(resource: dict[str, Any]) -> Iterator[str]:
    name = "QuestionnaireResponse"
    for element in ("questionnaire", "subject", "authored", "source"):
        if element not in resource:
            yield f"{name}.{element}: 1..1"
    if len(resource.get("basedOn", [])) != 1:
        yield f"{name}.basedOn: 1..1"
    if PROFILE + "ehealth-questionnaireresponse" not in resource.get("meta", {}).get("profile", []):
        yield f"{name}.meta.profile: not ehealth-questionnaireresponse"
    if len([one for one in resource.get("extension", []) if one.get("url") == _TIMING]) != 1:
        yield f"{name}.extension(resolvedTiming): 1..1"
    if not _date_time(resource.get("authored", "")):
        yield f"{name}.authored: no dateTime"


def parts_of(extension: dict[str, Any]) -> dict[str, Any]:
    """The parts of a complex extension: their names and values."""
    return {
        part.get("url", ""): next((part[key] for key in part if key.startswith("value")), None)
        for part in extension.get("extension", [])
    }


def coding(concept: Any, system: str) -> str | None:
    """The code that a concept has in a system, or None."""
    return next((code for found, code in _keys(concept) if found == system), None)


def _keys(concept: Any) -> set[tuple[str, str]]:
    codings = concept.get("coding", []) if isinstance(concept, dict) else []
    return {(one.get("system", ""), one.get("code", "")) for one in codings}


def _type(reference: Any) -> str | None:
    found = _REFERENCE.fullmatch(reference.get("reference", "") if isinstance(reference, dict) else "")
    return found.group("type") if found else None


def _date_time(text: Any) -> bool:
    if not isinstance(text, str) or not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
