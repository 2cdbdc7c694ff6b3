"""A patient's readings: by the plan's reference alone, with the device's digits and how sure their time is."""

import hashlib
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from firmware.measurement.codes import CODED
from tools.backend.schema import READING
from tools.backend.store import Row, Store
from tools.backend.web.chart import Point, chart
from tools.backend.web.view import quantity_words

_PATIENTS_MAX = 500
_READINGS_MAX = 400
_PLACE = ("hub", "chain", "sequence", "position")


def key_of(reference: str) -> str:
    """By which a page names a patient: a reference is a URL and does not belong into one."""
    return hashlib.sha256(reference.encode()).hexdigest()[:20]


def patients(store: Store) -> list[dict[str, Any]]:
    """All that readings were mapped for."""
    rows = store.rows(
        "SELECT patient, COUNT(*) AS n, MAX(taken) AS last FROM fut WHERE patient IS NOT NULL GROUP BY patient"
        " ORDER BY patient LIMIT ?",
        (_PATIENTS_MAX,),
    )
    return [{"key": key_of(row["patient"]), "name": shown_name(row["patient"]), "count": row["n"],
             "last": _utc(row["last"])} for row in rows]  # fmt: skip


def shown_name(reference: str) -> str:
    """`Patient/5001` of a reference; no name and no civil registration number is anywhere here."""
    return "/".join(reference.rstrip("/").rsplit("/", 2)[-2:])


def patient(store: Store, key: str) -> dict[str, Any] | None:
    """One patient's readings, the newest first, and a chart for each quantity."""
    known = [row["patient"] for row in store.rows("SELECT DISTINCT patient FROM fut WHERE patient IS NOT NULL")]
    reference = next((one for one in known if key_of(one) == key), None)
    if reference is None:
        return None
    rows = store.rows(
        "SELECT reading, taken, correction_ms, state FROM fut WHERE patient = ? ORDER BY taken DESC LIMIT ?",
        (reference, _READINGS_MAX),
    )
    contents = _contents(store, rows)
    readings = [_reading(row, contents[row["reading"]]) for row in rows if row["reading"] in contents]
    return {"name": shown_name(reference), "key": key, "readings": readings, "charts": _charts(readings)}


def _contents(store: Store, rows: Any) -> dict[str, dict[str, Any]]:
    keys = []
    for row in rows:
        hub, chain, sequence, position = row["reading"].split(":")
        keys.append((hub, chain, int(sequence), int(position)))
    found = store.among(READING, ("content",), _PLACE, keys)
    return {content["reading"]: content for content in (json.loads(row["content"]) for row in found)}


def _reading(row: Row, content: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": row["reading"], "time": _utc(row["taken"]), "kind": content["kind"], "state": row["state"],
        "device": content["device"], "quality": _quality(content), "corrected_s": _seconds(row["correction_ms"]),
        "values": [quantity_words(one) | {"unit_code": one.get("unit", 0)} for one in content["quantities"]],
    }  # fmt: skip


def _quality(content: dict[str, Any]) -> str:
    """What its time rests on: a key of words.py."""
    if content["device_time_state"] == "ok":
        return "time_of_device" if content["skew_ms"] is not None else "time_of_device_unread"
    return "time_of_hub" if content["hub_clock"] != "none" else "time_unsure"


def _seconds(correction_ms: int | None) -> int | None:
    return None if correction_ms is None else round(correction_ms / 1000)


def _utc(taken: str) -> str:
    return taken[:19] + "Z"


def _charts(readings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One for each kind and quantity, oldest point first."""
    points: dict[tuple[str, str, str], list[Point]] = {}
    for reading in reversed(readings):
        at_s = int(datetime.fromisoformat(reading["time"]).timestamp())
        for value in reading["values"]:
            if "value" in value and value["unit_code"] != CODED:
                sure = reading["quality"] == "time_of_device"
                point = Point(at_s, Decimal(value["value"]), sure)
                points.setdefault((reading["kind"], value["name"], value["unit"]), []).append(point)
    return [
        {"kind": kind, "name": name, "unit": unit, "chart": chart(some)} for (kind, name, unit), some in points.items()
    ]
