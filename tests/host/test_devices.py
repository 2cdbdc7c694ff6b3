"""`telehub devices`: what is supported, what a technician must know, and what is told as not supported."""

import json
from pathlib import Path

import pytest

import drivers
from tools.cli import run
from tools.technician import devices

ROOT = Path(__file__).parents[2]


def _name(text):
    """An advert with flags and a complete local name (Core Specification Supplement, part A)."""
    octets = text.encode()
    return (b"\x02\x01\x06" + bytes((len(octets) + 1, 0x09)) + octets).hex()


def _lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_row_is_listed_and_nothing_is_claimed_of_real_devices(capsys):
    assert run(["devices", "--json"]) == 0
    *lines, summary = _lines(capsys)
    assert [line["row"] for line in lines if line["supported"]] == list(drivers.ROWS)
    assert all(line["hardware"] == "not tried" and line["evidence"] for line in lines if line["supported"])
    assert summary["supported"] == len(drivers.ROWS) and summary["hardware"] == "not tried"


def test_the_readme_has_this_table():
    readme = (ROOT / "README.md").read_text()
    assert devices.table() in readme


def test_what_a_technician_must_know_of_a_device_is_told():
    told = {entry["row"]: entry["note"] for entry in devices.entries()}
    for row in ("omron_blood_pressure", "beurer_bm57", "sanitas_sbm"):
        assert "maker's app" in told[row]
    assert "users" in told["beurer_bf720"] and "six digits" in told["accu_chek_guide"]
    assert set(devices.NOTES) <= {*drivers.ROWS, *drivers.ROWS.values()}


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("A&D_UA-651BLE_A1B2C3", "ad_ua651ble"),
        ("BLEsmart_0001", "omron_blood_pressure"),
        ("BF720", "beurer_bf720"),
        ("Nonin3230_501234567", "nonin_3230"),
        ("Contour7890", "contour_next"),
    ],
)
def test_an_advert_is_recognised(name, row, capsys):
    assert run(["devices", "--advert", _name(name), "--json"]) == 0
    assert row in _lines(capsys)[-1]["rows"]


@pytest.mark.parametrize("name", ["SO-004-A012345", "Vitalograph 4000", "OneTouch 1234", "A&D_UA-767PBT_1"])
def test_a_closed_protocol_is_recognised_and_told_as_not_supported(name, capsys):
    assert run(["devices", "--advert", _name(name), "--json"]) == 1
    summary = _lines(capsys)[-1]
    assert summary["rows"] == [] and summary["reason"]


def test_an_advert_of_nobody_s_is_told(capsys):
    assert run(["devices", "--advert", _name("Kettle"), "--json"]) == 1
    assert _lines(capsys)[-1]["reason"] == ""
    assert run(["devices", "--advert", "zz"]) == 2
