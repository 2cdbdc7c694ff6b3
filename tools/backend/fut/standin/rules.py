"""What $submit-measurement refuses, in FUT's words (guide, input/pagecontent/error-messages.md)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.backend.fut.standin import shape
from tools.backend.fut.standin.known import Known

_PREFIX = "MEASUREMENT_SUBMITMEASUREMENT_"
_TEXTS = {
    "EMPTY_INPUT_BUNDLE": "The input bundle does not contain any resources.",
    "INPUT_BUNDLE_CONTAINS_NONE_OF_EXPECTED_RESOURCES": "The input bundle does not contain any resources of type"
    " EHealthObservation, EHealthMedia, EHealthQuestionnaireResponse.",
    "INPUT_BUNDLE_CONTAINS_INVALID_RESOURCES": "The input bundle contains resources which are not of type"
    " EHealthObservation, EHealthMedia, EHealthQuestionnaireResponse or EHealthProvenance.",
    "INVALID_STATUS": "Measurement status {} is invalid. Status must be {} for measurement of type {}",
    "INPUT_SHOULD_REFERENCE_PATIENT": "Input resources of type EHealthObservation, EHealthMedia and"
    " EHealthQuestionnaireResponse should reference a patient.",
    "INPUT_SHOULD_REFERENCE_EPISODEOFCARE": "Input resources of type EHealthObservation, EHealthMedia and"
    " EHealthQuestionnaireResponse should reference an episode of care.",
    "INPUT_FOR_DIFFERENT_PATIENTS": "The resources provided are for different patients.",
    "INPUT_NOT_PART_OF_SAME_EPISODEOFCARE": "The resources provided are not all part of the same episode of care.",
    "DIFFERENT_PATIENT_REFERENCE": "The patient referenced by the EpisodeOfCare is different than the patient"
    " referenced by the provided resources",
    "PROCEDURE_REQUEST_IS_NOT_ACTIVE": "Procedure request with id:[{}] is not active.",
    "INVALID_OBSERVATION_CODE": "Observation.code does not match the code of the referenced ServiceRequest with id {}.",
    "MORE_THAN_ONE_DEVICE_QUALITY": "Only one device quality allowed for each observation/media",
    "INVALID_RESOLVED_TIMING": "ResolvedTiming must have either type=Resolved and start/end or"
    " type=Unresolved/Adhoc/Extra and no start/end",
    "INPUT_PROVENANCE_INVALID_POLICY": "Submitted provenances should use the policy"
    " 'Reuse of measurement chosen by citizen'",
    "INPUT_PROVENANCE_REFERENCE_MISSING": "EHealthProvenance resource is referencing {} but it is not provided as"
    " part of the input.",
    "INPUT_PROVENANCE_NOT_SINGLE_TARGET": "Provenance.target should have exactly one reference.",
    "INPUT_PROVENANCE_NOT_SINGLE_ENTITY": "Provenance.entity should have exactly one reference.",
    "INVALID_QUESTIONNAIRE_REFERENCE": "Questionnaire reference with id {} is unexpected. Expected questionnaire"
    " reference to match questionnaire reference of related ActivityDefinition with id {}.",
}
_REUSE = "http://ehealth.sundhed.dk/policy/ehealth/reuse-of-measurement-chosen-by-citizen"
_MEASUREMENTS = {"Observation": "final", "QuestionnaireResponse": "completed", "Media": "completed"}


@dataclass(frozen=True)
class Refusal:
    """One reason why FUT does not take it: an error code of FUT's, or "" where it has none, and the text."""

    code: str
    text: str


def refused(name: str, *words: str) -> Refusal:
    """A refusal with FUT's code and text."""
    return Refusal(_PREFIX + name, _TEXTS[name].format(*words))


def judge(bundle: dict[str, Any], known: Known) -> Refusal | None:
    """The first thing that FUT would refuse this Bundle for, or None."""
    return next(_refusals(bundle, known), None)


def _refusals(bundle: dict[str, Any], known: Known) -> Iterator[Refusal]:
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        yield Refusal("", "measurement: no Bundle of type transaction")
        return
    entries = bundle.get("entry", [])
    resources = [entry.get("resource", {}) for entry in entries]
    if not resources:
        yield refused("EMPTY_INPUT_BUNDLE")
        return
    kinds = {one.get("resourceType") for one in resources}
    if kinds - {*_MEASUREMENTS, "Provenance"}:
        yield refused("INPUT_BUNDLE_CONTAINS_INVALID_RESOURCES")
    measured = [one for one in resources if one.get("resourceType") in _MEASUREMENTS]
    if not measured:
        yield refused("INPUT_BUNDLE_CONTAINS_NONE_OF_EXPECTED_RESOURCES")
    yield from _provenance(entries)
    yield from _entries(entries)
    yield from _statuses(measured)
    yield from _same(measured, known)
    for one in measured:
        yield from _tags(one)
        yield from _timing(one)
        yield from _device_quality(one)
        yield from _request(one, known)
        yield from (Refusal("", fault) for fault in shape.faults(one, known.tables))
        yield from _references(one, known)


def _entries(entries: list[dict[str, Any]]) -> Iterator[Refusal]:
    names = [entry.get("fullUrl") for entry in entries]
    if len(set(names)) != len(names) or not all(isinstance(name, str) and name.startswith("urn:") for name in names):
        yield Refusal("", "Bundle.entry.fullUrl: a urn of its own each")
    for entry in entries:
        kind = entry.get("resource", {}).get("resourceType")
        if entry.get("request") != {"method": "POST", "url": kind}:
            yield Refusal("", "Bundle.entry.request: POST to its resource's type")


