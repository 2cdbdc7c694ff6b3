"""What the hub tells of itself: last numbers, clock, counters; signed, without a reading, a name or a secret."""

from micropython import const

from firmware.seal import cose

_COUNTERS_MAX = const(32)  # kinds of things that are counted; a name beyond counts under "other"
_NONCE_OCTETS = const(8)


class Health:
    def __init__(self, hub):
        self._hub = hub
        self._counters = {}
        self.nonce = None
        self._asked_ms = 0
        self.reported_ms = 0
        self.answered = hub.ticks.flag()  # the platform told its time

    def count(self, name: str) -> None:
        """Something happened that people may want to know of."""
        if name not in self._counters and len(self._counters) >= _COUNTERS_MAX:
            name = "other"
        self._counters[name] = self._counters.get(name, 0) + 1

    def report(self) -> bytes:
        """A signed report that asks for the platform's time."""
        from firmware.seal import report

        hub = self._hub
        self.nonce = hub.random_octets(_NONCE_OCTETS)
        self._asked_ms = self.reported_ms = hub.ticks.now_ms()
        payload = report.payload(self.facts())
        return cose.sign1(hub.keys.signing, cose.protected(cose.HEALTH, hub.keys.signing_kid), payload)

    def facts(self) -> dict:
        """What the report says."""
        hub = self._hub
        journal = hub.journal
        counters = dict(self._counters)
        for name in ("faults",):
            if getattr(hub.radio, name):
                counters["radio " + name] = getattr(hub.radio, name)
        return {
            "hub": hub.keys.hub_id,
            "chain": journal.chain,
            "sequence": journal.next_sequence - 1,
            "capture": journal.next_capture - 1,
            "time_s": hub.timekeeper.time_s(),
            "quality": hub.timekeeper.quality,
            "fix": journal.fix_for(journal.boot),
            "waiting": journal.waiting(),
            "nonce": self.nonce,
            "counters": counters,
            "notes": journal.notes,
            "jump_s": hub.timekeeper.jump_s,
        }

    def will(self) -> bytes:
        """What the broker says when the hub falls silent: nothing but that; unsigned, and judged so."""
        return b"gone"

    def platform_time(self, time_ms: int) -> None:
        """Take the platform's answer to the nonce: its uncertainty is the round trip."""
        hub = self._hub
        self.nonce = None  # one answer each
        trip_ms = hub.ticks.now_ms() - self._asked_ms
        hub.timekeeper.platform((time_ms + trip_ms // 2) // 1000, trip_ms + 1000)
        self.answered.set()
