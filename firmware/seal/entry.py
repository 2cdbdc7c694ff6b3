"""One capture as an entry of a session (FORMAT.md, section 2, "Sessions and entries")."""

from micropython import const

from firmware.measurement.codes import FLAGS, KINDS, REASONS
from firmware.measurement.device_time import DATE_TIME_OCTETS, of_clock, seconds_of

_REASON_LETTERS_MAX = const(40)
_ROW_LETTERS_MAX = const(40)
_CLOCK_OCTETS_MAX = const(20)  # Current Time has 10

# Driver rows that travel as their index; append, never renumber. Any other row travels by name: that costs a session
# some octets, where a list of all of them would cost every hub flash.
ROWS = (
    "blood_pressure",
    "ad_ua651ble",
    "weight_scale",
    "ad_uc352ble",
    "pulse_oximeter",
    "pulse_oximeter_unbonded",
    "pulse_oximeter_continuous",
    "nonin_3230",
    "nonin_3230_continuous",
)
_USUAL_CHARACTERISTIC = {
    1: 0x2A35,
    2: 0x2A9D,
    3: 0x2A5E,
    4: 0x2A5F,
    5: 0x2A5F,
    6: 0x2A5F,
}  # by a kind's number

# The journal's flags of a capture, and the bits that they are in an envelope.
_LINK_BITS = (
    (1, 1),
    (2, 2),
    (8, 4),
    (4, 32),
    (16, 64),
)  # indicated, encrypted, bonded, authenticated, bond changed
_CLOCK_WRITTEN = const(8)
_RANDOM_ADDRESS = const(16)

_POSSIBLE_REPEAT = const(1)
_SESSION_LOST = const(2)
_TIMED_AFTERWARDS = const(4)


class Reference:
    """What the next entry is written against."""

    def __init__(self, time_s: int, quality: int):
        self.quality = quality  # of the envelope
        self.time_s = time_s  # of the entry before
        self.units: dict = {}  # kind -> ((exponent, unit), ...) as last told
        # In the session that is open:
        self.told: dict = {}  # kind, or 0 for none -> characteristic
        self.device_s = None  # the last device time
        self.offset_s = 0
        self.link = 0

    def copy(self) -> "Reference":
        """Return the same again, to come back to."""
        other = Reference(self.time_s, self.quality)
        other.units = dict(self.units)
        other.told = dict(self.told)
        other.device_s = self.device_s
        other.offset_s = self.offset_s
        other.link = self.link
        return other


