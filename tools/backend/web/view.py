"""What the pages show, as plain data out of the store. What a hub or a device wrote is text to be escaped."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from firmware.measurement.codes import CODED, KINDS
from firmware.measurement.names import NAMES
from tools.backend import completeness
from tools.backend.completeness import ChainState, Ranges
from tools.backend.exports import model_of
from tools.backend.store import HELD, QUARANTINED, Row, Store

_HUBS_SHOWN_MAX = 200
_HELD_SHOWN_MAX = 50
_LATEST_SHOWN_MAX = 20
_POINTS_MAX = 2000  # a chart's width in pixels is less
_RANGES_SHOWN_MAX = 12


@dataclass
class Device:
    """One device of a hub and its last reading."""

    address: str
    model: str | None
    kind: str
    values: list[dict[str, str]]
    time: str
    device_time: str | None
    count: int
    marks: list[str]
    key: str


@dataclass
class Hub:
    """One hub."""

    hub: str
    last_seen: str
    gone: bool
    readings: int
    held: int
    waiting: int | None
    chains: list[ChainState]
    device_count: int
    health: dict[str, Any] | None = None  # its last signed report
    devices: list[Device] = field(default_factory=list)  # on the hub's own page

    @property
    def complete(self) -> bool:
        """Nothing is missing in any of its chains."""
        return all(chain.complete for chain in self.chains)


def iso(time_s: int) -> str:
    """Unix seconds as ISO 8601 in UTC."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(ranges: Ranges) -> str:
    """2–3, 7: ranges for people; the first few of very many."""
    texts = [str(first) if first == last else f"{first}–{last}" for first, last in ranges[:_RANGES_SHOWN_MAX]]
    return ", ".join(texts) + (" …" if len(ranges) > _RANGES_SHOWN_MAX else "")


def hubs(store: Store) -> list[Hub]:
    """All hubs, the one heard last first."""
    rows = store.rows("SELECT * FROM hub ORDER BY last_seen_s DESC, hub LIMIT ?", (_HUBS_SHOWN_MAX,))
    return [_hub(store, row) for row in rows]


def hub(store: Store, name: str) -> Hub | None:
    """One hub with its devices, or None."""
    row = store.one("SELECT * FROM hub WHERE hub = ?", (name,))
    if row is None:
        return None
    found = _hub(store, row)
    found.devices = _devices(store, name)
    return found


def _hub(store: Store, row: Row) -> Hub:
    name = row["hub"]
    report = store.one("SELECT content, arrived_s FROM health WHERE hub = ? ORDER BY id DESC LIMIT 1", (name,))
    health = _health(json.loads(report["content"]), report["arrived_s"]) if report else None
    return Hub(
        hub=name,
        last_seen=iso(row["last_seen_s"]),
        gone=row["gone_s"] is not None,
        readings=_count(store, "SELECT COUNT(*) AS n FROM reading WHERE hub = ? AND held = ''", (name,)),
        held=_count(store, "SELECT COUNT(*) AS n FROM envelope WHERE hub = ? AND status = ?", (name, HELD)),
        waiting=health["waiting"] if health else None,
        health=health,
        chains=completeness.chains(store, name),
        device_count=_count(
            store, "SELECT COUNT(DISTINCT device) AS n FROM reading WHERE hub = ? AND held = ''", (name,)
        ),
    )


def _health(content: dict[str, Any], arrived_s: int) -> dict[str, Any]:
    """What the hub tells of itself, as the page shows it: only what it has counted."""
    return {
        "time": iso(arrived_s), "waiting": content["waiting"], "firmware": content.get("firmware"),
        "clock": content["clock"].get("quality", "none"), "notes": content.get("notes", []),
        "counters": sorted((name, n) for name, n in content.get("counters", {}).items() if n),
    }  # fmt: skip


def _count(store: Store, sql: str, values: tuple[object, ...]) -> int:
    row = store.one(sql, values)
    return int(row["n"]) if row else 0


def _devices(store: Store, name: str) -> list[Device]:
    """Each device with the reading that the hub received last."""
    rows = store.rows(
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY device ORDER BY time_s DESC, capture DESC) AS place,"
        " COUNT(*) OVER (PARTITION BY device) AS n FROM reading WHERE hub = ? AND held = ''",
        (name,),
    )
    last = sorted((row for row in rows if row["place"] == 1), key=lambda row: row["device"])
    return [_device(store, row, row["n"]) for row in last]


