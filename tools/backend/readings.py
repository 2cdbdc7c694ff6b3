"""What a sealed capture means: decoded again from its source octets, and compared with what the hub made of
it.

The hub's numbers are believed only where `drivers` gives the same from the same octets (promise P3). What
is kept of a reading is what the platform's own decoding says.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import drivers
from firmware.contracts import PeerError
from firmware.measurement.device_time import seconds_of
from firmware.measurement.measurement import Measurement, decimal_text
from tools.inspect.envelope import Envelope as Opened
from tools.inspect.payload import iso

_NOT_OF_THE_MEASUREMENT = (
    "bond_changed",
    "unencrypted",
    "possible_repeat",
    "session_lost",
    "timed_afterwards",
)


class Mismatch(Exception):
    """The hub's numbers are not what its source octets give; args[0] says which."""


@dataclass(frozen=True)
class Judged:
    """One reading that the platform stands behind."""

    index: int
    capture: int
    device: str
    kind: str
    identity: str
    time_s: int
    measured_s: int
    possible_repeat: bool
    held: str  # "", or why a person must decide
    description: int
    content: dict[str, Any]  # as exported, less the model


@dataclass(frozen=True)
class Octets:
    """Octets that no driver understood, carried as they are."""

    capture: int
    device: str
    reason: str
    time_s: int
    content: dict[str, Any]


def judge(opened: Opened) -> tuple[list[Judged], list[Octets]]:
    """Decode everything again; Mismatch when the hub's account differs in anything."""
    told: dict[tuple[int, ...], list[dict[str, Any]]] = {}
    for reading in opened.readings:
        told.setdefault(tuple(reading["captures"]), []).append(reading)
    judged = []
    for captures, measurements in _decoded(opened):
        readings = told.pop(captures, [])
        if len(measurements) != len(readings):
            raise Mismatch(f"capture {captures[-1]}: {len(readings)} readings, its octets give {len(measurements)}")
        for part, (reading, measurement) in enumerate(zip(readings, measurements, strict=True)):
            _compare(reading, measurement)
            judged.append(_judged(opened, reading, measurement, part))
    octets = [_octets(entry, opened.sessions[entry["session"]]) for entry in opened.undecoded]
    return judged, octets


@dataclass(frozen=True)
class _Value:
    """One capture's octets."""

    capture: int
    session: int
    row: str
    characteristic: str | None
    octets: bytes
    decodes: bool  # the hub says that it understood them

    @property
    def pair(self) -> tuple["int | bytes", bytes]:
        """As drivers take it."""
        if self.characteristic is None:
            raise Mismatch(f"capture {self.capture}: a reading without a characteristic")
        return _uuid(self.characteristic), self.octets


def _decoded(opened: Opened) -> Iterator[tuple[tuple[int, ...], list[Measurement]]]:
    """What the octets give, capture by capture, or together where a driver joins them and the hub did too."""
    values = sorted(_values(opened), key=lambda value: value.capture)
    joined: set[int] = set()
    for at, value in enumerate(values):
        if not value.decodes or value.capture in joined:
            continue
        visit = [one for one in values[at:] if one.session == value.session]
        try:
            group = drivers.join(value.row, (one.pair for one in visit if one.decodes)) if visit[1:] else None
            if group is None:
                yield (value.capture,), drivers.decode(value.row, *value.pair)
                continue
        except KeyError:
            raise Mismatch(f"capture {value.capture}: row {value.row} is not known here") from None
        except PeerError as refused:
            raise Mismatch(f"capture {value.capture}: its octets are refused ({refused.args[0]})") from None
        understood = [one.capture for one in visit if one.decodes]
        captures = tuple(understood[place] for place in group[0])
        joined.update(captures)
        yield captures, group[1]


def _values(opened: Opened) -> Iterator[_Value]:
    seen = set()
    for entry in (*opened.readings, *opened.without_reading, *opened.undecoded):
        for capture, source in zip(entry["captures"], entry["source"], strict=True):
            if capture not in seen:
                seen.add(capture)
                octets = bytes.fromhex(source["hex"])
                yield _Value(
                    capture, entry["session"], entry["row"], source["characteristic"], octets, "reason" not in entry
                )


def source_digests(opened: Opened) -> dict[int, str]:
    """What each capture number stands for: a digest of its source octets."""
    digests = {}
    for entry in (*opened.readings, *opened.undecoded, *opened.without_reading):
        for capture, source in zip(entry["captures"], entry["source"], strict=True):
            digests[capture] = _digest(source["characteristic"], entry["handle"], source["hex"])
    return digests


def _uuid(characteristic: str) -> "int | bytes":
    """A characteristic as drivers name it."""
    short = len(characteristic) == 4
    return int(characteristic, 16) if short else bytes.fromhex(characteristic.replace("-", ""))[::-1]


