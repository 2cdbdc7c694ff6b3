"""Readings and contexts as the tests need them. Times are of Denmark's winter: +01:00."""

import copy
import json
from datetime import datetime, timedelta

from tools.backend.fut import context

HUB, DEVICE = "24d7eb0a1b2c", "f8:90:25:d3:45:00"
PATIENT = "https://patient.fut.example.test/fhir/Patient/5001"
EPISODE = "https://careplan.fut.example.test/fhir/EpisodeOfCare/1201"
DEVICE_REFERENCE = "https://device.fut.example.test/fhir/Device/7001"
REQUEST = "https://careplan.fut.example.test/fhir/ServiceRequest/"
NPU, SKS, MCS = "urn:oid:1.2.208.176.2.1", "urn:oid:1.2.208.176.2.4", "urn:oid:1.2.208.184.100.8"
TAKEN_AT = "2026-03-02T06:12:41Z"  # the true time of `reading`
SLOT = {"type": "Resolved", "start": "2026-03-02T06:00:00+01:00", "end": "2026-03-02T10:00:00+01:00"}


def quantity(code, value, unit):
    return {"code": code, "value": value, "unit": unit}


BLOOD_PRESSURE = [
    quantity(150021, "128", 266016), quantity(150022, "81", 266016), quantity(150023, "97", 266016),
    quantity(149546, "67", 264864),
]  # fmt: skip
WEIGHT = [quantity(188736, "82.40", 263875)]


def reading(quantities=WEIGHT, kind="body_weight", number=1, at=TAKEN_AT, **changes):
    """A reading taken at `at` by a device whose clock is 9 s behind, and heard 20 s later."""
    true = datetime.fromisoformat(at)
    made = {
        "reading": f"{HUB}:2dda07fc4d1de700:{number}:0", "hub": HUB, "sequence": number, "index": 0,
        "device": DEVICE, "model": "UA-651BLE", "kind": kind,
        "device_time": (true + timedelta(hours=1, seconds=-9)).strftime("%Y-%m-%dT%H:%M:%S"),
        "device_time_state": "ok", "hub_time": (true + timedelta(seconds=20)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "hub_clock": "platform", "skew_ms": -9000, "offset_min": 60, "quantities": copy.deepcopy(quantities),
        "status": [], "captures": [number], "envelope": "00" * 32,
        "source": [{"characteristic": "2A35", "hex": "00"}], "test": False, "flags": [],
        "link": ["indicated", "encrypted", "bonded"], "row": "ad_ua651ble",
    }  # fmt: skip
    return made | changes


def request(code, number=3101, shape="single", timing=(SLOT,), system=NPU, ranges=(), version="3"):
    return {
        "code": {"system": system, "code": code}, "service_request": f"{REQUEST}{number}", "version": version,
        "shape": shape, "timing": list(timing), "reference_ranges": list(ranges),
    }  # fmt: skip


WEIGHT_REQUEST = request("NPU03804", 3102)
PANEL_REQUEST = request("ZZ3170", 3101, "panel", system=SKS)
SPLIT_REQUESTS = [request("DNK05472", 3111, "split"), request("DNK05473", 3112, "split")]
PULSE_REQUEST = request("NPU21692", 3104)


def assignment(*requests, **changes):
    made = {
        "hub": HUB, "device": DEVICE, "slot": None, "valid_from": "2026-01-01T00:00:00+01:00", "valid_to": None,
        "patient": PATIENT, "episode_of_care": EPISODE, "device_reference": DEVICE_REFERENCE,
        "requests": list(requests or (WEIGHT_REQUEST,)),
    }  # fmt: skip
    return made | changes


def content(*assignments, **changes):
    """A context as JSON has it."""
    return {"format": 1, "ig": "8.0.0", "assignments": list(assignments or (assignment(),))} | changes


def made_context(*assignments, **changes):
    """A context as the mapper takes it."""
    return context.read(json.dumps(content(*assignments, **changes)))
