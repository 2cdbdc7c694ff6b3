"""The stand-in refuses as FUT refuses: FUT's codes and texts as the guide's error-messages.md has them, by hand."""

import copy
import json

import httpx
import pytest

from tests.backend.fut import made
from tests.backend.fut.road import SECRET, road
from tools.backend.fut import context
from tools.backend.fut.mapping import map_reading

P = "MEASUREMENT_SUBMITMEASUREMENT_"
PATIENT_2 = "https://patient.fut.example.test/fhir/Patient/2"
EPISODE_2 = "https://careplan.fut.example.test/fhir/EpisodeOfCare/2"
CONTENT = made.content(made.assignment(made.PANEL_REQUEST, made.PULSE_REQUEST))


@pytest.fixture(scope="module")
def way(tmp_path_factory):
    with road(tmp_path_factory.mktemp("standin"), CONTENT) as made_road:
        yield made_road


@pytest.fixture
def call(way):
    """POST to the stand-in with a good token."""
    token = httpx.post(f"{way.server.url}/token", data={
        "grant_type": "client_credentials", "client_id": "telehub", "client_secret": SECRET,
    }).json()["access_token"]  # fmt: skip

    def post(path, content, authorization=f"Bearer {token}"):
        return httpx.post(way.server.url + path, json=content, headers={"authorization": authorization})

    return post


def good():
    one = made.reading(made.BLOOD_PRESSURE, "blood_pressure")
    return json.loads(map_reading(one, context.of(CONTENT)).body)


def entries(body):
    return body["parameter"][0]["resource"]["entry"]


def part(resource, url, name):
    [extension] = [one for one in resource["extension"] if one["url"].endswith(url)]
    return next(one for one in extension["extension"] if one["url"] == name)


def with_timing(resource, kind, **times):
    [extension] = [one for one in resource["extension"] if one["url"].endswith("resolved-timing")]
    system = "http://ehealth.sundhed.dk/cs/resolved-timing-type"
    extension["extension"] = [
        {"url": "serviceRequestVersionId", "valueId": "3"},
        *({"url": name, "valueDateTime": value} for name, value in times.items()),
        {"url": "type", "valueCodeableConcept": {"coding": [{"system": system, "code": kind}]}},
    ]


