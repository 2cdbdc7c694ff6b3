from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.measurement import device_time, zone

_RULES = {
    "Europe/Copenhagen": "CET-1CEST,M3.5.0,M10.5.0/3",
    "America/Nuuk": "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "Atlantic/Faroe": "WET0WEST,M3.5.0/1,M10.5.0",
    "Australia/Sydney": "AEST-10AEDT,M10.1.0,M4.1.0/3",
}


@pytest.mark.promise("P9")
@given(st.datetimes(datetime(1582, 10, 15), datetime(9999, 12, 31, 23, 59, 59)))
def test_calendar_is_that_of_the_standard_library(when):
    when = when.replace(microsecond=0)
    time = (when.year, when.month, when.day, when.hour, when.minute, when.second)
    seconds = device_time.seconds_of(time)
    assert seconds == (when - datetime(1970, 1, 1)) // timedelta(seconds=1)
    assert device_time.time_of(seconds) == time
    assert device_time.weekday(*time[:3]) == when.isoweekday()
    assert device_time.parse(device_time.date_time(time)) == (time, "ok")


@pytest.mark.promise("P9")
@pytest.mark.parametrize("name", _RULES)
def test_local_time_is_that_of_the_zone_database(name):
    if name not in available_timezones():
        raise AssertionError("this host has no zone database")
    ours, theirs = zone.Zone(_RULES[name]), ZoneInfo(name)
    for utc_s in range(1735689600, 1735689600 + 3 * 366 * 86400, 1799):  # 2025 to 2027
        there = datetime.fromtimestamp(utc_s, theirs)
        assert ours.local(utc_s) == tuple(there.timetuple()[:6])
        assert utc_s in ours.candidates(ours.local(utc_s))


@pytest.mark.promise("P9")
@given(st.integers(1735689600, 1893456000))
def test_candidates_are_all_instants_and_no_other(local_s):
    time = device_time.time_of(local_s)
    there = datetime(*time, tzinfo=ZoneInfo("Europe/Copenhagen"))
    expected = set()
    for fold in (0, 1):
        utc = there.replace(fold=fold).astimezone(UTC)
        if utc.astimezone(there.tzinfo).replace(tzinfo=None) == there.replace(tzinfo=None):
            expected.add(int(utc.timestamp()))
    assert zone.Zone(_RULES["Europe/Copenhagen"]).candidates(time) == tuple(sorted(expected))
