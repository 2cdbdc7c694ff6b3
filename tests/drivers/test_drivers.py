"""The decoders against an encoder of their own, written from the field tables with struct alone."""

import ast
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drivers
from drivers.nonin import _OXIMETRY
from firmware.contracts import PeerError
from firmware.measurement import codes
from firmware.measurement.measurement import decimal_text

_SPECIALS = {"NaN": 0x07FF, "NRes": 0x0800, "+INF": 0x07FE, "-INF": 0x0802, "RFU": 0x0801}

_number = st.tuples(st.integers(-2048, 2047), st.integers(-8, 7)).filter(
    lambda number: number[1] != 0 or -2046 < number[0] < 2046
)
_sfloat = _number | st.sampled_from(sorted(_SPECIALS))
_time = st.datetimes().filter(lambda when: when.year >= 1582).map(lambda when: tuple(when.timetuple()[:6]))


def _maybe(strategy):
    return st.none() | strategy


def _pack(number):
    if isinstance(number, str):
        return struct.pack("<H", _SPECIALS[number])
    mantissa, exponent = number
    return struct.pack("<H", (exponent & 0xF) << 12 | mantissa & 0xFFF)


def _pack_time(time):
    return struct.pack("<HBBBBB", *time)


def _quantity(code, number, unit):
    return (code, number) if isinstance(number, str) else (code, *number, unit)


def _one(row, uuid, octets):
    (measurement,) = drivers.decode(row, uuid, octets)
    return measurement


@pytest.mark.promise("P3")
@pytest.mark.promise("P7")
@pytest.mark.promise("P9")
@given(
    kpa=st.booleans(),
    three=st.tuples(_sfloat, _sfloat, _sfloat),
    time=_maybe(_time),
    pulse=_maybe(_sfloat),
    user=_maybe(st.integers(0, 255)),
    status=_maybe(st.integers(0, 0xFFFF)),
    extra=st.binary(max_size=4),
)
def test_blood_pressure_comes_back_as_it_was_written(kpa, three, time, pulse, user, status, extra):
    octets = bytes(
        [
            kpa
            | (time is not None) << 1
            | (pulse is not None) << 2
            | (user is not None) << 3
            | (status is not None) << 4
        ]
    )
    octets += b"".join(map(_pack, three))
    octets += b"" if time is None else _pack_time(time)
    octets += b"" if pulse is None else _pack(pulse)
    octets += b"" if user is None else bytes([user])
    octets += b"" if status is None else struct.pack("<H", status)
    got = _one("blood_pressure", 0x2A35, octets + extra)
    unit = codes.KPA if kpa else codes.MMHG
    expected = [
        _quantity(code, number, unit)
        for code, number in zip((codes.PRESS_SYS, codes.PRESS_DIA, codes.PRESS_MEAN), three, strict=True)
    ]
    if pulse is not None:
        expected.append(_quantity(codes.PULSE_CUFF, pulse, codes.BPM))
    assert got.quantities == tuple(expected)
    assert (got.device_time, got.device_time_state) == (time, "absent" if time is None else "ok")
    assert (got.user, got.status_raw, got.extra, got.flags) == (user, status, len(extra), ())


@pytest.mark.promise("P7")
@given(
    imperial=st.booleans(),
    raw=st.integers(0, 0xFFFF),
    time=_maybe(_time),
    user=_maybe(st.integers(0, 255)),
    body=_maybe(st.tuples(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))),
)
def test_weight_comes_back_as_it_was_written(imperial, raw, time, user, body):
    octets = bytes([imperial | (time is not None) << 1 | (user is not None) << 2 | (body is not None) << 3])
    octets += struct.pack("<H", raw)
    octets += b"" if time is None else _pack_time(time)
    octets += b"" if user is None else bytes([user])
    octets += b"" if body is None else struct.pack("<HH", *body)
    got = _one("weight_scale", 0x2A9D, octets)
    if raw == 0xFFFF:
        assert got.quantities[0] == (codes.BODY_MASS, "unsuccessful")
        assert not got.counts()
    else:
        text = decimal_text(*got.quantities[0][1:3])
        # by thousandths, in integers
        assert int(text.replace(".", "")) == (raw if imperial else raw * 5)
        assert len(text.split(".")[1]) == (2 if imperial else 3)
    if body is not None:
        height = (
            (codes.BODY_HEIGHT, body[1], -1, codes.INCH)
            if imperial
            else (codes.BODY_HEIGHT, body[1], -3, codes.METRE)
        )
        assert got.quantities[1:] == ((codes.BMI, body[0], -1, codes.KG_PER_M2), height)
    assert (got.device_time, got.user, got.extra) == (time, user, 0)


