"""Vectors worked by hand: fields as the GATT Specification Supplement (2A35, 2A9D) and the Pulse Oximeter
Service 1.0.1 (2A5E, 2A5F) lay them out, numbers as IEEE 11073-20601 writes them. None is another program's.
"""

import binascii

import drivers
from drivers.nonin import _OXIMETRY
from firmware.contracts import PeerError

_SYS, _DIA, _MEAN, _PULSE = 150021, 150022, 150023, 149546
_SPO2, _RATE, _PAI = 150456, 149530, 150448
_MASS, _BMI, _HEIGHT = 188736, 188752, 188740
_MMHG, _KPA, _BPM, _PERCENT, _KG, _LB, _M, _IN, _KGM2 = (
    266016, 265987, 264864, 262688, 263875, 263904, 263424, 263520, 264096,
)  # fmt: skip

_TIME = "ea07 01 05 08 00 09"  # 2026-01-05 08:00:09
_WHEN = (2026, 1, 5, 8, 0, 9)


def _unhex(text):
    return binascii.unhexlify(text.replace(" ", ""))


# (row, characteristic, hex, list of (kind, quantities, status raw, status, time, state, user, flags, extra))
VECTORS = (
    (
        "blood_pressure",
        0x2A35,
        "00 7800 5000 5d00",
        (
            ("blood_pressure", ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG)))
            + (None, (), None, "absent", None, (), 0),
        ),
    ),
    (
        "ad_ua651ble",
        0x2A35,
        "1e 8000 5000 6000 " + _TIME + " 4800 01 0500",
        (
            (
                "blood_pressure",
                ((_SYS, 128, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 96, 0, _MMHG), (_PULSE, 72, 0, _BPM)),
                5,
                ("body_movement", "irregular_pulse"),
                _WHEN,
                "ok",
                1,
                (),
                0,
            ),
        ),
    ),
    (
        "blood_pressure",
        0x2A35,
        "15 a0f0 6bf0 7df0 d2f2 2200",  # kPa; pulse 72.2; cuff loose, improper position
        (
            (
                "blood_pressure",
                (
                    (_SYS, 160, -1, _KPA),
                    (_DIA, 107, -1, _KPA),
                    (_MEAN, 125, -1, _KPA),
                    (_PULSE, 722, -1, _BPM),
                ),
                0x22,
                ("cuff_loose", "improper_position"),
                None,
                "absent",
                None,
                (),
                0,
            ),
        ),
    ),
    (
        "blood_pressure",
        0x2A35,
        "08 ff07 0008 fe07 ff",  # no numbers at all; user unknown
        (
            ("blood_pressure", ((_SYS, "NaN"), (_DIA, "NRes"), (_MEAN, "+INF")))
            + (None, (), None, "absent", 255, (), 0),
        ),
    ),
    (
        "blood_pressure",
        0x2A35,
        "02 7800 5000 ff07 00000000000000",  # mean NaN (Omron), clock never set
        (
            ("blood_pressure", ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, "NaN")))
            + (None, (), None, "unknown", None, (), 0),
        ),
    ),
    (
        "blood_pressure",
        0x2A35,
        "00 7800 5000 5d00 aabb",  # two octets that no flag announces
        (
            ("blood_pressure", ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG)))
            + (None, (), None, "absent", None, (), 2),
        ),
    ),
    (
        "blood_pressure",
        0x2A35,
        "20 7800 5000 5d00",  # a reserved flag, and a length that fits without it
        (
            ("blood_pressure", ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG)))
            + (None, (), None, "absent", None, ("reserved_bits",), 0),
        ),
    ),
    (
        "ad_uc352ble",
        0x2A9D,
        "02 803e " + _TIME,  # 16000 * 0.005 kg
        (("body_weight", ((_MASS, 80000, -3, _KG),), None, (), _WHEN, "ok", None, (), 0),),
    ),
    (
        "weight_scale",
        0x2A9D,
        "0e 783e " + _TIME + " 02 f700 0807",  # 79.960 kg; user 2; BMI 24.7; 1.800 m
        (
            ("body_weight", ((_MASS, 79960, -3, _KG), (_BMI, 247, -1, _KGM2), (_HEIGHT, 1800, -3, _M)))
            + (None, (), _WHEN, "ok", 2, (), 0),
        ),
    ),
    (
        "weight_scale",
        0x2A9D,
        "09 e544 f700 c402",  # 176.37 lb; BMI 24.7; 70.8 in
        (
            ("body_weight", ((_MASS, 17637, -2, _LB), (_BMI, 247, -1, _KGM2), (_HEIGHT, 708, -1, _IN)))
            + (None, (), None, "absent", None, (), 0),
        ),
    ),
    (
        "weight_scale",
        0x2A9D,
        "00 ffff",  # the measurement did not succeed
        (("body_weight", ((_MASS, "unsuccessful"),), None, (), None, "absent", None, ("unsuccessful",), 0),),
    ),
    (
        "pulse_oximeter",
        0x2A5E,
        "00 6100 4800",
        (
            ("pulse_oximetry", ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM)))
            + (None, (), None, "absent", None, (), 0),
        ),
    ),
    (
        "nonin_3230",
        0x2A5E,
        # status: 7 validated, 9 from storage; sensor: 5 low perfusion, 15 disconnected; amplitude 1.25 %
        "0f d4f3 d0f2 " + _TIME + " 8002 208000 7de0",
        (
            (
                "pulse_oximetry",
                ((_SPO2, 980, -1, _PERCENT), (_RATE, 720, -1, _BPM), (_PAI, 125, -2, _PERCENT)),
                0x8020 << 16 | 0x0280,
                ("validated", "from_storage", "low_perfusion", "sensor_disconnected"),
                _WHEN,
                "ok",
                None,
                ("from_storage",),
                0,
            ),
        ),
    ),
    (
        "pulse_oximeter",
        0x2A5E,
        "11 6100 4800 " + _TIME,  # the device says that its clock was never set
        (
            ("pulse_oximetry", ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM)))
            + (None, (), _WHEN, "unknown", None, ("clock_not_set",), 0),
        ),
    ),
    (
        "pulse_oximeter",
        0x2A5E,
        "02 ff07 0008 00bc",  # demo, testing, calibrating, unavailable, invalid: 0xBC00
        (
            (
                "pulse_oximetry",
                ((_SPO2, "NaN"), (_RATE, "NRes")),
                0xBC00,
                ("demo", "testing", "calibration_ongoing", "unavailable", "invalid"),
                None,
                "absent",
                None,
                ("test", "demo", "calibration", "invalid", "unavailable"),
                0,
            ),
        ),
    ),
    (
        "pulse_oximeter_continuous",
        0x2A5F,
        "1f 6100 4800 6200 4900 6000 4700 2000 010000 1400",
        (
            (
                "pulse_oximetry_continuous",
                ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM), (_PAI, 20, 0, _PERCENT)),
            )
            + (0x10020, ("measurement_ongoing", "extended_display_update"), None, "absent", None, (), 0),
            ("pulse_oximetry_fast", ((_SPO2, 98, 0, _PERCENT), (_RATE, 73, 0, _BPM)))
            + (0x10020, ("measurement_ongoing", "extended_display_update"), None, "absent", None, (), 0),
            ("pulse_oximetry_slow", ((_SPO2, 96, 0, _PERCENT), (_RATE, 71, 0, _BPM)))
            + (0x10020, ("measurement_ongoing", "extended_display_update"), None, "absent", None, (), 0),
        ),
    ),
    (
        "pulse_oximeter_continuous",
        0x2A5F,
        "02 6100 4800 6000 4700",
        (
            ("pulse_oximetry_continuous", ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM)))
            + (None, (), None, "absent", None, (), 0),
            ("pulse_oximetry_slow", ((_SPO2, 96, 0, _PERCENT), (_RATE, 71, 0, _BPM)))
            + (None, (), None, "absent", None, (), 0),
        ),
    ),
    (
        "nonin_3230_continuous",
        _OXIMETRY,
        "0a 14 1e 0145 0102 61 0048",  # big-endian; SmartPoint, finger in place; 3.25 %
        (
            (
                "pulse_oximetry_continuous",
                ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM), (_PAI, 325, -2, _PERCENT)),
                0x14,
                ("smart_point", "finger_in_place"),
                None,
                "absent",
                None,
                (),
                0,
            ),
        ),
    ),
    (
        "nonin_3230_continuous",
        _OXIMETRY,
        "0a 08 1e 0000 0001 7f 01ff",
        (
            (
                "pulse_oximetry_continuous",
                ((_SPO2, "no_reading"), (_RATE, "no_reading"), (_PAI, 0, -2, _PERCENT)),
                8,
                ("searching",),
                None,
                "absent",
                None,
                (),
                0,
            ),
        ),
    ),
)


