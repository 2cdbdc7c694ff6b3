"""Expected values: Gregorian calendar, GSS Date Time, POSIX TZ; the changes of 2026 by the zone database."""

from firmware.measurement import device_time
from firmware.measurement.zone import Zone

COPENHAGEN = "CET-1CEST,M3.5.0,M10.5.0/3"


def test_known_days():
    for date, days in (
        ((1970, 1, 1), 0),
        ((1969, 12, 31), -1),
        ((2000, 2, 29), 11016),
        ((2000, 3, 1), 11017),
        ((2026, 1, 5), 20458),
        ((1582, 10, 15), -141427),
        ((9999, 12, 31), 2932896),
    ):
        assert device_time.days_of(*date) == days, date
        assert device_time.date_of(days) == date, date


def test_known_weekdays():
    assert device_time.weekday(1970, 1, 1) == 4  # a Thursday
    assert device_time.weekday(2026, 1, 5) == 1
    assert device_time.weekday(2026, 10, 25) == 7


def test_days_count_on_through_eight_hundred_years():
    days = device_time.days_of(1582, 10, 15)
    for year in range(1583, 2400):
        for month in range(1, 13):
            last = device_time.days_in(year, month)
            first = device_time.days_of(year, month, 1)
            assert device_time.days_of(year, month, last) == first + last - 1
            assert device_time.date_of(first) == (year, month, 1)
            assert first > days
            days = first


def test_seconds_and_back():
    assert device_time.seconds_of((2026, 1, 5, 8, 0, 9)) == 1767600009
    assert device_time.time_of(1767600009) == (2026, 1, 5, 8, 0, 9)
    assert device_time.time_of(-1) == (1969, 12, 31, 23, 59, 59)


def test_date_time_states():
    for octets, expected in (
        (b"\xea\x07\x01\x05\x08\x00\x09", ((2026, 1, 5, 8, 0, 9), "ok")),
        (b"\xf8\x07\x02\x1d\x17\x3b\x3b", ((2040, 2, 29, 23, 59, 59), "ok")),
        (b"\x2e\x06\x01\x01\x00\x00\x00", ((1582, 1, 1, 0, 0, 0), "ok")),
        (b"\x00\x00\x01\x05\x08\x00\x09", (None, "unknown")),  # GSS: year 0 is not known
        (b"\xea\x07\x00\x05\x08\x00\x09", (None, "unknown")),
        (b"\xea\x07\x01\x00\x08\x00\x09", (None, "unknown")),
        (b"\x00\x00\x00\x00\x00\x00\x00", (None, "unknown")),
        (b"\x2d\x06\x01\x01\x00\x00\x00", (None, "invalid")),  # 1581
        (b"\x10\x27\x01\x01\x00\x00\x00", (None, "invalid")),  # 10000
        (b"\xea\x07\x0d\x05\x08\x00\x09", (None, "invalid")),
        (b"\xea\x07\x02\x1d\x08\x00\x09", (None, "invalid")),  # 29 February 2026
        (b"\xea\x07\x04\x1f\x08\x00\x09", (None, "invalid")),  # 31 April
        (b"\xea\x07\x01\x20\x08\x00\x09", (None, "invalid")),
        (b"\xea\x07\x01\x05\x18\x00\x09", (None, "invalid")),  # 24 h
        (b"\xea\x07\x01\x05\x08\x3c\x09", (None, "invalid")),
        (b"\xea\x07\x01\x05\x08\x00\x3c", (None, "invalid")),
    ):
        assert device_time.parse(octets) == expected, octets
        assert device_time.parse(b"\xaa\xaa" + octets, 2) == expected, octets


def test_clock_characteristics():
    assert device_time.of_clock(b"") == (None, "absent")
    assert device_time.of_clock(b"\xea\x07\x01") == (None, "invalid")
    assert device_time.of_clock(b"\x33" + bytes(10)) == (None, "invalid")  # 2BF2
    assert device_time.of_clock(b"\xea\x07\x01\x05\x08\x00\x09")[1] == "ok"
    assert device_time.of_clock(b"\xea\x07\x01\x05\x08\x00\x09\x01\x80\x00") == ((2026, 1, 5, 8, 0, 9), "ok")
    assert device_time.date_time((2026, 1, 5, 8, 0, 9)) == b"\xea\x07\x01\x05\x08\x00\x09"
    # 2026-10-25 is a Sunday: 7; no fractions; adjust reason bit 1, external reference
    assert device_time.current_time((2026, 10, 25, 8, 0, 9)) == b"\xea\x07\x0a\x19\x08\x00\x09\x07\x00\x02"


def test_copenhagen_through_2026():
    zone = Zone(COPENHAGEN)
    for utc_s, minutes in (
        (1767596400, 60),  # 5 January
        (1774745999, 60),  # 29 March 00:59:59 UTC
        (1774746000, 120),  # 29 March 01:00:00 UTC
        (1792889999, 120),  # 25 October 00:59:59 UTC
        (1792890000, 60),  # 25 October 01:00:00 UTC
    ):
        assert zone.offset_min(utc_s) == minutes, utc_s
    assert zone.local(1774746000) == (2026, 3, 29, 3, 0, 0)


def test_repeated_hour_keeps_both_and_skipped_hour_none():
    zone = Zone(COPENHAGEN)
    assert zone.candidates((2026, 10, 25, 2, 30, 0)) == (1792888200, 1792891800)
    assert zone.candidates((2026, 3, 29, 2, 30, 0)) == ()
    assert zone.candidates((2026, 1, 5, 8, 0, 9)) == (1767596409,)
    assert zone.candidates((2026, 7, 5, 8, 0, 0)) == (device_time.seconds_of((2026, 7, 5, 6, 0, 0)),)


def test_other_rules():
    assert Zone("UTC0").local(0) == (1970, 1, 1, 0, 0, 0)
    assert Zone("<-03>3").offset_min(0) == -180
    assert Zone("IST-5:30").offset_min(0) == 330
    sydney = Zone("AEST-10AEDT,M10.1.0,M4.1.0/3")  # the southern summer passes New Year
    assert sydney.offset_min(1767596400) == 660
    assert sydney.offset_min(1783000000) == 600
    nuuk = Zone("<-02>2<-01>,M3.5.0/-1,M10.5.0/0")  # changes on the evening before
    assert nuuk.offset_min(1774745999) == -120
    assert nuuk.offset_min(1774746000) == -60
    assert Zone("AAA0BBB0,M3.5.0,M10.5.0").candidates((2026, 7, 1, 0, 0, 0)) == (1782864000,)
    julian = Zone("AAA0BBB,J60,59")  # J60 is 1 March in every year; 59 is 1 March or 29 February
    assert julian.offset_min(device_time.seconds_of((2024, 3, 1, 1, 59, 59))) == 0
    assert julian.offset_min(device_time.seconds_of((2024, 3, 1, 2, 0, 0))) == 60


def test_no_rule():
    for rule in (
        "",
        "CET",
        "CE-1",
        "CET-1CEST",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,M13.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/3x",
        "CET-1CEST,J0,J300",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-168",
        "CET-1:60",
        "<>1",
        "<CET",
    ):
        try:
            Zone(rule)
        except ValueError:
            continue
        raise AssertionError(rule)
