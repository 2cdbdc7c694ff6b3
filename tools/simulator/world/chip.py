"""What else the hub finds on its board: light, button, watchdog, chance, and an allocator that can be told to fail."""

import asyncio
from collections.abc import Callable
from random import Random

from firmware import indicator
from firmware.measurement.names import LIGHTS
from tools.simulator.nor import PowerCut
from tools.simulator.world.clock import Flag, Loop

WORDS = {rhythm: words[0] for rhythm, words in zip(indicator.RHYTHMS, LIGHTS, strict=True)}


class Light:
    """Shows one rhythm; the world is told each change as the word that it stands for."""

    def __init__(self, changed: Callable[[str], None]):
        self._changed = changed
        self.word = "off"

    def show(self, hertz: int, percent_on: int) -> None:
        """Show this rhythm."""
        word = WORDS[(hertz, percent_on)]
        if word != self.word:
            self.word = word
            self._changed(word)


class Button:
    """The hub's button."""

    def __init__(self) -> None:
        self.pressed = Flag()


class Watchdog:
    """Resets the chip when it was not fed for so long; leaps do not count."""

    def __init__(self, loop: Loop, limit_ms: int, bite: Callable[[], None]):
        self._loop = loop
        self._limit_s = limit_ms / 1000
        self._bite = bite
        self._timer: asyncio.TimerHandle | None = None
        self.feed()

    def feed(self) -> None:
        """Not now."""
        self.stop()
        self._timer = self._loop.call_later(self._limit_s, self._bite)

    def stop(self) -> None:
        """Stand still, for a leap or because there is no power."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Memory:
    """Lets an allocation fail: the n-th from now in a stage of the hub's work."""

    STAGES = ("callback", "journal", "visit", "publish", "boot")

    def __init__(self, injected: Callable[[str], None]):
        self._injected = injected
        self.fails_in: dict[str, int] = {}

    def __call__(self, stage: str) -> None:
        """Something is allocated in this stage."""
        left = self.fails_in.get(stage)
        if left is None:
            return
        if left > 0:
            self.fails_in[stage] = left - 1
            return
        del self.fails_in[stage]
        self._injected("memory_" + stage)
        raise MemoryError(stage)


class Chance:
    """The chip's random source."""

    def __init__(self, seed: str):
        self._random = Random(seed)
        self.dead = False

    def octets(self, count: int) -> bytes:
        """As os.urandom."""
        if self.dead:
            raise PowerCut
        return self._random.randbytes(count)