class Watched:
    """A value that tells when it is read past its end, from its end, or in slices."""

    def __init__(self, octets):
        self._octets = octets

    def __len__(self):
        return len(self._octets)

    def __getitem__(self, at):
        assert isinstance(at, int) and 0 <= at < len(self._octets), at
        return self._octets[at]


def refusal(row, uuid, octets):
    """Return the reason for which octets are refused, or None."""
    try:
        drivers.decode(row, uuid, octets)
    except PeerError as error:
        return error.args[0]
    return None


def test_each_vector_is_read_as_its_specification_says():
    for row, uuid, text, expected in VECTORS:
        octets = _unhex(text)
        for value in (octets, bytearray(octets), memoryview(octets), Watched(octets)):
            got = tuple([measurement.facts() for measurement in drivers.decode(row, uuid, value)])
            assert got == expected, (row, text, got)


def test_every_prefix_is_refused_or_lawful():
    for row, uuid, text, expected in VECTORS:
        octets = _unhex(text)
        extra = expected[0][-1]
        for length in range(len(octets)):
            reason = refusal(row, uuid, Watched(octets[:length]))
            if length >= len(octets) - extra:
                assert reason is None
            else:
                assert reason == "short", (row, text, length, reason)


def test_every_flag_octet_and_length_is_decoded_or_refused():
    body = bytes(range(3, 28))
    for row, uuid in (
        ("blood_pressure", 0x2A35),
        ("weight_scale", 0x2A9D),
        ("pulse_oximeter", 0x2A5E),
        ("pulse_oximeter_continuous", 0x2A5F),
        ("nonin_3230_continuous", _OXIMETRY),
    ):
        for flags in range(256):
            for length in range(22):
                reason = refusal(row, uuid, Watched((bytes((flags,)) + body)[:length]))
                assert reason in (None, "short", "length", "reserved")


