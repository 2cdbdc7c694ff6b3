"""Virtual time: an asyncio loop that jumps from one deadline to the next, and lets one hub run at a time.

Deadlock (nothing can ever happen again) and a ceiling of virtual time are failures of the run, never endings.
"""

import asyncio
import collections
import heapq
import math
import selectors
import time
from collections.abc import Callable

SAME_MOMENT_S = 1e-9  # float sums of one deadline may differ in the last bit

_REAL_S_MAX = 60.0  # wall seconds without a word from a real socket, when nothing else can happen


class Deadlock(Exception):
    """Nothing can happen any more: every hub waits for ever and no timer is left."""


class TimeCeiling(Exception):
    """The scenario took more virtual time than it was given."""


def _due(actor) -> float:
    return actor.due


class _OrderedTimer(asyncio.TimerHandle):
    """A timer among equals fires in the order of creation: heapq alone is not stable, and here equality is the rule."""

    __slots__ = ("order",)
    _created = 0
    _when: float  # asyncio's own, which its published types leave out
    _scheduled: bool

    def __init__(self, when, callback, args, loop, context=None):
        super().__init__(when, callback, args, loop, context)
        _OrderedTimer._created += 1
        self.order = _OrderedTimer._created

    def __lt__(self, other):
        return (self._when, self.order) < (other._when, other.order)


class _Selector(selectors.DefaultSelector):
    """Asks the loop what comes next instead of sleeping; real descriptors are still served."""

    loop: "VirtualLoop"

    def select(self, timeout=None):
        return self.loop.advance(timeout, super().select)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An asyncio loop in virtual time.

    `actors` are asked in fixed order: each has `due` (virtual second at which it can run, inf for never) and `run()`.
    pace=0 jumps; pace=1 is real time, 60 a minute per second. While `outside` is above zero (somebody waits for a real
    socket) time passes at most as fast as the real clock does.
    """

    # asyncio's own, which its published types leave out
    _scheduled: list
    _ready: collections.deque
    _selector: selectors.BaseSelector
    _check_closed: Callable[[], None]

    def __init__(self, pace: float = 0, ceiling_s: float = math.inf):
        selector = _Selector()
        super().__init__(selector)
        selector.loop = self
        self.pace = pace
        self.ceiling_s = ceiling_s
        self.outside = 0
        self.actors: list = []
        self.failure: BaseException | None = None
        self.jumps = 0
        self._now_s = 0.0
        self._own_descriptors = len(selector.get_map())
        self.set_exception_handler(self._on_exception)

    def time(self) -> float:
        """Virtual seconds since the world began."""
        return self._now_s

    def time_ms(self) -> int:
        """Virtual milliseconds since the world began."""
        return int(self._now_s * 1000 + 1e-6)

    def call_at(self, when, callback, *args, context=None):  # type: ignore[override]
        """As asyncio's, stable among equals."""
        self._check_closed()
        timer = _OrderedTimer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def is_pending(self, actor) -> bool:
        """Whether anything but this actor is still to run at the present moment."""
        now_s = self._now_s + SAME_MOMENT_S
        if self._ready or (self._scheduled and self._scheduled[0]._when <= now_s):
            return True
        return any(other.due <= now_s for other in self.actors if other is not actor) or self._watches_real()

    def fail(self, error: BaseException) -> None:
        """End the run with `error`: the first one counts."""
        if self.failure is None:
            self.failure = error

    def _on_exception(self, loop, context):
        error = context.get("exception")
        self.fail(error if error is not None else RuntimeError(context["message"]))

    def advance(self, timeout, select_real):
        """Run the next hub or jump to the next deadline; return the real descriptors that became ready."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        if timeout is not None and timeout <= 0:
            return select_real(0) if self._watches_real() else []
        if self._run_actors():
            return []
        target = self._now_s + timeout if timeout is not None else math.inf
        for actor in self.actors:
            target = min(target, actor.due)
        if target == math.inf:
            return self._await_real(select_real)
        if target > self.ceiling_s:
            raise TimeCeiling(self.ceiling_s)
        if self.pace or self.outside:
            return self._advance_paced(target, select_real)
        if self._watches_real():
            events = select_real(0)
            if events:
                return events
        self._now_s = target
        self.jumps += 1
        return []

    def _run_actors(self) -> bool:
        """Let hubs run, one after the other, as long as nothing else comes between; True when any ran."""
        ran = False
        while not self._ready and self.failure is None:
            actor = min(self.actors, key=_due, default=None)
            if actor is None:
                return ran
            due = actor.due
            if due > self._now_s + SAME_MOMENT_S:
                # Jump here only to a hub's own deadline that lies before every timer; the rest is for `advance`.
                timers = self._scheduled
                if not ran or due > self.ceiling_s or self.pace or self.outside or self._watches_real():
                    return ran
                if timers and timers[0]._when <= due:
                    return ran
                self._now_s = due
                self.jumps += 1
            actor.run()
            ran = True
        return ran

    def _await_real(self, select_real):
        """Nothing virtual is left to happen: only a real socket can go on."""
        begun = time.monotonic()
        events = select_real(_REAL_S_MAX) if self._watches_real() else []
        if not events:
            raise Deadlock(self._now_s)
        if self.pace or self.outside:
            self._now_s += (time.monotonic() - begun) * (self.pace or 1)
        return events

    def _watches_real(self) -> bool:
        return len(self._selector.get_map()) > self._own_descriptors

    def _advance_paced(self, target, select_real):
        pace = self.pace or 1
        begun = time.monotonic()
        events = select_real((target - self._now_s) / pace)
        passed = (time.monotonic() - begun) * pace
        self._now_s = min(target, self._now_s + passed) if events else target
        self.jumps += 1
        return events
