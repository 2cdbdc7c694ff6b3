"""Glucose meter (service 0x1808): 2A18 Measurement, 2A34 Context, 2A51 Feature; records by RACP (2A52).

Layout: GATT Specification Supplement. What was tested is part of the code (IEEE 11073-10417); concentrations come in
kg/L or mol/L and become mg/dL or mmol/L by a shift of the exponent. A context belongs to the glucose of the same
sequence number and is read together with it; alone it is a context. Control solution is never a patient's value.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.formats import extra, lengths, need, nothing, quantity, signed, uuid128
from drivers.joining import ALONE, LAST, PART
from drivers.record_access import ALL_RECORDS, RACP
from firmware.contracts import PeerError
from firmware.measurement import codes, device_time
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1808)
_CURRENT_TIME_SERVICE = const(0x1805)
_MEASUREMENT = const(0x2A18)
_CONTEXT = const(0x2A34)
_FEATURE = const(0x2A51)
_CURRENT_TIME = const(0x2A2B)
_DATE_TIME = const(0x2A08)

_HAS_OFFSET = const(0x01)
_HAS_GLUCOSE = const(0x02)
_IN_MOL = const(0x04)
_HAS_STATUS = const(0x08)
_HAS_CONTEXT = const(0x10)
_KNOWN = const(0x1F)
_LENGTHS = lengths(10, (2, 3, 0, 2))
_TIME_FAULT = const(0x0800)
_CONTROL_TYPE = const(10)
_CONTROL_LOCATION = const(4)

_CONTOUR_SERVICE = uuid128("00000000-0002-11E2-9E96-0800200C9A66")
_CONTOUR_CLOCK = uuid128("00001026-0002-11E2-9E96-0800200C9A66")

# By type: MDC_CONC_GLU_GEN where it is not known, CAPILLARY, VENOUS, ARTERIAL (each WHOLEBLOOD, PLASMA),
# UNDETERMINED_WHOLEBLOOD, UNDETERMINED_PLASMA, ISF, CONTROL
_TYPES = (160020, 160184, 160188, 160192, 160196, 160200, 160204, 160364, 160368, 160212, 160208)
_LOCATION = const(8417844)  # MDC_CTXT_GLU_SAMPLELOCATION
# ... and its values: FINGER, AST, EARLOBE, CTRLSOLUTION
_LOCATIONS = (None, 8417848, 8417852, 8417856, 8417860)

_HAS_CARBOHYDRATE = const(0x01)
_HAS_MEAL = const(0x02)
_HAS_TESTER = const(0x04)
_HAS_EXERCISE = const(0x08)
_HAS_MEDICATION = const(0x10)
_IN_LITRES = const(0x20)
_HAS_HBA1C = const(0x40)
_HAS_EXTENDED = const(0x80)
_CONTEXT_LENGTHS = lengths(3, (3, 1, 1, 3, 3))

_LITRE = const(263744)  # MDC_DIM_L
_SECOND = const(264320)  # MDC_DIM_SEC
_EXERCISE = const(8417760)  # MDC_CTXT_GLU_EXERCISE: duration in s, intensity in %
_OVERRUN = const(0xFFFF)
_HBA1C = const(160220)  # MDC_CONC_HBA1C
# The first is what a value of another id, or the whole, is called.
# MDC_CTXT_GLU_CARB: BREAKFAST, LUNCH, DINNER, SNACK, DRINK, SUPPER, BRUNCH
_CARBOHYDRATES = (8417764, 8417768, 8417772, 8417776, 8417780, 8417784, 8417788, 8417792)
# MDC_CTXT_MEDICATION: RAPIDACTING, SHORTACTING, INTERMEDIATEACTING, LONGACTING, PREMIX
_MEDICATIONS = (8417796, 8417800, 8417804, 8417808, 8417812, 8417816)
# MDC_CTXT_GLU_MEAL: PREPRANDIAL, POSTPRANDIAL, FASTING, CASUAL, BEDTIME
_MEALS = (8417864, 8417868, 8417872, 8417876, 8417880, 8417869)
# MDC_CTXT_GLU_TESTER: SELF, HCP, LAB
_TESTERS = (8417884, 8417888, 8417892, 8417896)
# MDC_CTXT_GLU_HEALTH: MINOR, MAJOR, MENSES, STRESS, NONE
_HEALTHS = (8417820, 8417824, 8417828, 8417832, 8417836, 8417840)


def decode(octets) -> list:
    """Read one Glucose Measurement (2A18)."""
    flags = octets[0] if len(octets) else need(octets, 1)
    more = len(octets) - _LENGTHS[flags & 0x0F]
    if more < 0:
        need(octets, len(octets) - more)
    measurement = Measurement("blood_glucose", (), more)
    measurement.numbered = True
    measurement.device_time, measurement.device_time_state = device_time.parse(octets, 3)
    at = 10
    if flags & _HAS_OFFSET:
        _shift(measurement, signed(octets[10] | octets[11] << 8, 16))
        at = 12
    notes: tuple = ()
    if flags & _HAS_GLUCOSE:
        kind, location = octets[at + 2] & 0x0F, octets[at + 2] >> 4
        code = _TYPES[kind] if kind < len(_TYPES) else _TYPES[0]
        unit, shift = (codes.MMOL_PER_L, 3) if flags & _IN_MOL else (codes.MG_PER_DL, 5)
        glucose = quantity(code, octets, at, unit)
        if len(glucose) == 4:
            glucose = code, glucose[1], glucose[2] + shift, unit
        measurement.quantities = (glucose,)
        if 0 < location < len(_LOCATIONS):
            measurement.quantities = glucose, (_LOCATION, _LOCATIONS[location], 0, codes.CODED)
        if kind == _CONTROL_TYPE or location == _CONTROL_LOCATION:
            notes = ("control_solution",)
        at += 3
    else:
        measurement.quantities = ((_TYPES[0], "no_reading"),)
    if flags & _HAS_STATUS:
        measurement.status_raw = octets[at] | octets[at + 1] << 8
        if measurement.status_raw & _TIME_FAULT and measurement.device_time is not None:
            measurement.device_time_state = "unknown"
            notes += ("clock_not_set",)
    if flags > _KNOWN:
        notes += ("reserved_bits",)
    if flags & _HAS_CONTEXT:
        notes += ("incomplete",)
    if notes:
        measurement.flags = notes
    return [measurement]


def _shift(measurement, minutes):
    """Move a measurement's base time by its offset: what the meter's display showed."""
    time = measurement.device_time
    if time is None or not minutes:
        return
    of_day = time[3] * 60 + time[4] + minutes
    if 0 <= of_day < 1440:
        measurement.device_time = time[0], time[1], time[2], of_day // 60, of_day % 60, time[5]
    else:
        measurement.device_time = device_time.time_of(device_time.seconds_of(time) + minutes * 60)


def decode_context(octets) -> list:
    """Read one Glucose Measurement Context (2A34)."""
    need(octets, 1)
    flags = octets[0]
    length = _CONTEXT_LENGTHS[flags & 0x1F]
    length += (2 if flags & _HAS_HBA1C else 0) + (1 if flags & _HAS_EXTENDED else 0)
    measurement = Measurement("glucose_context", (), extra(octets, length))
    measurement.numbered = True
    found: list = []
    at = 4 if flags & _HAS_EXTENDED else 3
    if flags & _HAS_CARBOHYDRATE:
        found.append(quantity(_of(_CARBOHYDRATES, octets[at]), octets, at + 1, codes.KG))
        at += 3
    if flags & _HAS_MEAL:
        _coded(found, _MEALS, octets[at])
        at += 1
    if flags & _HAS_TESTER:
        _coded(found, _TESTERS, octets[at] & 0x0F)
        _coded(found, _HEALTHS, octets[at] >> 4)
        at += 1
    if flags & _HAS_EXERCISE:
        duration = octets[at] | octets[at + 1] << 8
        found.append((_EXERCISE, "overrun") if duration == _OVERRUN else (_EXERCISE, duration, 0, _SECOND))
        found.append((_EXERCISE, octets[at + 2], 0, codes.PERCENT))
        at += 3
    if flags & _HAS_MEDICATION:
        unit = _LITRE if flags & _IN_LITRES else codes.KG
        found.append(quantity(_of(_MEDICATIONS, octets[at]), octets, at + 1, unit))
        at += 3
    if flags & _HAS_HBA1C:
        found.append(quantity(_HBA1C, octets, at, codes.PERCENT))
    measurement.quantities = tuple(found)
    return [measurement]


def _of(table, number):
    return table[number if number < len(table) else 0]


def _coded(found, table, number):
    """Add a coded value; one that is not known, or "not available", is left to the octets."""
    if 0 < number < len(table):
        found.append((table[0], table[number], 0, codes.CODED))


def _takes(parts, uuid, octets):
    if len(octets) < 3:
        return ALONE
    if not parts:
        return PART if uuid == _MEASUREMENT and octets[0] & _HAS_CONTEXT else ALONE
    glucose = parts[0][1]
    if uuid != _CONTEXT or octets[1] != glucose[1] or octets[2] != glucose[2]:
        return ALONE
    try:
        decode_context(octets)
    except PeerError:
        return ALONE  # a bad context takes nothing from its glucose
    return LAST


def _join(parts):
    measurement = decode(parts[0][1])[0]
    context = decode_context(parts[1][1])[0]
    measurement.quantities += context.quantities
    measurement.flags = tuple([flag for flag in measurement.flags if flag != "incomplete"])
    measurement.extra += context.extra
    return [measurement]


def _body(parts):
    return bytes(parts[0][1])  # with its context or without: the same glucose


def contour_clock(local, offset_min, _octets) -> bytes:
    """Write the Contour's clock: 01, UTC as a Date Time, minutes from UTC (as a public app for it does)."""
    utc = device_time.time_of(device_time.seconds_of(local) - offset_min * 60)
    return b"\x01" + device_time.date_time(utc) + bytes((offset_min & 0xFF, offset_min >> 8 & 0xFF))


