"""Characteristics that carry measurements: read by the hub's decoders, told in telehub decode's words.

A reader is called with the object to fill, the octets, the decoder of the driver that was asked for, and the context.
"""

from drivers import blood_pressure_enhanced, cgm, formats
from firmware.contracts import PeerError
from firmware.measurement import device_time
from firmware.measurement.measurement import USER_UNKNOWN
from firmware.measurement.names import STATUSES, bit_names
from tools.inspect.decode.words import (
    CARBOHYDRATES,
    CONTACTS,
    GLUCOSE_LOCATIONS,
    GLUCOSE_TYPES,
    HEALTHS,
    MEALS,
    MEDICATIONS,
    QUANTITIES,
    TEMPERATURE_TYPES,
    TESTERS,
    word,
)
from tools.inspect.decode.writer import Number, Object, number


def iso(time: tuple) -> str:
    """Write a device's time as ISO 8601, without a zone: it has none."""
    return "%04d-%02d-%02dT%02d:%02d:%02d" % time


def put_time(out, key: str, octets, at: int) -> None:
    """Add a Date Time; its state stands only where it is no time."""
    time, state = device_time.parse(octets, at)
    out.put(key, None if time is None else iso(time))
    if time is None:
        out.put("timestamp_state", state)


def user(slot: int) -> "int | str":
    """A user's slot, or "unknown"."""
    return "unknown" if slot == USER_UNKNOWN else slot


def pressure(out, octets, decoder, context) -> None:
    """2A35."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    out.put("unit", "kPa" if octets[0] & 0x01 else "mmHg")
    _quantities(out, measurement)
    _time_and_user(out, measurement)
    _status(out, measurement)
    out.extra(measurement.extra)


def cuff(out, octets, decoder, context) -> None:
    """2A36: the first number is the pressure in the cuff, the two places after it hold none."""
    whole = Object()
    pressure(whole, octets, decoder, context)
    for key in whole.keys():
        if key not in ("diastolic", "map"):
            out.put("cuff_pressure" if key == "systolic" else key, whole.get(key))


def enhanced(out, octets, decoder, context) -> None:
    """2B34."""
    _enhanced(out, octets, ("systolic", "diastolic", "map"))


def enhanced_cuff(out, octets, decoder, context) -> None:
    """2B35: one pressure, and no places for two more."""
    _enhanced(out, octets, ("cuff_pressure",))


def _enhanced(out, octets, pressures):
    formats.need(octets, 1)
    flags = octets[0]
    lengths = formats.lengths(1 + 2 * len(pressures), (0, 4, 2, 1, 2, 4))
    more = formats.extra(octets, lengths[flags & 0x3F])
    epoch = 2000 if flags & 0x40 else 1900
    out.put("unit", "kPa" if flags & 0x01 else "mmHg")
    at = 1
    for key in pressures:
        out.put(key, number(formats.sfloat(octets, at)))
        at += 2
    if flags & 0x02:
        out.put("timestamp", iso(blood_pressure_enhanced.since(formats.uint(octets, at, 4), epoch)))
        at += 4
    if flags & 0x04:
        out.put("pulse_rate", number(formats.sfloat(octets, at)))
        at += 2
    if flags & 0x08:
        out.put("user_id", user(octets[at]))
        at += 1
    if flags & 0x10:
        raw = formats.uint(octets, at, 2)
        out.bits("status", raw, bit_names(raw, STATUSES["blood_pressure"]))
        at += 2
    if flags & 0x20:
        out.put("user_facing_time", iso(blood_pressure_enhanced.since(formats.uint(octets, at, 4), epoch)))
    out.extra(more)


def weight(out, octets, decoder, context) -> None:
    """2A9D."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    out.put("unit", "lb" if octets[0] & 0x01 else "kg")
    _quantities(out, measurement)
    if octets[0] & 0x08:
        out.put("height_unit", "in" if octets[0] & 0x01 else "m")
    _time_and_user(out, measurement)
    out.extra(measurement.extra)


