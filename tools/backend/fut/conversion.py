"""A device's number in FUT's unit: computed exactly, then rounded once, to no coarser a step than the device's own.

A number that needs no conversion keeps every digit that the device sent, zeros too (FHIR counts them as
precision). A converted one gets the fewest decimals whose step is not larger than the device's step in the
new unit, so that the device's number can be found again. Where the guide wants an integer, a converted number
is rounded to one, and an unconverted one loses zeros behind the point but nothing else. Half goes to even
(ISO 80000-1, B.3, rule A).
"""

from decimal import Decimal
from fractions import Fraction

from tools.backend.fut.tables import Conversion

_DECIMALS_MAX = 18  # FHIR R4: implementations need not keep more


def convert(value: Decimal, by: Conversion, integer: bool) -> Decimal:
    """`value` in the unit that `by` leads to."""
    step = Fraction(10) ** _exponent(value)
    factor = Fraction(by.multiply) / Fraction(by.divide)
    if factor == 1 and not by.subtract:
        return _whole(value) if integer else value
    exact = (Fraction(value) - Fraction(by.subtract)) * factor
    decimals = 0
    while not integer and Fraction(1, 10**decimals) > step * abs(factor) and decimals < _DECIMALS_MAX:
        decimals += 1
    return Decimal(round(exact * 10**decimals)).scaleb(-decimals)  # round() takes a half to even


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # finite: it came from a mantissa and an exponent
    return exponent


def _whole(value: Decimal) -> Decimal:
    """Without zeros behind the point, where there is nothing else."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value
