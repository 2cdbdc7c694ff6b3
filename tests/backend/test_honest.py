"""What speaks against a value reaches the platform with it, from the device's own octets, through flash and seal."""

import pytest

from firmware.measurement.codes import NOT_A_VALUE
from tests.firmware.test_joined import HANDLES, Visited

HANDLES.update({0x2A35: 31, 0x2A9D: 32, 0x2A5E: 33, 0x2A1C: 34, 0x2A37: 35, 0x2AA7: 36, 0x2BDD: 37, 0x2B36: 38})
TIME = bytes.fromhex("ea070105080009")
STATUS = {"test": 0x0800, "demo": 0x0400, "calibration": 0x1000, "invalid": 0x8000, "unavailable": 0x2000}


def spot(status):
    return bytes.fromhex("0261004800") + status.to_bytes(2, "little")


def sensor(status):
    """FEV1 2.41 L of a generic health sensor, with a measurement status."""
    head = bytes.fromhex("03") + bytes.fromhex("010e0009000a540200") + status.to_bytes(2, "little")
    return head + bytes.fromhex("4006f10000fe")


# (row, characteristic, octets, flags, reason of the first quantity)
VALUES = [
    *[("pulse_oximeter", 0x2A5E, spot(bit), [flag], None) for flag, bit in STATUS.items()],
    ("pulse_oximeter", 0x2A5E, bytes.fromhex("1161004800") + TIME, ["clock_not_set"], None),
    ("pulse_oximeter", 0x2A5E, bytes.fromhex("00ff070008"), [], "NaN"),
    ("spirometer", 0x2B8B, sensor(0x10), ["test"], None),
    ("spirometer", 0x2B8B, sensor(0x08), ["calibration"], None),
    ("spirometer", 0x2B8B, sensor(0x01), ["invalid"], None),
    ("spirometer", 0x2B8B, sensor(0x04), ["unavailable"], None),
    ("weight_scale", 0x2A9D, bytes.fromhex("00ffff"), ["unsuccessful"], "unsuccessful"),
    ("beurer_bf720", 0x2A9D, bytes.fromhex("000000"), ["invalid"], "no_reading"),
    ("body_composition", 0x2A9C, bytes.fromhex("0000ffff"), ["unsuccessful"], "unsuccessful"),
    ("glucose_meter", 0x2A18, b"\x02\x01\x00" + TIME + bytes.fromhex("65b04a"), ["control_solution"], None),
    ("glucose_meter", 0x2A18, b"\x02\x01\x00" + TIME + bytes.fromhex("65b041"), ["control_solution"], None),
    ("glucose_meter", 0x2A18, b"\x08\x01\x00" + TIME + b"\x00\x08", ["clock_not_set"], "no_reading"),
    ("blood_pressure", 0x2A35, bytes.fromhex("00ff07ff07ff07"), [], "NaN"),
    ("thermometer", 0x2A1C, bytes.fromhex("0000008000"), [], "NRes"),
    ("heart_rate_strap", 0x2A37, bytes.fromhex("0400"), [], "no_reading"),
    ("cgm", 0x2AA7, bytes.fromhex("0600ff070500"), [], "NaN"),
]


@pytest.mark.promise("P8")
@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{value[0]}-{value[2].hex()}")
def test_each_word_against_a_value_is_told_by_the_platform(value):
    row, uuid, octets, flags, reason = value
    bench = Visited()
    bench.took(row, (uuid, octets))
    [(readings, undecoded)] = bench.judged()
    [reading] = readings
    assert [flag for flag in reading.content["flags"] if flag not in ("unencrypted",)] == flags
    assert reading.content["quantities"][0].get("reason") == reason
    assert reading.content["test"] == ("test" in flags)
    assert not undecoded


def test_every_such_word_is_tried():
    assert set(NOT_A_VALUE) <= {flag for value in VALUES for flag in value[3]}
