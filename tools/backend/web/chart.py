"""A chart as places on a page: the template draws it as SVG, so it needs no script and a screen reader gets the table.

Each value is a bar as high as the device's last digit is worth, so that a coarse device looks coarse; it is filled
where the device's own clock tells when it was, and hollow where only the hub's does.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

WIDTH, HEIGHT = 640, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 12, 28
_BAR = 7  # wide
_BAR_MIN = 4  # high, or nobody sees it


@dataclass(frozen=True)
class Point:
    """One value; its exponent is the device's precision."""

    at_s: int
    value: Decimal
    sure: bool  # of its time


def chart(points: list[Point]) -> dict[str, Any]:
    """Bars, the line through them, and what stands at the axes."""
    first_s, last_s = points[0].at_s, points[-1].at_s
    steps = [step_of(point.value) for point in points]
    low = min(point.value - step for point, step in zip(points, steps, strict=True))
    high = max(point.value + step for point, step in zip(points, steps, strict=True))

    def x(at_s: int) -> float:
        share = (at_s - first_s) / (last_s - first_s) if last_s > first_s else 0.5
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(value: Decimal) -> float:
        share = float((value - low) / (high - low))
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    bars = []
    for point, step in zip(points, steps, strict=True):
        height = max(_BAR_MIN, y(point.value - step / 2) - y(point.value + step / 2))
        bars.append(
            {
                "x": x(point.at_s) - _BAR / 2, "y": round(y(point.value) - height / 2, 1), "width": _BAR,
                "height": round(height, 1), "sure": point.sure, "value": text_of(point.value),
            }
        )  # fmt: skip
    values = [point.value for point in points]
    return {
        "width": WIDTH, "height": HEIGHT, "bars": bars, "left": _LEFT, "bottom": HEIGHT - _BOTTOM,
        "line": " ".join(f"{x(point.at_s)},{y(point.value)}" for point in points),
        "lowest": text_of(min(values)), "highest": text_of(max(values)),
        "lowest_y": y(min(values)), "highest_y": y(max(values)), "count": len(points),
        "first": _day(first_s), "last": _day(last_s), "step": text_of(max(steps)),
    }  # fmt: skip


def step_of(value: Decimal) -> Decimal:
    """What the last digit of a value is worth."""
    return Decimal(1).scaleb(int(value.as_tuple().exponent))


def text_of(value: Decimal) -> str:
    """Digit by digit as the device gave it, and no exponent for people."""
    return format(value, "f")


def _day(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")
