"""What the hub tells of itself: last numbers, clock, counters; signed, without a reading, a name or a secret."""

from micropython import const

_COUNTERS_MAX = const(24)  # kinds of things that are counted; a name beyond counts under "other"
_NAME_MAX = const(32)
_LONG_AGO_MS = const(0x3FFFFFFF)
_EVENTS_MAX = const(6)  # kinds of them between two reports; what is beyond counts under "events lost"
_DETAIL_MAX = const(24)
_EVERY_MS = const(600_000)  # the platform tells silence from a patient who does not measure within 15 minutes


class Health:
    def __init__(self, hub):
        self._hub = hub
        self.counters = {}
        self.events: "dict[tuple[int, str], tuple[int, int]]" = {}
        self.every_ms = _EVERY_MS
        self.nonce = None
        self.asked_ms = 0
        self.key_taken = b""  # the kid of a new signing key that the platform has
        self.reported_ms = 0
        self.answered = hub.ticks.flag()  # the platform told its time

    def count(self, name: str) -> None:
        """Something happened that people may want to know of."""
        name = name[:_NAME_MAX]
        if name not in self.counters and len(self.counters) >= _COUNTERS_MAX:
            name = "other"
        self.counters[name] = self.counters.get(name, 0) + 1

    def event(self, kind: int, detail: str = "") -> None:
        """Something happened that concerns security (events.py): told in the next report. Not from a callback."""
        key = (kind, detail[:_DETAIL_MAX])
        if key not in self.events and len(self.events) >= _EVENTS_MAX:
            return self.count("events lost")
        count = self.events.get(key, (0, 0))[1]
        self.events[key] = (self._hub.timekeeper.time_s(), count + 1)

    def hurry(self) -> None:
        """The next report is due at once."""
        self.reported_ms = -_LONG_AGO_MS

    def will(self) -> bytes:
        """What the broker says when the hub falls silent: nothing but that; unsigned, and judged so."""
        return b"gone"

    def platform_time(self, time_ms: int, kid: bytes) -> None:
        """Take the platform's answer to the nonce: its uncertainty is the round trip."""
        hub = self._hub
        self.nonce = None  # one answer each
        self.key_taken = kid
        if kid:
            self.hurry()
        trip_ms = hub.ticks.now_ms() - self.asked_ms
        hub.timekeeper.platform((time_ms + trip_ms // 2) // 1000, trip_ms + 1000)
        self.answered.set()
