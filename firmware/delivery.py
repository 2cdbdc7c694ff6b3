"""The line to the platform: seal what was kept, send it, take receipts. It never stands in a visit's way."""

from micropython import const

from firmware.contracts import PeerError
from firmware.uplink.backoff import Backoff
from firmware.uplink.deliveries import Deliveries

_QUIET_MS = const(60_000)  # after a listed device was heard: a second reading often follows within the minute
_PUT_OFF_MS = const(600_000)  # a handshake waits for quiet this long, then visits wait for it
_VISIT_MS_MAX = const(360_000)  # the longest visit of any row, for the watchdog
_TIME_ANSWER_MS = const(5_000)  # an untimed hub waits this long for the platform's time before it seals
_HEALTH_MS = const(600_000)  # the platform tells silence from a patient who does not measure within 15 minutes
_WAIT_MS_MAX = const(60_000)


class Delivery:
    def __init__(self, hub):
        self._hub = hub
        self._session = hub.session
        self._deliveries = Deliveries()
        self._backoff = Backoff(hub.random_octets)
        self._asked_ms = None  # since when a handshake waits for quiet
        self.delivered_ms = None  # when the last receipt "stored" was kept
        self._session.on_message = self._take
        self._session.on_end = hub.work.set

    def first(self) -> bool:
        """Whether visits must wait: a handshake was put off for as long as it may be."""
        return self._asked_ms is not None and self._hub.ticks.now_ms() - self._asked_ms >= _PUT_OFF_MS

    async def run(self) -> None:
        hub = self._hub
        while True:
            hub.promise("delivery", _PUT_OFF_MS + _VISIT_MS_MAX)
            try:
                await self._quiet()
                # NTP's one blocking second belongs into the quiet, too.
                ntp_host = None if hub.timekeeper.confirmed() else hub.settings["time"]["ntp"]
                address = await self._session.prepare(ntp_host)
                self._fixed()
                await self._quiet()
                self._asked_ms = None
                await self._session.open(address, hub.health.will())
                hub.forget()
                self._backoff.reset()
                hub.turned.set()
                await self._deliver()
            except PeerError as error:
                hub.health.count(error.args[0])
            self._asked_ms = None
            why = await self._session.close()
            if why is not None:
                hub.health.count(why.args[0])
            self._deliveries.link_lost()
            await hub.turned.wait_ms(self._backoff.next_ms(), hub.window_open)

    async def _quiet(self) -> None:
        """Return when a handshake disturbs no visit: at once in a pairing window, after ten minutes at the latest."""
        hub = self._hub
        if self._asked_ms is None:
            self._asked_ms = hub.ticks.now_ms()
        while not hub.window_open():
            now_ms = hub.ticks.now_ms()
            listening = hub.listening
            wait_ms = _WAIT_MS_MAX
            if self.first():
                hub.radio.cut()
                if not listening.visiting:
                    return
            elif not listening.visiting:
                if listening.heard_ms is None or now_ms - listening.heard_ms >= _QUIET_MS:
                    return
                wait_ms = listening.heard_ms + _QUIET_MS - now_ms
            left_ms = self._asked_ms + _PUT_OFF_MS - now_ms
            if left_ms > 0:
                wait_ms = min(wait_ms, left_ms)
            await hub.turned.wait_ms(max(wait_ms, 1))

    async def _deliver(self) -> None:
        """Send what is kept as long as the line holds."""
        hub = self._hub
        await self._report()
        if not hub.timekeeper.quality:
            await hub.ticks.within(hub.health.answered.wait(), _TIME_ANSWER_MS)
        while self._session.up():
            hub.promise("delivery", _WAIT_MS_MAX)
            if hub.listening.visiting:  # it has the radio, the processor and the heap to itself
                await hub.ticks.within(hub.work.wait(), _WAIT_MS_MAX)
                await self._session.keep_alive()
                continue
            if hub.journal.pending(1):
                hub.keeps(hub.sealing().seal)
            plans = hub.journal.open_plans()
            now_ms = hub.ticks.now_ms()
            sequence = self._deliveries.next(plans, now_ms)
            if sequence is not None:
                envelope = hub.sealing().envelope(sequence)
                hub.forget()
                await self._session.publish("up", envelope)
                self._deliveries.sent(sequence, hub.ticks.now_ms())
                continue
            if now_ms - hub.health.reported_ms >= _HEALTH_MS:
                await self._report()
            hub.forget()
            due_ms = min(self._deliveries.due_ms(plans, now_ms), hub.health.reported_ms + _HEALTH_MS - now_ms)
            await hub.ticks.within(hub.work.wait(), max(min(due_ms, _WAIT_MS_MAX), 1))
            await self._session.keep_alive()

    async def _report(self) -> None:
        report = self._hub.health.report()
        self._hub.forget()
        await self._session.publish("health", report)

    def _fixed(self) -> None:
        """Keep a new fix of the clock, so that captures from before it can be timed."""
        hub = self._hub
        fix = hub.timekeeper.new_fix()
        if fix is not None:
            hub.keeps(hub.journal.fix, fix)
            hub.set_chip_clock(hub.timekeeper.time_s())

    def _take(self, name: str, octets: bytes) -> None:
        """A message from the broker. Nothing in it counts before its MAC did."""
        from firmware.uplink import receipt

        hub = self._hub
        try:
            if name != "receipt":
                raise PeerError("order: refused")
            answer = receipt.open_message(octets, hub.keys.receipts, hub.journal, hub.health.nonce)
        except PeerError as error:
            hub.health.count(error.args[0])
            return
        if isinstance(answer, int):
            hub.health.platform_time(answer)
            self._fixed()
            return
        if not hub.keeps(hub.journal.receipt, answer):
            return  # the platform answers a repeat again
        self._deliveries.answered(answer.sequence)
        if answer.status:
            hub.needs_help("held")
        else:
            self.delivered_ms = hub.ticks.now_ms()
        hub.work.set()
        hub.news.set()
