"""The hub's wall clock: a floor, what NTP and the platform said, and how far that can be trusted.

Time never runs before the floor (the later of build time and last receipt). NTP improves it. The platform's
time comes only with the answer to the hub's own nonce and may correct a wrong NTP in both directions: a jump
that is told in the health report and never changes a time that was sealed.
"""

from micropython import const

from firmware.journal.records import Fix
from firmware.measurement import device_time

CLOCK_NONE = const(0)
CLOCK_NTP = const(1)
CLOCK_PLATFORM = const(2)

CONFIRMED_UNCERTAINTY_MS = const(2_000)  # a device's clock is written only by one at least this good
BUILT_S = const(1_764_547_200)  # 2025-12-01: no hub with this firmware lives before; raised with each release
_FIX_EVERY_MS = const(86_400_000)  # the chip's crystal drifts by a second or two a day
_LIFE_S = const(315_360_000)  # ten years: the longest that a release is in use
_VOUCHED_UNCERTAINTY_MS = const(60_000)  # orders run for minutes; an answer held back longer vouches for nothing
_AGREE_MS = const(5_000)  # NTP's whole seconds, its round trip and the platform's round trip together


class Timekeeper:
    """Unix time on top of a monotonic clock. `monotonic_ms` is a function that never wraps and starts at boot."""

    def __init__(self, monotonic_ms, floor_s: int, boot: int):
        self._monotonic_ms = monotonic_ms
        self._boot = boot
        self._fix: "Fix | None" = None
        self._fixed_ms = 0
        # (seconds, milliseconds of that moment): a tuple, replaced whole, since a Bluetooth callback may come between.
        self._base = (floor_s, 0)
        self.floor_s = floor_s
        self.quality = CLOCK_NONE
        self.uncertainty_ms = 0
        self.jump_s = 0  # the last told jump, for the health report
        self.vouched = False  # the platform answered in this boot: only it can say that an order's time is over
        self.disputed = False  # NTP and platform disagree and the platform has not spoken since

    def time_s(self) -> int:
        """Unix seconds now."""
        base_s, base_ms = self._base
        return base_s + (self._monotonic_ms() - base_ms) // 1000

    def utc(self) -> tuple:
        """(year, month, day, hour, minute, second) now, in UTC."""
        return device_time.time_of(self.time_s())

    def confirmed(self) -> bool:
        """Whether a patient's device may be set by this clock."""
        return (
            self.quality != CLOCK_NONE
            and self.uncertainty_ms <= CONFIRMED_UNCERTAINTY_MS
            and not self.disputed
        )

    def ntp(self, time_s: int, uncertainty_ms: int) -> bool:
        """Take NTP's word. False when no hub can live then, or when it contradicts the platform's answer.

        ntptime reads a refusal (RFC 5905, 7.4: kiss-of-death, all zeros) as the era's end in February 2036.
        """
        if not self.floor_s <= time_s < BUILT_S + _LIFE_S:
            return False
        if self.quality == CLOCK_PLATFORM:
            if abs(time_s - self.time_s()) * 1000 > _AGREE_MS:
                self.disputed = True
                return False
            return True  # the platform's answer is the better one and they agree
        if abs(time_s - self.time_s()) * 1000 > _AGREE_MS:
            self.vouched = False
        self._set(time_s, uncertainty_ms, CLOCK_NTP)
        return True

    def platform(self, time_s: int, uncertainty_ms: int) -> int:
        """Take the platform's answer to our nonce; return the jump in seconds (0 when NTP was right).

        A late answer says little: a better clock that it does not contradict stays.
        """
        jump = time_s - self.time_s()
        if uncertainty_ms <= _VOUCHED_UNCERTAINTY_MS:
            self.vouched = True
        if (
            self.quality != CLOCK_NONE
            and uncertainty_ms > max(CONFIRMED_UNCERTAINTY_MS, self.uncertainty_ms)
            and abs(jump) * 1000 <= uncertainty_ms
        ):
            self.disputed = False
            return 0
        if self.quality != CLOCK_NONE and abs(jump) * 1000 > _AGREE_MS:
            self.jump_s = jump
        self.disputed = False
        self._set(time_s, uncertainty_ms, CLOCK_PLATFORM)
        return jump

    def raise_floor(self, time_s: int) -> None:
        """A receipt proves that it is at least this late."""
        if time_s > self.floor_s:
            self.floor_s = time_s
            if self.quality == CLOCK_NONE and self.time_s() < time_s:
                self._base = (time_s, self._monotonic_ms())

    def _set(self, time_s, uncertainty_ms, quality):
        now_ms = self._monotonic_ms()
        moved_ms = abs(time_s - self.time_s()) * 1000
        # A fix costs flash: the platform answers every report, and mostly says what is known.
        if quality != self.quality or moved_ms > _AGREE_MS or now_ms - self._fixed_ms >= _FIX_EVERY_MS:
            self._fix = Fix(self._boot, now_ms, time_s, quality, uncertainty_ms)
            self._fixed_ms = now_ms
        self._base = (time_s, now_ms)
        self.uncertainty_ms = uncertainty_ms
        self.quality = quality

    def new_fix(self) -> "Fix | None":
        """The fix that was not asked for yet: it belongs on flash, for what was kept before it."""
        fix, self._fix = self._fix, None
        return fix
