"""Whose a reading is: the one assignment that its device had when it was taken, never when it arrived."""

from typing import Any

from firmware.measurement.measurement import USER_UNKNOWN
from tools.backend.fut.context import Assignment, Context
from tools.backend.fut.moment import Moment
from tools.backend.fut.reasons import Held


def of(reading: dict[str, Any], context: Context, moment: Moment) -> Assignment:
    """The assignment that was valid; Held when there is none, more than one, or when it cannot be told."""
    device = [
        one for one in context.assignments if (one.hub, one.device) == (reading["hub"], reading["device"])
    ]
    possible = [one for one in device if _may_hold(one, moment)]
    if not possible:
        raise Held("not_assigned")
    mine = [one for one in possible if one.slot == _slot(reading)]
    if not mine:
        raise Held(*_not_theirs(reading, possible))
    if not all(_surely_holds(one, moment) for one in mine):
        raise Held("time_unproved", "it was taken too near to where an assignment begins or ends")
    if len(mine) > 1:
        raise Held("two_assignments")
    [assignment] = mine
    if not _link_serves(reading, assignment.link):
        raise Held("link_not_secure", f"the plan asks for {assignment.link}")
    return assignment


def _slot(reading: dict[str, Any]) -> int | None:
    user = reading.get("user")
    return user if isinstance(user, int) else None


def _not_theirs(reading: dict[str, Any], possible: list[Assignment]) -> tuple[str, str]:
    user = _slot(reading)
    if user is None:
        return "user_unknown", "the assignment names a user, the reading none"
    if user == USER_UNKNOWN:
        return "user_unknown", "the device does not know which"
    if any(one.slot is None for one in possible):
        return "user_unknown", "the reading names a user, the assignment none"
    return "other_user", f"user {user}"


def _may_hold(one: Assignment, moment: Moment) -> bool:
    return moment.latest >= one.begins and (one.ends is None or moment.earliest < one.ends)


def _surely_holds(one: Assignment, moment: Moment) -> bool:
    return moment.earliest >= one.begins and (one.ends is None or moment.latest < one.ends)


def _link_serves(reading: dict[str, Any], asked: str) -> bool:
    link = reading.get("link", ())
    if asked == "authenticated":
        return "authenticated" in link
    return asked == "any" or ("unencrypted" not in reading["flags"] and "encrypted" in link)
