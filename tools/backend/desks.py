"""Letters of a broker, whichever it is, become answers: what a worker does between two looks at its broker."""

import gc
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

from tools.backend.health import HealthDesk
from tools.backend.keys import is_hub_name
from tools.backend.receiver import Receiver

UP, HEALTH, RECEIPT, ORDER = "up", "health", "receipt", "order"  # a topic's last word: telehub/1/<hub>/<word>

# One commit for what has queued up: an fsync costs as much as five signature checks. More would only add to
# the first one's wait for its receipt.
LETTERS_PER_COMMIT_MAX = 128

Letter = tuple[str, bytes]  # hub, octets
Labelled = tuple[str, str, bytes]  # hub, the topic's last word, octets


def label(topic: str, separator: str = "/") -> tuple[str, str] | None:
    """Hub and last word of a topic; None when it is none of ours."""
    parts = topic.split(separator)
    return (parts[2], parts[3]) if len(parts) == 4 and is_hub_name(parts[2]) else None


def collect_rarely() -> None:
    """For a process that takes letters: nearly all that it makes dies without the cycle collector, which would
    otherwise walk through each batch's thousands of small objects again and again (a sixth of the time).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


class Desks:
    """The receiver's and the health desk, for letters as they come."""

    def __init__(
        self, receiver: Receiver, health: HealthDesk, *, log: Callable[[str], None] = print,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:  # fmt: skip
        self._receiver, self._health = receiver, health
        self._log, self._now_ms = log, now_ms
        self._ordered: dict[str, int] = {}  # the order that was sent last to each hub that one waits for
        self.away = False  # whether the database could not be asked: then the letters may come again

    def take(self, letters: Sequence[Labelled]) -> list[Letter]:
        """Hand letters to the desks; the answers as (hub, octets). What they free is on the disk."""
        self.away = False
        now_ms = self._now_ms()
        up, told = ([(hub, octets) for hub, word, octets in letters if word == last] for last in (UP, HEALTH))
        answers = self._answers(up, lambda some: self._receiver.handle_many(some, now_ms // 1000))
        answers += self._answers(told, lambda some: self._health.handle_many(some, now_ms))
        return [(hub, octets) for (hub, _), octets in zip((*up, *told), answers, strict=True) if octets is not None]

    def orders(self, reported: Collection[str]) -> list[Letter]:
        """What waits for hubs: for those that just reported, and what is new since the last look."""
        due: list[tuple[str, int, bytes]] = []
        with self._going_on("orders"):
            due = self._health.orders.due(self._now_ms() // 1000)
        new = [(hub, octets) for hub, number, octets in due if hub in reported or self._ordered.get(hub) != number]
        self._ordered = {hub: number for hub, number, _ in due}
        return new

    def _answers(
        self, letters: list[Letter], desk: Callable[[list[Letter]], list[bytes | None]]
    ) -> list[bytes | None]:
        if len(letters) > 1:
            with self._going_on("together"):
                return desk(letters)
        answers: list[bytes | None] = []
        for letter in letters:  # alone, or because one of several could not be taken
            answers.append(None)
            if not self.away:
                with self._going_on(letter[0]):
                    answers[-1] = desk([letter])[0]
        return answers

    @contextmanager
    def _going_on(self, hub: str) -> Iterator[None]:
        """A full disk, or a letter that finds a fault of ours, costs its own answer and no other's (P11)."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - the supervisor's place
            self.away = isinstance(error, DBAPIError) and error.connection_invalidated
            # Never what SQLAlchemy says of a statement's values: they are somebody's (P12).
            said = type(error.orig).__name__ if isinstance(error, DBAPIError) else f"{type(error).__name__}: {error}"
            self._log(f"{hub}: not taken: {said}")