@pytest.mark.promise("P8")
@given(
    pair=st.tuples(_sfloat, _sfloat),
    time=_maybe(_time),
    status=_maybe(st.integers(0, 0xFFFF)),
    sensor=_maybe(st.integers(0, 0xFFFFFF)),
    amplitude=_maybe(_sfloat),
    unset=st.booleans(),
)
def test_spot_check_carries_what_speaks_against_it(pair, time, status, sensor, amplitude, unset):
    octets = bytes(
        [
            (time is not None)
            | (status is not None) << 1
            | (sensor is not None) << 2
            | (amplitude is not None) << 3
            | unset << 4
        ]
    )
    octets += b"".join(map(_pack, pair))
    octets += b"" if time is None else _pack_time(time)
    octets += b"" if status is None else struct.pack("<H", status)
    octets += b"" if sensor is None else struct.pack("<I", sensor)[:3]
    octets += b"" if amplitude is None else _pack(amplitude)
    got = _one("pulse_oximeter", 0x2A5E, octets)
    expected = [
        _quantity(codes.SPO2, pair[0], codes.PERCENT),
        _quantity(codes.PULSE_OXIMETER, pair[1], codes.BPM),
    ]
    if amplitude is not None:
        expected.append(_quantity(codes.PULSE_AMPLITUDE, amplitude, codes.PERCENT))
    assert got.quantities == tuple(expected)
    assert got.device_time == time
    assert got.device_time_state == ("absent" if time is None else "unknown" if unset else "ok")
    raw = None if status is None and sensor is None else (sensor or 0) << 16 | (status or 0)
    assert got.status_raw == raw
    bits = status or 0
    for bit, flag in ((10, "demo"), (11, "test"), (12, "calibration"), (13, "unavailable"), (15, "invalid")):
        assert (flag in got.flags) == bool(bits >> bit & 1)
        assert not (got.counts() and bits >> bit & 1)
    assert ("clock_not_set" in got.flags) == unset


@pytest.mark.promise("P8")
@given(
    pairs=st.tuples(
        st.tuples(_sfloat, _sfloat), _maybe(st.tuples(_sfloat, _sfloat)), _maybe(st.tuples(_sfloat, _sfloat))
    ),
    status=_maybe(st.integers(0, 0xFFFF)),
    sensor=_maybe(st.integers(0, 0xFFFFFF)),
    amplitude=_maybe(_sfloat),
)
def test_continuous_values_are_one_measurement_for_each_averaging(pairs, status, sensor, amplitude):
    normal, fast, slow = pairs
    octets = bytes(
        [
            (fast is not None)
            | (slow is not None) << 1
            | (status is not None) << 2
            | (sensor is not None) << 3
            | (amplitude is not None) << 4
        ]
    )
    octets += b"".join(_pack(number) for pair in pairs if pair is not None for number in pair)
    octets += b"" if status is None else struct.pack("<H", status)
    octets += b"" if sensor is None else struct.pack("<I", sensor)[:3]
    octets += b"" if amplitude is None else _pack(amplitude)
    got = drivers.decode("pulse_oximeter_continuous", 0x2A5F, octets)
    kinds = ["pulse_oximetry_continuous", "pulse_oximetry_fast", "pulse_oximetry_slow"]
    there = [(kind, pair) for kind, pair in zip(kinds, (normal, fast, slow), strict=True) if pair is not None]
    assert [measurement.kind for measurement in got] == [kind for kind, _ in there]
    for measurement, (_, pair) in zip(got, there, strict=True):
        assert measurement.quantities[0] == _quantity(codes.SPO2, pair[0], codes.PERCENT)
        assert measurement.quantities[1] == _quantity(codes.PULSE_OXIMETER, pair[1], codes.BPM)
        assert measurement.counts() or pair[0] in _SPECIALS or pair[1] in _SPECIALS or (status or 0) & 0xBC00


@pytest.mark.promise("P3")
@pytest.mark.promise("P11")
@settings(max_examples=400)
@given(
    where=st.sampled_from(
        [
            ("blood_pressure", 0x2A35),
            ("weight_scale", 0x2A9D),
            ("pulse_oximeter", 0x2A5E),
            ("pulse_oximeter", 0x2A5F),
            ("nonin_3230", _OXIMETRY),
            ("nonin_3230", 0x2A52),
        ]
    ),
    octets=st.binary(max_size=40),
)
def test_any_octets_are_decoded_or_refused_and_always_alike(where, octets):
    row, uuid = where
    try:
        first = drivers.decode(row, uuid, octets)
    except PeerError as error:
        assert error.args[0] in ("short", "length", "reserved")
        return
    again = drivers.decode(row, uuid, octets)
    assert [one.facts() for one in first] == [one.facts() for one in again]
    for measurement in first:
        kind = codes.KINDS[measurement.kind][1]
        order = [code for code, _ in kind]
        places = [order.index(quantity[0]) for quantity in measurement.quantities]
        assert places == sorted(set(places))
        for quantity in measurement.quantities:
            assert (
                all(type(part) is int for part in quantity)
                if len(quantity) == 4
                else quantity[1] in codes.REASONS
            )
        assert set(measurement.flags) <= set(codes.FLAGS)


@pytest.mark.promise("P7")
def test_no_float_can_arise_on_the_road_of_a_number():
    root = Path(drivers.__file__).parents[1]
    files = [*root.glob("drivers/*.py"), *root.glob("firmware/measurement/*.py")]
    assert len(files) > 8
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            assert not isinstance(node, ast.Div), file
            assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), (file, node.lineno)
            assert not (isinstance(node, ast.Name) and node.id in ("float", "round")), (file, node.lineno)


def test_a_driver_is_loaded_when_its_row_is_asked_for_and_not_before():
    code = """
import sys
sys.path[:0] = [".", "tools/host/cpython"]
import drivers, firmware.ble.visit, firmware.ble.advert
print(sorted(name for name in sys.modules if name[8:] in drivers.ROWS.values()))
drivers.row("ad_ua651ble")
print(sorted(name for name in sys.modules if name[8:] in drivers.ROWS.values()))
"""
    root = Path(drivers.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "['drivers.blood_pressure']"]
