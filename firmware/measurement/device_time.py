"""The device's own clock: GATT Date Time, whole days and seconds. Local time is zone.py's.

A time is (year, month, day, hour, minute, second). Seconds are Unix seconds as if the tuple were UTC; nothing
here asks a clock, and nothing is a float. Calendar arithmetic is Gregorian without end; the civil-day
formulas count from 1 March so that the leap day comes last (Howard Hinnant, "chrono-Compatible Low-Level Date
Algorithms").
"""

DATE_TIME_OCTETS = 7  # GATT 2A08
CURRENT_TIME_OCTETS = 10  # GATT 2A2B
_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_leap(year: int) -> bool:
    """Tell whether a Gregorian year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in(year: int, month: int) -> int:
    """Return the length of a month."""
    return 28 if month == 2 and not is_leap(year) else _DAYS[month - 1]


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to this date."""
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


def date_of(days: int) -> tuple:
    """Return (year, month, day) of a number of days since 1970-01-01."""
    days += 719468
    era = days // 146097
    of_era = days - era * 146097
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year, month, of_year - (153 * shifted + 2) // 5 + 1


def weekday(year: int, month: int, day: int) -> int:
    """Return 1 for Monday .. 7 for Sunday, as GATT Day of Week counts."""
    return (days_of(year, month, day) + 3) % 7 + 1


def seconds_of(time: tuple) -> int:
    """Return the seconds from 1970-01-01T00:00:00 to this time, both in the same zone."""
    return days_of(time[0], time[1], time[2]) * 86400 + time[3] * 3600 + time[4] * 60 + time[5]


def time_of(seconds: int) -> tuple:
    """Return the time that lies this many seconds after 1970-01-01T00:00:00."""
    days, rest = divmod(seconds, 86400)
    year, month, day = date_of(days)
    return year, month, day, rest // 3600, rest // 60 % 60, rest % 60


def parse(octets, at: int = 0) -> tuple:
    """Read a Date Time of checked length: (time, "ok"), (None, "unknown") or (None, "invalid")."""
    year = octets[at] | octets[at + 1] << 8
    month = octets[at + 2]
    day = octets[at + 3]
    hour = octets[at + 4]
    minute = octets[at + 5]
    second = octets[at + 6]
    if 0 < day < 29 and 0 < month < 13 and hour < 24 and minute < 60 and second < 60 and 1582 <= year <= 9999:
        return (year, month, day, hour, minute, second), "ok"  # as nearly all are
    if month > 12 or day > 31 or hour > 23 or minute > 59 or second > 59:
        return None, "invalid"
    if not 1582 <= year <= 9999 and year:
        return None, "invalid"
    if not (year and month and day):  # GSS: 0 means that it is not known
        return None, "unknown"
    if day > days_in(year, month):
        return None, "invalid"
    return (year, month, day, hour, minute, second), "ok"


def of_clock(octets) -> tuple:
    """Read what a device's clock (2A08 or 2A2B) said; (None, "absent") when it said nothing.

    One of another kind (2BF2 has 11 octets) is "invalid" here: its octets travel, and no skew is made of them.
    """
    if not len(octets):
        return None, "absent"
    if not DATE_TIME_OCTETS <= len(octets) <= CURRENT_TIME_OCTETS:
        return None, "invalid"
    return parse(octets)


def date_time(time: tuple) -> bytes:
    """Write a Date Time (2A08)."""
    year, month, day, hour, minute, second = time
    return bytes((year & 0xFF, year >> 8, month, day, hour, minute, second))


def current_time(time: tuple) -> bytes:
    """Write a Current Time (2A2B): day of week, no fractions, adjusted by an external reference."""
    return date_time(time) + bytes((weekday(time[0], time[1], time[2]), 0, 2))
