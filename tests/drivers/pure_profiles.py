"""Vectors of the further profiles, worked by hand from the GATT Specification Supplement's field tables and IEEE
11073-20601's numbers. Where a frame was recorded from a device, or is another implementation's, its source stands by
it.
"""

import binascii

import drivers
from drivers.oximeters import _BERRY, _JUMPER
from firmware.contracts import PeerError

_MMHG, _KPA, _BPM, _PERCENT, _KG, _LB, _M, _IN, _C, _F = (
    266016, 265987, 264864, 262688, 263875, 263904, 263424, 263520, 268192, 266560,
)  # fmt: skip
_MGDL, _MMOL, _KJ, _OHM, _CODED, _LITRE, _SECOND = 264274, 266866, 266115, 266432, 0, 263744, 264320
_SYS, _DIA, _MEAN, _PULSE = 150021, 150022, 150023, 149546
_SPO2, _RATE, _PAI = 150456, 149530, 150448
_FAT, _FFM, _SLM, _WATER, _METABOLISM, _MUSCLE, _MUSCLE_MASS, _IMPEDANCE, _MASS, _HEIGHT = (
    188748, 188756, 188760, 188764, 188768, 188772, 188776, 188780, 188736, 188740,
)  # fmt: skip
_TIME = "ea07 01 05 08 00 09"  # 2026-01-05 08:00:09
_WHEN = (2026, 1, 5, 8, 0, 9)


def _unhex(text):
    return binascii.unhexlify(text.replace(" ", ""))


def facts(kind, quantities, raw=None, status=(), time=None, state="absent", user=None, flags=(), extra=0):
    """A measurement as `facts()` tells it."""
    return kind, quantities, raw, status, time, state, user, flags, extra


