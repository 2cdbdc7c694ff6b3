"""The hub: three loops that take turns at the one radio and the one heap.

`listening` hears listed devices and visits them, `delivery` holds the line to the platform, `_tend` shows the light,
erases ahead and feeds the watchdog for as long as the others keep their promises.
"""

import asyncio

from micropython import const

from firmware import indicator
from firmware.contracts import Full
from firmware.delivery import Delivery
from firmware.health import Health
from firmware.listening import Listening

_WINDOW_MS = const(300_000)  # a person finds the device's pairing button within five minutes
_WINDOW_LINE_MS = const(45_000)  # in a window the line is made first, for the clock; without one pairing goes on
_TEND_MS = const(20_000)
_LATE_MS = const(30_000)  # who tends so late was held up, and so were those that it would judge
_TELL_MS = const(10_000)  # for a last report before a reboot
_PROMISE_MARGIN_MS = const(60_000)
_TRIAL_MS = const(900_000)  # for new network settings: a router's restart, the line's backoff twice, and a report
_ENVELOPE_OCTETS = const(2048)  # seal/cose.py, ENVELOPE_OCTETS_MAX: taken while the heap is in one piece
WATCHDOG_MS = const(60_000)  # three times the tending; the longest single call is a handshake


class Reboot(Exception):
    """The chip shall start over; args[0] says why."""


class _Turn:
    """An event with more than one waiter: each polls its own condition when it is set."""

    def __init__(self, ticks):
        self._ticks = ticks
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()
        self._event.clear()  # those who wait are released; who comes later waits for the next

    async def wait_ms(self, limit_ms: int, until=None) -> None:
        """Return when set (and `until()` holds, when given), or after `limit_ms`."""
        ends_ms = self._ticks.now_ms() + limit_ms
        while True:
            left_ms = ends_ms - self._ticks.now_ms()
            if left_ms <= 0 or not await self._ticks.within(self._event.wait(), left_ms):
                return
            if until is None or until():
                return


def save_bonds(secrets: dict) -> None:
    """Keep what the Bluetooth host asked to have kept; what writes it is not (board/passing.py)."""
    from firmware import config

    config.Store(config.FOLDER, "bonds").save(secrets)


def load_tls() -> tuple:
    """What a handshake needs (enrolment.py), read for it."""
    from firmware import enrolment

    return enrolment.load_tls()


