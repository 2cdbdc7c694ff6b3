"""Monotonic time, waiting and flags, from the chip's wrapping millisecond ticks and asyncio."""

import asyncio
import time

sleep_ms = asyncio.sleep_ms


class Ticks:
    """Milliseconds since this boot, which never wrap though the chip's ticks do every 12 days; waits, flags, tasks."""

    flag = asyncio.ThreadSafeFlag  # the one thing that a Bluetooth callback may set
    spawn = staticmethod(asyncio.create_task)
    sleep_ms = staticmethod(asyncio.sleep_ms)

    def __init__(self):
        # One tuple, replaced whole: a callback that comes in between reads either the old pair or the new one.
        self._anchor = (time.ticks_ms(), 0)

    def now_ms(self) -> int:
        """Milliseconds since this object was made. Safe in a Bluetooth callback."""
        ticks, total = self._anchor
        return total + time.ticks_diff(time.ticks_ms(), ticks)

    def advance(self) -> None:
        """Move the anchor; the main loop calls it at least every few days."""
        ticks = time.ticks_ms()
        old_ticks, total = self._anchor
        self._anchor = (ticks, total + time.ticks_diff(ticks, old_ticks))


async def within(coroutine, limit_ms: int) -> bool:
    """Await at most `limit_ms`; False when that passed."""
    try:
        await asyncio.wait_for_ms(coroutine, limit_ms)
    except asyncio.TimeoutError:
        return False
    return True


Ticks.within = staticmethod(within)
