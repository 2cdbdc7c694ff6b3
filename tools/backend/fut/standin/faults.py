"""What may go wrong on the way, chosen from a seed: each by its share of the submissions."""

import random
import threading
from collections.abc import Mapping

NAMES = (
    "slow",  # the answer comes late
    "fail",  # 503 before anything is kept
    "fail_after",  # kept, and then 500
    "lose",  # kept, and the connection ends without an answer
    "twice",  # the answer comes twice on one connection
)


class Faults:
    """Tells of each submission what goes wrong with it, or ""."""

    def __init__(self, shares: Mapping[str, float] | None = None, seed: int = 0) -> None:
        self.shares = dict(shares or {})
        if set(self.shares) - set(NAMES) or sum(self.shares.values()) > 1:
            raise ValueError(self.shares)
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self.happened: dict[str, int] = dict.fromkeys(self.shares, 0)

    def next(self) -> str:
        """The fault of the next submission."""
        with self._lock:
            at = self._chance.random()
            for name, share in self.shares.items():
                if at < share:
                    self.happened[name] += 1
                    return name
                at -= share
        return ""
