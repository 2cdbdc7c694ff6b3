"""Adverts put together by hand from the Core Specification Supplement, part A."""

import drivers
from firmware.ble import advert

_NAME = b"\x13\x09A&D_UA-651BLE_B1C2"
_BLOOD_PRESSURE = b"\x03\x03\x10\x18"
_PAIRING = b"\x02\x01\x05"
_DATA = b"\x02\x01\x04"


def test_everything_is_found_in_both_parts():
    company = b"\x05\xff\x69\x00\xaa\xbb"
    nonin = b"\x11\x07\x1b\xc5\xd5\xa5\x02\x00\x5e\x8b\xe2\x11\x5f\x0d\xe0\x70\xa9\x46"
    got = advert.parse(_PAIRING + _BLOOD_PRESSURE + company, _NAME + nonin)
    assert got.flags == 5
    assert got.name == "A&D_UA-651BLE_B1C2"
    assert got.services == (0x1810, nonin[2:])
    assert got.manufacturer == (0x0069, b"\xaa\xbb")


def test_the_whole_name_wins_over_the_short_one():
    assert advert.parse(b"\x04\x08A&D", _NAME).name == "A&D_UA-651BLE_B1C2"
    assert advert.parse(_NAME, b"\x04\x08A&D").name == "A&D_UA-651BLE_B1C2"
    assert advert.parse(b"\x04\x08A&D").name == "A&D"


def test_malformed_structures_cost_only_what_comes_after_them():
    for octets in (
        b"",
        None,
        b"\x00" * 31,
        b"\xff",
        b"\x1f\x09short",
        b"\x02",
        b"\x01\x09",
        b"\x01\x01",
        b"\x02\x02\x10",  # half a uuid
        b"\x02\xff\x69",  # half a company
        b"\x03\x07\x10\x18",  # a 128-bit uuid of two octets
    ):
        assert advert.parse(octets) == ("", (), None, None), octets
        assert advert.parse(_PAIRING + (octets or b"")).flags == 5, octets
    assert advert.parse(b"\x00" + _PAIRING).flags is None  # after a length of 0 all is padding
    assert advert.parse(b"\x04\x03\x10\x18\x22").services == (0x1810,)  # an odd octet after a whole uuid
    assert advert.parse(b"\x04\x09\xff\xfe\xfd").name == "???"


def test_every_cut_of_an_advert_is_read():
    whole = _PAIRING + _BLOOD_PRESSURE + _NAME
    for length in range(len(whole) + 1):
        got = advert.parse(memoryview(whole)[:length])
        assert got.flags in (None, 5) and got.name in ("", "A&D_UA-651BLE_B1C2")
        assert got.services in ((), (0x1810,))


def test_a_cuff_tells_pairing_mode_from_waiting_data():
    cuff = drivers.row("ad_ua651ble")
    assert advert.wants(cuff, advert.parse(_PAIRING + _BLOOD_PRESSURE)) == "pairing"
    assert advert.wants(cuff, advert.parse(_DATA + _BLOOD_PRESSURE)) == "visit"
    assert advert.wants(cuff, advert.parse(b"\x02\x01\x06" + _BLOOD_PRESSURE)) == "visit"
    assert advert.wants(cuff, advert.parse(_NAME)) is None  # a scan response alone does not say


def test_a_listed_standard_device_is_visited_whatever_it_advertises():
    oximeter = drivers.row("pulse_oximeter")
    for octets in (b"", b"\x02\x01\x05", b"\x02\x01\x06", b"\xff\xff"):
        assert advert.wants(oximeter, advert.parse(octets)) == "visit"


def test_resemblance_is_by_name_or_else_by_service():
    cuff = advert.parse(_PAIRING + _BLOOD_PRESSURE, _NAME)
    assert advert.resembles(drivers.row("ad_ua651ble"), cuff)
    assert advert.resembles(drivers.row("blood_pressure"), cuff)
    assert not advert.resembles(drivers.row("ad_uc352ble"), cuff)
    assert not advert.resembles(drivers.row("pulse_oximeter"), cuff)


def test_a_company_s_own_bit_asks_for_pairing():
    row = drivers.row("omron_blood_pressure")  # company 0x020E; octet 1, bit 3, in formats that are known

    def wants(octets):
        return advert.wants(row, advert.parse(bytes((len(octets) + 3, 0xFF, 0x0E, 0x02)) + octets))

    assert wants(b"\x01\x08") == "pairing"
    assert wants(b"\x01\x40") == wants(b"\x01\x00") == "visit"
    assert wants(b"\x77\x08") == "visit"  # a format that nobody knows says nothing
    assert wants(b"\x01") == "visit"
    assert advert.wants(row, advert.parse(b"\x05\xff\x69\x00\x01\x08")) == "visit"  # another company's
    assert advert.wants(row, advert.parse(b"")) == "visit"
