"""Answers go with their reading, by link id alone: checked by fhir.resources and by the stand-in."""

import json

import pytest

from tests.backend.fut import made
from tests.backend.fut.checker import problems
from tests.backend.fut.road import road
from tools.backend.fut import context
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.readings import check
from tools.backend.fut.reasons import Held

CANONICAL = "https://questionnaire.fut.example.test/fhir/Questionnaire/57908"
ANSWERS = {
    "questionnaire": CANONICAL, "authored": "2026-03-02T07:20:00+01:00", "begun": "2026-03-02T07:15:00+01:00",
    "items": [
        {"link": "1.1", "values": [True]},
        {"link": "1.2", "values": [3]},
        {"link": "1.3", "values": [{"system": "urn:oid:1.2.3", "code": "better"}, {"decimal": "2.50"}]},
        {"link": "1.4", "values": ["slept well"]},
        {"link": "1.5", "values": []},
    ],
}  # fmt: skip
ASKED = {
    "questionnaire": CANONICAL, "service_request": made.REQUEST + "3120", "version": "2", "timing": [made.SLOT],
}  # fmt: skip
CONTENT = made.content(made.assignment(made.WEIGHT_REQUEST, questionnaires=[ASKED]))


def response(**changes):
    one = check(made.reading(answers=ANSWERS | changes))
    body = map_reading(one, context.of(CONTENT)).body
    assert problems(body) == []
    entries = json.loads(body)["parameter"][0]["resource"]["entry"]
    assert [entry["resource"]["resourceType"] for entry in entries] == ["Observation", "QuestionnaireResponse"]
    return entries[1]["resource"], body


def test_answers_are_a_questionnaire_response_beside_the_observation():
    found, body = response()
    assert found["questionnaire"] == CANONICAL
    assert found["item"][:2] == [
        {"linkId": "1.1", "answer": [{"valueBoolean": True}]}, {"linkId": "1.2", "answer": [{"valueInteger": 3}]},
    ]  # fmt: skip
    assert found["item"][2]["answer"][0] == {"valueCoding": {"system": "urn:oid:1.2.3", "code": "better"}}
    assert found["item"][4] == {"linkId": "1.5"}
    assert '"valueDecimal": 2.50' in body
    period = [one for one in found["extension"] if one["url"].endswith("ehealth-effectivePeriod")]
    assert period[0]["valuePeriod"] == {"start": ANSWERS["begun"], "end": ANSWERS["authored"]}


def test_no_text_of_a_question_travels():
    _, body = response()
    assert '"text"' not in body
    assert '"display": "better"' not in body


def test_a_period_without_a_length_is_not_told():
    found, _ = response(begun=ANSWERS["authored"])
    assert not any(one["url"].endswith("effectivePeriod") for one in found["extension"])


def test_answers_that_nobody_asked_for_hold_the_reading():
    with pytest.raises(Held) as caught:
        map_reading(made.reading(answers=ANSWERS), made.made_context())
    assert caught.value.reason == "no_request"


@pytest.mark.parametrize("keeps_identifiers", [True, False])
def test_both_arrive_once_when_answers_are_lost(tmp_path, keeps_identifiers):
    with road(tmp_path, CONTENT, shares={"lose": 0.5}, keeps_identifiers=keeps_identifiers) as way:
        way.keep(*range(1, 7), answers=ANSWERS)
        way.settle()
        kinds = [row.kind for row in way.desk.kept.all()]
        assert kinds == ["Observation", "QuestionnaireResponse"] * 6


def test_another_questionnaire_than_the_requests_is_refused(tmp_path):
    with road(tmp_path, CONTENT) as way:
        way.desk.known.questionnaires[ASKED["service_request"]] = CANONICAL + "1"
        way.keep(1, answers=ANSWERS)
        way.settle()
        detail = way.ledger.get(made.reading(number=1)["reading"]).detail
        assert "MEASUREMENT_SUBMITMEASUREMENT_INVALID_QUESTIONNAIRE_REFERENCE" in detail