def composition(out, octets, decoder, context) -> None:
    """2A9C, one packet of it."""
    formats.need(octets, 2)
    measurement = decoder(octets)[0]
    out.put("unit", "lb" if octets[0] & 0x01 else "kg")
    _quantities(out, measurement)
    if octets[1] & 0x08:
        out.put("height_unit", "in" if octets[0] & 0x01 else "m")
    _time_and_user(out, measurement)
    out.put("multiple_packet", bool(octets[1] & 0x10))
    out.extra(measurement.extra)


def spot_check(out, octets, decoder, context) -> None:
    """2A5E."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    _quantities(out, measurement)
    if octets[0] & 0x01:
        put_time(out, "timestamp", octets, 5)
    _oximeter_status(out, measurement, octets[0] & 0x02, octets[0] & 0x04)
    out.put("clock_not_set", bool(octets[0] & 0x10))
    out.extra(measurement.extra)


def continuous(out, octets, decoder, context) -> None:
    """2A5F."""
    formats.need(octets, 1)
    measurements = decoder(octets)
    for measurement in measurements:
        ending = measurement.kind[len("pulse_oximetry") :].replace("_continuous", "")
        for quantity in measurement.quantities:
            out.put(QUANTITIES[quantity[0]] + ending, _number(quantity))
    _oximeter_status(out, measurements[0], octets[0] & 0x04, octets[0] & 0x08)
    out.extra(measurements[0].extra)


def _oximeter_status(out, measurement, has_status, has_sensor):
    raw = measurement.status_raw or 0
    names = STATUSES["pulse_oximetry"]
    if has_status:
        out.bits("measurement_status", raw & 0xFFFF, bit_names(raw & 0xFFFF, names))
    if has_sensor:
        out.bits("sensor_status", raw >> 16, bit_names(raw & ~0xFFFF, names))


def glucose(out, octets, decoder, context) -> None:
    """2A18."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    flags = octets[0]
    out.put("sequence_number", formats.uint(octets, 1, 2))
    put_time(out, "base_time", octets, 3)
    if flags & 0x01:
        out.put("time_offset_min", formats.signed(formats.uint(octets, 10, 2), 16))
    time = measurement.device_time
    out.put("timestamp", None if time is None else iso(time))
    if flags & 0x02:
        at = 12 if flags & 0x01 else 10
        out.put("glucose", _number(measurement.quantities[0]))
        out.put("unit", "mmol/L" if flags & 0x04 else "mg/dL")
        out.put("type", word(GLUCOSE_TYPES, octets[at + 2] & 0x0F))
        out.put("location", word(GLUCOSE_LOCATIONS, octets[at + 2] >> 4))
    _status(out, measurement)
    out.put("context_follows", bool(flags & 0x10))
    out.extra(measurement.extra)


def glucose_context(out, octets, decoder, context) -> None:
    """2A34."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    flags = octets[0]
    out.put("sequence_number", formats.uint(octets, 1, 2))
    at = 3
    if flags & 0x80:
        out.put("extended_flags", octets[at])
        at += 1
    if flags & 0x01:
        out.put("carbohydrate_id", word(CARBOHYDRATES, octets[at]))
        out.put("carbohydrate_kg", number(formats.sfloat(octets, at + 1)))
        at += 3
    if flags & 0x02:
        out.put("meal", word(MEALS, octets[at]))
        at += 1
    if flags & 0x04:
        out.put("tester", word(TESTERS, octets[at] & 0x0F))
        out.put("health", word(HEALTHS, octets[at] >> 4))
        at += 1
    if flags & 0x08:
        duration = formats.uint(octets, at, 2)
        out.put("exercise_duration_s", "overrun" if duration == 0xFFFF else duration)
        out.put("exercise_intensity_pct", octets[at + 2])
        at += 3
    if flags & 0x10:
        out.put("medication_id", word(MEDICATIONS, octets[at]))
        out.put("medication", number(formats.sfloat(octets, at + 1)))
        out.put("medication_unit", "L" if flags & 0x20 else "kg")
        at += 3
    if flags & 0x40:
        out.put("hba1c_pct", number(formats.sfloat(octets, at)))
    out.extra(measurement.extra)


def temperature(out, octets, decoder, context) -> None:
    """2A1C and 2A1E."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    flags = octets[0]
    out.put("unit", "F" if flags & 0x01 else "C")
    out.put("temperature", number(formats.float32(octets, 1)))
    if flags & 0x02:
        put_time(out, "timestamp", octets, 5)
    if flags & 0x04:
        out.put("type", word(TEMPERATURE_TYPES, octets[12 if flags & 0x02 else 5]))
    out.extra(measurement.extra)


