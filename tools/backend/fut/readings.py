"""readings.jsonl as the mapper takes it: each line checked for what the mapper believes, so that it need not ask."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

_VALUE = r"^-?\d+(\.\d+)?(e\d+)?$"  # firmware/measurement/measurement.py, decimal_text


class BadReading(Exception):
    """args are the number of the line and what is wrong with it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(line, problem)
        self.line = line
        self.problem = problem

    def __str__(self) -> str:
        return f"line {self.line}: {self.problem}"


def _real(text: str) -> str:
    datetime.fromisoformat(text)  # ValueError where a calendar has no such day
    return text


_Local = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$"), AfterValidator(_real)]
_Utc = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"), AfterValidator(_real)]
_Instant = Annotated[
    str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$"), AfterValidator(_real)
]


class _Quantity(BaseModel):
    model_config = ConfigDict(strict=True)
    code: int
    value: str | None = Field(None, pattern=_VALUE)
    unit: int | None = None
    reason: str | None = None

    def model_post_init(self, _context: Any) -> None:
        if (self.value is None) == (self.reason is None) or (self.value is None) != (self.unit is None):
            raise ValueError("a quantity has a value and a unit, or a reason")


class _Item(BaseModel):
    model_config = ConfigDict(strict=True)
    link: str = Field(min_length=1)
    values: list[bool | int | str | dict[str, str]]


class _Answers(BaseModel):
    model_config = ConfigDict(strict=True)
    questionnaire: str
    authored: _Instant
    begun: _Instant | None = None
    items: list[_Item]


class _Reading(BaseModel):
    model_config = ConfigDict(strict=True)
    reading: str
    hub: str
    device: str
    kind: str
    device_time: _Local | None
    device_time_state: Literal["ok", "unknown", "invalid", "absent"]
    hub_time: _Utc
    hub_clock: Literal["none", "ntp", "platform"]
    skew_ms: int | None
    quantities: list[_Quantity]
    status: list[str]
    test: bool
    flags: list[str]
    user: int | None = None
    offset_min: int | None = Field(None, ge=-1080, le=1080)
    link: list[str] = []
    row: str | None = None
    answers: _Answers | None = None


def check(content: Any) -> dict[str, Any]:
    """The reading, when it is one; ValueError names what is wrong."""
    try:
        found = _Reading.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{place}: {first['msg'].removeprefix('Value error, ')}") from None
    if found.device_time_state == "ok" and found.device_time is None:
        raise ValueError("device_time: it is missing")
    return dict(content)


def read(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Every reading, in order; BadReading at the first line that is none. Empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield check(json.loads(line, parse_float=Decimal))
        except (ValueError, RecursionError) as error:
            raise BadReading(number, str(error)) from None
