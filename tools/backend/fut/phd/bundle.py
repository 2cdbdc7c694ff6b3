"""The transaction Bundle of one reading: two devices, the time stamp, the values. The same reading, the same octets."""

import uuid
from datetime import datetime
from typing import Any

from firmware.measurement.zone import Zone
from tools.backend.fut import moment
from tools.backend.fut.context import DENMARK
from tools.backend.fut.phd import devices, observations
from tools.backend.fut.phd.devices import Gateway
from tools.backend.fut.phd.observations import Around
from tools.backend.fut.reasons import Held

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://telehub.invalid/phd")


def bundle(
    reading: dict[str, Any], description: dict[str, Any], gateway: Gateway, patient: str, zone: str = DENMARK
) -> dict[str, Any]:
    """The Bundle for `patient`, a reference or a logical id given to the gateway."""
    local = Zone(zone)
    hub_s = int(datetime.fromisoformat(reading["hub_time"]).timestamp())
    offset = reading.get("offset_min")
    offset_min = local.offset_min(hub_s) if offset is None else offset
    names = {name: _name(reading, name) for name in ("gateway", "device", "stamp")}
    hub, device = devices.gateway(gateway, reading["hub_clock"]), devices.device(reading, description)
    stamp = observations.coincident(reading, names["gateway"], names["device"], offset_min)
    own = names["stamp"] if stamp else None
    around = Around(reading, patient, names["gateway"], names["device"], own, _effective(reading, local))
    entries = [_once(names["gateway"], hub), _once(names["device"], device)]
    if stamp is not None:
        entries.append(_entry(names["stamp"], stamp))
    entries += [
        _once(_name(reading, name), resource) if "identifier" in resource else _entry(_name(reading, name), resource)
        for name, resource in observations.observations(around)
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _effective(reading: dict[str, Any], zone: Zone) -> str | None:
    """The corrected time; of a device without a clock, when it was heard; None where nobody can tell."""
    try:
        return moment.local_text(moment.taken(reading, zone).at, zone)
    except Held as why:
        heard = reading["device_time_state"] == "absent" and why.reason == "time_unproved"
        return reading["hub_time"] if heard else None


def _name(reading: dict[str, Any], part: str) -> str:
    return f"urn:uuid:{uuid.uuid5(_NAMESPACE, reading['reading'] + '|' + part)}"


def _entry(name: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": name, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}


def _once(name: str, resource: dict[str, Any]) -> dict[str, Any]:
    """A conditional create: what the server has already is not made again."""
    entry = _entry(name, resource)
    first = resource["identifier"][0]
    entry["request"]["ifNoneExist"] = f"identifier={first['system']}|{first['value']}"
    return entry
