"""Whose device, which plan: what the platform knows and a hub must not. Configured, so checked before it is believed.

`read(text)` gives a Context, or raises BadContext with the JSON path of the first thing wrong, such as
`$.assignments[0].requests[1].version`. Unknown keys are refused: a misspelt `valid_to` would never end.

To what `telehub fhir` needs may be added: "zone" (a POSIX TZ rule; Denmark's by default), and per assignment
"link" ("any", "encrypted", "authenticated": what the plan asks of the radio) and "questionnaires".
"""

import re
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal

import simplejson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from firmware.measurement.zone import Zone
from tools.backend.fut import tables
from tools.backend.fut.tables import Code, Tables

DENMARK = "CET-1CEST,M3.5.0,M10.5.0/3"
_ID = "[A-Za-z0-9.-]{1,64}"  # FHIR R4, id
# FHIR R4, dateTime, with its time and zone: without them nobody could say whether a reading lies in it.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_RANGES_MAX = 16  # red and yellow of each part of a panel are 4


class BadContext(Exception):
    """args are the JSON path and what is wrong there."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def _instant(text: str) -> str:
    if not _INSTANT.fullmatch(text):
        raise ValueError("no dateTime with a time and a zone")
    moment(text)
    return text


def moment(text: str) -> datetime:
    """The instant that a checked text names."""
    return datetime.fromisoformat(text)


def _reference(kind: str) -> Any:
    return Annotated[str, Field(pattern=rf"^https?://[^\s/]+(/[^\s/]+)*/{kind}/{_ID}$")]


def _zone(rule: str) -> str:
    try:
        Zone(rule)
    except (ValueError, IndexError):
        raise ValueError("no POSIX TZ rule") from None
    return rule


def _version(given: Any) -> Any:
    """FHIR's ids are text; a version is often written as the number that it looks like."""
    return str(given) if type(given) is int else given


