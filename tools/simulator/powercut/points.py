"""Every point at which the plug can be pulled, each with a number, and what comes after it.

A point of the month is `A`; `A:B` is point B of what the hub does after A's cut, up to and including the first reading,
envelope and receipt. Nothing is played from the start: a worker follows the tape, and forks the chip at each point.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from firmware.contracts import Full, OutOfTurn, PeerError
from tools.simulator.nor import UNIT_OCTETS, Misuse, Nor, PowerCut
from tools.simulator.powercut.hub import Hub, aftermath
from tools.simulator.powercut.looked_through import Known, looked_through_once
from tools.simulator.powercut.model import Broken, Model
from tools.simulator.powercut.story import SECTORS, Op, Tape, month
from tools.simulator.tally import Tally

ERASED = ("ff", "noise")
# Inside an erase: units from the sector's beginning that are erased already, and mixtures of torn ones.
_ERASED_UNITS = (16, 64, 100, 128, 200, 255)
_MIXTURES = 4
_NOISE_STEP = 4  # a torn unit of an encrypted chip is noise, whichever of its octets the cut fell on
_AGAIN_EVERY = 8  # points after which the hub is started once more, to see what it wrote after the cut


@dataclass(frozen=True)
class Where:
    """One point: an operation, and how it is cut ("before", "after", "prefix", "half_cleared", "erase")."""

    op: int
    how: str
    at: int = 0  # octets written, or erased units


@dataclass
class Cuts(Tally):
    """What was tried and what came of it."""

    program_points: int = 0
    torn_points: int = 0
    erase_points: int = 0
    single_cuts: int = 0
    double_cuts: int = 0
    changed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)  # (point, what was broken)

    def tried(self, where: Where, octets: bytes | None) -> None:
        """Count the kind of a point."""
        if octets is None:
            self.erase_points += 1
        elif where.how in ("before", "after"):
            self.program_points += 1
        else:
            self.torn_points += 1

    def failed(self, point: str, error: Broken) -> None:
        """Count what was broken."""
        setattr(self, error.args[0], getattr(self, error.args[0]) + 1)
        self.failures.append((point, f"{error.args[0]}: {error.args[1]}"))


def ways(op: Op, erased: str) -> list[tuple[str, int]]:
    """Every way to cut one operation."""
    if op.octets is None:
        torn = [("prefix", units) for units in _ERASED_UNITS] + [("half_cleared", seed) for seed in range(_MIXTURES)]
    elif erased == "noise":
        torn = [("prefix", octet) for octet in range(1, len(op.octets), _NOISE_STEP)]
    else:
        torn = [("prefix", octet) for octet in range(1, len(op.octets))]
        torn += [("half_cleared", octet) for octet in range(len(op.octets))]
    return [("before", 0), *torn, ("after", 0)]


class Points:
    """The points of one tape, numbered."""

    def __init__(self, tape: Tape):
        self.tape = tape
        self._ways = [ways(op, tape.erased) for op in tape.ops]
        self._ends = list(accumulate(len(one) for one in self._ways))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def where(self, number: int) -> Where:
        """What a number means."""
        op = bisect_right(self._ends, number)
        first = self._ends[op - 1] if op else 0
        return Where(op, *self._ways[op][number - first])

    def first_of(self, op: int) -> int:
        """The number of an operation's first point."""
        return self._ends[op - 1] if op else 0


class Follower:
    """Follows a tape forward, with the chip and the model as they were before an operation."""

    def __init__(self, tape: Tape, chip: Nor, model: Model):
        self.tape = tape
        self.chip = chip
        self.model = model
        self._op = self._event = 0

    def to(self, op: int) -> None:
        """Go on to just before this operation."""
        while self._op < op:
            self._tell(self._op)
            self.tape.ops[self._op].apply(self.chip)
            self._op += 1
        self._tell(op)

    def _tell(self, op: int) -> None:
        events = self.tape.events
        while self._event < len(events) and events[self._event][0] <= op:
            self.model.tell(*events[self._event][1:])
            self._event += 1

    def cut(self, where: Where, seed: int) -> tuple[Nor, Model]:
        """The chip after the cut, power given again, and what had been promised before it."""
        self.to(where.op)
        op = self.tape.ops[where.op]
        chip = self.chip.fork(seed)
        if where.how == "after":
            op.apply(chip)
        elif where.how != "before":
            if op.octets is None:
                chip.cut_at(erase=0, tear=where.how, erased_units=where.at)
            else:
                chip.cut_at(octet=where.at, tear=where.how)
            try:
                op.apply(chip)
            except PowerCut:
                chip.power_on()
        return chip, self.model.copy()