def test_reserved_flags_with_octets_that_nothing_announces_are_not_guessed_at():
    # As Beurer's BM85 sends: bit 6 set, and an octet more than the known flags explain
    assert refusal("blood_pressure", 0x2A35, _unhex("40 7800 5000 5d00 01")) == "reserved"
    assert refusal("weight_scale", 0x2A9D, _unhex("10 803e 01")) == "reserved"
    assert refusal("pulse_oximeter", 0x2A5E, _unhex("20 6100 4800 01")) == "reserved"


def test_pulse_range_is_one_number_of_two_bits():
    for raw, names in (
        ("00", ()),
        ("08", ("pulse_above_range",)),
        ("10", ("pulse_below_range",)),
        ("18", ("pulse_range_rfu",)),
        ("3f", ("body_movement", "cuff_loose", "irregular_pulse", "pulse_range_rfu", "improper_position")),
    ):
        octets = _unhex("10 7800 5000 5d00 " + raw + " c0")  # and reserved bits 14 and 15
        measurement = drivers.decode("blood_pressure", 0x2A35, octets)[0]
        assert measurement.status == names
        assert measurement.status_raw == int(raw, 16) | 0xC000


def test_a_nonin_frame_whose_length_octet_lies_is_refused():
    assert refusal("nonin_3230", _OXIMETRY, _unhex("0b 14 1e 0145 0102 61 0048")) == "length"
    assert refusal("nonin_3230", _OXIMETRY, _unhex("0a 14 1e 0145 0102 61 0048 00")) == "length"
    measurements = drivers.decode("nonin_3230", _OXIMETRY, _unhex("0b 14 1e 0145 0102 61 0048 00"))
    assert measurements[0].extra == 1


def test_what_carries_no_measurement_is_understood_and_the_rest_refused():
    for uuid in (0x2A36, 0x2A49, 0x2A08, b"\x36\x2a"):
        assert drivers.decode("ad_ua651ble", uuid, b"\x00") == []
    for uuid in (0x2A52, 0x2A60, 0x2A2B):
        assert drivers.decode("nonin_3230", uuid, b"\x06\x00\x01\x06") == []
    assert refusal("ad_ua651ble", 0x2A9D, b"\x00\x80\x3e") == "unsupported"
    assert refusal("ad_ua651ble", _OXIMETRY, b"") == "unsupported"
    assert len(drivers.decode("ad_ua651ble", b"\x35\x2a", _unhex("00 7800 5000 5d00"))) == 1