def open_session(writer, reference, capture, session, fix) -> None:
    """Write the eight fields that hold for a whole visit; `capture` is its first."""
    time_s = hub_time(capture, fix)[0]
    reference.told = {}
    reference.device_s = None
    reference.offset_s = 0
    reference.link = link = _link(capture.flags)
    writer.uint(capture.visit)
    if session is None:
        writer.uint(capture.device)
        writer.uint(link)
        writer.text("")
        writer.uint(0)
        writer.int(0)
        writer.null()
        writer.int(0)
        return
    # A session that stands in for a lost one says nothing about this visit's clock.
    clock = session.clock if _is_of(session, capture) else b""
    bits = link | (_RANDOM_ADDRESS if session.address_type else 0)
    writer.bytes(session.address)
    writer.uint(bits | (_CLOCK_WRITTEN if session.clock_written and _is_of(session, capture) else 0))
    if session.row in ROWS:
        writer.uint(ROWS.index(session.row))
    else:
        writer.text(session.row[:_ROW_LETTERS_MAX])
    writer.uint(session.description)
    reference.offset_s = session.offset_min * 60
    if session.offset_min % 15:
        writer.array(1)
        writer.int(session.offset_min)
    else:
        writer.int(session.offset_min // 15)
    _write_clock_as_read(writer, clock, time_s, reference.offset_s, capture.mono_ms - session.clock_ms)


def _write_clock_as_read(writer, clock, time_s, offset_s, before_ms):
    if not len(clock):
        writer.null()
        writer.int(0)
        return
    before_s = (before_ms + 500) // 1000
    shown, _ = of_clock(clock)
    if shown is not None and len(clock) == DATE_TIME_OCTETS:
        writer.int(seconds_of(shown) - (time_s - before_s + offset_s))
    else:
        writer.bytes(clock[:_CLOCK_OCTETS_MAX])
    writer.int(before_s)


def write_capture(writer, reference, capture, session, fix, outcome, repeat, parts=()) -> None:
    """Write a capture's entry, and one more for each further reading in it.

    `parts`: of what earlier captures of its session the readings are made too, as distances back from it.
    """
    time_s, quality, marks = hub_time(capture, fix)
    if session is not None and not _is_of(session, capture):
        marks |= _SESSION_LOST
    if repeat:
        marks |= _POSSIBLE_REPEAT
    extras = {}
    if marks:
        extras[2] = marks
    if quality != reference.quality:
        extras[3] = quality
    if _link(capture.flags) != reference.link:
        extras[4] = _link(capture.flags)
    if parts:
        extras[9] = parts
    octets, step_s = capture.value, time_s - reference.time_s
    reference.time_s = time_s
    uuid = characteristic(session, capture.handle)
    for what in (outcome,) if isinstance(outcome, str) or not outcome else outcome:
        kind = 0 if what is outcome or isinstance(what, str) else KINDS[what.kind][0]
        if octets is not None:
            if uuid is None:
                extras[6] = capture.handle
            else:
                if uuid != reference.told.get(kind, _USUAL_CHARACTERISTIC.get(kind)):
                    extras[5] = uuid
                reference.told[kind] = uuid
        if kind:
            _measurement_extras(extras, what)
        writer.array((6 if kind else 3 if outcome else 2) + (1 if extras else 0))
        if octets is None:
            writer.null()
        else:
            writer.bytes(octets)
        writer.int(step_s)
        if kind:
            _write_reading(writer, reference, kind, what)
        elif outcome:
            writer.text(outcome[:_REASON_LETTERS_MAX])
        _write_extras(writer, extras)
        octets, step_s, extras = None, 0, {}


def hub_time(capture, fix) -> tuple:
    """Return (Unix seconds, quality, marks): before its boot's first fix, by that fix."""
    if capture.quality == 0 and fix is not None and fix.boot == capture.boot:
        return fix.time_s + (capture.mono_ms - fix.mono_ms) // 1000, fix.source, _TIMED_AFTERWARDS
    return capture.time_s, capture.quality, 0


def characteristic(session, handle) -> "int | bytes | None":
    """Return what a value handle means: a 16-bit number, 16 octets most significant first, or None."""
    if session is not None:
        for known, uuid in session.characteristics:
            if known == handle:
                if len(uuid) == 2:
                    return uuid[0] | uuid[1] << 8
                return bytes([uuid[at] for at in range(15, -1, -1)])
    return None


def _is_of(session, capture):
    return session.visit == capture.visit and session.boot == capture.boot


def _link(flags):
    bits = 0
    for flag, bit in _LINK_BITS:
        if flags & flag:
            bits |= bit
    return bits


def _measurement_extras(extras, measurement):
    if measurement.flags:
        extras[1] = [FLAGS.index(flag) for flag in measurement.flags]
    if measurement.user is not None:
        extras[7] = measurement.user
    if measurement.extra:
        extras[8] = measurement.extra


def _write_extras(writer, extras):
    if not extras:
        return
    writer.map(len(extras))
    for key in range(1, 10):
        if key not in extras:
            continue
        value = extras[key]
        writer.uint(key)
        if key in (1, 9):
            writer.array(len(value))
            for number in value:
                writer.uint(number)
        elif isinstance(value, bytes):
            writer.bytes(value)
        else:
            writer.uint(value)


def _write_reading(writer, reference, kind, measurement):
    writer.uint(kind)
    _write_values(writer, reference, kind, KINDS[measurement.kind][1], measurement.quantities)
    if measurement.status_raw is None:
        writer.null()
    else:
        writer.uint(measurement.status_raw)
    state, time = measurement.device_time_state, measurement.device_time
    if state == "absent":
        writer.null()
        return
    if state != "ok":
        writer.array(1 if time is None else 2)
        writer.uint(("unknown", "invalid").index(state))
    if time is not None:
        time_s = seconds_of(time)
        before_s = reference.device_s
        writer.int(time_s - (reference.time_s + reference.offset_s if before_s is None else before_s))
        reference.device_s = time_s


def _write_values(writer, reference, kind, table, quantities):
    """Write one value per quantity of the kind, as octets where they are no more than that."""
    if table is None:
        writer.array(len(quantities))
        for quantity in quantities:
            writer.array(len(quantity))
            for part in quantity:
                writer.int(REASONS.index(part) if isinstance(part, str) else part)
        return
    told = list(reference.units.get(kind) or [(0, unit) for _, unit in table])
    values: list = []
    plain = True
    for quantity in quantities:
        while len(values) < len(table) and table[len(values)][0] != quantity[0]:
            values.append(None)
        at = len(values)
        if at == len(table):
            raise ValueError(quantity[0])  # not of this kind, or out of order: a slip in a driver
        if len(quantity) == 2:
            values.append((REASONS.index(quantity[1]),))
            continue
        _, mantissa, exponent, unit = quantity
        if (exponent, unit) == told[at]:
            values.append(mantissa)
        else:
            values.append((mantissa, exponent) if unit == told[at][1] else (mantissa, exponent, unit))
            told[at] = exponent, unit
    reference.units[kind] = told
    for value in values:
        plain = plain and isinstance(value, int) and 0 <= value <= 255
    if plain:
        writer.bytes(bytes(values))
        return
    writer.array(len(values))
    for value in values:
        if value is None:
            writer.null()
        elif isinstance(value, tuple):
            writer.array(len(value))
            for part in value:
                writer.int(part)
        else:
            writer.int(value)
