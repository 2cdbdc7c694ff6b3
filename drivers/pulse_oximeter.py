"""Pulse oximeter (service 0x1822): 2A5E Spot-Check, 2A5F Continuous, 2A60 Features; records by RACP.

Layout: Pulse Oximeter Service 1.0.1. A continuous value carries up to three readings (normal, fast, slow
averaging), which are three measurements of one capture; they share its statuses.
"""

from micropython import const

from drivers import STREAM_REST_MS, Driver, Sampling, make
from drivers.formats import extra, lengths, need, nothing, quantity
from firmware.measurement import codes
from firmware.measurement.device_time import parse
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1822)
_CURRENT_TIME_SERVICE = const(0x1805)
_SPOT_CHECK = const(0x2A5E)
_CONTINUOUS = const(0x2A5F)
_FEATURES = const(0x2A60)
_RACP = const(0x2A52)
_CURRENT_TIME = const(0x2A2B)

_SPOT_TIME = const(0x01)
_SPOT_CLOCK_NOT_SET = const(0x10)
_SPOT_RESERVED = const(0xE0)

_CONTINUOUS_FAST = const(0x01)
_CONTINUOUS_SLOW = const(0x02)
_CONTINUOUS_RESERVED = const(0xE0)

REPORT_ALL_RECORDS = b"\x01\x01"  # RACP: report stored records, all of them

# What a measurement status makes of a reading (names of codes.FLAGS, in their order, by bit)
_SAYS = (
    (0x0800, "test"),
    (0x0400, "demo"),
    (0x1000, "calibration"),
    (0x8000, "invalid"),
    (0x2000, "unavailable"),
    (0x0200, "from_storage"),
)
_SAYS_MASK = const(0xBE00)


_SPOT_LENGTHS = lengths(5, (7, 2, 3, 2))
_CONTINUOUS_LENGTHS = lengths(5, (4, 4, 2, 3, 2))


def decode_spot_check(octets) -> list:
    """Read one PLX Spot-Check Measurement (2A5E)."""
    flags = octets[0] if len(octets) else need(octets, 1)
    more = len(octets) - _SPOT_LENGTHS[flags & 0x0F]
    if more < 0:
        need(octets, len(octets) - more)
    measurement = Measurement("pulse_oximetry", _pair(octets, 1), more)
    at = 5
    if flags & _SPOT_TIME:
        measurement.device_time, measurement.device_time_state = parse(octets, at)
        if flags & _SPOT_CLOCK_NOT_SET and measurement.device_time_state == "ok":
            measurement.device_time_state = "unknown"
        at += 7
    _complete(measurement, octets, at, flags >> 1)
    if flags > 0x0F:
        notes: tuple = ("clock_not_set",) if flags & _SPOT_CLOCK_NOT_SET else ()
        if flags & _SPOT_RESERVED:
            notes += ("reserved_bits",)
        notes += measurement.flags
        measurement.flags = tuple([flag for flag in codes.FLAGS if flag in notes])
    return [measurement]


def decode_continuous(octets) -> list:
    """Read one PLX Continuous Measurement (2A5F): one measurement for each way of averaging."""
    need(octets, 1)
    flags = octets[0]
    more = extra(octets, _CONTINUOUS_LENGTHS[flags & 0x1F])
    measurements = [Measurement("pulse_oximetry_continuous", _pair(octets, 1), more)]
    at = 5
    for flag, kind in ((_CONTINUOUS_FAST, "pulse_oximetry_fast"), (_CONTINUOUS_SLOW, "pulse_oximetry_slow")):
        if flags & flag:
            measurements.append(Measurement(kind, _pair(octets, at), more))
            at += 4
    _complete(measurements[0], octets, at, flags >> 2)
    if flags & _CONTINUOUS_RESERVED:
        measurements[0].flags += ("reserved_bits",)
    for measurement in measurements[1:]:  # one amplitude belongs to one reading, the normal one
        measurement.status_raw = measurements[0].status_raw
        measurement.flags = measurements[0].flags
    return measurements


def _pair(octets, at):
    """Read SpO2 and pulse rate."""
    return (
        quantity(codes.SPO2, octets, at, codes.PERCENT),
        quantity(codes.PULSE_OXIMETER, octets, at + 2, codes.BPM),
    )


def _complete(measurement, octets, at, has):
    """Read what follows: bit 0 measurement status, bit 1 sensor status, bit 2 pulse amplitude."""
    if has & 3:
        status = sensor = 0
        if has & 1:
            status = octets[at] | octets[at + 1] << 8
            at += 2
        if has & 2:
            sensor = octets[at] | octets[at + 1] << 8 | octets[at + 2] << 16
            at += 3
        measurement.status_raw = sensor << 16 | status
        if status & _SAYS_MASK:
            measurement.flags = tuple([flag for bit, flag in _SAYS if status & bit])
    if has & 4:
        measurement.quantities += (quantity(codes.PULSE_AMPLITUDE, octets, at, codes.PERCENT),)


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
            rest_ms=STREAM_REST_MS,
            value_octets_max=20,
        ),
    ),
    {},
)
