"""When a reading was taken, how surely, and by whose clock. Held where nothing proves it.

A device stamps by its own clock. In the same visit the hub read that clock: its skew is how far it stood from
local time. Stamp - skew - the zone's offset at the visit is the true time, as HL7's Personal Health Device
guide has it (PhdBaseObservation notes). A device without a stamp that keeps nothing in memory measured when
the hub heard it. Anything else could be from any time, and so from any patient.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import drivers
from firmware.measurement.zone import Zone
from tools.backend.fut.reasons import Held

# Stamps have whole seconds, the skew has too, and a clock that counts as known is right within 2 s (FORMAT.md, Clock).
UNCERTAINTY = timedelta(seconds=4)
# A stamp may lie this far after the arrival: it is the same uncertainty, seen from two ends.
_FUTURE_MAX = 2 * UNCERTAINTY


@dataclass(frozen=True)
class Moment:
    """When, in UTC; the correction that was made to the device's stamp, where there is one."""

    at: datetime
    correction: timedelta | None

    @property
    def earliest(self) -> datetime:
        """It was not taken before this."""
        return self.at - UNCERTAINTY

    @property
    def latest(self) -> datetime:
        """It was not taken after this."""
        return self.at + UNCERTAINTY


def taken(reading: dict[str, Any], zone: Zone) -> Moment:
    """When a reading was taken; Held when that is not known."""
    state = reading["device_time_state"]
    if state == "unknown" or "clock_not_set" in reading["flags"]:
        raise Held("time_unknown")
    if state == "invalid" or "time_fault" in reading["status"]:
        raise Held("time_invalid")
    if reading["hub_clock"] == "none":
        raise Held("hub_clock_unknown")
    heard = datetime.fromisoformat(reading["hub_time"])
    if state == "absent" or reading["skew_ms"] is None:
        return _heard_at_once(reading, heard)
    offset_min = reading.get("offset_min")
    offset = timedelta(minutes=zone.offset_min(int(heard.timestamp())) if offset_min is None else offset_min)
    stamp = datetime.fromisoformat(reading["device_time"]).replace(tzinfo=UTC)
    try:
        skew = timedelta(milliseconds=reading["skew_ms"])
        at = stamp - skew - offset
    except OverflowError:  # beyond the ends of the calendar
        raise Held("time_invalid") from None
    if at > heard + _FUTURE_MAX:
        raise Held("time_in_future")
    return Moment(at, -skew)


def _heard_at_once(reading: dict[str, Any], heard: datetime) -> Moment:
    """Of a device that keeps nothing: when it was heard."""
    row = reading.get("row")
    remembers = row not in drivers.ROWS or drivers.row(row).memory != "none"
    if remembers or "from_storage" in reading["flags"]:
        raise Held("time_unproved", "no clock that can be compared, and the device may have kept it")
    return Moment(heard, None)


def local_text(at: datetime, zone: Zone) -> str:
    """An instant as FHIR dateTime in the zone's local time, as 2026-03-02T07:12:41+01:00."""
    minutes = zone.offset_min(int(at.timestamp()))
    local = (at + timedelta(minutes=minutes)).replace(tzinfo=None)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{local.isoformat()}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