def qualities(resource, kinds):
    row = next(one for one in resource["extension"] if one["url"].endswith("quality"))
    resource["extension"].remove(row)
    for kind in kinds:
        one = copy.deepcopy(row)
        one["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] = kind
        one["extension"][1]["valueCodeableConcept"]["coding"][0]["system"] = (
            "http://ehealth.sundhed.dk/cs/device-measuring-quality"
        )
        resource["extension"].append(one)


def without_episode(resource):
    resource["extension"] = [one for one in resource["extension"] if "valueReference" not in one]


TAG = {"system": "http://ehealth.sundhed.dk/cs/ehealth-system", "code": "xa"}


def reuse(body, **changes):
    policy = "http://ehealth.sundhed.dk/policy/ehealth/reuse-of-measurement-chosen-by-citizen"
    one = {
        "resourceType": "Provenance", "policy": [policy], "target": [{"reference": entries(body)[0]["fullUrl"]}],
        "entity": [{"role": "source", "what": {"reference": "https://measurement.fut.example.test/fhir/Observation/1"}}],
    }  # fmt: skip
    entries(body).append({"fullUrl": "urn:uuid:7", "resource": one | changes})


def first(body):
    return entries(body)[0]["resource"]  # the pulse


def panel(body):
    return entries(body)[1]["resource"]


# FUT's code → ways to earn it
REFUSED = {
    "EMPTY_INPUT_BUNDLE": [lambda b: entries(b).clear()],
    "INPUT_BUNDLE_CONTAINS_INVALID_RESOURCES": [
        lambda b: entries(b).append({"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Device"}}),
    ],
    "INPUT_BUNDLE_CONTAINS_NONE_OF_EXPECTED_RESOURCES": [lambda b: entries(b).__setitem__(
        slice(None), [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Provenance"}}]
    )],
    "INVALID_STATUS": [lambda b: first(b).update(status="preliminary"), lambda b: first(b).pop("status")],
    "INPUT_SHOULD_REFERENCE_PATIENT": [lambda b: first(b).pop("subject")],
    "INPUT_SHOULD_REFERENCE_EPISODEOFCARE": [lambda b: without_episode(first(b))],
    "INPUT_FOR_DIFFERENT_PATIENTS": [lambda b: first(b).update(subject={"reference": PATIENT_2})],
    "INPUT_NOT_PART_OF_SAME_EPISODEOFCARE": [
        lambda b: first(b)["extension"][0].update(valueReference={"reference": EPISODE_2}),
    ],
    "DIFFERENT_PATIENT_REFERENCE": [
        lambda b: [one["resource"].update(subject={"reference": PATIENT_2}) for one in entries(b)],
    ],
    "PROCEDURE_REQUEST_IS_NOT_ACTIVE": [None],
    "INVALID_OBSERVATION_CODE": [
        lambda b: first(b).update(code={"coding": [{"system": made.NPU, "code": "NPU03804"}]}),
        lambda b: first(b).update(basedOn=panel(b)["basedOn"]),
    ],
    "MORE_THAN_ONE_DEVICE_QUALITY": [lambda b: qualities(first(b), ["DMQ", "DMQ"])],
    "INVALID_RESOLVED_TIMING": [
        lambda b: with_timing(first(b), "Resolved"),
        lambda b: with_timing(first(b), "Resolved", start="2026-03-02T06:00:00+01:00"),
        lambda b: with_timing(first(b), "Adhoc", start="2026-03-02T06:00:00+01:00", end="2026-03-02T07:00:00+01:00"),
        lambda b: with_timing(first(b), "Unresolved", end="2026-03-02T07:00:00+01:00"),
    ],
    "INPUT_PROVENANCE_INVALID_POLICY": [lambda b: reuse(b, policy=["http://other"]), lambda b: reuse(b, policy=[])],
    "INPUT_PROVENANCE_NOT_SINGLE_TARGET": [lambda b: reuse(b, target=[])],
    "INPUT_PROVENANCE_NOT_SINGLE_ENTITY": [lambda b: reuse(b, entity=[])],
    "INPUT_PROVENANCE_REFERENCE_MISSING": [lambda b: reuse(b, target=[{"reference": "urn:uuid:9"}])],
    # What FUT's validator finds has no code of FUT's.
    "": [
        lambda b: first(b).pop("basedOn"),
        lambda b: first(b)["meta"].update(tag=[TAG]),
        lambda b: first(b)["basedOn"].append(first(b)["basedOn"][0]),
        lambda b: first(b)["basedOn"].__setitem__(0, {"reference": made.REQUEST + "9"}),
        lambda b: first(b).pop("effectiveDateTime"),
        lambda b: first(b).update(effectiveDateTime="2026-03-02"),
        lambda b: first(b).pop("performer"),
        lambda b: first(b).update(performer=[{"reference": PATIENT_2}]),
        lambda b: first(b).update(performer=[{"reference": made.DEVICE_REFERENCE}]),
        lambda b: first(b).update(device={"reference": made.DEVICE_REFERENCE + "9"}),
        lambda b: first(b).update(device={"reference": PATIENT_2}),
        lambda b: first(b).update(contained=[]),
        lambda b: first(b).update(valueString="67"),
        lambda b: first(b)["valueQuantity"].update(code="/min"),
        lambda b: first(b)["valueQuantity"].pop("unit"),
        lambda b: first(b)["valueQuantity"].update(value="67"),
        lambda b: first(b).pop("valueQuantity"),
        lambda b: first(b).update(dataAbsentReason=absent("error")),
        lambda b: (first(b).pop("valueQuantity"), first(b).update(dataAbsentReason=absent("unknown"))),
        lambda b: first(b)["meta"].update(profile=[]),
        lambda b: with_timing(first(b), "Planned"),
        lambda b: part(first(b), "resolved-timing", "serviceRequestVersionId").pop("valueId"),
        lambda b: part(first(b), "quality", "qualityCode")["valueCodeableConcept"]["coding"][0].update(system="x"),
        lambda b: panel(b)["component"][0]["code"]["coding"][0].update(code="MCS88019"),
        lambda b: panel(b)["component"][0].update(code=panel(b)["code"]),
        lambda b: first(b).update(referenceRange=[{"type": {"coding": [{"system": "x", "code": "y"}]}}]),
        lambda b: entries(b)[0].update(fullUrl=entries(b)[1]["fullUrl"]),
        lambda b: entries(b)[0].update(request={"method": "PUT", "url": "Observation/1"}),
        lambda b: b["parameter"][0]["resource"].update(type="collection"),
    ],
}  # fmt: skip


def absent(code):
    return {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": code}]}


@pytest.mark.parametrize(("code", "spoil"), [(code, spoil) for code, ways in REFUSED.items() for spoil in ways])
def test_it_is_refused_with_futs_code_and_nothing_is_kept(way, call, code, spoil):
    before = len(way.desk.kept.all())
    body = good()
    request = way.desk.known.requests[first(body)["basedOn"][0]["reference"]]
    request.active = spoil is not None
    if spoil is not None:
        spoil(body)
    answer = call("/$submit-measurement", body)
    request.active = True
    assert answer.status_code == 422
    [issue] = answer.json()["issue"]
    told = issue.get("details", {}).get("coding", [{"code": ""}])[0]["code"]
    assert told == (P + code if code else ""), answer.text
    assert issue["diagnostics"]
    assert len(way.desk.kept.all()) == before


def test_a_good_one_is_created_as_fut_answers(way, call):
    answer = call("/$submit-measurement", good())
    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["type"] == "transaction-response"
    for entry in bundle["entry"]:
        assert entry["response"]["status"] == "201 Created"
        assert entry["response"]["location"].startswith(f"{way.server.url}/Observation/")
        assert entry["response"]["location"].endswith("/_history/1")


def test_it_has_no_idempotency_as_fut_has_none(way, call):
    before = len(way.desk.kept.all())
    body = good()
    call("/$submit-measurement", body)
    call("/$submit-measurement", body)
    assert len(way.desk.kept.all()) == before + 4


NO_ENTRY = {"name": "measurement", "resource": {"resourceType": "Bundle", "type": "transaction", "entry": [1]}}


@pytest.mark.parametrize(
    "content",
    [[], 1, {}, {"resourceType": "Parameters"}, {"resourceType": "Parameters", "parameter": [NO_ENTRY]}],
)
def test_what_is_no_fhir_is_400(call, content):
    assert call("/$submit-measurement", content).status_code in (400, 422)


def test_without_a_token_nothing_is_answered(call):
    for authorization in ("", "Bearer", "Bearer none", "Basic x"):
        assert call("/$submit-measurement", good(), authorization).status_code == 401


def test_a_token_of_another_patient_is_refused(way, call):
    patient = way.tokens.bearer(PATIENT_2, EPISODE_2)
    assert call("/$submit-measurement", good(), patient).status_code == 403


def test_the_provider_gives_nothing_to_strangers(way):
    def ask(**form):
        return httpx.post(f"{way.server.url}/token", data=form).status_code

    mine = {"client_id": "telehub", "client_secret": SECRET}
    assert ask(grant_type="client_credentials", client_id="telehub", client_secret="guess") == 401
    assert ask(grant_type="password", **mine) == 400
    assert ask(grant_type="urn:ietf:params:oauth:grant-type:token-exchange", subject_token="x", **mine) == 400


def asked(**values):
    kinds = {"patient": "valueReference", "episodeOfCare": "valueReference", "period": "valuePeriod"}
    parameters = [{"name": name, kinds.get(name, "valueDateTime"): value} for name, value in values.items()]
    return {"resourceType": "Parameters", "parameter": parameters}


def test_search_finds_what_one_submission_made_together(call):
    call("/$submit-measurement", good())
    whole = {"start": "2026-03-02T00:00:00+00:00"}
    found = call("/$search-measurements", asked(patient={"reference": made.PATIENT}, period=whole)).json()
    inner = found["entry"][0]["resource"]
    assert (found["type"], inner["type"], len(inner["entry"])) == ("collection", "collection", 2)
    none = asked(patient={"reference": made.PATIENT}, period={"start": "2026-03-03T00:00:00+00:00"})
    assert call("/$search-measurements", none).json()["entry"] == []
    other = asked(patient={"reference": PATIENT_2}, period=whole)
    assert call("/$search-measurements", other).json()["entry"] == []


@pytest.mark.parametrize(("question", "code"), [
    (asked(patient={"reference": made.PATIENT}), "PERIOD_NOT_SPECIFIED"),
    (asked(period={"start": "2026-03-02T00:00:00Z"}), "PATIENT_AND_EPISODE_NOT_SPECIFIED"),
])  # fmt: skip
def test_search_refuses_as_fut_does(call, question, code):
    answer = call("/$search-measurements", question)
    told = answer.json()["issue"][0]["details"]["coding"][0]["code"]
    assert (answer.status_code, told) == (422, "MEASUREMENT_SEARCHMEASUREMENT_" + code)


def test_procedures_tell_every_time_and_what_came(way, call):
    question = asked(
        patient={"reference": made.PATIENT}, start="2026-03-02T00:00:00+01:00", end="2026-03-03T00:00:00+01:00"
    )
    before = len(way.desk.kept.all())
    call("/$submit-measurement", good())
    rows = call("/$get-patient-procedures", question).json()["entry"][0]["resource"]["parameter"]
    parts = [{one["name"]: one for one in row["part"]} for row in rows]
    assert [row["name"] for row in rows] == ["item_1", "item_2"]
    for row in parts:
        assert row["TimingType"]["valueString"] == "Resolved"
        assert row["ResolvedTimingStart"]["valueDateTime"] == made.SLOT["start"]
        assert row["ServiceRequestVersionId"]["valueString"] == "3"
        assert row["TotalSubmitted"]["valueInteger"] == before // 2 + 1


def test_validate_tells_all_that_is_wrong(call):
    resource = first(good())
    assert call("/Observation/$validate", resource).json()["issue"][0]["severity"] == "information"
    del resource["performer"], resource["effectiveDateTime"]
    answer = call("/Observation/$validate", resource)
    assert answer.status_code == 422
    assert len(answer.json()["issue"]) == 2
