"""Glucose meters by the standard (service 1808): records by RACP, each with what its owner noted beside it."""

import struct
from datetime import timedelta

from tools.simulator.devices import clock, database, encode, readings
from tools.simulator.devices.base import Held, written_octets
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.readings import Quantity, Reading
from tools.simulator.devices.record_server import (
    ALL,
    FIRST,
    GREATER_OR_EQUAL,
    LAST,
    LESS_OR_EQUAL,
    WITHIN,
    RecordServer,
)
from tools.simulator.devices.standard import CURRENT_TIME, Standard

MG_PER_DL, MMOL_PER_L = 264274, 266866
CAPILLARY_BLOOD, CAPILLARY_PLASMA, CONTROL = 160184, 160188, 160208
_TYPES = {CAPILLARY_BLOOD: 1, CAPILLARY_PLASMA: 2, CONTROL: 10}
_LOCATION, _FINGER, _CONTROL_SOLUTION = 8417844, 8417848, 8417860
_LOCATIONS = {_FINGER: 1, _CONTROL_SOLUTION: 4}
_BREAKFAST = 8417768  # MDC_CTXT_GLU_CARB_BREAKFAST
_MEAL, _BEFORE_MEAL = 8417864, 8417868  # MDC_CTXT_GLU_MEAL, its PREPRANDIAL
_CONTOUR_SERVICE = "00000000-0002-11E2-9E96-0800200C9A66"
_CONTOUR_CLOCK = "00001026-0002-11E2-9E96-0800200C9A66"


def glucose(value: str, *, mmol: bool = False, kind: int = CAPILLARY_PLASMA, breakfast_kg=None) -> Reading:
    """What a meter shows, of a finger's blood or of control solution; and what its owner told it of breakfast."""
    control = kind == CONTROL
    quantities = [
        (kind, value, MMOL_PER_L if mmol else MG_PER_DL),
        (_LOCATION, str(_CONTROL_SOLUTION if control else _FINGER), 0),
    ]
    if breakfast_kg is not None:
        quantities += [(_BREAKFAST, breakfast_kg, readings.KG), (_MEAL, str(_BEFORE_MEAL), 0)]
    return readings.made("blood_glucose", *quantities, for_patient=not control)


class GlucoseMeter(RecordServer, Standard):
    """Keeps all of its records, numbered; a later collector asks from a number on."""

    MODEL = "Glucose meter"
    SERVICE, MEASUREMENT, FEATURE = 0x1808, 0x2A18, (0x2A51, b"\x00\x00")
    CONTEXT = 0x2A34
    SENDS = database.NOTIFY
    CLOCK: int | None = CURRENT_TIME
    FORGETS = False
    MEMORY_MAX = 480
    OPERATORS: tuple[int, ...] = (ALL, LESS_OR_EQUAL, GREATER_OR_EQUAL, WITHIN, FIRST, LAST)
    USER_OFFSET_MIN = 0  # what its owner corrected the clock by, told apart from the time

    def more_characteristics(self) -> list:
        """Context and control point."""
        self.context = self.carrying(self.CONTEXT, database.NOTIFY)
        return [self.context, self.record_access_point()]

    def record_carriers(self) -> list:
        """Measurement and context."""
        return [self.measurement, self.context]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Nothing comes without a request."""

    def begin_anew(self) -> None:
        """Reset the meter: its memory is empty and it counts from one again."""
        self.memory.clear()
        self.sequence = 0

    def encode(self, held: Held) -> bytes:
        """Glucose Measurement."""
        value, place = held.reading.quantities[:2]
        flags = 0x02 | (0x04 if value.unit == MMOL_PER_L else 0) | (0x10 if held.reading.quantities[2:] else 0)
        time, offset = held.time, b""
        if self.USER_OFFSET_MIN:
            flags |= 0x01
            offset = struct.pack("<h", self.USER_OFFSET_MIN)
            time = time and time - timedelta(minutes=self.USER_OFFSET_MIN)
        octets = struct.pack("<BH", flags, held.number) + encode.date_time(time) + offset
        number: encode.Number = str(value.reason)
        if value.value is not None:
            mantissa, exponent = value.numeral()
            number = mantissa, exponent - (3 if value.unit == MMOL_PER_L else 5)  # mol/L or kg/L
        kind = _TYPES[value.code] | _LOCATIONS[int(place.value or 0)] << 4
        return octets + encode.sfloat(number) + bytes((kind,))

    def encode_context(self, held: Held) -> bytes | None:
        """Glucose Measurement Context, where there is something to tell."""
        told: dict[int, Quantity] = {one.code: one for one in held.reading.quantities[2:]}
        if not told:
            return None
        carbohydrate = told[_BREAKFAST]
        return struct.pack("<BHB", 0x03, held.number, 1) + encode.sfloat(carbohydrate.number()) + b"\x01"

    async def send_record(self, link: CollectorLink, held: Held) -> None:
        """A measurement, and its context behind it."""
        self._sent_count += 1
        if self._sent_count == self.faults.drop_at:  # somebody puts a strip in
            self.faults.drop_at = None
            self.drop_link()
            return
        link.notify(self.measurement, self.encode(held))
        context = self.encode_context(held)
        if context is not None:
            link.notify(self.context, context)


class ContourNext(GlucoseMeter):
    """Contour Next: bonds before anything else; a clock of its own kind, which is written and never read."""

    MODEL, NAME = "Contour Next ONE", "Contour{serial}"
    MANUFACTURER = "Ascensia Diabetes Care"
    BOND_FIRST = True
    CLOCK = None
    USER_OFFSET_MIN = 60

    def more_services(self) -> list:
        """The one with the clock."""
        written = (lambda _: b"", self._on_clock)
        one = database.characteristic(_CONTOUR_CLOCK, database.WRITE, written, encrypted=True)
        return [database.service(_CONTOUR_SERVICE, one)]

    def _on_clock(self, _connection, octets: bytes) -> None:
        time = clock.parse(written_octets(octets, 10)[1:])
        assert octets[0] == 1 and time is not None
        (offset_min,) = struct.unpack("<h", octets[8:])
        self.clock.set(time + timedelta(minutes=offset_min))
        self.note("clock", str(self.clock.now()), offset_min)


LABEL = 40961  # 040961: a leading zero is a digit too


class AccuChekGuide(GlucoseMeter):
    """Accu-Chek Guide: knows fewer operators, and measures nothing before somebody has set its clock.

    It bonds by the six digits on its label.
    """

    MODEL, NAME = "Accu-Chek Guide", "meter+{serial}"
    MANUFACTURER = "Roche"
    OPERATORS = (ALL, GREATER_OR_EQUAL)
    BOND_FIRST = True
    DIGITS = True

    def __init__(self, *arguments, label: int | None = LABEL, **options):
        super().__init__(*arguments, **options)
        self.label = label

    def _found(self, operator: int, operand: bytes) -> list[Held] | None:
        return super()._found(operator, operand) if self.clock.is_set else []