# (row, characteristic, hex, measurements)
VECTORS = (
    # -- body composition: fat 23.4 % alone; a full value of 30 octets in SI; one in pounds and inches; a failure
    ("body_composition", 0x2A9C, "0000 ea00", (facts("body_composition", ((_FAT, 234, -1, _PERCENT),)),)),
    (
        "body_composition",
        0x2A9C,
        # 1650 kJ, muscle 41.5 %, muscle 32.5 kg, fat-free 60 kg, lean 57.5 kg, water 44 kg, 512.3 ohm, 80 kg, 1.80 m
        "fe0f ea00 " + _TIME + " 02 7206 9f01 6419 e02e ec2c 6022 0314 803e 0807",
        (
            facts(
                "body_composition",
                (
                    (_FAT, 234, -1, _PERCENT),
                    (_METABOLISM, 1650, 0, _KJ),
                    (_MUSCLE, 415, -1, _PERCENT),
                    (_MUSCLE_MASS, 32500, -3, _KG),
                    (_FFM, 60000, -3, _KG),
                    (_SLM, 57500, -3, _KG),
                    (_WATER, 44000, -3, _KG),
                    (_IMPEDANCE, 5123, -1, _OHM),
                    (_MASS, 80000, -3, _KG),
                    (_HEIGHT, 1800, -3, _M),
                ),
                time=_WHEN,
                state="ok",
                user=2,
            ),
        ),
    ),
    (
        "beurer_bf720",
        0x2A9C,
        "010c ea00 e544 c402",
        (facts("body_composition", ((_FAT, 234, -1, _PERCENT), (_MASS, 17637, -2, _LB), (_HEIGHT, 708, -1, _IN))),),
    ),
    (
        "body_composition",
        0x2A9C,
        "0000 ffff",
        (facts("body_composition", ((_FAT, "unsuccessful"),), flags=("unsuccessful",)),),
    ),
    (
        "body_composition",
        0x2A9C,
        "0014 ea00 803e",  # the first of two packets, alone
        (facts("body_composition", ((_FAT, 234, -1, _PERCENT), (_MASS, 80000, -3, _KG)), flags=("incomplete",)),),
    ),
    # -- Beurer's stubs: zero weight and zero fat are nobody's
    ("beurer_bf720", 0x2A9D, "00 0000", (facts("body_weight", ((_MASS, "no_reading"),), flags=("invalid",)),)),
    ("beurer_bf105", 0x2A9C, "0000 0000", (facts("body_composition", ((_FAT, "no_reading"),), flags=("invalid",)),)),
    ("beurer_bf720", 0x2A9D, "00 803e", (facts("body_weight", ((_MASS, 80000, -3, _KG),)),)),
    # -- thermometer: 36.4 C in two precisions, ear; 98.6 F; no number; no type
    (
        "thermometer",
        0x2A1C,
        "06 6c0100ff " + _TIME + " 03",
        (facts("body_temperature", ((188428, 364, -1, _C),), time=_WHEN, state="ok"),),
    ),
    ("ad_ut201ble", 0x2A1C, "04 380e00fe 06", (facts("body_temperature", ((188424, 3640, -2, _C),)),)),
    ("thermometer", 0x2A1C, "01 da0300ff", (facts("body_temperature", ((150364, 986, -1, _F),)),)),
    ("thermometer", 0x2A1C, "04 ffff7f00 63", (facts("body_temperature", ((150364, "NaN"),)),)),
    # -- heart rate: 72, contact; 300 in 16 bits, energy 10 kJ, off the skin; RR; saturated energy
    ("heart_rate_strap", 0x2A37, "06 48", (facts("heart_rate", ((147842, 72, 0, _BPM),), 3, ("detected",)),)),
    (
        "heart_rate_strap",
        0x2A37,
        "0d 2c01 0a00",
        (facts("heart_rate", ((147842, 300, 0, _BPM), (8454263, 10, 0, _KJ)), 2, ("not_detected",)),),
    ),
    ("heart_rate_strap", 0x2A37, "10 3c 0004 f803", (facts("heart_rate", ((147842, 60, 0, _BPM),)),)),
    (
        "heart_rate_strap",
        0x2A37,
        "0c 00 ffff",
        (facts("heart_rate", ((147842, "no_reading"), (8454263, "overrun")), 2, ("not_detected",)),),
    ),
    # -- glucose: 5.6 mmol/L = 0.0056 mol/L = 56e-4; capillary plasma from a finger; ten minutes past the base time
    (
        "glucose_meter",
        0x2A18,
        "07 2a00 " + _TIME + " 0a00 38c0 12",
        (
            facts(
                "blood_glucose",
                ((160188, 56, -1, _MMOL), (8417844, 8417848, 0, _CODED)),
                time=(2026, 1, 5, 8, 10, 9),
                state="ok",
            ),
        ),
    ),
    # 101 mg/dL = 0.00101 kg/L = 101e-5; whole blood, alternate site; minus one day and a minute; strip and battery
    (
        "contour_next",
        0x2A18,
        "0b 2b00 " + _TIME + " 5ffa 65b0 21 0900",
        (
            facts(
                "blood_glucose",
                ((160184, 101, 0, _MGDL), (8417844, 8417852, 0, _CODED)),
                9,
                ("battery_low", "strip_insertion_error"),
                (2026, 1, 4, 7, 59, 9),
                "ok",
            ),
        ),
    ),
    # control solution; too high; the clock failed: never this patient's, and its time is not known
    (
        "accu_chek_guide",
        0x2A18,
        "0a 2c00 " + _TIME + " fe07 4a 2008",
        (
            facts(
                "blood_glucose",
                ((160208, "+INF"), (8417844, 8417860, 0, _CODED)),
                0x0820,
                ("result_too_high", "time_fault"),
                _WHEN,
                "unknown",
                None,
                ("control_solution", "clock_not_set"),
            ),
        ),
    ),
    (
        "glucose_meter",
        0x2A18,
        "10 2d00 0000000000000000"[:-2],  # neither number nor time, and a context that did not come
        (facts("blood_glucose", ((160020, "no_reading"),), state="unknown", flags=("incomplete",)),),
    ),
    # -- context: lunch 0.060 kg, before a meal, self, stress; half an hour at 70 %; rapid insulin 6e-6 L; HbA1c 6.5 %
    (
        "glucose_meter",
        0x2A34,
        "ff 2a00 00 02 3cd0 01 41 0807 46 01 06a0 41f0",
        (
            facts(
                "glucose_context",
                (
                    (8417772, 60, -3, _KG),
                    (8417864, 8417868, 0, _CODED),
                    (8417884, 8417888, 0, _CODED),
                    (8417820, 8417836, 0, _CODED),
                    (8417760, 1800, 0, _SECOND),
                    (8417760, 70, 0, _PERCENT),
                    (8417800, 6, -6, _LITRE),
                    (160220, 65, -1, _PERCENT),
                ),
            ),
        ),
    ),
    (
        "glucose_meter",
        0x2A34,
        "0e 2a00 0f ff ffff 00",  # meal not known here, nobody named, an exercise too long to count
        (facts("glucose_context", ((8417760, "overrun"), (8417760, 0, 0, _PERCENT))),),
    ),
    # -- CGM: 101 mg/dL, status octets; a second record with trend; the CRC of six octets below
    (
        "cgm",
        0x2AA7,
        "09 e0 6500 0500 02 08 80" + "08 01 6600 0a00 0af0",
        (
            facts(
                "glucose_continuous",
                ((160020, 101, 0, _MGDL),),
                0x800802,
                ("battery_low", "calibration_required", "result_too_high"),
            ),
            facts("glucose_continuous", ((160020, 102, 0, _MGDL), (8418008, 10, -1, 266868))),
        ),
    ),
    # -- enhanced blood pressure: 1 000 000 s after 2000 is 2000-01-12 13:46:40; shown one hour later
    (
        "blood_pressure_enhanced",
        0x2B34,
        "7e 7800 5000 5d00 40420f00 4800 01 0400 50500f00",
        (
            facts(
                "blood_pressure",
                ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG), (_PULSE, 72, 0, _BPM)),
                4,
                ("irregular_pulse",),
                (2000, 1, 12, 14, 46, 40),
                "ok",
                1,
            ),
        ),
    ),
    # a record in one segment: number 7, a 2A35 of 120/80
    (
        "blood_pressure_enhanced",
        0x2B36,
        "03 0700 352a 00 7800 5000 5d00",
        (facts("blood_pressure", ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG))),),
    ),
    # -- Beurer BM85: recorded by its owner (derdilla/blood-pressure-monitor-fl, pull requests 735 and 737)
    (
        "beurer_bm85",
        0x2A35,
        "56 6a00 4700 0000 ea07 08 0b 12 1f 00 003f 00 0000",
        (
            facts(
                "blood_pressure",
                ((_SYS, 106, 0, _MMHG), (_DIA, 71, 0, _MMHG), (_MEAN, 0, 0, _MMHG), (_PULSE, 63, 0, _BPM)),
                0,
                (),
                (2026, 8, 11, 18, 31, 0),
                "ok",
                0,
            ),
        ),
    ),
    (
        "beurer_bm85",
        0x2A35,
        "56 7600 5000 0000 ea07 08 0b 14 1b 00 003c 00 0004",
        (
            facts(
                "blood_pressure",
                ((_SYS, 118, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 0, 0, _MMHG), (_PULSE, 60, 0, _BPM)),
                4,
                ("irregular_pulse",),
                (2026, 8, 11, 20, 27, 0),
                "ok",
                0,
            ),
        ),
    ),
    # -- generic health sensor: another implementation's examples (STMicroelectronics' GHS server), in one segment
    (
        "health_sensor",
        0x2B8B,
        "03" + "01 1b00 6300 b84b0200 22 729d2b290000 06 00 01 01 3c4c0200 2002 62000000",
        (facts("observation", ((_SPO2, 98, 0, _PERCENT),), time=(2021, 11, 20, 11, 50, 10), state="ok", user=1),),
    ),
    (
        "health_sensor",
        0x2BDD,
        "03 05000000"  # record 5
        "07 3500 1300 044a0200 22 729d2b290000 06 00 40e20100 03"
        "054a0200 01 200f 64000000 064a0200 01 200f 3c000000 074a0200 01 200f 50000000",
        (
            facts(
                "observation",
                ((_SYS, 100, 0, _MMHG), (_DIA, 60, 0, _MMHG), (_MEAN, 80, 0, _MMHG)),
                time=(2021, 11, 20, 11, 50, 10),
                state="ok",
            ),
        ),
    ),
    (
        "health_sensor",
        0x2B8B,
        "03"
        "ff 2f00 4200 22 729d2b290000 06 00 01 3c4c0200 02"
        "01 0c00 0100 b84b0200 2002 62000000 01 0c00 0100 1a480200 a00a 62000000",
        (
            facts("observation", ((_SPO2, 98, 0, _PERCENT),), time=(2021, 11, 20, 11, 50, 10), state="ok"),
            facts("observation", ((_RATE, 98, 0, _BPM),), time=(2021, 11, 20, 11, 50, 10), state="ok"),
        ),
    ),
    ("health_sensor", 0x2B8B, "03 03 0700 0000 0300 4d616e", (facts("observation", ((0, "no_number"),)),)),
    # spirometry, by hand: FEV1 2.41 L and FVC 3.20 L as a compound, testing; 3600 s after 2000 in UTC, zone + 1 h
    (
        "spirometer",
        0x2B8B,
        "0307 2800 0b00 00d40200 32 100e00000000 06 04 1000 020a540200 01 4006 f10000fe 00e20200 01 4006 400100fe",
        (
            facts(
                "spirometry",
                ((152586, 241, -2, _LITRE), (188928, 320, -2, _LITRE)),
                0x0010,
                ("test_data",),
                (2000, 1, 1, 2, 0, 0),
                "ok",
                None,
                ("test",),
            ),
        ),
    ),
    # -- BerryMed (BCI protocol): pulse 130 = bit 7 in the third octet, SpO2 97; the second packet has no finger
    (
        "berrymed_bm1000",
        _BERRY,
        "83 20 45 02 61",
        (facts("pulse_oximetry_continuous", ((_SPO2, 97, 0, _PERCENT), (_RATE, 130, 0, _BPM)), 0, ()),),
    ),
    (
        "berrymed_bm1000",
        _BERRY,
        "0461 83 20 05 48 61 a0 00 50 7f 7f 83",
        (
            facts(
                "pulse_oximetry_continuous",
                ((_SPO2, "no_reading"), (_RATE, "no_reading")),
                0x0120,
                ("probe_unplugged", "no_finger"),
            ),
        ),
    ),
    # -- Jumper: 81, pulse, SpO2, index
    (
        "jumper_oximeter",
        _JUMPER,
        "81 48 61 22",
        (
            facts(
                "pulse_oximetry_continuous", ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM), (_PAI, 34, -1, _PERCENT))
            ),
        ),
    ),
    (
        "jumper_oximeter",
        _JUMPER,
        "81 ff 7f 00",
        (facts("pulse_oximetry_continuous", ((_SPO2, "no_reading"), (_RATE, "no_reading"), (_PAI, 0, -1, _PERCENT))),),
    ),
)


