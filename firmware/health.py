"""What the hub tells of itself: last numbers, clock, counters; signed, without a reading, a name or a secret."""

from micropython import const

_COUNTERS_MAX = const(24)  # kinds of things that are counted; a name beyond counts under "other"
_NAME_MAX = const(32)
_NOTES_MAX = const(8)
_LONG_AGO_MS = const(0x3FFFFFFF)
_REPORT_OCTETS_MAX = const(1536)  # 25 counters of at most 32 + 7 octets, notes, and 140 octets for the rest


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
        name = name[:_NAME_MAX]
        if name not in self._counters and len(self._counters) >= _COUNTERS_MAX:
            name = "other"
        self._counters[name] = self._counters.get(name, 0) + 1

    def hurry(self) -> None:
        """The next report is due at once."""
        self.reported_ms = -_LONG_AGO_MS

    def report(self) -> memoryview:
        """A signed report that asks for the platform's time, in the hub's buffer."""
        at, length, header = self._payload()
        return self._hub.signed(at, length, header)

    def _payload(self) -> tuple:
        # A call of its own, as in Hub: what makes the payload must not be alive while it is signed.
        self._hub.loading()
        from firmware.seal import cose, report
        from firmware.seal.cbor import Writer

        hub = self._hub
        self.nonce = hub.random_octets(report.NONCE_OCTETS)
        self._asked_ms = self.reported_ms = hub.ticks.now_ms()
        self.answered.clear()
        start = cose.HEAD_OCTETS
        writer = Writer(hub.buffer, start, start + _REPORT_OCTETS_MAX)
        report.health_payload(writer, self._facts(report))
        return start, writer.at - start, cose.protected(cose.HEALTH, hub.keys.signing_kid)

    def _facts(self, report):
        hub, journal, timekeeper = self._hub, self._hub.journal, self._hub.timekeeper
        facts = report.Facts(
            hub.keys.hub_id,
            journal.chain,
            journal.next_sequence - 1,
            journal.next_capture - 1,
            timekeeper.time_s(),
            timekeeper.quality,
            journal.fix_for(journal.boot) if timekeeper.quality else None,
            journal.waiting(),
        )
        facts.nonce = self.nonce
        facts.counters = dict(self._counters)
        if hub.radio.faults:
            facts.counters["radio faults"] = hub.radio.faults
        facts.notes = tuple(journal.notes)[:_NOTES_MAX]
        facts.jump_s = timekeeper.jump_s
        return facts

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
