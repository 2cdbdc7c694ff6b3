"""Who lives in a home, what they do and what goes wrong, all from one seed: the same for the world and the twin."""

import datetime
from dataclasses import dataclass
from random import Random

from tools.simulator.faults import DAY_S, FAULTS, Act

_START = datetime.datetime(2026, 1, 5, 7, 55, tzinfo=datetime.UTC)  # a Monday morning
_HOUR_S = 3_600.0
SETTLE_S = 1_800.0  # pairing, before anything goes wrong
_YEAR_DAYS = 365
_YEARS_SHARE = 0.04  # of the homes that are switched off at night
_KITS = (
    ("cuff", "scale"),
    ("nonin", "scale"),
    ("cuff", "plain_scale"),
    ("cuff", "scale", "oximeter"),
    ("cuff",),
    ("nonin", "cuff", "plain_scale", "oximeter"),
)


@dataclass(frozen=True)
class Scenario:
    """A run before it is run."""

    seed: int
    faults: tuple[str, ...]
    days: float
    start: datetime.datetime
    condition: str
    kit: tuple[str, ...]
    acts: tuple[Act, ...]  # in order of time, from SETTLE_S on
    lived: tuple[float, ...]  # moments around which nothing is leapt over, for hours


def scenario(seed: int, faults: tuple[str, ...], days: float) -> Scenario:
    """Make one; leaving a class out changes nothing about the others."""
    chance = Random(f"home {seed}")
    kit = chance.choice(_KITS)
    condition = chance.choice(("copd", "heart_failure"))
    if "nightly_off" in faults and days >= 30 and Random(f"year {seed}").random() < _YEARS_SHARE:
        days = _YEAR_DAYS
    end_s = SETTLE_S + days * DAY_S
    acts = _people(chance, kit, end_s, faults)
    for name in faults:
        strikes = Random(f"{name} {seed}")
        acts += FAULTS[name].acts(strikes, SETTLE_S, end_s)
    lived = tuple(chance.uniform(SETTLE_S, end_s) for _ in range(max(1, int(days / 10))))
    ordered = sorted(acts, key=lambda act: act.at_s)
    return Scenario(seed, faults, days, _start(seed, faults, days), condition, kit, tuple(ordered), lived)


def _start(seed: int, faults: tuple[str, ...], days: float) -> datetime.datetime:
    if "far_future" in faults:
        year = FAULTS["far_future"].draw(Random(f"far_future {seed}"))["year"]
        # February 2036 ends NTP's first era, January 2038 the signed 32-bit seconds
        moment = datetime.datetime(2036, 2, 7, 6, 28, tzinfo=datetime.UTC)
        if year == 2038:
            moment = datetime.datetime(2038, 1, 19, 3, 14, tzinfo=datetime.UTC)
        return moment - datetime.timedelta(days=min(days, 30) / 2)
    if "dst_night" in faults:
        month = FAULTS["dst_night"].draw(Random(f"dst_night {seed}"))["month"]
        return datetime.datetime(2026, month, 27 if month == 3 else 23, 7, 55, tzinfo=datetime.UTC) - (
            datetime.timedelta(days=min(days, 30) / 3)
        )
    return _START


def _people(chance: Random, kit: tuple[str, ...], end_s: float, faults: tuple[str, ...]) -> list[Act]:
    """Mornings and evenings; each act names a device by its place in the kit."""
    # Drawn whether or not a class is on, so that minimising changes nothing else.
    acts: list[Act] = []
    forgetting, others = Random(chance.random()), Random(chance.random())
    nights = FAULTS["nightly_off"].draw(Random(chance.random()))
    day = 0
    while SETTLE_S + day * DAY_S < end_s:
        base_s = SETTLE_S + day * DAY_S
        asleep = "forgetful" in faults and forgetting.random() < 0.3
        for hour in (chance.uniform(0.5, 2), chance.uniform(10, 13)):
            for number in range(len(kit)):
                often = 0.85 if hour < 5 else 0.35
                at_s = base_s + hour * _HOUR_S + number * chance.uniform(20, 400)
                measures = chance.random() < often
                if asleep or not measures:
                    continue
                times = forgetting.randint(1, 6) if "forgetful" in faults and forgetting.random() < 0.3 else 1
                for again in range(times):
                    acts.append(Act(at_s + 40 * again, "press", str(number), {"user": 0}))
                if "two_users" in faults and others.random() < 0.6:
                    after_s = others.uniform(3, 600)
                    acts.append(Act(at_s + 40 * times + after_s, "press", str(number), {"user": 1}))
        if "nightly_off" in faults:
            off_s = base_s + (nights["off_h"] - 8) * _HOUR_S
            acts.append(Act(off_s, "plug", "out", {}))
            acts.append(Act(off_s + (24 - nights["off_h"] + nights["on_h"]) * _HOUR_S, "plug", "in", {}))
        day += 1
    return [act for act in acts if act.at_s < end_s]
