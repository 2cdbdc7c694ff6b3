"""Codes of IEEE 11073-10101 and of HL7's PHD guide, as FHIR writes them."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from firmware.measurement.names import NAMES

MDC = "urn:iso:std:iso:11073:10101"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
PHD = "http://hl7.org/fhir/uv/phd/"
PROFILE = PHD + "StructureDefinition/"
ASN1 = PHD + "CodeSystem/ASN1ToHL7"
IDENTIFIERS = PHD + "CodeSystem/ContinuaDeviceIdentifiers"
YES_NO = "http://terminology.hl7.org/CodeSystem/v2-0136"
DATA_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
GATEWAY = "http://hl7.org/fhir/StructureDefinition/observation-gatewayDevice"
BLUETOOTH, ETHERNET = "http://hl7.org/fhir/sid/eui-48/bluetooth", "http://hl7.org/fhir/sid/eui-48/ethernet"
EUI64 = "urn:oid:1.2.840.10004.1.1.1.0.0.1.0.0.1.2680"


@cache
def table() -> dict[str, Any]:
    """The guide's table of ours (tables/phd.json)."""
    content: dict[str, Any] = json.loads((Path(__file__).parents[1] / "tables" / "phd.json").read_text())
    return content


def concept(system: str, code: str, text: str = "") -> dict[str, Any]:
    """A CodeableConcept of one coding."""
    found: dict[str, Any] = {"coding": [{"system": system, "code": code}]}
    return found | {"text": text} if text else found


def mdc(code: int) -> dict[str, Any]:
    """An MDC code, with its reference id, and LOINC's beside it where it is a vital sign. Unknown codes pass."""
    name = NAMES.get(code, ("",))[0]
    found = concept(MDC, str(code), name)
    loinc = table()["loinc"].get(str(code))
    if loinc:
        found["coding"].append({"system": LOINC, "code": loinc})
    return found


def identifier(kind: str, system: str, octets: bytes) -> dict[str, Any]:
    """An EUI as the guide writes it: FE-ED-AB-EE-DE-AD-77-C3."""
    return {"type": concept(IDENTIFIERS, kind), "system": system, "value": octets.hex("-").upper()}
