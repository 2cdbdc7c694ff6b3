"""Thirty days at home, written down: every program and erase of the flash chip, and what was promised between them."""

import random
from typing import Any, NamedTuple

from tools.simulator.nor import Nor
from tools.simulator.powercut.hub import START_S, Hub, blood_pressure, oximetry, weight
from tools.simulator.powercut.model import Model

DAYS = 30
SECTORS = 11  # four for captures and seven for the rest: both lanes wrap, more than once, within the month
_DAY_S = 86_400
_SILENCE_DAYS = 9


class Op(NamedTuple):
    """One program (octets) or erase (None) of the chip, and what the hub was in the midst of."""

    at: int
    octets: bytes | None
    doing: str

    def apply(self, chip: Nor) -> None:
        """Do it again."""
        if self.octets is None:
            chip.erase(self.at)
        else:
            chip.program(self.at, self.octets)


class Tape(Nor):
    """A chip that writes down what is done to it; `tell` takes what is promised meanwhile."""

    def __init__(self, *arguments: Any, **named: Any):
        super().__init__(*arguments, **named)
        self.begin(Model())

    @classmethod
    def on(cls, chip: Nor) -> "Tape":
        """Write down what is done to this chip from now on."""
        tape = cls.__new__(cls)
        vars(tape).update(vars(chip))
        tape.begin(Model())
        return tape

    def begin(self, model: Model) -> None:
        """Forget what was written down."""
        self.ops: list[Op] = []
        self.events: list[tuple[int, str, Any]] = []  # (operations before it, word, facts)
        self.model = model

    def tell(self, word: str, facts: Any) -> None:
        """Something was promised, or begun."""
        self.events.append((len(self.ops), word, facts))
        self.model.tell(word, facts)

    def program(self, at: int, octets: Any) -> None:
        """Program, and write it down."""
        octets = bytes(octets)
        super().program(at, octets)
        self.ops.append(Op(at, octets, self._doing()))

    def erase(self, sector: int) -> None:
        """Erase, and write it down."""
        super().erase(sector)
        self.ops.append(Op(sector, None, self._doing()))

    def _doing(self) -> str:
        return self.model.doing[0] if self.model.doing else "idle"


def month(seed: int, erased: str) -> Tape:
    """Live through it: people, a router that fails for days, a platform that answers late, held or not at all."""
    chance = random.Random(f"powercut {seed}")
    tape = Tape(SECTORS, erased=erased, seed=seed)
    hub = Hub(tape, tape.tell)
    offline = {day for start in (4, 17) for day in range(start, start + chance.randrange(2, 4))}
    silent = chance.randrange(8, 12)  # what is sent on this day is answered days later, when the main lane has turned
    unanswered: set[int] = set()
    for day in range(DAYS):
        if chance.random() < 0.4:
            hub = Hub(tape, tape.tell)  # a reboot
        hub.ms += _DAY_S * 250 // len(offline)
        online = day not in offline
        if online:
            hub.fixed(START_S + _DAY_S * day + 60)
        if online and day >= silent + _SILENCE_DAYS:
            for sequence in sorted(unanswered):
                hub.sent(sequence, tape.model.sent)
                hub.answered(sequence)
            unanswered.clear()
        _morning(hub, chance, day)
        if online:
            _deliver(hub, chance, tape.model, unanswered, day == silent)
        _evening(hub, chance, day)
        if online:
            _deliver(hub, chance, tape.model, unanswered, day == silent)
    hub.tidied()
    return tape


def _morning(hub: Hub, chance: random.Random, day: int) -> None:
    early = chance.choice((0, 0, 0, 1))
    readings = [blood_pressure(day, minute, chance.randrange(100, 180)) for minute in range(chance.randrange(1, 4))]
    hub.visited(0, readings, early)
    hub.visited(1, [weight(day, chance.randrange(12_000, 18_000))])


def _evening(hub: Hub, chance: random.Random, day: int) -> None:
    hub.visited(0, [blood_pressure(day, 50, chance.randrange(100, 180))])
    stream = [oximetry(chance.randrange(88, 99), chance.randrange(60, 90)) for _ in range(chance.randrange(6, 20))]
    hub.visited(2, stream)
    if chance.random() < 0.2:
        hub.visited(2, [chance.randbytes(chance.randrange(20, 240))])  # what no driver understands is kept as it is


def _deliver(hub: Hub, chance: random.Random, model: Model, unanswered: set[int], silent: bool) -> None:
    while (sequence := hub.sealed()) is not None:
        if silent:
            unanswered.add(sequence)
    for sequence in hub.journal.open_plans():
        hub.sent(sequence, model.sent)
        if sequence not in unanswered and chance.random() < 0.9:
            hub.answered(sequence, 3 if chance.random() < 0.1 else None)
    hub.tidied()
