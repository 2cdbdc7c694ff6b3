"""What a release of FUT's guide allows, and how devices' codes and units stand to it. All of it is data.

A new release is a new file in tables/ig; nothing else knows a code.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).with_name("tables")
_FORMAT = 1

SystemCode = tuple[str, str]  # (system, code)


class UnknownRelease(Exception):
    """args[0] is the release that was asked for."""


@dataclass(frozen=True)
class Unit:
    """The unit that FUT expects of a code."""

    code: str
    system: str
    printed: str  # as people read it in Danish


@dataclass(frozen=True)
class Code:
    """One code of the value set observation-codes."""

    system: str
    code: str
    display: str
    unit: Unit | None  # None: a panel, or not a quantity
    integer: bool
    parts: tuple[SystemCode, ...]  # of a panel

    @property
    def coding(self) -> dict[str, str]:
        """As a FHIR Coding."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True)
class Conversion:
    """(value - subtract) * multiply / divide gives the value in `to`."""

    to: str
    subtract: Decimal
    multiply: Decimal
    divide: Decimal
    of: str | None  # the one code that it is right for; None: any


@dataclass(frozen=True)
class Tables:
    """Everything that the mapper knows of codes."""

    release: str
    codes: dict[SystemCode, Code]
    quantities: dict[int, SystemCode]  # MDC → Danish code, in this release or not
    conversions: dict[int, tuple[Conversion, ...]]  # MDC unit →
    data_absent_reasons: frozenset[str]
    timing_types: frozenset[str]
    usage_qualities: frozenset[str]
    reference_range_types: dict[str, tuple[str, ...] | None]  # system → its codes; None: all of them

    def is_range_type(self, key: SystemCode) -> bool:
        """Whether a reference range may be of this type."""
        system, code = key
        if system in self.reference_range_types:
            codes = self.reference_range_types[system]
            return codes is None or code in codes
        return key in self.codes

    def conversion(self, mdc_unit: int, code: Code) -> Conversion | None:
        """How a value in this MDC unit becomes one of `code`, or None."""
        for one in self.conversions.get(mdc_unit, ()):
            if code.unit is not None and one.to == code.unit.code and one.of in (None, code.code):
                return one
        return None


def releases() -> list[str]:
    """The releases that there are tables of."""
    return sorted(path.stem for path in (_FOLDER / "ig").glob("*.json"))


@cache
def load(release: str) -> Tables:
    """The tables of one release; UnknownRelease when there are none."""
    if release not in releases():
        raise UnknownRelease(release)
    guide = _read(_FOLDER / "ig" / f"{release}.json")
    return Tables(
        release=release,
        codes=_codes(guide["observation_codes"]),
        quantities={
            int(mdc): (system, code)
            for mdc, (system, code) in _read(_FOLDER / "quantities.json")["quantities"].items()
        },
        conversions=_conversions(_read(_FOLDER / "units.json")["units"]),
        data_absent_reasons=frozenset(guide["data_absent_reasons"]),
        timing_types=frozenset(guide["timing_types"]),
        usage_qualities=frozenset(guide["usage_qualities"]),
        reference_range_types={
            system: None if codes is None else tuple(codes)
            for system, codes in guide["reference_range_types"].items()
        },
    )


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    if content["format"] != _FORMAT:
        raise ValueError(path.name, content["format"])
    return content


def _codes(rows: list[dict[str, Any]]) -> dict[SystemCode, Code]:
    systems = {row["code"]: row["system"] for row in rows}  # no code of the set is in two systems
    return {
        (row["system"], row["code"]): Code(
            system=row["system"],
            code=row["code"],
            display=row["display"],
            unit=Unit(*row["unit"]) if "unit" in row else None,
            integer=row.get("type") == "integer",
            parts=tuple((systems[part], part) for part in row.get("parts", ())),
        )
        for row in rows
    }


def _conversions(rows: list[dict[str, Any]]) -> dict[int, tuple[Conversion, ...]]:
    found: dict[int, tuple[Conversion, ...]] = {}
    for row in rows:
        one = Conversion(
            to=row["to"],
            subtract=Decimal(row.get("subtract", 0)),
            multiply=Decimal(row.get("multiply", 1)),
            divide=Decimal(row.get("divide", 1)),
            of=row.get("of"),
        )
        found[row["mdc"]] = (*found.get(row["mdc"], ()), one)
    return found