def latest(store: Store, name: str) -> list[Device]:
    """The readings that came last."""
    rows = store.rows(
        "SELECT * FROM reading WHERE hub = ? AND held = ''"
        " ORDER BY time_s DESC, capture DESC, position DESC LIMIT ?",
        (name, _LATEST_SHOWN_MAX),
    )
    return [_device(store, row, 1) for row in rows]


def _device(store: Store, row: Row, count: int) -> Device:
    content = json.loads(row["content"])
    description = store.one(
        "SELECT octets FROM description WHERE hub = ? AND chain = ? AND number = ?",
        (row["hub"], row["chain"], row["description"]),
    )
    return Device(
        address=row["device"],
        model=model_of(description["octets"]) if description else None,
        kind=row["kind"],
        values=[quantity_words(quantity) for quantity in content["quantities"]],
        time=content["hub_time"],
        device_time=content["device_time"],
        count=count,
        marks=content["status"] + content["flags"],
        key=content["reading"],
    )


def quantity_words(quantity: dict[str, Any]) -> dict[str, str]:
    """A quantity as people read it: its decimal as the device sent it."""
    name = NAMES.get(quantity["code"], ("", str(quantity["code"])))[1]
    if "reason" in quantity:
        return {"name": name, "reason": quantity["reason"]}
    if quantity["unit"] == CODED:
        return {"name": name, "value": _unit(int(quantity["value"])), "unit": ""}
    return {"name": name, "value": quantity["value"], "unit": _unit(quantity["unit"])}


def _unit(code: int) -> str:
    return NAMES.get(code, ("", str(code)))[1]


def held(store: Store, name: str) -> list[dict[str, Any]]:
    """What waits for a person's decision, the newest first."""
    rows = store.rows(
        "SELECT chain, sequence, reason, detail, arrived_s, hash, LENGTH(octets) AS octets FROM envelope"
        " WHERE hub = ? AND status = ? ORDER BY id DESC LIMIT ?",
        (name, HELD, _HELD_SHOWN_MAX),
    )
    return [dict(row) | {"time": iso(row["arrived_s"])} for row in rows]


def quarantined(store: Store) -> list[dict[str, Any]]:
    """Names of unregistered hubs and how many of their letters are kept."""
    return [
        dict(row)
        for row in store.rows(
            "SELECT hub, COUNT(*) AS n FROM envelope WHERE status = ? GROUP BY hub ORDER BY hub LIMIT ?",
            (QUARANTINED, _HUBS_SHOWN_MAX),
        )
    ]


def series(store: Store, name: str) -> list[dict[str, Any]]:
    """A chart per device and unit: times, and a line per quantity. Floats are for the eye alone."""
    charts: dict[tuple[str, str, int], dict[str, Any]] = {}
    rows = store.rows(
        "SELECT device, kind, measured_s, content FROM reading WHERE hub = ? AND held = ''"
        " ORDER BY time_s DESC, capture DESC LIMIT ?",
        (name, _POINTS_MAX),
    )
    for row in reversed(rows):
        content = json.loads(row["content"])
        for quantity in content["quantities"]:
            if "value" not in quantity or quantity["unit"] == CODED:
                continue
            key = (row["device"], row["kind"], quantity["unit"])
            chart = charts.setdefault(key, {"points": {}, "codes": []})
            if quantity["code"] not in chart["codes"]:
                chart["codes"].append(quantity["code"])
            chart["points"].setdefault(row["measured_s"], {})[quantity["code"]] = float(quantity["value"])
    return sorted((_chart(key, chart) for key, chart in charts.items()), key=lambda chart: chart.pop("order"))


def _chart(key: tuple[str, str, int], chart: dict[str, Any]) -> dict[str, Any]:
    device, kind, unit = key
    table = KINDS[kind][1]
    order = sorted(chart["codes"]) if table is None else [code for code, _ in table]
    codes = sorted(chart["codes"], key=order.index)
    times = sorted(chart["points"])
    return {
        "order": (device, kind, order.index(codes[0]), unit),
        "device": device,
        "kind": kind,
        "unit": _unit(unit),
        "names": [NAMES[code][1] if code in NAMES else str(code) for code in codes],
        "times": times,
        "lines": [[chart["points"][time].get(code) for time in times] for code in codes],
    }
