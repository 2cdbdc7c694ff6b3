"""The device's own clock: GATT Date Time, whole days and seconds, and local time by a POSIX TZ rule.

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


class Zone:
    """Local time by one POSIX TZ rule, such as CET-1CEST,M3.5.0,M10.5.0/3."""

    def __init__(self, rule: str):
        """Read the rule; ValueError when it is none."""
        at = _name(rule, 0)
        west, at = _clock(rule, at)
        self.standard_s = -west  # POSIX counts west of Greenwich as positive
        self.summer_s: "int | None" = None
        self._begins = self._ends = ()
        if at == len(rule):
            return
        at = _name(rule, at)
        self.summer_s = self.standard_s + 3600
        if at < len(rule) and rule[at] != ",":
            west, at = _clock(rule, at)
            self.summer_s = -west
        self._begins, at = _change(rule, at)
        self._ends, at = _change(rule, at)
        if at != len(rule):
            raise ValueError

    def offset_s(self, utc_s: int) -> int:
        """Return local time minus UTC at an instant."""
        if self.summer_s is None:
            return self.standard_s
        year = date_of((utc_s + self.standard_s) // 86400)[0]
        begins = _instant(year, self._begins) - self.standard_s
        ends = _instant(year, self._ends) - self.summer_s
        summer = begins <= utc_s < ends if begins < ends else not ends <= utc_s < begins
        return self.summer_s if summer else self.standard_s

    def offset_min(self, utc_s: int) -> int:
        """Return local time minus UTC at an instant, in minutes."""
        return self.offset_s(utc_s) // 60

    def local(self, utc_s: int) -> tuple:
        """Return the local time at an instant."""
        return time_of(utc_s + self.offset_s(utc_s))

    def candidates(self, time: tuple) -> tuple:
        """Return the instants at which local clocks show this: two in a repeated hour, none in a skipped."""
        local_s = seconds_of(time)
        found: list = []
        for offset in (self.summer_s, self.standard_s):
            if offset is not None:
                utc_s = local_s - offset
                if utc_s not in found and self.offset_s(utc_s) == offset:
                    found.append(utc_s)
        return tuple(sorted(found))


def _name(rule, at):
    """Step over a zone's name: three or more letters, or anything in angle brackets."""
    if rule[at : at + 1] == "<":
        end = rule.find(">", at) + 1
        if end < at + 5:
            raise ValueError
        return end
    end = at
    while end < len(rule) and rule[end].isalpha():
        end += 1
    if end - at < 3:
        raise ValueError
    return end


def _number(rule, at):
    """Read a decimal number."""
    end = at
    while end < len(rule) and rule[end].isdigit():
        end += 1
    return int(rule[at:end]), end


def _clock(rule, at):
    """Read [+-]hh[:mm[:ss]] as seconds; RFC 8536 lets the hours go beyond a day."""
    sign = 1
    if rule[at : at + 1] in ("+", "-"):
        sign = -1 if rule[at] == "-" else 1
        at += 1
    total = 0
    for unit, most in ((3600, 167), (60, 59), (1, 59)):
        number, at = _number(rule, at)
        if number > most:
            raise ValueError
        total += number * unit
        if rule[at : at + 1] != ":" or unit == 1:
            break
        at += 1
    return sign * total, at


def _change(rule, at):
    """Read ,Mm.w.d[/time] or ,Jn[/time] or ,n[/time] as (form, numbers, seconds)."""
    if rule[at : at + 1] != ",":
        raise ValueError
    at += 1
    form = rule[at : at + 1]
    if form in ("M", "J"):
        at += 1
    else:
        form = "n"
    numbers = []
    while True:
        number, at = _number(rule, at)
        numbers.append(number)
        if form != "M" or len(numbers) == 3:
            break
        if rule[at : at + 1] != ".":
            raise ValueError
        at += 1
    if form == "M":
        good = 1 <= numbers[0] <= 12 and 1 <= numbers[1] <= 5 and numbers[2] <= 6
    else:
        good = (1 if form == "J" else 0) <= numbers[0] <= 365
    if not good:
        raise ValueError
    time_s = 2 * 3600
    if rule[at : at + 1] == "/":
        time_s, at = _clock(rule, at + 1)
    return (form, numbers, time_s), at


def _instant(year, change):
    """Return the local seconds at which a change happens in a year."""
    form, numbers, time_s = change
    if form == "M":
        month, week, day = numbers
        first = days_of(year, month, 1)
        days = first + (day - weekday(year, month, 1)) % 7 + (week - 1) * 7
        if days - first >= days_in(year, month):  # week 5 means the last one
            days -= 7
    else:
        days = days_of(year, 1, 1) + numbers[0]
        if form == "J" and not (is_leap(year) and numbers[0] >= 60):  # J starts at 1, without 29 February
            days -= 1
    return days * 86400 + time_s
