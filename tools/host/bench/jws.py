"""What the same reading takes in the signed JSON that others send: JWS (RFC 7515, compact) of FHIR, and of plain JSON.

Both carry what the envelope carries: hub, chain, numbers, the hash before, times, how good they are, values, the
device's own octets. Neither carries a `kid`, which the envelope does.
"""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from firmware.measurement import codes
from tools.inspect.envelope import Envelope

# LOINC and UCUM, as HL7's profile of vital signs has them.
_PANEL = ("85354-9", "Blood pressure panel with all children optional")
_PARTS = {
    codes.PRESS_SYS: ("sys", "8480-6", "Systolic blood pressure", "mmHg", "mm[Hg]"),
    codes.PRESS_DIA: ("dia", "8462-4", "Diastolic blood pressure", "mmHg", "mm[Hg]"),
    codes.PRESS_MEAN: ("map", "8478-0", "Mean blood pressure", "mmHg", "mm[Hg]"),
    codes.PULSE_CUFF: ("pulse", "8867-4", "Heart rate", "beats/minute", "/min"),
}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def compact(payload: dict[str, Any]) -> bytes:
    """The JWS of a payload, by a key that is made for it."""
    text = json.dumps(payload, separators=(",", ":")).encode()
    signed = _base64(b'{"alg":"ES256"}') + b"." + _base64(text)
    made = ec.generate_private_key(ec.SECP256R1()).sign(signed, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(made)
    return signed + b"." + _base64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def _base64(octets: bytes) -> bytes:
    return base64.urlsafe_b64encode(octets).rstrip(b"=")


def plain(envelope: Envelope) -> dict[str, Any]:
    """A lone reading's envelope as JSON with short names."""
    [reading], [session] = envelope.readings, envelope.sessions
    [(first, count)] = envelope.captures
    values = {_PARTS[one["code"]][0]: int(one["value"]) for one in reading["quantities"]}
    return {
        "v": 1, "hub": envelope.hub, "chain": envelope.chain, "seq": envelope.sequence,
        "prev": envelope.previous.hex(), "first": first, "count": count, "sealed": envelope.sealed_s,
        "clock": envelope.clock["quality"], "fix": envelope.clock["fix_s"],
        "unc": envelope.clock["uncertainty_ms"], "visit": session["visit"], "dev": session["device"].replace(":", ""),
        "row": session["row"], "link": session["link"], "tz": session["offset_min"], "skew": session["skew_ms"] // 1000,
        "desc": session["description"], "kind": reading["kind"], "t": reading["hub_time_s"],
        "dt": reading["device_time"], **values, "st": reading["status_raw"],
        "raw": reading["source"][0]["hex"],
    }  # fmt: skip


def fhir(envelope: Envelope) -> dict[str, Any]:
    """The same as an Observation of FHIR R4 (HL7's blood pressure panel); with extensions for the rest."""
    [reading], told = envelope.readings, plain(envelope)
    beside = ("chain", "prev", "first", "count", "sealed", "clock", "fix", "unc", "visit", "row", "tz", "skew", "desc")
    octets = base64.b64encode(bytes.fromhex(told["raw"])).decode()
    return {
        "resourceType": "Observation",
        "identifier": [{"system": "urn:telehub:seq", "value": f"{envelope.hub}-{envelope.sequence}"}],
        "status": "final",
        "category": [{"coding": [{"system": _CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [_coding(*_PANEL)]},
        "subject": {"reference": "Patient/4711"},
        "effectiveDateTime": reading["device_time"] + "Z",
        "issued": reading["hub_time"],
        "device": {"identifier": {"system": "urn:telehub:address", "value": reading["device"]}},
        "component": [_component(*_PARTS[one["code"]][1:], int(one["value"])) for one in reading["quantities"]],
        "extension": [
            *({"url": f"urn:telehub:{name}", "valueString": str(told[name])} for name in beside),
            {"url": "urn:telehub:gatt", "valueBase64Binary": octets},
        ],
    }


def _coding(code: str, display: str) -> dict[str, str]:
    return {"system": "http://loinc.org", "code": code, "display": display}


def _component(code: str, display: str, printed: str, unit: str, value: int) -> dict[str, Any]:
    return {
        "code": {"coding": [_coding(code, display)]},
        "valueQuantity": {"value": value, "unit": printed, "system": "http://unitsofmeasure.org", "code": unit},
    }
