from firmware.measurement import codes, names
from firmware.measurement.measurement import Measurement, decimal_text


def test_decimals_keep_the_precision_of_the_device():
    for number, expected in (
        ((2, 0), "2"),
        ((20, -1), "2.0"),
        ((200, -2), "2.00"),
        ((12, 1), "12e1"),
        ((0, 0), "0"),
        ((0, -1), "0.0"),
        ((0, 3), "0"),
        ((5, -3), "0.005"),
        ((-5, -3), "-0.005"),
        ((-2048, -1), "-204.8"),
        ((80000, -3), "80.000"),
        ((-8388606, -2), "-83886.06"),
        ((1, -12), "0.000000000001"),
    ):
        assert decimal_text(*number) == expected, number


def test_a_measurement_counts_when_it_has_a_number_and_says_nothing_against_itself():
    pressure = (codes.PRESS_SYS, 120, 0, codes.MMHG)
    assert Measurement("blood_pressure", (pressure,)).counts()
    assert Measurement("blood_pressure", (pressure, (codes.PRESS_MEAN, "NaN"))).counts()
    assert not Measurement("blood_pressure", ((codes.PRESS_SYS, "NaN"),)).counts()
    for flag in codes.FLAGS:
        measurement = Measurement("blood_pressure", (pressure,))
        measurement.flags = (flag,)
        assert measurement.counts() == (flag not in codes.NOT_A_VALUE), flag


def test_tables_agree():
    numbers = []
    for kind in codes.KINDS:
        number, quantities = codes.KINDS[kind]
        numbers.append(number)
        assert codes.kind_of(number) == kind
        for code, unit in quantities or ():
            assert code in names.NAMES and unit in names.NAMES
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert codes.kind_of(0) is None
    for flag in codes.NOT_A_VALUE:
        assert flag in codes.FLAGS
    for table in names.STATUSES:
        assert table in codes.KINDS or table in ("nonin", "berrymed")


def test_codes_are_partition_and_term():
    # Terms as IEEE 11073-10404, -10407 and -10415 print them
    for code, partition, term in (
        (codes.PRESS_SYS, 2, 18949),
        (codes.PRESS_DIA, 2, 18950),
        (codes.PRESS_MEAN, 2, 18951),
        (codes.PULSE_CUFF, 2, 18474),
        (codes.SPO2, 2, 19384),
        (codes.PULSE_OXIMETER, 2, 18458),
        (codes.PULSE_AMPLITUDE, 2, 19376),
        (codes.BODY_MASS, 2, 57664),
        (codes.BODY_HEIGHT, 2, 57668),
        (codes.BMI, 2, 57680),
        (codes.MMHG, 4, 3872),
        (codes.KPA, 4, 3843),
        (codes.BPM, 4, 2720),
        (codes.PERCENT, 4, 544),
        (codes.KG, 4, 1731),
        (codes.LB, 4, 1760),
        (codes.METRE, 4, 1280),
        (codes.INCH, 4, 1376),
        (codes.KG_PER_M2, 4, 1952),
        (codes.DEGC, 4, 6048),
        (codes.FAHR, 4, 4416),
    ):
        assert code == partition * 65536 + term