def _statuses(measured: list[dict[str, Any]]) -> Iterator[Refusal]:
    for one in measured:
        kind, status = one["resourceType"], str(one.get("status"))
        if status != _MEASUREMENTS[kind]:
            yield refused("INVALID_STATUS", status, _MEASUREMENTS[kind], kind)


def _same(measured: list[dict[str, Any]], known: Known) -> Iterator[Refusal]:
    patients = [one.get("subject", {}).get("reference") for one in measured]
    episodes = [episode_of(one) for one in measured]
    if not all(patients):
        yield refused("INPUT_SHOULD_REFERENCE_PATIENT")
    if not all(episodes):
        yield refused("INPUT_SHOULD_REFERENCE_EPISODEOFCARE")
    if len(set(patients)) > 1:
        yield refused("INPUT_FOR_DIFFERENT_PATIENTS")
    if len(set(episodes)) > 1:
        yield refused("INPUT_NOT_PART_OF_SAME_EPISODEOFCARE")
    for patient, episode in zip(patients, episodes, strict=True):
        if episode not in known.episodes:
            yield Refusal("", f"EpisodeOfCare {episode} does not exist")
        elif known.episodes[episode] != patient:
            yield refused("DIFFERENT_PATIENT_REFERENCE")


def _tags(one: dict[str, Any]) -> Iterator[Refusal]:
    """FUT adds the episode's own system tags; one that the episode lacks denies the request. Ours have none."""
    for tag in one.get("meta", {}).get("tag", []):
        if tag.get("system") == "http://ehealth.sundhed.dk/cs/ehealth-system":
            yield Refusal("", f"the episode of care has no system tag {tag.get('code')}")


def _provenance(entries: list[dict[str, Any]]) -> Iterator[Refusal]:
    """Submitted ones tell of reuse alone."""
    names = {entry.get("fullUrl") for entry in entries}
    for one in (entry.get("resource", {}) for entry in entries):
        if one.get("resourceType") != "Provenance":
            continue
        if one.get("policy") != [_REUSE]:
            yield refused("INPUT_PROVENANCE_INVALID_POLICY")
        targets = [target.get("reference") for target in one.get("target", [])]
        if len(targets) != 1:
            yield refused("INPUT_PROVENANCE_NOT_SINGLE_TARGET")
        if len(one.get("entity", [])) != 1:
            yield refused("INPUT_PROVENANCE_NOT_SINGLE_ENTITY")
        for target in targets:
            if target not in names:
                yield refused("INPUT_PROVENANCE_REFERENCE_MISSING", str(target))


def _timing(one: dict[str, Any]) -> Iterator[Refusal]:
    for extension in one.get("extension", []):
        if extension.get("url") != shape.PROFILE + "ehealth-resolved-timing":
            continue
        parts = shape.parts_of(extension)
        resolved = shape.coding(parts.get("type"), "http://ehealth.sundhed.dk/cs/resolved-timing-type") == "Resolved"
        if resolved != ("start" in parts and "end" in parts) or resolved != ("start" in parts or "end" in parts):
            yield refused("INVALID_RESOLVED_TIMING")


def _device_quality(one: dict[str, Any]) -> Iterator[Refusal]:
    kinds = [
        shape.coding(shape.parts_of(extension).get("qualityType"), "http://ehealth.sundhed.dk/cs/quality-types")
        for extension in one.get("extension", [])
        if extension.get("url") == shape.PROFILE + "ehealth-quality"
    ]
    if kinds.count("DMQ") > 1:
        yield refused("MORE_THAN_ONE_DEVICE_QUALITY")


def _request(one: dict[str, Any], known: Known) -> Iterator[Refusal]:
    for based in one.get("basedOn", []):
        reference = based.get("reference", "")
        request, number = known.requests.get(reference), reference.rsplit("/", 1)[-1]
        if request is None:
            yield Refusal("", f"ServiceRequest {reference} does not exist")
            return
        if not request.active:
            yield refused("PROCEDURE_REQUEST_IS_NOT_ACTIVE", number)
        if request.episode != episode_of(one):
            yield Refusal("", f"ServiceRequest {number} belongs to another episode of care")
        if one["resourceType"] == "Observation" and request.code not in _codes(one):
            yield refused("INVALID_OBSERVATION_CODE", number)
        if one["resourceType"] == "QuestionnaireResponse":
            expected = known.questionnaires.get(reference, "")
            if one.get("questionnaire") != expected:
                yield refused("INVALID_QUESTIONNAIRE_REFERENCE", str(one.get("questionnaire")), expected)


def _references(one: dict[str, Any], known: Known) -> Iterator[Refusal]:
    """References are to what exists: none is made by a submission."""
    device = one.get("device", {}).get("reference")
    if device is not None and device not in known.devices:
        yield Refusal("", f"Device {device} does not exist")
    for person in one.get("performer", []):
        reference = person.get("reference", "")
        if "/Patient/" in reference and reference not in known.patients:
            yield Refusal("", f"Patient {reference} does not exist")


def _codes(one: dict[str, Any]) -> set[tuple[str, str]]:
    return {(coding.get("system", ""), coding.get("code", "")) for coding in one.get("code", {}).get("coding", [])}


def episode_of(one: dict[str, Any]) -> str | None:
    """The episode of care that a measurement names."""
    for extension in one.get("extension", []):
        if extension.get("url") == shape.EPISODE:
            reference: str | None = extension.get("valueReference", {}).get("reference")
            return reference
    return None