_Version = Annotated[str, BeforeValidator(_version), Field(pattern=f"^{_ID}$")]
Instant = Annotated[str, AfterValidator(_instant)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class CodeName(_Strict):
    """A code, by system; the display is the table's."""

    system: str
    code: str
    display: str | None = None


class Timing(_Strict):
    """One time of the plan's, as $get-patient-procedures tells it."""

    type: Literal["Resolved", "Unresolved", "Adhoc", "Extra"]
    start: Instant | None = None
    end: Instant | None = None

    @model_validator(mode="after")
    def _has_its_times(self) -> "Timing":
        if (self.type == "Resolved") != (self.start is not None and self.end is not None):
            raise ValueError("start and end stand exactly when the type is Resolved")
        if self.start and self.end and moment(self.end) < moment(self.start):
            raise ValueError("it ends before it starts")
        return self


class Request(_Strict):
    """One ServiceRequest of the plan."""

    code: CodeName
    service_request: _reference("ServiceRequest")  # type: ignore[valid-type]
    version: _Version
    shape: Literal["single", "panel", "split"]
    timing: tuple[Timing, ...]
    reference_ranges: Annotated[tuple[dict[str, Any], ...], Field(max_length=_RANGES_MAX)] = ()

    @property
    def key(self) -> tables.SystemCode:
        """As tables name a code."""
        return self.code.system, self.code.code


class QuestionnaireRequest(_Strict):
    """One ServiceRequest whose activity is a questionnaire."""

    questionnaire: Annotated[str, Field(pattern=r"^https?://\S+$")]  # its canonical URL
    service_request: _reference("ServiceRequest")  # type: ignore[valid-type]
    version: _Version
    timing: tuple[Timing, ...]


class Assignment(_Strict):
    """For a time, a device (or one user of it) measures one patient for one plan."""

    hub: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    device: Annotated[str, Field(pattern="^([0-9a-f]{2}:){5}[0-9a-f]{2}$")]
    slot: Annotated[int, Field(ge=0, le=254)] | None = None
    valid_from: Instant
    valid_to: Instant | None = None
    patient: _reference("Patient")  # type: ignore[valid-type]
    episode_of_care: _reference("EpisodeOfCare")  # type: ignore[valid-type]
    device_reference: _reference("Device") | None = None  # type: ignore[valid-type]
    requests: tuple[Request, ...]
    questionnaires: tuple[QuestionnaireRequest, ...] = ()
    link: Literal["any", "encrypted", "authenticated"] = "any"

    @cached_property
    def begins(self) -> datetime:
        """From when, inclusive."""
        return moment(self.valid_from)

    @cached_property
    def ends(self) -> datetime | None:
        """Until when, exclusive."""
        return None if self.valid_to is None else moment(self.valid_to)

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> "Assignment":
        if self.ends is not None and self.ends <= self.begins:
            raise ValueError("it ends before it begins")
        return self


class Context(_Strict):
    """Everything that is joined to readings."""

    format: Literal[1]
    ig: str
    assignments: tuple[Assignment, ...]
    zone: Annotated[str, AfterValidator(_zone)] = DENMARK

    @property
    def tables(self) -> Tables:
        """Of the release that it names."""
        return tables.load(self.ig)


def read(text: str) -> Context:
    """The context that a JSON text holds; BadContext names the place of what is wrong."""
    try:
        content = simplejson.loads(text, use_decimal=True)
    except (ValueError, RecursionError) as error:
        raise BadContext("$", f"no JSON: {error}") from None
    return of(content)


def of(content: Any) -> Context:
    """The context in a JSON value, whose numbers are int or Decimal."""
    try:
        context = Context.model_validate(_tuples(content))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadContext(_path(first["loc"]), first["msg"].removeprefix("Value error, ")) from None
    try:
        known = context.tables
    except tables.UnknownRelease:
        raise BadContext("$.ig", f"no tables of this release; there are {', '.join(tables.releases())}") from None
    for at, assignment in enumerate(context.assignments):
        for number, request in enumerate(assignment.requests):
            _check_request(request, known, f"$.assignments[{at}].requests[{number}]")
    return context


def _check_request(request: Request, known: Tables, path: str) -> None:
    code = known.codes.get(request.key)
    if code is None:
        raise BadContext(f"{path}.code", f"{request.code.code} is not in FUT's observation-codes {known.release}")
    if bool(code.parts) != (request.shape == "panel"):
        raise BadContext(f"{path}.shape", f"{request.shape} is not how {code.code} is measured")
    panels = {part for other in known.codes.values() for part in other.parts}
    if request.shape == "split" and request.key not in panels:
        raise BadContext(f"{path}.shape", f"{code.code} is no part of a panel")
    units = {known.codes[key].unit for key in (code.parts or (request.key,))}
    for number, one in enumerate(request.reference_ranges):
        _check_range(one, {unit.code for unit in units if unit}, known, f"{path}.reference_ranges[{number}]")


def _check_range(one: dict[str, Any], units: set[str], known: Tables, path: str) -> None:
    """FUT compares only what has the same unit; a range in another would cost a nurse a task for each reading."""
    if not {"low", "high"} & one.keys():
        raise BadContext(path, "neither low nor high")  # FHIR R4, obs-3
    for name in ("low", "high"):
        quantity = one.get(name)
        if quantity is None:
            continue
        if not isinstance(quantity, dict) or not isinstance(quantity.get("value"), int | Decimal):
            raise BadContext(f"{path}.{name}", "no quantity")
        if "code" in quantity and quantity["code"] not in units:
            raise BadContext(f"{path}.{name}.code", f"not the unit of its request ({', '.join(sorted(units))})")
    for at, coding in enumerate(one.get("type", {}).get("coding", ())):
        key = (coding.get("system"), coding.get("code"))
        if not known.is_range_type(key):
            raise BadContext(f"{path}.type.coding[{at}]", "not in FUT's reference-range-type")


def code_of(request: Request, known: Tables) -> Code:
    """The code that a checked request asks for."""
    return known.codes[request.key]


def _tuples(value: Any) -> Any:
    """JSON's arrays as tuples, since strict models take nothing else for an immutable row."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _path(location: tuple[int | str, ...]) -> str:
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
