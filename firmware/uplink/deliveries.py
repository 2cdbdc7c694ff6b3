"""Which envelope goes out next, and which has waited for its receipt long enough. Pure bookkeeping in RAM.

Live readings first, then the backlog, oldest first. A sent envelope is waited for; one that stays unanswered
three times is passed over, so that it blocks no other, and tried again when the rest is through.
"""

from micropython import const

RECEIPT_WAIT_MS = const(15_000)  # a platform stores and answers within a second; 15 covers its restart
_TRIES_BEFORE_PASSING_OVER = const(3)
_PASSED_OVER_MS = const(600_000)  # then every ten minutes: the health report's own rhythm
IN_FLIGHT_MAX = const(4)  # sent and unanswered at once: keeps the link busy, bounds what a lost link repeats


class Deliveries:
    def __init__(self):
        self._tries = {}  # sequence -> [tries, when it was last sent, or None: not on this link]

    def next(self, open_plans: list, now_ms: int, live: "int | None" = None) -> "int | None":
        """The sequence to send now, or None: nothing may be sent before something is answered or times out."""
        in_flight = 0
        waiting = None
        for sequence in open_plans:
            entry = self._tries.get(sequence)
            if entry is None or entry[1] is None:
                ready = entry is None or entry[0] < _TRIES_BEFORE_PASSING_OVER
            else:
                age_ms = now_ms - entry[1]
                passed_over = entry[0] >= _TRIES_BEFORE_PASSING_OVER
                if age_ms < RECEIPT_WAIT_MS:
                    in_flight += 1
                    continue
                ready = not passed_over or age_ms >= _PASSED_OVER_MS
            if ready and (waiting is None or sequence == live):
                waiting = sequence
        return waiting if in_flight < IN_FLIGHT_MAX else None

    def due_ms(self, open_plans: list, now_ms: int) -> int:
        """Milliseconds until a sent envelope may be tried again; the passing-over time when none waits."""
        due = _PASSED_OVER_MS
        for sequence in open_plans:
            entry = self._tries.get(sequence)
            if entry and entry[1] is not None:
                wait = RECEIPT_WAIT_MS if entry[0] < _TRIES_BEFORE_PASSING_OVER else _PASSED_OVER_MS
                age_ms = now_ms - entry[1]
                due = min(due, max(0, (RECEIPT_WAIT_MS if age_ms < RECEIPT_WAIT_MS else wait) - age_ms))
        return due

    def sent(self, sequence: int, now_ms: int) -> None:
        """It was handed to the broker."""
        entry = self._tries.setdefault(sequence, [0, None])
        entry[0] += 1
        entry[1] = now_ms

    def answered(self, sequence: int) -> None:
        """Its receipt is kept."""
        self._tries.pop(sequence, None)

    def link_lost(self) -> None:
        """What was in flight must be sent again on the next link; the tries are remembered."""
        for entry in self._tries.values():
            if entry[0] < _TRIES_BEFORE_PASSING_OVER:
                entry[1] = None
