"""Virtual time for hub logic on CPython: an asyncio loop that can leap, and the ticks that the hub asks for."""

import asyncio
import heapq
import math
from collections.abc import Callable, Coroutine
from typing import Any

from tools.simulator.air.clock import SAME_MOMENT_S, Deadlock, VirtualLoop
from tools.simulator.nor import PowerCut


class Loop(VirtualLoop):
    """Jumps from one deadline to the next; `leap` passes over many of them at once."""

    def __init__(self) -> None:
        super().__init__(ceiling_s=math.inf)
        self.leapt_s = 0.0

    def leap(self, seconds: float) -> None:
        """Let so much time pass without living through it: timers that were due meanwhile fire now, in their order."""
        self._now_s += seconds
        self.leapt_s += seconds

    def _run_once(self) -> None:
        """One turn, as asyncio's own, less all that serves real descriptors: a home has none, and turns are many."""
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0]._cancelled:
            heapq.heappop(scheduled)._scheduled = False
        if not ready:
            if not scheduled:
                raise Deadlock(self._now_s)
            self._now_s = max(self._now_s, scheduled[0]._when)
        now_s = self._now_s + SAME_MOMENT_S
        while scheduled and scheduled[0]._when <= now_s:
            timer = heapq.heappop(scheduled)
            timer._scheduled = False
            ready.append(timer)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:
                handle._run()

    def lived_s(self) -> float:
        """Virtual seconds that were lived through."""
        return self._now_s - self.leapt_s


class Flag:
    """firmware/contracts.py, Flag: set from the Bluetooth callback or by a task, awaited by one task."""

    def __init__(self) -> None:
        self._set = False
        self._waiter: asyncio.Future | None = None

    def set(self) -> None:
        """Wake the one who waits, now or at its next wait."""
        self._set = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def clear(self) -> None:
        """Forget an earlier set."""
        self._set = False

    async def wait(self) -> None:
        """Return once set."""
        if not self._set:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        self._set = False


class Ticks:
    """One boot's time, waits, flags and tasks (firmware/board/ticks.py on the chip).

    `died(error)` is told what ends a task that nobody awaits: on the chip it is printed, and the hub goes on.
    """

    flag = staticmethod(Flag)

    def __init__(self, loop: Loop, died: Callable[[BaseException], None]):
        self.loop = loop
        self._died = died
        self._began_s = loop.time()
        self.tasks: list[asyncio.Task] = []
        self.dead = False

    def now_ms(self) -> int:
        """Milliseconds since this boot."""
        if self.dead:
            raise PowerCut
        return round((self.loop.time() - self._began_s) * 1000)

    def advance(self) -> None:
        """Nothing wraps here."""

    def spawn(self, coroutine: Coroutine) -> asyncio.Task:
        """Start a task."""
        task = self.loop.create_task(self._guarded(coroutine))
        self.tasks = [one for one in self.tasks if not one.done()]
        self.tasks.append(task)
        return task

    async def _guarded(self, coroutine: Coroutine) -> Any:
        try:
            return await coroutine
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - a power cut, too, ends here: whoever caused it has told the chip
            self._died(error)
        return None

    async def sleep_ms(self, ms: int) -> None:
        """Let others run for at least `ms`."""
        await asyncio.sleep(ms / 1000)
        if self.dead:
            raise PowerCut

    async def within(self, coroutine: Coroutine, limit_ms: int) -> bool:
        """Await at most `limit_ms`; False when that passed."""
        try:
            async with asyncio.timeout(limit_ms / 1000):
                await coroutine
        except TimeoutError:
            return False
        if self.dead:
            raise PowerCut
        return True

    def end(self) -> None:
        """The power is gone: nothing of this boot does anything any more."""
        self.dead = True
        for task in self.tasks:
            task.cancel()
