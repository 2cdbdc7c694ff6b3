"""What became of readings on their way to FUT, as the pages show it: each Observation, each reason."""

import json
from dataclasses import dataclass
from typing import Any

import simplejson

from tools.backend.fut.ledger import HELD
from tools.backend.fut.reasons import READING, VALUE
from tools.backend.store import Row, Store

_SHOWN_MAX = 50  # the newest; a person's decisions first

Words = tuple[str, str]  # English, Danish


@dataclass
class Measurement:
    """One reading's row of the ledger."""

    key: str
    taken: str | None
    state: str
    observations: list[dict[str, str]]
    reason: Words | None
    detail: str
    corrected_s: int | None  # by how much the device's clock was put right
    stayed: list[Words]


def measurements(store: Store, hub: str) -> list[Measurement]:
    """A hub's readings that are held, and then the others, the newest first."""
    rows = store.rows(
        "SELECT * FROM fut WHERE hub = ? ORDER BY CASE WHEN state = ? THEN 0 ELSE 1 END, capture DESC, reading DESC"
        " LIMIT ?",
        (hub, HELD, _SHOWN_MAX),
    )
    return [_measurement(row) for row in rows]


def _measurement(row: Row) -> Measurement:
    correction = row["correction_ms"]
    return Measurement(
        key=row["reading"],
        taken=None if row["taken"] is None else row["taken"][:19] + "Z",
        state=row["state"],
        observations=_observations(row["body"], json.loads(row["locations"])),
        reason=READING.get(row["reason"]),
        detail=row["detail"],
        corrected_s=None if not correction else round(correction / 1000),
        stayed=sorted({VALUE[reason] for _, reason in json.loads(row["stayed"])}),
    )


def _observations(body: str | None, locations: list[str]) -> list[dict[str, str]]:
    """What was sent, and the name that FUT gave each."""
    if body is None:
        return []
    bundle = simplejson.loads(body, use_decimal=True)["parameter"][0]["resource"]
    resources = [entry["resource"] for entry in bundle["entry"]]
    names = [location.partition("/_history")[0].rsplit("/", 2)[-2:] for location in locations]
    return [
        {"name": "/".join(names[place]) if place < len(names) else "", "values": ", ".join(_values(one))}
        for place, one in enumerate(resources)
    ]


def _values(resource: dict[str, Any]) -> list[str]:
    told = []
    for one in resource.get("component") or [resource]:
        code = one.get("code", {}).get("coding", [{}])[0]
        quantity = one.get("valueQuantity")
        value = f"{quantity['value']} {quantity['unit']}" if quantity else "–"
        told.append(f"{code.get('display', resource['resourceType'])}: {value}")
    return told