class Hub:
    """`parts` are the chip's, made and named by firmware/parts.py; `keys` are the hub's (firmware/enrolment.py)."""

    def __init__(self, parts, settings: dict, keys):
        # What of the settings is asked for later; the whole of them would stay on the heap.
        self.entries = settings["devices"]
        self.zone_rule = settings["zone"]
        self.ntp_host = settings["time"]["ntp"]
        self.keys = keys
        self.ticks = parts.ticks
        self.timekeeper = parts.timekeeper
        self.journal = parts.journal
        self.radio = parts.radio
        self.bonds = parts.bonds
        self.session = parts.session
        self.random_octets = parts.random_octets
        self.set_chip_clock = parts.set_chip_clock
        self._secure_element = parts.secure_element
        self._light = parts.light
        self._button = parts.button
        self._start_watchdog = parts.start_watchdog
        self.news = self.ticks.flag()  # something to show or to erase; set from the Bluetooth callback too
        self.work = self.ticks.flag()  # something to seal, to send or to do about the line
        self.turned = _Turn(self.ticks)  # a visit ended, a window opened, the line came up
        self.health = Health(self)
        if "plan" in settings:
            self.health.every_ms = settings["plan"]["health_s"] * 1000
        self.buffer = bytearray(_ENVELOPE_OCTETS)  # for one envelope or report at a time
        self.forget = parts.forget
        self.loading = parts.loading
        self.listening = Listening(self, parts.listed(settings["devices"], self.bonds, self.health.count))
        self.delivery = Delivery(self)
        self._window_ends_ms = None
        self._window_line_ms = 0
        self._help = False
        self.key_change = settings.get("key_change", "")  # the kid of a signing key that is to be another (rotation.py)
        self.order = settings.get("order")  # the last one's number, what came of it, a detail; None before the first
        self.trial_ends_ms = _TRIAL_MS if "trial" in settings else None  # new network settings have yet to prove good
        self.restart = ""  # why the hub starts over as soon as no visit is under way; no other begins then
        self.aes = parts.aes
        self._promises: "dict[str, int]" = {}
        self._probation = None
        if parts.slots is not None:
            from firmware.probation import Probation

            self._probation = Probation(self, parts.slots, parts.retire_spare)
        self.health.count("reset " + parts.reset_cause)
        self.radio.keep = self.listening.keep
        self.radio.may_pair = self.window_open
        if "worn" in self.journal.notes:
            self.needs_help("worn")  # nothing new can be kept until somebody brings another hub

    # -- what the loops ask each other ---------------------------------------------------------------------

    def window_open(self) -> bool:
        """Whether a person opened the pairing window and it has not lapsed."""
        return self._window_ends_ms is not None and self.ticks.now_ms() < self._window_ends_ms

    def open_window(self, limit_ms: int = _WINDOW_MS) -> None:
        """Let listed devices be paired for a while."""
        now_ms = self.ticks.now_ms()
        self._window_ends_ms = now_ms + limit_ms
        self._window_line_ms = now_ms + _WINDOW_LINE_MS
        self._help = False  # someone came to see to it
        self.news.set()
        self.listening.awake()
        self.delivery.hurry()
        self.radio.cut()
        self.turned.set()

    def line_first(self) -> bool:
        """Whether listening waits: for the line at the start of a window or when a handshake waited long enough, or
        for the hub's restart.
        """
        if self.restart:
            return True
        if self.window_open() and not self.session.up() and self.ticks.now_ms() < self._window_line_ms:
            return True
        return self.delivery.first()

    def needs_help(self, reason: str) -> None:
        """A person must see to something: counted, reported, shown."""
        self.health.count(reason)
        self._help = True
        self.news.set()

    def keeps(self, write, *facts) -> bool:
        """Write something to the journal; False when there is no room or the chip refused: counted, gone on."""
        try:
            write(*facts)
        except (Full, OSError):
            self.needs_help("flash")
            return False
        return True

    def tidied(self) -> bool:
        """Make room in the journal, one step; False when there is none to make."""
        if self.journal.tidy():
            return True
        self.forget()
        return False

    def visiting(self, device, row, number: int):
        """What drives a visit, loaded for this one."""
        self.loading()
        from firmware.visiting import Visiting

        return Visiting(self, device, row, number)

    def seal(self, live_from: int) -> None:
        """Make one plan of what waits for one, captures from `live_from` on first."""
        self._sealing().seal(live_from)

    def envelope(self, sequence: int) -> memoryview:
        """The signed envelope of an open plan, in the hub's buffer."""
        at, length, header = self._payload(sequence)
        return self.signed(at, length, header)

    def _payload(self, sequence):
        # A call of its own: what a frame, or a coroutine, once had on its stack stays alive as long as itself.
        return self._sealing().payload(sequence)

    def report(self) -> memoryview:
        """A signed health report, in the hub's buffer."""
        at, length, header = self._report()
        return self.signed(at, length, header)

    def _report(self):
        self.loading()
        from firmware import reporting

        return reporting.payload(self)

    def _sealing(self):
        """What seals, loaded for this moment."""
        self.loading()
        from firmware.sealing import Sealing

        return Sealing(self, self.buffer)

    def signed(self, at: int, length: int, header: bytes) -> memoryview:
        """The COSE_Sign1 of a payload that lies in the hub's buffer, made there."""
        self.forget()  # the heap holds what makes a payload or what signs it, never both
        from firmware.seal import cose

        kid = header[-8:]  # a plan that was made before the key was changed is signed with the old one
        key = self.keys.signing if kid == self.keys.signing_kid else self.old_key(kid)
        if isinstance(key, tuple):  # where the secure element is that has it
            key = self._secure_element(key)
        return cose.sign1_in(self.buffer, at, length, key, header)

    # -- orders --------------------------------------------------------------------------------------------

    def obey(self, octets) -> "bytes | None":
        """Deal with an order; returns it when it has to wait (order.py)."""
        self.forget()
        self.loading()
        from firmware import order

        left = order.take(self, octets)
        self.forget()
        return left

    def answered(self, answered: bool = True) -> None:
        """Whether the platform proved in time that it is at the other end: new settings and updates wait for this."""
        if answered and self._probation:
            self._probation.answered()
        if self.trial_ends_ms is not None:
            from firmware import order_trial

            order_trial.over(self, answered)

    def old_key(self, kid: bytes) -> bytes:
        """The signing key before this one, when it is the one with this kid and is still needed; else b""."""
        from firmware import rotation

        return rotation.old_key(kid)

    def stays(self) -> bool:
        """Whether this firmware works from end to end, and none that is older will be asked for."""
        return self._probation is None or self._probation.stays()

    def promise(self, name: str, within_ms: int) -> None:
        """This loop will be heard of again within this time; else the watchdog bites."""
        self._promises[name] = self.ticks.now_ms() + within_ms + _PROMISE_MARGIN_MS

    # -- tending -------------------------------------------------------------------------------------------

    async def _tend(self) -> None:
        watchdog = self._start_watchdog(WATCHDOG_MS)
        tended_ms = self.ticks.now_ms()
        while True:
            self._show()
            while not self.listening.visiting and self.tidied():
                watchdog.feed()
                await self.ticks.sleep_ms(1)  # others may run between two erases
            self.ticks.advance()
            now_ms = self.ticks.now_ms()
            if all([due_ms > now_ms for due_ms in self._promises.values()]):
                watchdog.feed()
            if now_ms - tended_ms < _LATE_MS and not self.listening.radio_works(now_ms):
                await self._reboot("radio")
            tended_ms = now_ms
            if self.trial_ends_ms is not None and now_ms > self.trial_ends_ms:
                self.answered(False)
            why = self.restart or (self._probation.tend(now_ms) if self._probation else "")
            if why and not self.listening.visiting:
                await self._reboot(why)
            await self.ticks.within(self.news.wait(), _TEND_MS)

    async def _reboot(self, reason: str) -> None:
        """Tell why, when there is a line; then end, and main.py starts the hub anew."""
        self.health.count("reboot " + reason)
        self.health.hurry()
        self.work.set()
        await self.ticks.sleep_ms(_TELL_MS)
        raise Reboot(reason)

    def _show(self) -> None:
        now_ms = self.ticks.now_ms()
        delivered_ms = self.delivery.delivered_ms
        shown = indicator.state(
            self.listening.visiting and not self.listening.kept,
            self._help,
            self.journal.waiting(),
            self.journal.waiting_ms(now_ms),
            None if delivered_ms is None else now_ms - delivered_ms,
        )
        self._light.show(*indicator.RHYTHMS[shown])

    async def _watch_button(self) -> None:
        while True:
            await self._button.pressed.wait()
            self.open_window()

    async def run(self) -> None:
        """Return never; what gets out of a loop ends the hub, and main.py starts it anew."""
        self.radio.start(self.ticks)
        loops = [self._tend(), self._watch_button(), self.listening.run()]
        if self._probation is None or not self._probation.recovering:
            loops.append(self.delivery.run())
        await asyncio.gather(*loops)