class Watched:
    """A value that tells when it is read past its end, from its end, or in slices."""

    def __init__(self, octets):
        self._octets = octets

    def __len__(self):
        return len(self._octets)

    def __getitem__(self, at):
        if isinstance(at, int) and 0 <= at < len(self._octets):
            return self._octets[at]
        if isinstance(at, int) and at == len(self._octets):
            raise IndexError  # how an iterator ends
        raise AssertionError(at)


def refusal(row, uuid, octets):
    """Return the reason for which octets are refused, or None."""
    try:
        drivers.decode(row, uuid, octets)
    except PeerError as error:
        return error.args[0]
    return None


def _told(measurements):
    return tuple([measurement.facts() for measurement in measurements])


def test_each_vector_is_read_as_its_specification_says():
    for row, uuid, text, expected in VECTORS:
        octets = _unhex(text)
        for value in (octets, bytearray(octets), memoryview(octets), Watched(octets)):
            got = _told(drivers.decode(row, uuid, value))
            assert got == expected, (row, text, got)


def test_every_prefix_and_every_changed_octet_is_decoded_or_refused():
    for row, uuid, text, _ in VECTORS:
        octets = _unhex(text)
        for length in range(len(octets)):
            refusal(row, uuid, Watched(octets[:length]))
        for at in range(len(octets)):
            for octet in (0, 1, 0x7F, 0x80, 0xFF, octets[at] ^ 1, octets[at] ^ 0x80, octets[at] ^ 0x10):
                refusal(row, uuid, Watched(octets[:at] + bytes((octet,)) + octets[at + 1 :]))