def _compare(reading: dict[str, Any], measurement: Measurement) -> None:
    flags = [name for name in reading["flags"] if name not in _NOT_OF_THE_MEASUREMENT]
    # What it is called, what the hub says, what its octets give.
    for name, told, given in (
        ("kind", reading["kind"], measurement.kind),
        ("quantities", list(map(_told, reading["quantities"])), list(map(tuple, measurement.quantities))),
        ("status", reading["status_raw"], measurement.status_raw),
        (
            "device time",
            (reading["device_time"], reading["device_time_state"]),
            (_device_time(measurement), measurement.device_time_state),
        ),
        ("user", reading["user"], measurement.user),
        ("extra octets", reading["extra_octets"], measurement.extra),
        ("flags", sorted(flags), sorted(measurement.flags)),
    ):
        if told != given:
            raise Mismatch(f"capture {reading['captures'][-1]}: {name}")


def _told(quantity: dict[str, Any]) -> tuple:
    """A quantity as the hub tells it, in a measurement's form; its text follows from mantissa and exponent."""
    if "reason" in quantity:
        return quantity["code"], quantity["reason"]
    return quantity["code"], quantity["mantissa"], quantity["exponent"], quantity["unit"]


def _quantity(quantity: tuple) -> dict[str, Any]:
    if len(quantity) == 2:
        return {"code": quantity[0], "reason": quantity[1]}
    code, mantissa, exponent, unit = quantity
    return {"code": code, "value": decimal_text(mantissa, exponent), "unit": unit}


def _device_time(measurement: Measurement) -> str | None:
    return None if measurement.device_time is None else iso(seconds_of(measurement.device_time))


def _judged(opened: Opened, reading: dict[str, Any], measurement: Measurement, part: int) -> Judged:
    capture, index = reading["captures"][-1], reading["index"]
    session = opened.sessions[reading["session"]]
    device = _device(session)
    held = "bond" if _without_bond(reading) else ""
    content = {
        "reading": reading["reading"],
        "hub": opened.hub,
        "sequence": opened.sequence,
        "index": index,
        "device": device,
        "model": None,
        "kind": measurement.kind,
        "device_time": _device_time(measurement),
        "device_time_state": measurement.device_time_state,
        "hub_time": reading["hub_time"],
        "hub_clock": reading["hub_clock"],
        "skew_ms": reading["skew_ms"],
        "offset_min": reading["offset_min"],
        "quantities": [_quantity(quantity) for quantity in measurement.quantities],
        "status": list(measurement.status),
        "captures": reading["captures"],
        "envelope": opened.hash.hex(),
        "source": reading["source"],
        "test": reading["test"],
        "flags": reading["flags"],
        "link": reading["link"],
        "row": reading["row"],
        "clock": session["clock"],
        "clock_at": None if session["clock_read_s"] is None else iso(session["clock_read_s"], "Z"),
    }
    if measurement.user is not None:
        content["user"] = measurement.user
    return Judged(
        index=index,
        capture=capture,
        device=device,
        kind=measurement.kind,
        identity=_identity(opened, reading, measurement, part, device=device, held=held),
        time_s=reading["hub_time_s"],
        measured_s=_measured_s(reading, measurement),
        possible_repeat="possible_repeat" in reading["marks"],
        held=held,
        description=session["description"],
        content=content,
    )


def _measured_s(reading: dict[str, Any], measurement: Measurement) -> int:
    """Where a chart puts it: the device's time, less zone and skew; the hub's where the device tells none."""
    if measurement.device_time is None or measurement.device_time_state != "ok":
        return int(reading["hub_time_s"])
    skew_s = (reading["skew_ms"] or 0) // 1000
    return int(seconds_of(measurement.device_time) - reading["offset_min"] * 60 - skew_s)


def _identity(
    opened: Opened, reading: dict[str, Any], measurement: Measurement, part: int, *, device: str, held: str
) -> str:
    """What makes this reading itself (promise P4).

    With a valid time or number of the device's own, device and octets: whichever hub brings it, and however
    often. Without one, the capture (which is one visit and one place in it). A held reading claims nothing that
    another could be refused for: whoever changed the bond may know what the true device will send.
    """
    if (measurement.device_time_state == "ok" or measurement.numbered) and not held:
        sources = [(_uuid(one["characteristic"]), bytes.fromhex(one["hex"])) for one in reading["source"]]
        octets = drivers.body(reading["row"], sources).hex()
        facts: tuple[str | int, ...] = ("device", device, reading["source"][0]["characteristic"], octets, part)
    else:
        facts = ("capture", opened.hub, opened.chain, reading["captures"][-1], part)
    return _digest(*facts)


def _digest(*facts: str | int | None) -> str:
    return hashlib.sha256("|".join(map(str, facts)).encode()).hexdigest()  # no fact of ours has a bar in it


def _octets(entry: dict[str, Any], session: dict[str, Any]) -> Octets:
    content = {key: entry[key] for key in ("hub_time", "hub_clock", "source", "handle", "row", "link")}
    return Octets(
        capture=entry["captures"][0],
        device=_device(session),
        reason=entry["reason"],
        time_s=entry["hub_time_s"],
        content=content,
    )


def _without_bond(entry: dict[str, Any]) -> bool:
    """Whether somebody else may have said it: keys that changed, or none from a device that can bond."""
    link = entry["link"]
    return "bond_changed" in link or ("encrypted" not in link and drivers.row(entry["row"]).bonds)


def _device(session: dict[str, Any]) -> str:
    """The device's address; its slot in the hub's list where the record of the visit was lost."""
    return session["device"] or f"slot-{session['slot']}"
