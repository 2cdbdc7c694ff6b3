"""One request in, one answer out. Knows no sockets; what it has answered with 200 is on disk."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tools.backend.fut.standin import rules, search, shape
from tools.backend.fut.standin.kept import Kept, dumps, loads
from tools.backend.fut.standin.known import Known
from tools.backend.fut.standin.rules import Refusal
from tools.backend.fut.standin.tokens import Tokens

_BODY_OCTETS_MAX = 1 << 20  # a measurement has a few kB


@dataclass(frozen=True)
class Answer:
    """A status, a body, and the resources that were kept for it."""

    status: int
    body: bytes
    kept: list[int] = field(default_factory=list)


class Desk:
    """The measurement service, the careplan service's one operation, and the token endpoint, under one base."""

    def __init__(self, known: Known, kept: Kept, tokens: Tokens, keeps_identifiers: bool = True) -> None:
        self.known, self.kept, self.tokens = known, kept, tokens
        self.keeps_identifiers = keeps_identifiers
        self.base = ""  # as seen from outside

    def handle(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        """Answer one request."""
        if method != "POST" or len(body) > _BODY_OCTETS_MAX:
            return Answer(405 if method != "POST" else 413, dumps(outcome("", "not here")))
        if path == "/token":
            status, content = self.tokens.answer(body)
            return Answer(status, dumps(content))
        token = authorization.removeprefix("Bearer ")
        if not self.tokens.valid(token):
            return Answer(401, dumps(outcome("", "no valid token")))
        try:
            return self._operation(path, token, loads(body))
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            return Answer(400, dumps(outcome("", f"no FHIR: {type(error).__name__}")))

    def _operation(self, path: str, token: str, content: dict[str, Any]) -> Answer:
        if path == "/$submit-measurement":
            return self._submit(token, content)
        if path == "/$search-measurements":
            return _answered(search.measurements(content, self.kept.all(), self.base, self.keeps_identifiers))
        if path == "/$get-patient-procedures":
            return _answered(search.procedures(content, self.known, self.kept.all()))
        if path == "/Observation/$validate":
            return self._validate(content)
        return Answer(404, dumps(outcome("", "no such operation")))

    def _submit(self, token: str, content: dict[str, Any]) -> Answer:
        given = [one for one in content.get("parameter", []) if one.get("name") == "measurement"]
        if content.get("resourceType") != "Parameters" or len(given) != 1:
            return Answer(400, dumps(outcome("", "Parameters with one `measurement`")))
        bundle = given[0].get("resource", {})
        refusal = rules.judge(bundle, self.known)
        if refusal is not None:
            return _refusal(refusal)
        resources = [entry["resource"] for entry in bundle["entry"]]
        patient = resources[0]["subject"]["reference"]
        if not self.tokens.allows(token, patient):
            return Answer(403, dumps(outcome("", "the token is for another patient")))
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        numbers = self.kept.keep([(one, _facts(one)) for one in resources], now)
        kinds = [one["resourceType"] for one in resources]
        entries = [self._created(kind, number, now) for kind, number in zip(kinds, numbers, strict=True)]
        return Answer(
            200, dumps({"resourceType": "Bundle", "type": "transaction-response", "entry": entries}), numbers
        )

    def _created(self, kind: str, number: int, now: str) -> dict[str, Any]:
        return {
            "response": {
                "status": "201 Created",
                "location": f"{self.base}/{kind}/{number}/_history/1",
                "etag": "1",
                "lastModified": now,
                "outcome": outcome("", f"Successfully created resource {kind}/{number}", "information"),
            }
        }

    def _validate(self, content: dict[str, Any]) -> Answer:
        given = content
        if content.get("resourceType") == "Parameters":
            given = next(one["resource"] for one in content["parameter"] if one.get("name") == "resource")
        found = list(shape.faults(given, self.known.tables))
        issues = [outcome("", text)["issue"][0] for text in found]
        good = outcome("", "No issues detected during validation", "information")
        body = {"resourceType": "OperationOutcome", "issue": issues} if found else good
        return Answer(422 if found else 200, dumps(body))


def _facts(resource: dict[str, Any]) -> dict[str, str]:
    return {
        "patient": resource["subject"]["reference"],
        "episode": rules.episode_of(resource) or "",
        "request": resource["basedOn"][0]["reference"],
        "effective": resource.get("effectiveDateTime") or resource["authored"],
    }


def _answered(found: dict[str, Any] | Refusal) -> Answer:
    return _refusal(found) if isinstance(found, Refusal) else Answer(200, dumps(found))


def _refusal(refusal: Refusal) -> Answer:
    return Answer(422, dumps(outcome(refusal.code, refusal.text)))


def outcome(code: str, text: str, severity: str = "error") -> dict[str, Any]:
    """An OperationOutcome of one issue; FUT's code in its details where there is one."""
    issue: dict[str, Any] = {"severity": severity, "code": "processing" if severity == "error" else "informational"}
    if code:
        issue["details"] = {"coding": [{"system": "http://ehealth.sundhed.dk/error-codes", "code": code}], "text": text}
    return {"resourceType": "OperationOutcome", "issue": [issue | {"diagnostics": text}]}
