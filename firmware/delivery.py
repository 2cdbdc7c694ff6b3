"""The line to the platform: seal what was kept, send it, take receipts. It never stands in a visit's way."""

from micropython import const

from firmware.contracts import PeerError
from firmware.uplink.backoff import Backoff
from firmware.uplink.deliveries import Deliveries

_QUIET_MS = const(60_000)  # after a listed device was heard: a second reading often follows within the minute
_PUT_OFF_MS = const(600_000)  # a handshake waits for quiet this long, then visits wait for it
_VISIT_MS_MAX = const(360_000)  # the longest visit of any row, for the watchdog
_TIME_ANSWER_MS = const(5_000)  # an untimed hub waits this long for the platform's time before it seals
_TLS_FAILED = const(5)  # events.py
_ORDER_REST_MS = const(1_000)  # between two looks at orders: a check costs 0.1 s, and a broker may send rubbish
_WAIT_MS_MAX = const(60_000)
_WAIT_MS_MIN = const(1_000)  # what is due while as many as may be wait for receipts goes out no sooner
_CONNECT_MS = const(10_000)  # TCP on a slow line
_CONNECT_FIRST_MS = const(2_500)  # while visits wait for it: one SYN may be lost, and a device is still caught in 3 s


class Delivery:
    def __init__(self, hub):
        self._hub = hub
        self._session = hub.session
        self._deliveries = Deliveries()
        self._backoff = Backoff(hub.random_octets)
        self._asked_ms = None  # since when a handshake waits for quiet
        self._ready = False  # only TCP and the handshake are left to do
        self._live_from = 1  # captures from this number on were taken since the line came up
        self._live: "list[int]" = []  # plans of such captures that were not sent yet
        self._order: "bytes | None" = None  # one at a time: the platform sends the next when this one's end was told
        self._order_due_ms = 0
        self.delivered_ms = None  # when the last receipt "stored" was kept
        self._session.on_message = self._take
        self._session.on_end = hub.work.set

    def first(self) -> bool:
        """Whether visits must wait: a handshake could begin, and was put off for as long as it may be."""
        return self._ready and self._overdue()

    def _overdue(self) -> bool:
        return self._asked_ms is not None and self._hub.ticks.now_ms() - self._asked_ms >= _PUT_OFF_MS

    async def run(self) -> None:
        hub = self._hub
        while True:
            hub.promise("delivery", _PUT_OFF_MS + _VISIT_MS_MAX)
            failure = None
            try:
                await self._quiet()
                # NTP's one blocking second belongs into the quiet, too.
                ntp_host = None if hub.timekeeper.confirmed() else hub.ntp_host
                address = await self._session.prepare(ntp_host)
                self._fixed()
                await self._connect(address)
                self._begin_anew()
                await self._session.open(hub.health.will())
                hub.forget()
                hub.turned.set()
                await self._deliver()
            except PeerError as error:
                failure = error
            self._begin_anew()
            hub.turned.set()  # visits that waited for the line wait no longer
            failure = await self._session.close() or failure  # why the link ended, before who noticed it
            if failure is not None:
                if not isinstance(failure, PeerError):
                    raise failure  # the hub starts anew
                hub.health.count(failure.args[0])
                if "certificate" in failure.args[0]:
                    hub.health.event(_TLS_FAILED, failure.args[0])
            self._deliveries.link_lost()
            wait_ms = self._backoff.next_ms()
            hub.promise("delivery", wait_ms)
            await hub.turned.wait_ms(wait_ms, hub.window_open)

    def hurry(self) -> None:
        """A person waits: the next tries follow soon."""
        self._backoff.reset()

    def _begin_anew(self) -> None:
        self._asked_ms = None
        self._ready = False

    async def _connect(self, address: str) -> None:
        """Connect by TCP in a quiet moment; anew when someone was heard meanwhile, for a handshake must not begin."""
        self._ready = True
        while True:
            await self._quiet()
            self._hub.forget()  # TLS takes what the heap has in one piece
            await self._session.connect(address, _CONNECT_FIRST_MS if self.first() else _CONNECT_MS)
            if self._is_quiet():
                return
            await self._session.close()

    def _is_quiet(self) -> bool:
        """Whether a handshake disturbs nobody now; a minute without devices is not asked for in a pairing window."""
        hub = self._hub
        heard_ms = hub.listening.heard_ms
        if hub.listening.visiting:
            return self._overdue() and not self._ready  # what comes before TCP may go on beside a visit then
        if heard_ms is None or self._overdue() or hub.window_open():
            return True
        return hub.ticks.now_ms() - heard_ms >= _QUIET_MS

    async def _quiet(self) -> None:
        """Return when it is quiet; after ten minutes visits are cut short and wait."""
        hub = self._hub
        if self._asked_ms is None:
            self._asked_ms = hub.ticks.now_ms()
        while not self._is_quiet():
            now_ms = hub.ticks.now_ms()
            wait_ms = self._asked_ms + _PUT_OFF_MS - now_ms
            if wait_ms <= 0:
                hub.radio.cut()
                wait_ms = _WAIT_MS_MAX
            elif not hub.listening.visiting:
                wait_ms = min(wait_ms, hub.listening.heard_ms + _QUIET_MS - now_ms)
            await hub.turned.wait_ms(wait_ms)

    async def _deliver(self) -> None:
        """Send what is kept as long as the line holds: what is taken meanwhile first, the backlog oldest first."""
        hub = self._hub
        journal = hub.journal
        self._live_from, self._live = journal.next_capture, []
        await self._report()
        if not hub.timekeeper.quality:
            await hub.ticks.within(hub.health.answered.wait(), _TIME_ANSWER_MS)
        while self._session.up():
            hub.promise("delivery", _WAIT_MS_MAX)
            if self._order is not None and hub.ticks.now_ms() >= self._order_due_ms:
                self._order_due_ms = hub.ticks.now_ms() + _ORDER_REST_MS
                self._order = hub.obey(self._order)
            limit_ms = _ORDER_REST_MS if self._order is not None else _WAIT_MS_MAX
            if hub.listening.visiting:  # it has the radio, the processor and the heap to itself
                await hub.ticks.within(hub.work.wait(), limit_ms)
                await self._session.keep_alive()
                continue
            if journal.may_plan() and journal.pending(1):
                live = bool(journal.pending(1, self._live_from))
                if hub.keeps(hub.seal, self._live_from) and live:
                    self._live.append(journal.next_sequence - 1)
            plans = journal.open_plans()
            now_ms = hub.ticks.now_ms()
            sequence = self._deliveries.next(plans, now_ms, self._live[0] if self._live else None)
            if sequence is not None:
                envelope = hub.envelope(sequence)
                hub.forget()
                await self._session.publish("up", envelope)
                self._deliveries.sent(sequence, hub.ticks.now_ms())
                if sequence in self._live:
                    self._live.remove(sequence)
                continue
            if now_ms - hub.health.reported_ms >= hub.health.every_ms:
                await self._report()
            hub.forget()
            due_ms = min(self._deliveries.due_ms(plans, now_ms), hub.health.reported_ms + hub.health.every_ms - now_ms)
            await hub.ticks.within(hub.work.wait(), max(min(due_ms, limit_ms), _WAIT_MS_MIN))
            await self._session.keep_alive()

    async def _report(self) -> None:
        report = self._hub.report()
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
        hub = self._hub
        if name != "receipt":
            self._order = octets
            hub.work.set()
            return
        from firmware.uplink import receipt

        try:
            answer = receipt.open_message(octets, hub.keys.receipts, hub.journal, hub.health.nonce)
        except PeerError as error:
            hub.health.count(error.args[0])
            return
        self._backoff.reset()  # not before: a broker that lets everyone in and then fails is to be left in peace
        if isinstance(answer, tuple):
            hub.health.platform_time(*answer)
            self._fixed()
            hub.answered()
            hub.work.set()  # an order may wait for this
            self._session.check_dates()  # a clock that was not set let some pass; this ends the session then
            return
        if not hub.keeps(hub.journal.receipt, answer):
            return  # the platform answers a repeat again
        hub.answered()
        if hub.stays():
            hub.journal.upgrade()
        self._deliveries.answered(answer.sequence)
        if answer.status:
            hub.needs_help("held")
        else:
            self.delivered_ms = hub.ticks.now_ms()
        hub.work.set()
        hub.news.set()
