"""Which request of the plan a value answers, and which of its times a reading falls into."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from tools.backend.fut.context import QuestionnaireRequest, Request, Timing, moment
from tools.backend.fut.reasons import Held
from tools.backend.fut.tables import SystemCode


@dataclass(frozen=True)
class Place:
    """A request and the time of it that is met."""

    request: Request
    timing: Timing


def place(requests: Iterable[Request], code: SystemCode, at: datetime) -> Place | None:
    """Where a value of this code taken at this time belongs; None when nobody asked for it.

    A resolved time that contains the reading counts before what is asked for at any time. Two requests that
    fit equally are a person's to decide, and so is a reading outside of all times of a plan that names some.
    """
    asked = [request for request in requests if request.key == code]
    if not asked:
        return None
    fits = [
        Place(request, timing) for request in asked for timing in [met(request.timing, at)] if timing is not None
    ]
    if not fits:
        raise Held("outside_plan")
    resolved = [one for one in fits if one.timing.type == "Resolved"]
    best = resolved or fits
    if len(best) > 1:
        raise Held("two_requests", f"{len(best)} for {code[1]}")
    return best[0]


def questionnaire(
    requests: Iterable[QuestionnaireRequest], canonical: str, at: datetime
) -> tuple[QuestionnaireRequest, Timing]:
    """The request that answers to this questionnaire belong to, and its time; Held where there is not just one."""
    asked = [one for one in requests if one.questionnaire == canonical]
    fits = [(one, timing) for one in asked for timing in [met(one.timing, at)] if timing is not None]
    if len(fits) != 1:
        raise Held("no_request" if not asked else "two_requests" if fits else "outside_plan", "its answers")
    return fits[0]


def met(timings: tuple[Timing, ...], at: datetime) -> Timing | None:
    """The time of a request that a reading at `at` meets. A request without any is ad hoc."""
    slots = [one for one in timings if one.type == "Resolved" and _contains(one, at)]
    if slots:
        return min(slots, key=_length_s)  # of overlapping ones, that which says most
    others = [one for one in timings if one.type != "Resolved"]
    if not timings:
        return Timing(type="Adhoc")
    return others[0] if others else None


def _contains(timing: Timing, at: datetime) -> bool:
    assert timing.start is not None and timing.end is not None  # checked: it is resolved
    return moment(timing.start) <= at <= moment(timing.end)


def _length_s(timing: Timing) -> float:
    assert timing.start is not None and timing.end is not None
    return (moment(timing.end) - moment(timing.start)).total_seconds()
