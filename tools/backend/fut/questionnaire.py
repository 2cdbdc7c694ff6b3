"""Answers that come with a reading, as ehealth-questionnaireresponse. No text of any questionnaire is ours to ship.

A reading with "answers": {"questionnaire": canonical, "authored": dateTime, "begun": dateTime or nothing,
"items": [{"link": linkId, "values": [true, 3, "words", {"decimal": "3.5"}, {"system": …, "code": …}]}]}.

Only the questionnaire's canonical URL, its link ids and the answers travel; whoever shows a question has its text
from the platform, under its own licence.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from tools.backend.fut import observation
from tools.backend.fut.context import Assignment, QuestionnaireRequest, Timing

_VALUES = {bool: "valueBoolean", int: "valueInteger", str: "valueString"}


def response(
    name: str, answers: dict[str, Any], assignment: Assignment, request: QuestionnaireRequest, timing: Timing
) -> dict[str, Any]:
    """The resource. With `begun` it tells a period, which an export (QRD) wants to have a length."""
    authored, begun = answers["authored"], answers.get("begun")
    found: dict[str, Any] = {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [observation.PROFILE + "ehealth-questionnaireresponse"]},
        "extension": [
            observation.episode_extension(assignment),
            observation.quality_extension("entered-manually"),
            observation.timing_extension(request.version, timing),
        ],
        "identifier": {"system": observation.URI, "value": name},
        "basedOn": [{"reference": request.service_request}],
        "questionnaire": request.questionnaire,
        "status": "completed",
        "subject": {"reference": assignment.patient},
        "authored": authored,
        "source": {"reference": assignment.patient},
        "item": [_item(item) for item in answers["items"]],
    }
    if begun is not None and datetime.fromisoformat(begun) < datetime.fromisoformat(authored):
        period = {"start": begun, "end": authored}
        found["extension"].append({"url": observation.PROFILE + "ehealth-effectivePeriod", "valuePeriod": period})
    return found


def _item(item: dict[str, Any]) -> dict[str, Any]:
    """A question that was passed over has no answer element: FHIR has no empty ones."""
    values = [_value(value) for value in item["values"]]
    return {"linkId": item["link"], "answer": values} if values else {"linkId": item["link"]}


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        if "decimal" in value:
            return {"valueDecimal": Decimal(value["decimal"])}
        return {"valueCoding": {"system": value["system"], "code": value["code"]}}
    return {_VALUES[type(value)]: value}
