"""Values to octets as the devices write them: a second hand, which shares nothing with drivers/.

Written from the Bluetooth SIG's GATT Specification Supplement, its Pulse Oximeter Service 1.0.1, and IEEE
11073-20601.
A number is (mantissa, exponent); a text in its place names a special value.
"""

import struct
from datetime import datetime

MDER_SPECIALS = {"NaN": 0x07FF, "NRes": 0x0800, "+INF": 0x07FE, "-INF": 0x0802, "RFU": 0x0801}

BLOOD_PRESSURE_STATUS = {
    "body_movement": 0x01,
    "cuff_loose": 0x02,
    "irregular_pulse": 0x04,
    "pulse_above_range": 0x08,
    "pulse_below_range": 0x10,
    "improper_position": 0x20,
}

MEASUREMENT_STATUS = (  # bits 5..15 of the oximeter's measurement status
    "measurement_ongoing",
    "early_estimate",
    "validated",
    "fully_qualified",
    "from_storage",
    "demo",
    "testing",
    "calibration_ongoing",
    "unavailable",
    "questionable",
    "invalid",
)
_MEASUREMENT_STATUS_FIRST_BIT = 5

SENSOR_STATUS = (  # bits 0..15 of the oximeter's device and sensor status
    "extended_display_update",
    "equipment_malfunction",
    "signal_processing_irregularity",
    "inadequate_signal",
    "poor_signal",
    "low_perfusion",
    "erratic_signal",
    "nonpulsatile_signal",
    "questionable_pulse",
    "signal_analysis_ongoing",
    "sensor_interference",
    "sensor_unconnected_to_user",
    "unknown_sensor",
    "sensor_displaced",
    "sensor_malfunctioning",
    "sensor_disconnected",
)

WEIGHT_UNSUCCESSFUL = 0xFFFF

Number = tuple[int, int] | str


def sfloat(value: Number) -> bytes:
    """SFLOAT: exponent in the high 4 bits, mantissa in the low 12, both two's complement."""
    if isinstance(value, str):
        return struct.pack("<H", MDER_SPECIALS[value])
    mantissa, exponent = value
    if not -2048 <= mantissa <= 2047 or not -8 <= exponent <= 7:
        raise ValueError(value)
    if exponent == 0 and abs(mantissa) >= 2046:
        raise ValueError(value)  # these patterns are the special values
    return struct.pack("<H", (exponent & 0xF) << 12 | mantissa & 0xFFF)


def crc16(octets: bytes) -> bytes:
    """E2E-CRC (CRC-16/MCRF4XX), least significant octet first; its check value is 6F91 for "123456789"."""
    crc = 0xFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 * (crc & 1)
    return struct.pack("<H", crc)


def segments(body: bytes, octets_max: int, head: bytes = b"", first_count: int = 0) -> list[bytes]:
    """Cut into values, each with the octet of first (bit 0), last (bit 1) and rolling counter, then `head`."""
    room = octets_max - 1 - len(head)
    pieces = [body[at : at + room] for at in range(0, len(body), room)] or [b""]
    last = len(pieces) - 1
    return [
        bytes(((at == 0) | (at == last) << 1 | (first_count + at & 63) << 2,)) + head + piece
        for at, piece in enumerate(pieces)
    ]


def date_time(time: datetime | None) -> bytes:
    """Date Time 2A08; None writes the zeros of a clock that was never set."""
    if time is None:
        return bytes(7)
    return struct.pack("<H5B", time.year, time.month, time.day, time.hour, time.minute, time.second)


def current_time(time: datetime | None) -> bytes:
    """Current Time 2A2B: date, day of week (Monday 1), 1/256 s, reason of the last adjustment."""
    return date_time(time) + bytes((time.isoweekday() if time else 0, 0, 0))


def bits(names, table: dict[str, int]) -> int:
    """The bit field in which exactly these names are set."""
    return sum(table[name] for name in names)


def blood_pressure(
    systolic: Number,
    diastolic: Number,
    mean: Number,
    *,
    kpa: bool = False,
    time: bytes | None = None,
    pulse: Number | None = None,
    user: int | None = None,
    status: int | None = None,
) -> bytes:
    """Blood Pressure Measurement 2A35: what is None is left out and its flag is clear."""
    flags = kpa | (time is not None) << 1 | (pulse is not None) << 2
    flags |= (user is not None) << 3 | (status is not None) << 4
    value = bytes((flags,)) + sfloat(systolic) + sfloat(diastolic) + sfloat(mean)
    value += time or b""
    if pulse is not None:
        value += sfloat(pulse)
    if user is not None:
        value += bytes((user,))
    if status is not None:
        value += struct.pack("<H", status)
    return value


def weight(count: int, *, pounds: bool = False, time: bytes | None = None, user: int | None = None) -> bytes:
    """Weight Measurement 2A9D: `count` of 0.005 kg or 0.01 lb."""
    flags = pounds | (time is not None) << 1 | (user is not None) << 2
    return struct.pack("<BH", flags, count) + (time or b"") + (b"" if user is None else bytes((user,)))


def measurement_status(names) -> int:
    """Measurement status u16 of the Pulse Oximeter Service."""
    return sum(1 << _MEASUREMENT_STATUS_FIRST_BIT + MEASUREMENT_STATUS.index(name) for name in names)


def sensor_status(names) -> int:
    """Device and sensor status u24 of the Pulse Oximeter Service."""
    return sum(1 << SENSOR_STATUS.index(name) for name in names)


def spot_check(
    spo2: Number,
    pulse: Number,
    *,
    time: bytes | None = None,
    measurement: int | None = None,
    sensor: int | None = None,
    amplitude: Number | None = None,
    clock_not_set: bool = False,
) -> bytes:
    """PLX Spot-check Measurement 2A5E."""
    flags = (time is not None) | (measurement is not None) << 1 | (sensor is not None) << 2
    flags |= (amplitude is not None) << 3 | clock_not_set << 4
    value = bytes((flags,)) + sfloat(spo2) + sfloat(pulse) + (time or b"")
    if measurement is not None:
        value += struct.pack("<H", measurement)
    if sensor is not None:
        value += sensor.to_bytes(3, "little")
    if amplitude is not None:
        value += sfloat(amplitude)
    return value


def nonin_stream(
    *, status: int, battery_tenths_v: int, amplitude_hundredths: int, counter: int, spo2: int, pulse: int
) -> bytes:
    """Nonin's own oximetry value 0AAD7EA0: ten octets, big-endian, its own length first."""
    return struct.pack(">BBBHHBH", 10, status, battery_tenths_v, amplitude_hundredths, counter, spo2, pulse)
