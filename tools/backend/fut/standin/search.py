"""$search-measurements (measurement service) and $get-patient-procedures (careplan service)."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from tools.backend.fut.standin.kept import Row
from tools.backend.fut.standin.known import Known
from tools.backend.fut.standin.rules import Refusal

_PREFIX = "MEASUREMENT_SEARCHMEASUREMENT_"


def measurements(
    parameters: dict[str, Any], rows: list[Row], base: str, keeps_identifiers: bool
) -> dict[str, Any] | Refusal:
    """A Bundle of Bundles: each holds what one submission made, when any of it matches."""
    asked: dict[str, list[Any]] = defaultdict(list)
    for parameter in parameters.get("parameter", []):
        value = next((parameter[name] for name in parameter if name.startswith("value")), None)
        asked[parameter.get("name", "")].append(value)
    if not asked["period"]:
        return Refusal(_PREFIX + "PERIOD_NOT_SPECIFIED", "Period must be specified")
    patients, episodes, requests = (
        {one["reference"] for one in asked[name]} for name in ("patient", "episodeOfCare", "based-on")
    )
    if not patients and not episodes:
        text = "At least patient or episodeOfCare must be specified"
        return Refusal(_PREFIX + "PATIENT_AND_EPISODE_NOT_SPECIFIED", text)
    found = {
        row.submission
        for row in rows
        if (not patients or row.patient in patients)
        and (not episodes or row.episode in episodes)
        and (not requests or row.request in requests)
        and _within(row.effective, asked["period"][0])
    }
    bundles = []
    for submission in sorted(found):
        entries = [_entry(row, base, keeps_identifiers) for row in rows if row.submission == submission]
        inner = {"resourceType": "Bundle", "id": f"submission-{submission}", "type": "collection", "entry": entries}
        bundles.append({"fullUrl": f"submission-{submission}", "resource": inner})
    return {"resourceType": "Bundle", "type": "collection", "entry": bundles}


def _within(effective: str, period: dict[str, str]) -> bool:
    at = datetime.fromisoformat(effective)
    after = "start" not in period or at >= datetime.fromisoformat(period["start"])
    return after and ("end" not in period or at <= datetime.fromisoformat(period["end"]))


def _entry(row: Row, base: str, keeps_identifiers: bool) -> dict[str, Any]:
    content = dict(row.content)
    if not keeps_identifiers:  # nobody has written down whether FUT keeps a foreign one
        own = {"system": "http://ehealth.sundhed.dk/id/ehealth-identifier", "value": f"{row.kind}-{row.id}"}
        content["identifier"] = own if row.kind == "QuestionnaireResponse" else [own]
    content["id"] = str(row.id)
    return {"fullUrl": f"{base}/{row.kind}/{row.id}", "resource": content}


def procedures(parameters: dict[str, Any], known: Known, rows: list[Row]) -> dict[str, Any] | Refusal:
    """What is planned for a patient in a time, a row for each resolved time, and what was submitted for it."""
    asked = {one.get("name"): one for one in parameters.get("parameter", [])}
    try:
        patient = asked["patient"]["valueReference"]["reference"]
        start, end = (datetime.fromisoformat(asked[name]["valueDateTime"]) for name in ("start", "end"))
    except (KeyError, ValueError):
        return Refusal("", "patient, start and end are mandatory")
    items = []
    for request in known.requests.values():
        if not request.active or known.episodes[request.episode] != patient:
            continue
        for timing in request.timing or ({"type": "Adhoc"},):
            if timing["type"] == "Resolved" and (
                datetime.fromisoformat(timing["start"]) > end or datetime.fromisoformat(timing["end"]) < start
            ):
                continue
            items.append(_item(request, timing, rows))
    listed = [{"name": f"item_{number}", "part": parts} for number, parts in enumerate(items, 1)]
    resource = {"resourceType": "Parameters", "parameter": listed}
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource}]}


def _item(request: Any, timing: dict[str, Any], rows: list[Row]) -> list[dict[str, Any]]:
    submitted = sum(
        row.request == request.reference
        and (timing["type"] != "Resolved" or _within(row.effective, {"start": timing["start"], "end": timing["end"]}))
        for row in rows
    )
    parts: list[dict[str, Any]] = [
        {"name": "ServiceRequest", "valueReference": {"reference": request.reference}},
        {"name": "ServiceRequestVersionId", "valueString": request.version},
    ]
    if timing["type"] == "Resolved":
        parts += [
            {"name": "ResolvedTimingStart", "valueDateTime": timing["start"]},
            {"name": "ResolvedTimingEnd", "valueDateTime": timing["end"]},
            {"name": "OccurrencesRequested", "valueInteger": 1},
        ]
    return [
        *parts,
        {"name": "TotalSubmitted", "valueInteger": submitted},
        {"name": "TimingType", "valueString": timing["type"]},
    ]
