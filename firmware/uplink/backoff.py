"""How long to wait before the next try: doubling, bounded, with jitter, so that hubs do not return all at once."""

from micropython import const

_FIRST_MS = const(2_000)
_MAX_MS = const(300_000)  # a platform notices a silent hub after 15 minutes: at least three tries before that


class Backoff:
    def __init__(self, random_octets):
        self._random_octets = random_octets
        self._ms = _FIRST_MS

    def next_ms(self) -> int:
        """The wait before the next try: between half of the present step and all of it."""
        step = self._ms
        self._ms = min(step * 2, _MAX_MS)
        chance = self._random_octets(2)
        return step // 2 + (step // 2) * (chance[0] << 8 | chance[1]) // 0xFFFF

    def reset(self) -> None:
        """The try succeeded: start over."""
        self._ms = _FIRST_MS
