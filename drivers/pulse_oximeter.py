"""Pulse oximeter (service 0x1822): 2A5E Spot-Check, 2A5F Continuous, 2A60 Features; records by RACP.

Layout: Pulse Oximeter Service 1.0.1. A continuous value carries up to three readings (normal, fast, slow
averaging), which are three measurements of one capture; they share its statuses.
"""

from micropython import const

from drivers import Driver, Sampling, make
from drivers.formats import named, need, nothing, quantity, sfloat, take_time, uint
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1822)
_CURRENT_TIME_SERVICE = const(0x1805)
_SPOT_CHECK = const(0x2A5E)
_CONTINUOUS = const(0x2A5F)
_FEATURES = const(0x2A60)
_RACP = const(0x2A52)
_CURRENT_TIME = const(0x2A2B)

_SPOT_TIME = const(0x01)
_SPOT_STATUS = const(0x02)
_SPOT_SENSOR = const(0x04)
_SPOT_AMPLITUDE = const(0x08)
_SPOT_CLOCK_NOT_SET = const(0x10)
_SPOT_RESERVED = const(0xE0)

_CONTINUOUS_FAST = const(0x01)
_CONTINUOUS_SLOW = const(0x02)
_CONTINUOUS_STATUS = const(0x04)
_CONTINUOUS_SENSOR = const(0x08)
_CONTINUOUS_AMPLITUDE = const(0x10)
_CONTINUOUS_RESERVED = const(0xE0)

REPORT_ALL_RECORDS = b"\x01\x01"  # RACP: report stored records, all of them

_STATUS_FIRST_BIT = const(5)  # below it the status is reserved
_STATUS = (
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
_SENSOR = (
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

# What a measurement status makes of a reading (names of codes.FLAGS, by bit)
_SAYS = (
    (9, "from_storage"),
    (10, "demo"),
    (11, "test"),
    (12, "calibration"),
    (13, "unavailable"),
    (15, "invalid"),
)


def decode_spot_check(octets) -> list:
    """Read one PLX Spot-Check Measurement (2A5E)."""
    need(octets, 1)
    flags = octets[0]
    length = 5
    for flag, size in ((_SPOT_TIME, 7), (_SPOT_STATUS, 2), (_SPOT_SENSOR, 3), (_SPOT_AMPLITUDE, 2)):
        if flags & flag:
            length += size
    need(octets, length)
    measurement = Measurement("pulse_oximetry", _pair(octets, 1), len(octets) - length)
    at = 5
    if flags & _SPOT_TIME:
        take_time(measurement, octets, at)
        if flags & _SPOT_CLOCK_NOT_SET and measurement.device_time_state == "ok":
            measurement.device_time_state = "unknown"
        at += 7
    status = sensor = amplitude = None
    if flags & _SPOT_STATUS:
        status = uint(octets, at, 2)
        at += 2
    if flags & _SPOT_SENSOR:
        sensor = uint(octets, at, 3)
        at += 3
    if flags & _SPOT_AMPLITUDE:
        amplitude = sfloat(octets, at)
    notes = []
    if flags & _SPOT_CLOCK_NOT_SET:
        notes.append("clock_not_set")
    if flags & _SPOT_RESERVED:
        notes.append("reserved_bits")
    _complete(measurement, status, sensor, amplitude, notes)
    return [measurement]


def decode_continuous(octets) -> list:
    """Read one PLX Continuous Measurement (2A5F): one measurement for each way of averaging."""
    need(octets, 1)
    flags = octets[0]
    length = 5
    for flag, size in (
        (_CONTINUOUS_FAST, 4),
        (_CONTINUOUS_SLOW, 4),
        (_CONTINUOUS_STATUS, 2),
        (_CONTINUOUS_SENSOR, 3),
        (_CONTINUOUS_AMPLITUDE, 2),
    ):
        if flags & flag:
            length += size
    need(octets, length)
    extra = len(octets) - length
    measurements = [Measurement("pulse_oximetry_continuous", _pair(octets, 1), extra)]
    at = 5
    for flag, kind in ((_CONTINUOUS_FAST, "pulse_oximetry_fast"), (_CONTINUOUS_SLOW, "pulse_oximetry_slow")):
        if flags & flag:
            measurements.append(Measurement(kind, _pair(octets, at), extra))
            at += 4
    status = sensor = amplitude = None
    if flags & _CONTINUOUS_STATUS:
        status = uint(octets, at, 2)
        at += 2
    if flags & _CONTINUOUS_SENSOR:
        sensor = uint(octets, at, 3)
        at += 3
    if flags & _CONTINUOUS_AMPLITUDE:
        amplitude = sfloat(octets, at)
    for measurement in measurements:
        notes = ["reserved_bits"] if flags & _CONTINUOUS_RESERVED else []
        _complete(measurement, status, sensor, amplitude, notes)
        amplitude = None  # one amplitude belongs to one reading, the normal one
    return measurements


def _pair(octets, at):
    """Read SpO2 and pulse rate."""
    return (
        quantity(codes.SPO2, sfloat(octets, at), codes.PERCENT),
        quantity(codes.PULSE_OXIMETER, sfloat(octets, at + 2), codes.BPM),
    )


def _complete(measurement, status, sensor, amplitude, notes):
    """Give a measurement its statuses, what they say against it, and its pulse amplitude."""
    if amplitude is not None:
        measurement.quantities += (quantity(codes.PULSE_AMPLITUDE, amplitude, codes.PERCENT),)
    if status is not None or sensor is not None:
        status, sensor = status or 0, sensor or 0
        measurement.status_raw = sensor << 16 | status
        measurement.status = named(status >> _STATUS_FIRST_BIT, _STATUS) + named(sensor, _SENSOR)
        notes += [flag for bit, flag in _SAYS if status >> bit & 1]
    measurement.flags = tuple([flag for flag in codes.FLAGS if flag in notes])


DECODERS = {
    _SPOT_CHECK: decode_spot_check,
    _CONTINUOUS: decode_continuous,
    _FEATURES: nothing,
    _RACP: nothing,
    _CURRENT_TIME: nothing,
}

STANDARD = make(
    "pulse_oximeter",
    "Pulse oximeter (standard, spot-check)",
    services=(_SERVICE, _CURRENT_TIME_SERVICE),
    clock=_CURRENT_TIME,
    subscribe=((_SPOT_CHECK, "indicate"), (_RACP, "indicate")),
    racp=REPORT_ALL_RECORDS,
    features=_FEATURES,
    memory="until_confirmed",  # of stored records: each is transmitted once
    burst=40,
    value_octets_max=19,
    idle_ms=15000,  # a spot check takes a finger some 10 s, and the service wants 15 s for stored records
)

DRIVER = Driver(
    DECODERS,
    (
        STANDARD,
        make("pulse_oximeter_unbonded", "Pulse oximeter (standard, cannot bond)", STANDARD, bonds=False),
        make(
            "pulse_oximeter_continuous",
            "Pulse oximeter (standard, continuous)",
            STANDARD,
            subscribe=((_CONTINUOUS, "notify"),),
            racp=None,
            sampling=(Sampling(_CONTINUOUS, 10000, 6),),
            memory="none",
            burst=6,
            value_octets_max=20,
        ),
    ),
)