def test_a_record_that_is_cut_short_is_refused():
    for row, uuid, text in (
        ("body_composition", 0x2A9C, "0008 ea00 80"),
        ("thermometer", 0x2A1C, "04 6c0100ff"),
        ("heart_rate_strap", 0x2A37, "01 48"),
        ("glucose_meter", 0x2A18, "02 2a00 " + _TIME + " 38c0"),
        ("glucose_meter", 0x2A34, "40 2a00 41"),
        ("cgm", 0x2AA7, "06 00 6500 05"),
        ("cgm", 0x2AA7, "09 00 6500 0500"),
        ("blood_pressure_enhanced", 0x2B34, "02 7800 5000 5d00 404200"),
        ("health_sensor", 0x2BDD, "03 050000"),
        ("health_sensor", 0x2B8B, "03 01 1b00 6300"),
        ("berrymed_bm1000", _BERRY, "83 20 45 02"),
        ("jumper_oximeter", _JUMPER, "81 48 61"),
    ):
        assert refusal(row, uuid, _unhex(text)) == "short", (row, text)
    assert refusal("heart_rate_strap", 0x2A37, _unhex("10 3c 0004 f8")) == "length"
    assert refusal("health_sensor", 0x2B8B, _unhex("01 01 1b00")) == "incomplete"
    assert refusal("blood_pressure_enhanced", 0x2B36, _unhex("01 0700 352a 00")) == "incomplete"
    assert refusal("beurer_po60", 0xFF02, _unhex("e9 01")) == "incomplete"


