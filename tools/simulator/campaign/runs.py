"""One run: a seed, classes of faults, days; and what came of it, small enough to travel between processes."""

import shlex
import signal
import time
import traceback
from dataclasses import asdict, dataclass, field
from types import FrameType

from tools.simulator.faults import swarm

DAYS = {"world": 30.0, "twin": 1.0}
_CPU_S_MAX = 300.0  # of one run: years take tens of seconds; more is a loop that never lets time pass


@dataclass(frozen=True)
class Run:
    """What decides everything about a run."""

    seed: int
    faults: tuple[str, ...]
    days: float
    depth: str = "world"
    chosen: bool = False  # the classes were named, not drawn from the seed

    def replay(self) -> str:
        """The line that does it again."""
        words = ["telehub", "campaign", "--seeds", str(self.seed)]
        if self.depth != "world":
            words += ["--depth", self.depth]
        if self.days != DAYS[self.depth]:
            words += ["--days", f"{self.days:g}"]
        if self.chosen or self.faults != swarm(self.seed):
            words += ["--faults", ",".join(self.faults) or "none"]
        return shlex.join(words)


@dataclass
class Outcome:
    """What came of it. `count` as in tools/simulator/world/checks.py, `failures` as (promise, what, second)."""

    run: Run
    simulated_s: float = 0.0
    count: dict[str, int] = field(default_factory=dict)
    injected: dict[str, int] = field(default_factory=dict)
    failures: list[tuple[str, str, float]] = field(default_factory=list)
    stuck: bool = False
    wall_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not self.failures

    def lines(self) -> list[dict]:
        """A line per broken promise, with its first sign."""
        first: dict[str, str] = {}
        for promise, what, at_s in self.failures:
            first.setdefault(promise, f"{what} (after {at_s:.0f} s)")
        return [
            {
                "failure": True,
                "seed": self.run.seed,
                "faults": list(self.run.faults),
                "promise": promise,
                "what": what,
                "replay": self.run.replay(),
            }
            for promise, what in first.items()
        ]


def live(run: Run) -> Outcome:
    """Live through a run; what breaks the simulator itself is a failure, too."""
    outcome = Outcome(run)
    begun = time.monotonic()
    _limit_cpu(_CPU_S_MAX)
    try:
        if run.depth == "twin":
            from tools.simulator.campaign.twin import live as live_on_twin

            live_on_twin(run, outcome)
        else:
            _world(run, outcome)
    except Exception:  # noqa: BLE001 - one run's end is not the campaign's
        outcome.failures.append(("P11", traceback.format_exc(limit=-4), outcome.simulated_s))
    finally:
        _limit_cpu(0)
    outcome.wall_s = time.monotonic() - begun
    return outcome


def _world(run: Run, outcome: Outcome) -> None:
    from tools.simulator.world.home import World
    from tools.simulator.world.scenario import scenario

    result = World(scenario(run.seed, run.faults, run.days)).live()
    outcome.simulated_s = result.simulated_s
    outcome.count = asdict(result.count)
    outcome.injected = result.injected
    outcome.failures = [(failure.promise, failure.what, failure.at_s) for failure in result.failures]
    outcome.stuck = result.stuck


class TooLong(Exception):
    """A run that took more processor time than any may."""


def _limit_cpu(seconds: float) -> None:
    def bite(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong(seconds)

    signal.signal(signal.SIGVTALRM, bite)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