def heart_rate(out, octets, decoder, context) -> None:
    """2A37."""
    formats.need(octets, 1)
    measurement = decoder(octets)[0]
    flags = octets[0]
    size = 2 if flags & 0x01 else 1
    out.put("heart_rate", formats.uint(octets, 1, size))
    out.put("contact", word(CONTACTS, flags >> 1 & 3))
    at = 1 + size
    if flags & 0x08:
        out.put("energy_kj", formats.uint(octets, at, 2))
        at += 2
    if flags & 0x10:
        out.put("rr_1024", [formats.uint(octets, place, 2) for place in range(at, len(octets), 2)])
    out.extra(measurement.extra)


def cgm_records(out, octets, decoder, context) -> None:
    """2AA7."""
    records: list = []
    at = 0
    while at < len(octets) or not records:
        measurement, size = cgm.read_record(octets, at)
        record = Object()
        record.put("glucose", _number(measurement.quantities[0]))
        record.put("unit", "mg/dL")
        record.put("time_offset_min", formats.uint(octets, at + 4, 2))
        flags = octets[at + 1]
        if measurement.status_raw is not None:
            record.bits("status", measurement.status_raw, measurement.status)
        place = at + 6
        for bit in (0x80, 0x40, 0x20):
            place += 1 if flags & bit else 0
        if flags & 0x01:
            record.put("trend", number(formats.sfloat(octets, place)))
            place += 2
        if flags & 0x02:
            record.put("quality_pct", number(formats.sfloat(octets, place)))
            place += 2
        if context.get("e2e_crc") and place == at + size:
            raise PeerError("crc")  # announced, and not there
        records.append(record)
        at += size
    out.put("records", records)


def by_code(out, octets, decoder, context) -> None:
    """A vendor's own characteristic: whatever its driver finds."""
    found = decoder(octets)
    if not found:
        return
    measurement = found[0]
    _quantities(out, measurement)
    _time_and_user(out, measurement)
    _status(out, measurement)
    if measurement.flags:
        out.put("flags", list(measurement.flags))
    out.extra(measurement.extra)


def _number(quantity):
    return Number(quantity[1], quantity[2]) if len(quantity) == 4 else quantity[1]


def _quantities(out, measurement):
    for quantity in measurement.quantities:
        key = QUANTITIES.get(quantity[0], str(quantity[0]))
        if len(quantity) == 2 and quantity[1] in ("unsuccessful", "no_reading"):
            out.put(key, None)
            out.put("unsuccessful" if quantity[1] == "unsuccessful" else "no_reading", True)
        else:
            out.put(key, _number(quantity))


def _time_and_user(out, measurement):
    if measurement.device_time_state != "absent":
        time = measurement.device_time
        out.put("timestamp", None if time is None else iso(time))
        if time is None:
            out.put("timestamp_state", measurement.device_time_state)
    if measurement.user is not None:
        out.put("user_id", user(measurement.user))


def _status(out, measurement):
    if measurement.status_raw is not None:
        out.bits("status", measurement.status_raw, measurement.status)
