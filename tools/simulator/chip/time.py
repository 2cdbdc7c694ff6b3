"""The chip's `time`: virtual ticks that wrap at 2**30, and a calendar that counts from 2000 as on the ESP32."""

import _seam
import utime
from micropython import const

_PERIOD = const(1 << 30)
_HALF = const(1 << 29)
_UNIX_2000 = const(946684800)
_SPINS_PER_MS = const(64)  # a busy loop must see time pass; estimated: 15 us a turn on the chip
_SPINS_PREEMPTED = const(8)

_spins = 0
rtc_ms = 0  # what machine.RTC was set to, less _seam.now then; kept by machine.py over a soft reset


def ticks_ms():
    """Milliseconds, wrapping."""
    global _spins
    _spins += 1
    if not _spins % _SPINS_PER_MS:
        _seam.wait(1)
    elif _seam.preempted and not _spins % _SPINS_PREEMPTED:
        _seam.point()
    return _seam.now & (_PERIOD - 1)


def ticks_us():
    """Microseconds, wrapping; the twin's clock moves in milliseconds."""
    return (ticks_ms() * 1000) & (_PERIOD - 1)


ticks_cpu = ticks_us


def ticks_add(ticks, delta):
    """`ticks` moved by `delta`."""
    return (ticks + delta) & (_PERIOD - 1)


def ticks_diff(end, start):
    """Signed distance, right while it is under half the period."""
    return ((end - start + _HALF) & (_PERIOD - 1)) - _HALF


def sleep_ms(ms):
    """Block for `ms` of virtual time; Bluetooth events come in meanwhile."""
    end = _seam.now + ms
    while _seam.now < end:
        _seam.wait(end - _seam.now)


def sleep(seconds):
    """Block for `seconds`."""
    sleep_ms(int(seconds * 1000))


def sleep_us(us):
    """Block for `us`, in whole milliseconds."""
    sleep_ms((us + 999) // 1000)


def time():
    """Seconds since 2000-01-01 by the chip's RTC."""
    return (rtc_ms + _seam.now) // 1000


def time_ns():
    """Nanoseconds since 2000-01-01 by the chip's RTC."""
    return (rtc_ms + _seam.now) * 1000000


def gmtime(seconds=None):
    """(year, month, day, hour, minute, second, weekday, yearday)."""
    if seconds is None:
        seconds = time()
    return utime.gmtime(seconds + _UNIX_2000)[:8]


localtime = gmtime


def mktime(fields):
    """Seconds since 2000 of a date; the twin's host runs in UTC."""
    return int(utime.mktime(tuple(fields[:8]) + (0,))) - _UNIX_2000
