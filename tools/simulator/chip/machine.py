"""The chip's `machine`: resets, watchdog, RTC, pins. The air keeps what outlives a reset (air/board.py)."""

import struct
import sys
import time

import _seam
from micropython import const

_BOOT_FACTS_OP = const(41)
_RTC_OP = const(42)
_WATCHDOG_OP = const(43)
_PIN_OP = const(44)
_I2C_OP = const(47)
_PIN_EVENT = const(64)

_PIN_MODE = const(0)
_PIN_WRITE = const(1)
_PIN_READ = const(2)
_PIN_PWM = const(3)
_PIN_IRQ = const(4)

_ENODEV = const(19)

PWRON_RESET = const(1)
HARD_RESET = const(2)
WDT_RESET = const(3)
DEEPSLEEP_RESET = const(4)
SOFT_RESET = const(5)

_UNIX_2000_WEEKDAY = const(5)  # 2000-01-01 was a Saturday; Monday is 0

_cause, _unique_id, time.rtc_ms = struct.unpack("<B6sq", _seam.call(_BOOT_FACTS_OP))


def reset_cause():
    """Why the chip started."""
    return _cause


def unique_id():
    """Six octets, burnt in."""
    return _unique_id


def freq(hz=None):
    """The processor's clock; the twin's does not change."""
    return 240000000


def reset():
    """Start over; never returns. On the ESP32 the cause is told as HARD_RESET, and the RTC runs on."""
    _seam.reset(HARD_RESET)


def soft_reset():
    """Start the interpreter over."""
    _seam.reset(SOFT_RESET)


def deepsleep(ms=0):
    """Sleep with everything off, then start over."""
    if ms:
        time.sleep_ms(ms)
    else:
        while True:
            _seam.wait(-1)
    _seam.reset(DEEPSLEEP_RESET)


def lightsleep(ms=0):
    """Sleep with memory kept."""
    time.sleep_ms(ms)


def idle():
    """Let the processor rest until something happens."""
    _seam.wait(1)


def disable_irq():
    """Nothing preempts between two seam calls here."""
    return 0


def enable_irq(state):
    """See disable_irq."""


class WDT:
    """Once started it cannot be stopped; time in which nobody feeds it resets the chip."""

    def __init__(self, id=0, timeout=5000):
        self._timeout = struct.pack("<I", timeout)
        self.feed()

    def feed(self):
        """Begin the time anew."""
        _seam.call(_WATCHDOG_OP, self._timeout)


class RTC:
    """The calendar clock; it counts on over every reset but a power cut."""

    def datetime(self, fields=None):
        """Read or set (year, month, day, weekday, hour, minute, second, microsecond)."""
        if fields is None:
            now = time.time_ns() // 1000
            year, month, day, hour, minute, second, weekday, _ = time.gmtime(now // 1000000)
            return (year, month, day, weekday, hour, minute, second, now % 1000000)
        year, month, day, _, hour, minute, second, us = fields
        seconds = time.mktime((year, month, day, hour, minute, second, 0, 0))
        ms = seconds * 1000 + us // 1000
        time.rtc_ms = ms - _seam.now
        _seam.call(_RTC_OP, struct.pack("<q", ms))
        return None

    def init(self, fields):
        """Set, as datetime does."""
        self.datetime(fields)


class Pin:
    """A pin of the chip. What it shows is recorded in the air with its time; a button there presses it."""

    IN = const(1)
    OUT = const(3)
    OPEN_DRAIN = const(7)
    PULL_UP = const(2)
    PULL_DOWN = const(1)
    IRQ_RISING = const(1)
    IRQ_FALLING = const(2)

    _made = {}

    def __new__(cls, id, *args, **kwargs):
        pin = cls._made.get(id)
        if pin is None:
            pin = cls._made[id] = object.__new__(cls)
            pin._id = id
            pin._handler = None
            pin._trigger = 0
        return pin

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        if mode != -1:
            self.init(mode, pull, value=value)

    def init(self, mode=-1, pull=-1, *, value=None):
        """Set direction and pull."""
        pull_code = pull if pull in (1, 2) else 0
        _seam.call(_PIN_OP, bytes([self._id, _PIN_MODE, mode & 7, pull_code]))
        if value is not None:
            self.value(value)

    def value(self, level=None):
        """Read or drive the pin."""
        if level is None:
            return _seam.call(_PIN_OP, bytes([self._id, _PIN_READ]))[0]
        _seam.call(_PIN_OP, bytes([self._id, _PIN_WRITE, 1 if level else 0]))
        return None

    __call__ = value

    def on(self):
        """Drive high."""
        self.value(1)

    def off(self):
        """Drive low."""
        self.value(0)

    def irq(self, handler=None, trigger=IRQ_RISING | IRQ_FALLING, *, wake=None, hard=False):
        """Have handler(pin) called at an edge."""
        self._handler = handler
        self._trigger = trigger if handler else 0
        _seam.call(_PIN_OP, bytes([self._id, _PIN_IRQ, self._trigger]))
        return self


class I2C:
    """The hardware's bus, as far as the firmware uses it; what hangs on it is in the air."""

    def __init__(self, id, *, scl, sda, freq=400000):
        self._head = struct.pack("<BBI", scl._id, sda._id, freq)

    def writeto(self, addr, buf, stop=True):
        """Return how many octets were acknowledged; OSError (ENODEV) when nobody has the address."""
        if not _seam.call(_I2C_OP, self._head + bytes((addr, 0)) + buf)[0]:
            raise OSError(_ENODEV)
        return len(buf)

    def readfrom(self, addr, nbytes, stop=True):
        """Return `nbytes` octets; OSError (ENODEV) when nobody has the address."""
        answer = _seam.call(_I2C_OP, self._head + bytes((addr, nbytes)))
        if not answer[0]:
            raise OSError(_ENODEV)
        return answer[1:]


class PWM:
    """A pin that the hardware blinks."""

    def __init__(self, dest, *, freq=5000, duty_u16=0):
        self._pin = dest
        self._freq = freq
        self._duty = duty_u16
        self._tell()

    def _tell(self):
        _seam.call(_PIN_OP, struct.pack("<BBIH", self._pin._id, _PIN_PWM, self._freq, self._duty))

    def freq(self, hz=None):
        """Read or set the frequency."""
        if hz is None:
            return self._freq
        self._freq = hz
        self._tell()
        return None

    def duty_u16(self, duty=None):
        """Read or set the part of the period that it is high."""
        if duty is None:
            return self._duty
        self._duty = duty
        self._tell()
        return None

    def init(self, *, freq=None, duty_u16=None):
        """Set both."""
        self._freq = self._freq if freq is None else freq
        self._duty = self._duty if duty_u16 is None else duty_u16
        self._tell()

    def deinit(self):
        """Give the pin back, low."""
        self._duty = 0
        self._pin.value(0)


def _edge(code, view):
    pin = Pin._made.get(view[0])
    if pin is not None and pin._handler is not None:
        try:
            pin._handler(pin)
        except Exception as error:  # noqa: BLE001 - printed by the scheduler, as on the chip
            sys.print_exception(error)


_seam.on(_PIN_EVENT, _edge)