_joint = Joint(_takes, _join, _body, False)

_standard = make(
    "glucose_meter",
    "Glucose meter (standard)",
    services=(_SERVICE, _CURRENT_TIME_SERVICE),
    clock=_CURRENT_TIME,
    subscribe=((_MEASUREMENT, "notify"), (_CONTEXT, "notify"), (RACP, "indicate")),
    racp=ALL_RECORDS,
    numbered=(_MEASUREMENT, 1, 2, 0),
    features=_FEATURE,
    memory="all",
    burst=1000,  # records with their contexts; meters keep some 500
    value_octets_max=20,
    idle_ms=5000,
    cap_ms=120000,
    rest_ms=20000,  # it says so long that it is there, and each visit costs a record to see that nothing is new
)

DRIVER = Driver(
    {
        _MEASUREMENT: decode,
        _CONTEXT: decode_context,
        _FEATURE: nothing,
        RACP: nothing,
        _CURRENT_TIME: nothing,
        _DATE_TIME: nothing,
        _CONTOUR_CLOCK: nothing,
    },
    (
        _standard,
        # Wants to be bonded before anything else, and has a clock of its own kind, which cannot be read.
        make(
            "contour_next",
            "Contour Next",
            _standard,
            name_prefixes=("Contour",),
            bond_first=True,
            services=(_SERVICE, _CONTOUR_SERVICE),
            clock=_CONTOUR_CLOCK,
            clock_write=contour_clock,
        ),
        # Bonds by the six digits on its label or display.
        make(
            "accu_chek_guide",
            "Accu-Chek Guide",
            _standard,
            name_prefixes=("meter+",),
            bonds="digits",
            bond_first=True,
            needs_clock=True,
        ),
    ),
    {_MEASUREMENT: _joint, _CONTEXT: _joint},
)
