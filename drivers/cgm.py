"""Continuous glucose monitor (service 0x181F): 2AA7 Measurement. A stream, sampled.

Layout: GATT Specification Supplement, CGM Measurement. One value holds one or several records; each says its own size,
and so whether it ends with an E2E-CRC. The time in it counts from the session's start, which is not in the value, so
the hub's own time is what dates it. What the sensor tests stands in 2AA8, not in the value.
"""

from micropython import const

from drivers import Driver, Sampling, make
from drivers.formats import crc16, nothing, quantity
from firmware.contracts import PeerError
from firmware.measurement import codes
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x181F)
_MEASUREMENT = const(0x2AA7)
_FEATURE = const(0x2AA8)
_STATUS = const(0x2AA9)
_SESSION_START = const(0x2AAA)
_RUN_TIME = const(0x2AAB)
_RACP = const(0x2A52)
_CONTROL_POINT = const(0x2AAC)

_HAS_TREND = const(0x01)
_HAS_QUALITY = const(0x02)
_HAS_WARNING = const(0x20)
_HAS_CALIBRATION = const(0x40)
_HAS_STATUS = const(0x80)
_RESERVED = const(0x1C)
_LENGTH = const(6)

_GLUCOSE = const(160020)  # MDC_CONC_GLU_GEN
_TREND = const(8418008)  # MDC_CONC_GLU_TREND
_MG_PER_DL_MIN = const(266868)  # MDC_DIM_MILLI_G_PER_DL_PER_MIN


class _From:
    """A value from some octet on."""

    def __init__(self, octets, at):
        self._octets = octets
        self._at = at

    def __getitem__(self, at):
        return self._octets[self._at + at]


def decode(octets) -> list:
    """Read one CGM Measurement (2AA7): one measurement for each record in it."""
    measurements: list = []
    at = 0
    while at < len(octets) or not measurements:
        measurement, size = read_record(octets, at)
        measurements.append(measurement)
        at += size
    return measurements


def read_record(octets, at: int) -> tuple:
    """Read the record at this place: (measurement, its size)."""
    left = len(octets) - at
    if left < _LENGTH:
        raise PeerError("short", left, _LENGTH)
    size, flags = octets[at], octets[at + 1]
    length = _LENGTH
    for flag, more in (
        (_HAS_STATUS, 1),
        (_HAS_CALIBRATION, 1),
        (_HAS_WARNING, 1),
        (_HAS_TREND, 2),
        (_HAS_QUALITY, 2),
    ):
        if flags & flag:
            length += more
    if size > left or size < length:
        raise PeerError("short", left, max(size, length))
    if size not in (length, length + 2):
        raise PeerError("length", size, length)
    if size == length + 2 and crc16(_From(octets, at), length) != octets[at + length] | octets[at + length + 1] << 8:
        raise PeerError("crc")
    quantities: tuple = (quantity(_GLUCOSE, octets, at + 2, codes.MG_PER_DL),)
    at += _LENGTH
    status = 0
    for flag, shift in ((_HAS_STATUS, 0), (_HAS_CALIBRATION, 8), (_HAS_WARNING, 16)):
        if flags & flag:
            status |= octets[at] << shift
            at += 1
    if flags & _HAS_TREND:
        quantities += (quantity(_TREND, octets, at, _MG_PER_DL_MIN),)
    measurement = Measurement("glucose_continuous", quantities)
    if flags & (_HAS_STATUS | _HAS_CALIBRATION | _HAS_WARNING):
        measurement.status_raw = status
    if flags & _RESERVED:
        measurement.flags = ("reserved_bits",)
    return measurement, size


DRIVER = Driver(
    {
        _MEASUREMENT: decode,
        _FEATURE: nothing,
        _STATUS: nothing,
        _SESSION_START: nothing,
        _RUN_TIME: nothing,
        _RACP: nothing,
        _CONTROL_POINT: nothing,
    },
    (
        make(
            "cgm",
            "Continuous glucose monitor (standard)",
            services=(_SERVICE,),
            subscribe=((_MEASUREMENT, "notify"),),
            features=_FEATURE,
            sampling=(Sampling(_MEASUREMENT, 60000, 6),),
            burst=6,
            rest_ms=300000,  # how often such a sensor measures
            mtu=True,
            value_octets_max=60,
        ),
    ),
    {},
)
