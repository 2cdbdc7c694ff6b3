"""Local time by a POSIX TZ rule (IEEE Std 1003.1, 8.3; RFC 8536, 3.3.1). Seconds are Unix seconds, offsets east."""

from firmware.measurement.device_time import date_of, days_in, days_of, is_leap, seconds_of, time_of, weekday


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
