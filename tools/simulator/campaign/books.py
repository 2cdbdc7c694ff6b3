"""Many runs added up: what the summary says, and the table of fault classes."""

from collections import Counter
from typing import Any

from rich.table import Table

from tools.simulator.campaign.runs import Outcome
from tools.simulator.faults import FAULTS
from tools.simulator.tally import Readings

_COUNTED = (
    "taken", "delivered", "held", "waiting", "in_device", "possible_repeats", "lost", "doubled", "stuck",
)  # fmt: skip
MONTH_S = 30 * 86_400.0


class Books:
    """Takes outcomes in any order; the totals do not depend on it."""

    def __init__(self) -> None:
        self.runs = 0
        self.simulated_s = 0.0
        self.failed_seeds: set[int] = set()
        self._readings = Readings()
        self._runs: Counter[str] = Counter()
        self._injected: Counter[str] = Counter()
        self._survived: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.runs += 1
        self.simulated_s += outcome.simulated_s
        self._readings.add(Readings(**{**outcome.count, "stuck": int(outcome.stuck)}))
        if not outcome.ok:
            self.failed_seeds.add(outcome.run.seed)
        for name in outcome.run.faults:
            injected = outcome.injected.get(name, 0)
            self._runs[name] += 1
            self._injected[name] += injected
            self._survived[name] += injected if outcome.ok else 0

    def idle(self) -> list[str]:
        """Classes that were chosen and struck nowhere: what they would have shown, nobody knows."""
        return [name for name in FAULTS if self._runs[name] and not self._injected[name]]

    def summary(self, depth: str, seeds: tuple[int, int], wall_s: float) -> dict[str, Any]:
        """The object that the command ends with, less `ok`."""
        return {
            "depth": depth,
            "seeds": list(seeds),
            "runs": self.runs,
            "simulated_s": round(self.simulated_s),
            "wall_s": round(wall_s, 1),
            **self._readings.facts(*_COUNTED),
            "faults": {
                name: {
                    "runs": self._runs[name],
                    "injected": self._injected[name],
                    "survived": self._survived[name],
                }
                for name in FAULTS
                if self._runs[name]
            },
            "failed_seeds": sorted(self.failed_seeds),
        }

    def table(self) -> Table:
        """Fault classes x runs x injected x survived."""
        table = Table(title=f"{self.simulated_s / MONTH_S:.0f} months at home", title_justify="left")
        table.add_column("faults")
        table.add_column("class")
        table.add_column("what happens", overflow="ellipsis", no_wrap=True)
        for name in ("runs", "injected", "survived"):
            table.add_column(name, justify="right")
        group = ""
        for name, fault in FAULTS.items():
            if not self._runs[name]:
                continue
            injected, survived = self._injected[name], self._survived[name]
            style = "" if injected == survived and injected else "bold red"
            table.add_row(
                fault.group if fault.group != group else "",
                name,
                fault.what,
                str(self._runs[name]),
                str(injected),
                str(survived),
                style=style,
            )
            group = fault.group
        return table