def test_an_observation_in_an_observation_in_an_observation_ends():
    octets = b"\x01\x02\x00\x00\x00"
    for _ in range(6):
        octets = b"\xff" + bytes((len(octets) + 3, 0, 0, 0, 1)) + octets
    assert refusal("health_sensor", 0x2B8B, b"\x03" + octets) == "nested"


# CRC-16/MCRF4XX of "123456789" is 0x6F91 (its catalogue's check value); of these octets, by the same, worked bitwise
def test_a_crc_is_checked_where_there_is_one():
    from drivers.formats import crc16

    assert crc16(b"123456789", 9) == 0x6F91
    record = _unhex("08 00 6500 0500")
    crc = crc16(record, 6)
    good = record + bytes((crc & 0xFF, crc >> 8))
    assert len(drivers.decode("cgm", 0x2AA7, good)) == 1
    for at in range(2, 8):
        assert refusal("cgm", 0x2AA7, good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :]) == "crc"
    record = _unhex("03 0700 352a 00 7800 5000 5d00")
    crc = crc16(record, len(record))
    good = record + bytes((crc & 0xFF, crc >> 8))
    assert drivers.decode("blood_pressure_enhanced", 0x2B36, good)[0].extra == 0
    assert refusal("blood_pressure_enhanced", 0x2B36, good[:-1] + bytes((good[-1] ^ 1,))) == "crc"
    assert refusal("blood_pressure_enhanced", 0x2B36, record + b"\0") == "length"


# -- values that belong together -----------------------------------------------------------------------------------


def _join(row, *values):
    group = drivers.join(row, [(uuid, _unhex(text)) for uuid, text in values])
    return group if group is None else (group[0], _told(group[1]))


def test_all_numbers_of_a_live_scale_in_one_visit_are_one_weighing():
    numbers = [(0x2A9D, octets) for octets in ("00 0032", "00 0032", "00 6c3e")]
    places, told = _join("weight_scale_live", *numbers, (0x2A9E, "00000000"))
    assert (places, told) == ((0, 1, 2), _told(drivers.decode("weight_scale", 0x2A9D, _unhex("00 6c3e"))))
    assert _join("weight_scale_live", *numbers, (0x2A9D, "01 6c3e"))[0] == (0, 1, 2)
    assert _join("weight_scale_live", numbers[0]) is None
    sent = [(uuid, _unhex(text)) for uuid, text in numbers]
    assert drivers.body("weight_scale_live", sent) == _unhex("00 6c3e")


