"""One figure, as `telehub bench` and `telehub size` print it."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A measured number beside what it should be and what a peer needs for the same."""

    figure: str
    value: float | int | None
    unit: str
    target: float | int | None = None
    bound: str = "max"
    peer: str | None = None
    peer_value: float | int | None = None
    runs: int = 1

    @property
    def ok(self) -> bool:
        """True when the value keeps its bound, or when there is none."""
        if self.target is None:
            return True
        if self.value is None:
            return False
        return self.value <= self.target if self.bound == "max" else self.value >= self.target

    def line(self) -> dict[str, Any]:
        """The object that stands on one line."""
        ratio = None
        if self.value is not None and self.peer_value:
            ratio = round(self.value / self.peer_value, 3)
        return {
            "figure": self.figure, "value": self.value, "unit": self.unit,
            "target": self.target, "bound": self.bound,
            "peer": self.peer, "peer_value": self.peer_value, "ratio": ratio,
            "runs": self.runs, "ok": self.ok,
        }  # fmt: skip

    def text(self) -> str:
        """The same for people."""
        against = "" if self.target is None else f"  ({self.bound} {self.target}: {'ok' if self.ok else 'MISSED'})"
        return f"{self.figure:<36} {self.value} {self.unit}{against}"
