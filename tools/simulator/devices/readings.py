"""What a person measures and the display shows: exact numbers, and days of them for two kinds of patient."""

from dataclasses import dataclass
from decimal import Decimal
from random import Random

# MDC codes (IEEE 11073-10101), written here again so that a wrong table elsewhere is noticed.
SYSTOLIC, DIASTOLIC, MEAN, PULSE_CUFF = 150021, 150022, 150023, 149546
SPO2, PULSE_OXIMETER, PULSE_AMPLITUDE = 150456, 149530, 150448
BODY_MASS = 188736
MMHG, KPA, BPM, PERCENT, KG, LB = 266016, 265987, 264864, 262688, 263875, 263904


@dataclass(frozen=True)
class Quantity:
    """A number with the precision in which the device holds it, or the reason why there is none."""

    code: int
    value: str | None
    unit: int | None
    reason: str | None = None

    def shown(self) -> dict:
        """As a line of taken.jsonl has it."""
        if self.value is None:
            return {"code": self.code, "reason": self.reason}
        return {"code": self.code, "value": self.value, "unit": self.unit}

    def number(self) -> tuple[int, int] | str:
        """(mantissa, exponent), or the reason."""
        return exact(self.value) if self.value is not None else str(self.reason)

    def numeral(self) -> tuple[int, int]:
        """(mantissa, exponent) of one that has a number."""
        assert self.value is not None
        return exact(self.value)


@dataclass(frozen=True)
class Reading:
    """One result on a display."""

    kind: str
    quantities: tuple[Quantity, ...]
    status: tuple[str, ...] = ()
    for_patient: bool = True

    def find(self, code: int) -> Quantity | None:
        """The quantity of this code, if the display showed it."""
        return next((quantity for quantity in self.quantities if quantity.code == code), None)

    def quantity(self, code: int) -> Quantity:
        """The quantity of this code, which this kind of reading always has."""
        found = self.find(code)
        assert found is not None
        return found


def exact(text: str) -> tuple[int, int]:
    """(mantissa, exponent) of a decimal text, its precision kept: "98.0" is (980, -1)."""
    sign, digits, exponent = Decimal(text).as_tuple()
    mantissa = int("".join(map(str, digits)))
    return (-mantissa if sign else mantissa), int(exponent)


def _quantity(code: int, value: str | int, unit: int) -> Quantity:
    text = str(value)
    if text in ("NaN", "NRes", "+INF", "-INF", "RFU", "unsuccessful", "no_reading"):
        return Quantity(code, None, None, text)
    return Quantity(code, text, unit)


def made(kind: str, *quantities: tuple[int, str, int], status=(), for_patient=True) -> Reading:
    """Any kind: (code, value as shown or the name of a no-value, unit) of each quantity."""
    return Reading(kind, tuple(_quantity(*one) for one in quantities), tuple(status), for_patient)


def blood_pressure(
    systolic, diastolic, mean, pulse=None, *, kpa=False, status=(), for_patient=True
) -> Reading:
    """A cuff's result; values are whole numbers or decimal texts, or the name of a no-value."""
    unit = KPA if kpa else MMHG
    quantities = [
        _quantity(SYSTOLIC, systolic, unit),
        _quantity(DIASTOLIC, diastolic, unit),
        _quantity(MEAN, mean, unit),
    ]
    if pulse is not None:
        quantities.append(_quantity(PULSE_CUFF, pulse, BPM))
    return Reading("blood_pressure", tuple(quantities), tuple(status), for_patient)


def weight(value: str | None, *, pounds=False, for_patient=True) -> Reading:
    """A scale's result as its display shows it, such as "79.9"; None when it could not measure.

    The wire counts 0.005 kg or 0.01 lb, so that is the precision that the reading has from there on.
    """
    if value is None:
        return Reading("body_weight", (Quantity(BODY_MASS, None, None, "unsuccessful"),), (), for_patient)
    step = Decimal("0.01") if pounds else Decimal("0.005")
    count = Decimal(value) / step
    if count != int(count):
        raise ValueError(value)
    text = str((int(count) * step).quantize(step))
    return Reading("body_weight", (Quantity(BODY_MASS, text, LB if pounds else KG),), (), for_patient)


def oximetry(spo2, pulse, amplitude=None, *, status=(), for_patient=True) -> Reading:
    """An oximeter's spot check."""
    quantities = [_quantity(SPO2, spo2, PERCENT), _quantity(PULSE_OXIMETER, pulse, BPM)]
    if amplitude is not None:
        quantities.append(_quantity(PULSE_AMPLITUDE, amplitude, PERCENT))
    return Reading("pulse_oximetry", tuple(quantities), tuple(status), for_patient)


class Patient:
    """Plausible values, day after day, from one seed."""

    # systolic, diastolic, pulse, share of irregular pulses, SpO2, weight in tenths of kg, gain per day
    _NORMS = {
        "copd": ((122, 152), (70, 92), (74, 108), 0.05, (86, 94), (480, 820), (-2, 2)),
        "heart_failure": ((92, 128), (54, 78), (58, 98), 0.35, (92, 97), (640, 980), (-2, 5)),
    }

    _WEIGHTS = (300, 2500)  # however many years go by: what home scales take

    def __init__(self, condition: str, chance: Random):
        norms = self._NORMS[condition]
        self._systolic, self._diastolic, self._pulse, self._irregular, self._spo2, weights, self._gain = norms
        self._chance = chance
        self._tenths = chance.randint(*weights)

    def blood_pressure(self) -> Reading:
        """A cuff reading."""
        systolic, diastolic = self._chance.randint(*self._systolic), self._chance.randint(*self._diastolic)
        mean = diastolic + (systolic - diastolic) // 3
        status = ["irregular_pulse"] if self._chance.random() < self._irregular else []
        if self._chance.random() < 0.05:
            status.insert(0, "body_movement")
        return blood_pressure(systolic, diastolic, mean, self._chance.randint(*self._pulse), status=status)

    def weight(self) -> Reading:
        """A weight, a little off the last one: fluid shows here first in heart failure."""
        low, high = self._WEIGHTS
        self._tenths = min(max(low, self._tenths + self._chance.randint(*self._gain)), high)
        return weight(f"{self._tenths // 10}.{self._tenths % 10}")

    def oximetry(self) -> Reading:
        """A spot check on a finger, with one decimal of nothing, as some models send it."""
        spo2, pulse = self._chance.randint(*self._spo2), self._chance.randint(*self._pulse)
        return oximetry(f"{spo2}.0", f"{pulse}.0")