def test_weights_under_one_time_are_each_a_weighing():
    """A scale whose clock stands still (2026-01-05 08:00:09 for ever) has weighed twice all the same."""
    time = "ea07 01 05 08 00 09"
    assert _join("weight_scale", (0x2A9D, "02 0032 " + time), (0x2A9D, "02 6c3e " + time)) is None


def test_two_packets_of_one_body_composition_are_one_measurement():
    first = 0x2A9C, "0814 ea00 7206 803e"
    second = 0x2A9C, "0018 ea00 0807"  # bit 11: height
    places, told = _join("body_composition", first, (0x2A9D, "00 803e"), second)
    assert places == (0, 2)
    quantities = (
        (_FAT, 234, -1, _PERCENT), (_METABOLISM, 1650, 0, _KJ), (_MASS, 80000, -3, _KG), (_HEIGHT, 1800, -3, _M)
    )  # fmt: skip
    assert told == (facts("body_composition", quantities),)
    assert _join("body_composition", first) is None
    assert _join("body_composition", first, first) is None  # a second measurement began
    assert _join("body_composition", (0x2A9C, "0000 ea00"), second) is None


def test_a_context_is_read_with_the_glucose_of_its_number():
    glucose = 0x2A18, "12 2a00 " + _TIME + " 38b0 12"
    other = 0x2A18, "12 2b00 " + _TIME + " 39b0 12"
    context = 0x2A34, "02 2a00 01"
    places, told = _join("glucose_meter", glucose, other, (0x2A52, "06000101"), context)
    assert places == (0, 3)
    assert told == (
        facts(
            "blood_glucose",
            ((160188, 56, 0, _MGDL), (8417844, 8417848, 0, _CODED), (8417864, 8417868, 0, _CODED)),
            time=_WHEN,
            state="ok",
        ),
    )
    assert _join("glucose_meter", other, context) is None
    assert _join("glucose_meter", (0x2A18, "02 2a00 " + _TIME + " 38b0 12"), context) is None
    assert _join("glucose_meter", glucose, (0x2A34, "42 2a00 01")) is None  # a context cut short spoils no glucose
    parts = [(uuid, _unhex(text)) for uuid, text in (glucose, context)]
    assert drivers.body("glucose_meter", parts) == drivers.body("glucose_meter", parts[:1]) == _unhex(glucose[1])


def test_segments_are_put_together_and_the_counter_is_minded():
    whole = _unhex("01 1b00 6300 b84b0200 22 729d2b290000 06 00 01 01 3c4c0200 2002 62000000")
    pieces = [whole[at : at + 10] for at in range(0, len(whole), 10)]
    heads = (0x01 | 62 << 2, 63 << 2, 0x02 | 0 << 2)  # the counter wraps
    values = [(0x2B8B, bytes((heads[at],)) + pieces[at]) for at in range(3)]
    places, measurements = drivers.join("health_sensor", values)
    assert places == (0, 1, 2)
    assert _told(measurements) == _told(drivers.decode("health_sensor", 0x2B8B, b"\x03" + whole))
    assert drivers.body("health_sensor", values) == whole
    between = [values[0], (0x2BDD, b"\x01\x05"), values[1], values[2]]
    assert drivers.join("health_sensor", between)[0] == (0, 2, 3)
    assert drivers.join("health_sensor", values[:2]) is None
    assert drivers.join("health_sensor", [values[0], values[2]]) is None  # one is missing
    assert drivers.join("health_sensor", [values[0], values[0], values[1], values[2]]) is None
    assert drivers.join("health_sensor", [values[0], (0x2B8B, b""), values[1], values[2]]) is None
    try:
        drivers.join("health_sensor", [(0x2B8B, b"\x01\x01"), (0x2B8B, b"\x06\x1b")])
    except PeerError as error:
        assert error.args[0] == "short"
    else:
        raise AssertionError