def survives(chip: Nor, model: Model, again: bool, tape: Tape | None = None) -> None:
    """Start the hub on this chip and hold it to the model; Broken says what it broke."""
    flash: Any = tape or chip
    tell = tape.tell if tape else model.tell
    try:
        hub = _started(flash, model, tell)
        aftermath(hub, model)
        if again:
            _started(flash, model, tell)
        else:
            model.check_numbers(hub.journal)
    except (Full, OutOfTurn, PeerError, Misuse, MemoryError, OSError, ValueError, LookupError, TypeError) as error:
        raise Broken("stuck", f"{type(error).__name__}: {error}") from error


def _started(flash: Any, model: Model, tell: Any) -> Hub:
    told: list[tuple[str, Any]] = []
    hub = Hub(flash, lambda word, facts: told.append((word, facts)))
    model.settle(hub.journal, tell)
    model.check(hub.journal)
    for one in told:
        tell(*one)
    hub.tell = tell
    return hub


class Worker:
    """Tries points of the months of one seed."""

    def __init__(self, seed: int):
        self.seed = seed
        self.months = [Points(month(seed, erased)) for erased in ERASED]
        self._known: Known = {}

    def __len__(self) -> int:
        return sum(map(len, self.months))

    def _find(self, number: int) -> tuple[Points, int]:
        for points in self.months:
            if number < len(points):
                return points, number
            number -= len(points)
        raise IndexError(number)

    def _follower(self, points: Points) -> Follower:
        return Follower(points.tape, Nor(SECTORS, erased=points.tape.erased, seed=self.seed), Model())

    def stratified(self, count: int) -> list[int]:
        """First cuts for double cuts: of each kind of operation, spread over the month."""
        kinds: dict[tuple[int, str, bool], list[int]] = {}
        base = 0
        for month_index, points in enumerate(self.months):
            for index, op in enumerate(points.tape.ops):
                middle = points.first_of(index) + len(ways(op, points.tape.erased)) // 2
                kinds.setdefault((month_index, op.doing, op.octets is None), []).append(base + middle)
            base += len(points)
        chosen, share = [], max(1, count // len(kinds))
        for numbers in kinds.values():
            step = max(1, len(numbers) // share)
            chosen += numbers[step // 2 :: step][:share]
        return sorted(chosen)

    def singles(self, numbers: Iterable[int]) -> Iterator[Cuts]:
        """Try these points, in rising order."""
        follower: Follower | None = None
        current: Points | None = None
        for number in numbers:
            points, local = self._find(number)
            if points is not current:
                current, follower = points, self._follower(points)
            assert follower
            tally, where = Cuts(single_cuts=1), points.where(local)
            tally.tried(where, points.tape.ops[where.op].octets)
            try:
                self._survives(*follower.cut(where, number), again=number % _AGAIN_EVERY == 0)
            except Broken as error:
                tally.failed(str(number), error)
            yield tally

    def _survives(self, chip: Nor, model: Model, again: bool) -> None:
        with looked_through_once(self._known):
            survives(chip, model, again)

    def after(self, number: int) -> tuple[Points, Nor, Model]:
        """What the hub does after this cut, as a tape of its own; the chip and the model that it begins with."""
        points, local = self._find(number)
        chip, model = self._follower(points).cut(points.where(local), number)
        tape = Tape.on(chip.fork(number))
        tape.begin(model.copy())
        survives(chip, tape.model, again=True, tape=tape)
        return Points(tape), chip, model

    def doubles(self, number: int, step: int = 1) -> Iterator[Cuts]:
        """Try a second cut at every `step`-th point of what comes after this one."""
        try:
            points, chip, model = self.after(number)
        except Broken as error:
            tally = Cuts()
            tally.failed(str(number), error)
            yield tally
            return
        follower = Follower(points.tape, chip, model)
        for second in range(number % step, len(points), step):
            where, tally = points.where(second), Cuts(double_cuts=1)
            if step == 1 and where.how == "half_cleared" and (where.at - where.op - number) % UNIT_OCTETS:
                continue  # one tear of this kind for each unit; each octet has its prefix
            try:
                self._survives(*follower.cut(where, second), again=second % _AGAIN_EVERY == 0)
            except Broken as error:
                tally.failed(f"{number}:{second}", error)
            yield tally

    def one(self, first: int, second: int | None) -> Cuts:
        """Try one point."""
        if second is None:
            return next(self.singles([first]))
        tally = Cuts(double_cuts=1)
        try:
            points, chip, model = self.after(first)
            self._survives(*Follower(points.tape, chip, model).cut(points.where(second), second), again=True)
        except Broken as error:
            tally.failed(f"{first}:{second}", error)
        return tally
