"""Calls to FUT's measurement service. Every outcome of a call is one of four facts, and none is guessed."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import simplejson

from tools.backend.fut.call import Answer, post
from tools.backend.fut.observation import URI
from tools.backend.fut.token import NoToken, Tokens

_CREATED_OCTETS_MAX = 1 << 20  # a few kB for each resource
_FOUND_OCTETS_MAX = 8 << 20  # what one patient has measured within the seconds that are asked for
_TEXT_MAX = 500  # of FUT's own words that are kept for a person
_RETRY_AFTER_S_MAX = 3600.0
_SECOND = timedelta(seconds=1)
_HEADERS = {
    "content-type": "application/fhir+json; charset=UTF-8",
    "accept": "application/fhir+json",
}


@dataclass(frozen=True)
class Created:
    """FUT has it, under these names."""

    locations: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """FUT looked at it and does not take it; its own code and text."""

    text: str


@dataclass(frozen=True)
class Unsent:
    """FUT did not look at it."""

    text: str
    wait_s: float = 0.0  # at least, because FUT says so


@dataclass(frozen=True)
class Unknown:
    """It may have arrived or not."""

    text: str


Outcome = Created | Refused | Unsent | Unknown


class Client:
    """One measurement service."""

    def __init__(self, http: httpx.Client, base: str, tokens: Tokens) -> None:
        self._http, self._base, self._tokens = http, base.rstrip("/"), tokens

    def submit(self, body: str) -> Outcome:
        """POST $submit-measurement, once."""
        resources = _resources(simplejson.loads(body, use_decimal=True))
        answer = self._post("/$submit-measurement", body, resources, _CREATED_OCTETS_MAX)
        if not isinstance(answer, Answer):
            return answer
        status = answer.status
        if status in (401, 429):  # turned away at the door
            self._tokens.forget()
            return Unsent(f"HTTP {status}", _retry_after_s(answer))
        if 400 <= status < 500 and status not in (404, 408):
            return Refused(_told(answer))
        if status == 404:  # the operation is not there: a wrong address is no word about this measurement
            return Unsent("HTTP 404")
        if status >= 400:
            return Unknown(f"HTTP {status}")
        created = _created(answer, len(resources))
        return created or Unknown(f"HTTP {status} without an answer to each resource")

    def find(self, body: str) -> Created | Unknown | None:
        """Ask $search-measurements whether FUT has this measurement: where, or None when it has not."""
        mine = _resources(simplejson.loads(body, use_decimal=True))
        times = [datetime.fromisoformat(_effective(one)) for one in mine]
        period = {"start": (min(times) - _SECOND).isoformat(), "end": (max(times) + _SECOND).isoformat()}
        question = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "patient", "valueReference": mine[0]["subject"]},
                {"name": "period", "valuePeriod": period},
                *({"name": "based-on", "valueReference": one["basedOn"][0]} for one in mine),
            ],
        }
        answer = self._post("/$search-measurements", simplejson.dumps(question), mine, _FOUND_OCTETS_MAX)
        if not isinstance(answer, Answer):
            return Unknown(answer.text)
        if answer.status == 401:
            self._tokens.forget()
        if answer.status != 200:
            return Unknown(f"HTTP {answer.status}")
        try:
            return _among(mine, _found(simplejson.loads(answer.text, use_decimal=True)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return Unknown("an answer that is no Bundle of Bundles")

    def _post(
        self, path: str, body: str, resources: list[dict[str, Any]], octets_max: int
    ) -> Answer | Unsent | Unknown:
        patient, episode = resources[0]["subject"]["reference"], _episode(resources[0])
        try:
            headers = _HEADERS | {"authorization": self._tokens.bearer(patient, episode)}
        except NoToken as problem:
            return Unsent("no token: " + ", ".join(problem.args))
        try:
            return post(self._http, self._base + path, octets_max, headers, content=body.encode())
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            return Unsent(type(error).__name__)
        except httpx.HTTPError as error:
            return Unknown(type(error).__name__)


def _resources(parameters: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in parameters["parameter"][0]["resource"]["entry"]]


def _episode(resource: dict[str, Any]) -> str:
    return next(one["valueReference"]["reference"] for one in resource["extension"] if "valueReference" in one)


def _effective(resource: dict[str, Any]) -> str:
    effective: str = resource.get("effectiveDateTime") or resource["authored"]
    return effective


def _created(answer: Answer, count: int) -> Created | None:
    """The locations, when every resource was created."""
    try:
        rows = [entry["response"] for entry in simplejson.loads(answer.text)["entry"]]
        locations = tuple(row["location"] for row in rows if row["status"].startswith("201"))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    good = len(rows) == len(locations) == count and all(isinstance(one, str) for one in locations)
    return Created(locations) if good else None


def _found(content: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """What each submission made: lists of (resource with its fullUrl)."""
    return [
        [inner["resource"] | {"fullUrl": inner["fullUrl"]} for inner in outer["resource"].get("entry", [])]
        for outer in content.get("entry", [])
    ]


def _among(mine: list[dict[str, Any]], submissions: list[list[dict[str, Any]]]) -> Created | None:
    """FUT saves a submission whole or not at all: one that has only a part of this is another."""
    for submission in submissions:
        places = [next((one["fullUrl"] for one in submission if _same(own, one)), None) for own in mine]
        if all(places):
            return Created(tuple(str(place) for place in places))
    return None


def _same(mine: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """By our own identifier where FUT has kept it; else by all that makes a measurement."""
    names, own = _names(theirs), _names(mine)
    return own == names if names else _essence(mine) == _essence(theirs)


def _names(resource: dict[str, Any]) -> list[str]:
    """Our identifiers of a resource; a QuestionnaireResponse has one and no list."""
    given = resource.get("identifier", [])
    return [one["value"] for one in (given if isinstance(given, list) else [given]) if one.get("system") == URI]


def _essence(resource: dict[str, Any]) -> tuple[Any, ...]:
    values = [resource, *resource.get("component", [])]
    return (
        resource["resourceType"],
        resource["basedOn"][0]["reference"],
        datetime.fromisoformat(_effective(resource)),
        resource.get("device", {}).get("reference"),
        resource.get("questionnaire"),
        simplejson.dumps(resource.get("item"), use_decimal=True, sort_keys=True),
        tuple(
            (
                tuple(sorted((coding["system"], coding["code"]) for coding in one.get("code", {}).get("coding", ()))),
                Decimal(str(one["valueQuantity"]["value"])) if "valueQuantity" in one else None,
            )
            for one in values
        ),
    )


def _told(answer: Answer) -> str:
    """FUT's error code and text, as short as a person needs."""
    words = [f"HTTP {answer.status}"]
    try:
        for issue in simplejson.loads(answer.text).get("issue", []):
            words += [coding["code"] for coding in issue.get("details", {}).get("coding", [])]
            words.append(issue.get("diagnostics") or issue.get("details", {}).get("text") or "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        words.append("an answer that is no OperationOutcome")
    return ": ".join(word for word in map(str, words) if word)[:_TEXT_MAX]


def _retry_after_s(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "")
    return min(float(text), _RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else 0.0
