"""What a $submit-measurement body must be, written from FUT's guide 8.0.0 and FHIR R4 alone: imports nothing of ours.

`problems(body)` is empty for a body that may be sent. The models of fhir.resources (R4B) check the base; the
lists below, copied by hand from the guide, check what FUT asks beyond it. R4B differs from R4 in nothing that
these resources use; the fields that it added are refused by name.
"""

import json
import re
from decimal import Decimal

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.observation import Observation
from fhir.resources.R4B.parameters import Parameters
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse

NPU, SKS, MCS = "urn:oid:1.2.208.176.2.1", "urn:oid:1.2.208.176.2.4", "urn:oid:1.2.208.184.100.8"
UCUM = "http://unitsofmeasure.org"
FUT = "http://ehealth.sundhed.dk/"
CODES = {  # (system, code): (UCUM code, print unit)
    (NPU, "DNK05472"): ("mm[Hg]", "mmHg"),
    (NPU, "DNK05473"): ("mm[Hg]", "mmHg"),
    (NPU, "NPU03011"): ("%", "%"),
    (NPU, "NPU21692"): ("1/min", "1/min"),
    (NPU, "NPU03804"): ("kg", "kg"),
    (NPU, "NPU03794"): ("m", "m"),
    (NPU, "NPU27281"): ("kg/m2", "kg/m2"),
    (NPU, "NPU08676"): ("Cel", "°C"),
    (MCS, "MCS88015"): ("L", "l"),
    (MCS, "MCS88016"): ("L", "l"),
    (MCS, "MCS88017"): ("{ratio}", "ratio"),
}
PANEL = (SKS, "ZZ3170")
DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?[+-]\d\d:\d\d")
UUID = re.compile(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def problems(body):
    """Everything wrong with a body, as sentences."""
    found = []

    def need(what, text):
        if not what:
            found.append(text)

    content = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    Parameters.model_validate_json(body)
    need(content["resourceType"] == "Parameters", "no Parameters")
    need([one["name"] for one in content["parameter"]] == ["measurement"], "not one parameter `measurement`")
    bundle = content["parameter"][0]["resource"]
    Bundle.model_validate_json(json.dumps(bundle, default=str))
    need(bundle["type"] == "transaction", "no transaction")
    need(set(bundle) == {"resourceType", "type", "entry"}, "the Bundle has more than it needs")
    resources = [entry["resource"] for entry in bundle["entry"]]
    need(resources, "empty")
    need({one["resourceType"] for one in resources} <= {"Observation", "QuestionnaireResponse"}, "another resource")
    for entry in bundle["entry"]:
        need(UUID.fullmatch(entry["fullUrl"]), "fullUrl is no urn:uuid")
        need(entry["request"] == {"method": "POST", "url": entry["resource"]["resourceType"]}, "request")
    need(len({entry["fullUrl"] for entry in bundle["entry"]}) == len(resources), "a fullUrl twice")
    need(len({one["subject"]["reference"] for one in resources}) == 1, "several patients")
    need(len({episode(one) for one in resources}) == 1, "several episodes")
    based = [one["basedOn"][0]["reference"] for one in resources]
    need(len(set(based)) == len(based), "two resources for one request")
    for one in resources:
        if one["resourceType"] == "Observation":
            Observation.model_validate_json(json.dumps(one, default=str))
            observation(one, need)
        else:
            QuestionnaireResponse.model_validate_json(json.dumps(one, default=str))
    return found


ALLOWED = {
    "resourceType", "meta", "extension", "identifier", "basedOn", "status", "code", "subject", "effectiveDateTime",
    "performer", "valueQuantity", "dataAbsentReason", "component", "referenceRange", "device",
}  # fmt: skip


def observation(one, need):
    need(not set(one) - ALLOWED, f"elements {set(one) - ALLOWED}")
    need(one["meta"] == {"profile": [FUT + "fhir/StructureDefinition/ehealth-observation"]}, "meta: profile, no tag")
    need(one["status"] == "final", "status")
    need(len(one["basedOn"]) == 1 and "/ServiceRequest/" in one["basedOn"][0]["reference"], "basedOn")
    need("/Patient/" in one["subject"]["reference"], "subject")
    need(one["performer"] == [one["subject"]], "performer is not the patient")
    need("device" not in one or "/Device/" in one["device"]["reference"], "device")
    need(DATE_TIME.fullmatch(one["effectiveDateTime"]), "effective without its zone")
    references = [one["subject"], one["basedOn"][0], *one["performer"], *([one["device"]] if "device" in one else [])]
    need(all(reference["reference"].startswith("https://") for reference in references), "a relative reference")
    extensions(one, need)
    coding = one["code"]["coding"]
    need(len(coding) == 1 and coding[0].get("display"), "code: one coding with its display")
    key = coding[0]["system"], coding[0]["code"]
    if key == PANEL:
        need("valueQuantity" not in one, "a panel with a value")
        parts = one.get("component", [])
        need(bool(parts) != ("dataAbsentReason" in one), "a panel: parts, or why there are none")
        if parts:
            codes = [(part["code"]["coding"][0]["system"], part["code"]["coding"][0]["code"]) for part in parts]
            need(codes == [(NPU, "DNK05472"), (NPU, "DNK05473")], "parts of a panel")
            for part, code in zip(parts, codes, strict=True):
                value(part, code, need)
    else:
        need(key in CODES, f"{key} is not in observation-codes")
        need("component" not in one, "parts of what is no panel")
        value(one, key, need)
    for row in one.get("referenceRange", []):
        need({"low", "high"} & set(row), "a range without an end")


def value(holder, key, need):
    need(("valueQuantity" in holder) != ("dataAbsentReason" in holder), "a value, or why there is none")
    if "valueQuantity" in holder:
        quantity = holder["valueQuantity"]
        unit, printed = CODES[key]
        need(set(quantity) == {"value", "unit", "system", "code"}, "a quantity has four elements")
        need((quantity["system"], quantity["code"], quantity["unit"]) == (UCUM, unit, printed), "unit")
        need(isinstance(quantity["value"], Decimal) and quantity["value"].is_finite(), "value")
    else:
        [coding] = holder["dataAbsentReason"]["coding"]
        need(coding["system"] == "http://terminology.hl7.org/CodeSystem/data-absent-reason", "absent: system")
        need(coding["code"] in ("asked-declined", "error"), "absent: code")


def extensions(one, need):
    by_url = {}
    for extension in one["extension"]:
        by_url.setdefault(extension["url"].rsplit("/", 1)[-1], []).append(extension)
    names = {"workflow-episodeOfCare", "ehealth-quality", "ehealth-resolved-timing"}
    need(set(by_url) == names and all(len(rows) == 1 for rows in by_url.values()), "extensions")
    need("/EpisodeOfCare/" in episode(one), "episode of care")
    [told] = by_url["ehealth-quality"]
    quality = {part["url"]: part["valueCodeableConcept"]["coding"] for part in told["extension"]}
    need(quality["qualityType"] == [{"system": FUT + "cs/quality-types", "code": "UQ"}], "quality type")
    need(quality["qualityCode"][0]["system"] == FUT + "cs/usage-quality", "quality code's system")
    need(quality["qualityCode"][0]["code"] in ("automatically-transferred", "entered-manually"), "quality code")
    timing = {part["url"]: part for part in by_url["ehealth-resolved-timing"][0]["extension"]}
    kind = timing["type"]["valueCodeableConcept"]["coding"][0]
    need(kind["system"] == FUT + "cs/resolved-timing-type", "timing's system")
    need(kind["code"] in ("Resolved", "Unresolved", "Adhoc", "Extra"), "timing type")
    need(re.fullmatch("[A-Za-z0-9.-]{1,64}", timing["serviceRequestVersionId"]["valueId"]), "version")
    if kind["code"] == "Resolved":
        start, end = timing["start"]["valueDateTime"], timing["end"]["valueDateTime"]
        need(start <= one["effectiveDateTime"] <= end, "outside of its time")  # the tests keep to one zone
    else:
        need(not {"start", "end"} & set(timing), "a time where none is resolved")


def episode(one):
    [found] = [extension for extension in one["extension"] if extension["url"].endswith("workflow-episodeOfCare")]
    return found["valueReference"]["reference"]
