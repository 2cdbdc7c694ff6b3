"""Does what the ledger says is due: maps what was received, sends it one by one, looks up what had no answer.

Exactly once rests on three things: `submitted` is on disk before a call is made; what is `submitted` is never
sent again before FUT was asked and did not have it; and FUT is asked no sooner than it can have made up its mind
about a call (SETTLE_S).
"""

import json
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tools.backend.fut.client import Client, Created, Outcome, Refused, Unknown, Unsent
from tools.backend.fut.context import Context
from tools.backend.fut.ledger import MAPPED, SUBMITTED, Entry, Ledger, OutOfTurn
from tools.backend.fut.mapping import map_reading
from tools.backend.fut.reasons import Held

# Longer than a call may be under way (call.CALL_S_MAX, 75 s): later nothing of it can still arrive.
SETTLE_S = 120.0
_FIRST_WAIT_S, _WAIT_S_MAX = 2.0, 900.0  # "not now" is asked again within a quarter of an hour
_DOUBLINGS_MAX = 12
_READINGS_PER_ROUND, _CALLS_PER_ROUND = 200, 20  # so that a backlog leaves room for lookups, and for a stop
_TEXT_MAX = 500


@dataclass(frozen=True)
class Patience:
    """How long to wait for what, in seconds."""

    settle_s: float = SETTLE_S
    first_wait_s: float = _FIRST_WAIT_S
    wait_s_max: float = _WAIT_S_MAX


USUAL = Patience()


class Sender:
    """One worker. Several may share a ledger."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        context: Callable[[], Context],
        *,
        patience: Patience = USUAL,
        clock: Callable[[], float] = time.time,
        chance: random.Random | None = None,
    ) -> None:
        self.ledger, self._client, self._context = ledger, client, context
        self._patience, self._clock, self._chance = patience, clock, chance or random.Random()

    def round(self) -> bool:
        """Do what is due, up to a bound. False when there was nothing, or FUT cannot be spoken with just now."""
        done = self.take_in()
        for entry in self.ledger.due(SUBMITTED, self._clock(), _CALLS_PER_ROUND):
            if not self._look_up(entry):
                return False
            done = True
        for entry in self.ledger.due(MAPPED, self._clock(), _CALLS_PER_ROUND):
            if not self._send(entry):
                return False
            done = True
        return done

    def take_in(self) -> bool:
        """Map what was received, or hold it."""
        readings = self.ledger.received(_READINGS_PER_ROUND)
        context = self._context() if readings else None
        for reading in readings:
            assert context is not None
            try:
                if reading["held"]:
                    raise Held("bond_changed")
                self.ledger.mapped(reading, map_reading(reading, context), self._clock())
            except Held as why:
                self.ledger.held(reading, why, self._clock())
        return bool(readings)

    def _send(self, entry: Entry) -> bool:
        now_s = self._clock()
        due_s = now_s + self._patience.settle_s
        facts: dict[str, Any] = {"sent_s": now_s, "due_s": due_s, "attempts": entry.attempts + 1}
        try:
            self.ledger.step(entry.reading, "send", now_s, **facts)
        except OutOfTurn:
            return True  # another worker has it
        assert entry.body is not None
        return self._apply(entry, self._client.submit(entry.body))

    def _apply(self, entry: Entry, outcome: Outcome) -> bool:
        """Write down what came of a call. Where another worker has found it meanwhile, that stands."""
        now_s = self._clock()
        with suppress(OutOfTurn):
            self._write(entry, outcome, now_s)
        return isinstance(outcome, Created | Refused)

    def _write(self, entry: Entry, outcome: Outcome, now_s: float) -> None:
        if isinstance(outcome, Created):
            self.ledger.step(entry.reading, "created", now_s, **_located(outcome))
        elif isinstance(outcome, Refused):
            text = outcome.text[:_TEXT_MAX]
            self.ledger.step(entry.reading, "refused", now_s, text, reason="refused", detail=text)
        elif isinstance(outcome, Unsent):
            due_s = now_s + max(self._wait_s(entry), outcome.wait_s)
            self.ledger.step(entry.reading, "unsent", now_s, outcome.text, due_s=due_s)
        else:
            due_s = now_s + self._patience.settle_s
            self.ledger.step(entry.reading, "unknown", now_s, outcome.text, due_s=due_s)

    def _look_up(self, entry: Entry) -> bool:
        now_s = self._clock()
        try:  # another worker will not look it up, and so not send it, before this one is done or dead
            self.ledger.claim(entry, now_s + self._patience.settle_s)
        except OutOfTurn:
            return True
        assert entry.body is not None
        found = self._client.find(entry.body)
        now_s = self._clock()
        with suppress(OutOfTurn):
            if isinstance(found, Created):
                self.ledger.step(entry.reading, "found", now_s, **_located(found))
            elif isinstance(found, Unknown):
                self.ledger.step(entry.reading, "unknown", now_s, found.text, due_s=now_s + self._wait_s(entry))
            else:
                self.ledger.step(entry.reading, "absent", now_s, due_s=now_s + self._wait_s(entry))
        return not isinstance(found, Unknown)

    def _wait_s(self, entry: Entry) -> float:
        """Twice as long each time, and never the same for two: full half of it is chance."""
        most = self._patience.first_wait_s * 2 ** min(entry.attempts, _DOUBLINGS_MAX)
        return min(most, self._patience.wait_s_max) * self._chance.uniform(0.5, 1)


def _located(created: Created) -> dict[str, Any]:
    return {"locations": json.dumps(created.locations)}