def test_a_record_in_segments_has_one_number_and_one_crc():
    from drivers.formats import crc16

    first = _unhex("01 0700 352a 00 7800 50")
    last = _unhex("06 0700 352a 00 5d00")
    crc = crc16(first + last, len(first + last))
    sealed = last + bytes((crc & 0xFF, crc >> 8))
    for end in (last, sealed):
        places, measurements = drivers.join("blood_pressure_enhanced", [(0x2B36, first), (0x2B36, end)])
        assert places == (0, 1) and measurements[0].numbered
        assert measurements[0].quantities == ((_SYS, 120, 0, _MMHG), (_DIA, 80, 0, _MMHG), (_MEAN, 93, 0, _MMHG))
    other = b"\x06\x08" + last[2:]
    assert drivers.join("blood_pressure_enhanced", [(0x2B36, first), (0x2B36, other)]) is None


def test_a_po60_record_comes_in_two_values():
    record = bytearray(_unhex("e9 01 1a 01 05 08 00 00 1a 01 05 08 00 1e 00 00 00 63 5f 61 50 46 48"))
    total = 0
    for octet in record:
        total += octet
    record.append(total & 0x7F)
    parts = [(0xFF02, bytes(record[:20])), (0xFF02, bytes(record[20:]))]
    places, measurements = drivers.join("beurer_po60", parts)
    expected = facts(
        "pulse_oximetry",
        ((_SPO2, 97, 0, _PERCENT), (_RATE, 72, 0, _BPM)),
        time=(2026, 1, 5, 8, 0, 30),
        state="ok",
        flags=("from_storage",),
    )
    assert places == (0, 1) and _told(measurements) == (expected,)
    assert _told(drivers.decode("beurer_po60", 0xFF02, bytes(record))) == (expected,)
    record[19] ^= 1
    assert refusal("beurer_po60", 0xFF02, bytes(record)) == "checksum"
    assert drivers.join("beurer_po60", [parts[0], parts[0]]) is None


def test_what_holds_a_number_of_its_own_says_so():
    for row, uuid, text, _ in VECTORS:
        numbered = uuid in (0x2A18, 0x2A34, 0x2BDD, 0x2B36)
        for measurement in drivers.decode(row, uuid, _unhex(text)):
            assert measurement.numbered == numbered, (row, text)


# -- control points as data ----------------------------------------------------------------------------------------


def test_records_are_asked_for_from_the_last_one_on():
    from drivers.record_access import answer, from_sequence, next_request

    assert from_sequence(42) == _unhex("01 03 01 2a00")
    assert from_sequence(0x01020304, 4) == _unhex("01 03 01 04030201")
    assert next_request(None) == _unhex("01 01")
    assert next_request(41) == _unhex("01 03 01 2a00")
    assert next_request(41, 50) == _unhex("01 03 01 2a00")
    assert next_request(41, 3) == _unhex("01 01")  # reset, or wrapped
    assert next_request(0xFFFF) == _unhex("01 01")  # what comes next begins anew
    assert answer(_unhex("05 00 0201")) == ("number", 0x0102)
    assert answer(_unhex("05 00 02010000")) == ("number", 0x0102)
    assert answer(_unhex("06 00 01 01")) == ("done", 1, 1)
    assert answer(_unhex("06 00 01 06")) == ("none", 1, 6)
    assert answer(_unhex("06 00 01 04")) == ("not supported", 1, 4)
    assert answer(_unhex("06 00 01 0a")) == ("refused", 1, 10)
    assert answer(b"\x06") == ("refused", None, None)


def test_a_consent_names_a_slot_and_its_code():
    from drivers.user_data import answer, consent

    assert consent(1, 1234) == _unhex("02 01 d204")
    for user, code in ((255, 0), (1, 10000), (1, -1)):
        try:
            consent(user, code)
        except ValueError:
            continue
        raise AssertionError((user, code))
    for text, word in (
        ("20 02 01", "ok"),
        ("20 02 05", "not authorised"),
        ("20 02 09", "failed"),
        ("20 01 01", "other"),
    ):
        assert answer(_unhex(text)) == word, text
