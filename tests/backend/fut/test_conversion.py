"""Units, in exact decimals. What to expect comes from the definitions, reckoned here with fractions."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.backend.fut import tables
from tools.backend.fut.conversion import convert

LB, FAHR, KPA, CM, INCH, MG_DL, ML = 263904, 266560, 265987, 263441, 263520, 264274, 263762
PERCENT, L_S = 262688, 265184
# MDC unit, UCUM → the value in the new unit, by definition.
DEFINED = {
    (LB, "kg"): lambda value: value * Fraction(45359237, 100_000_000),
    (FAHR, "Cel"): lambda value: (value - 32) * Fraction(5, 9),
    (KPA, "mm[Hg]"): lambda value: value * 1000 / Fraction(133322, 1000),
    (CM, "m"): lambda value: value / 100,
    (INCH, "m"): lambda value: value * Fraction(254, 10_000),
    (MG_DL, "mmol/L"): lambda value: value * 10 / Fraction(180156, 1000),
    (ML, "L"): lambda value: value / 1000,
    (PERCENT, "{ratio}"): lambda value: value / 100,
    (L_S, "L/min"): lambda value: value * 60,
    (263872, "kg"): lambda value: value / 1000,
}
IDENTITIES = {
    (266016, "mm[Hg]"), (264864, "1/min"), (264928, "1/min"), (262688, "%"), (262656, "{ratio}"), (263875, "kg"),
    (263424, "m"), (264096, "kg/m2"), (268192, "Cel"), (263744, "L"), (265216, "L/min"), (266866, "mmol/L"),
}  # fmt: skip
NUMBERS = st.builds(
    lambda mantissa, places: Decimal(mantissa).scaleb(-places), st.integers(-99_999, 99_999), st.integers(-1, 4)
)


def listed():
    return {(unit, one.to): one for unit, rows in tables.load("8.0.0").conversions.items() for one in rows}


def test_every_listed_conversion_is_tested():
    assert set(listed()) == set(DEFINED) | IDENTITIES


@pytest.mark.parametrize("key", DEFINED)
@given(value=NUMBERS)
def test_a_conversion_is_right_within_half_its_last_digit_and_can_be_undone(key, value):
    by = listed()[key]
    got = convert(value, by, integer=False)
    exact = DEFINED[key](Fraction(value))
    step = Fraction(10) ** got.as_tuple().exponent
    assert abs(Fraction(got) - exact) <= step / 2
    own = Fraction(10) ** value.as_tuple().exponent  # the device's step, and its size in the new unit
    size = abs(DEFINED[key](own) - DEFINED[key](Fraction(0)))
    assert step <= size or got.as_tuple().exponent == 0
    assert step * 10 > size or got.as_tuple().exponent == 0  # no digit more than that needs
    if step <= size:
        zero = DEFINED[key](Fraction(0))
        back = (Fraction(got) - zero) / (DEFINED[key](Fraction(1)) - zero)
        assert abs(back - Fraction(value)) <= own / 2


@pytest.mark.parametrize("key", IDENTITIES)
@given(value=NUMBERS)
def test_what_needs_no_conversion_keeps_every_digit(key, value):
    got = convert(value, listed()[key], integer=False)
    assert got.as_tuple() == value.as_tuple()
    whole = convert(value, listed()[key], integer=True)
    assert whole == value  # never rounded: only zeros go
    assert whole.as_tuple().exponent == 0 or whole != whole.to_integral_value()


@given(value=NUMBERS)
def test_where_fut_wants_an_integer_a_converted_number_is_one(value):
    got = convert(value, listed()[KPA, "mm[Hg]"], integer=True)
    assert got.as_tuple().exponent == 0
    assert abs(Fraction(got) - DEFINED[KPA, "mm[Hg]"](Fraction(value))) <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("unit", "to", "value", "expected"),
    [
        (LB, "kg", "0.1", "0.05"),  # 0.045359237
        (LB, "kg", "220.0", "99.79"),  # 99.7903214
        (FAHR, "Cel", "32", "0.0"),
        (FAHR, "Cel", "-40.0", "-40.00"),
        (FAHR, "Cel", "212", "100.0"),  # a whole degree F is 0.56 C: tenths
        (KPA, "mm[Hg]", "16.0", "120"),  # 120.0102
        (MG_DL, "mmol/L", "100", "5.55"),  # 5.5507
        (CM, "m", "180", "1.80"),
        (CM, "m", "180.0", "1.800"),
    ],
)
def test_by_hand(unit, to, value, expected):
    assert str(convert(Decimal(value), listed()[unit, to], integer=to == "mm[Hg]")) == expected


def test_half_goes_to_even():
    by = listed()[CM, "m"]
    assert str(convert(Decimal("50"), by, integer=True)) == "0"
    assert str(convert(Decimal("150"), by, integer=True)) == "2"
