"""Generic health sensor (service 0x1840): 2B8B Live and 2BDD Stored Health Observations. The road for spirometry.

Layout: Generic Health Sensor Service 1.0 as two public implementations of it lay it out; its text was not at hand. An
observation comes in segments, says its own code and unit, and may hold others: a bundle's, each of which inherits
what the bundle says of time, patient and status, or a compound's components, which are quantities of one measurement.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.formats import float32, nothing, uint
from drivers.joining import segments_body, takes_segment, whole_segment
from drivers.record_access import ALL_RECORDS, RACP
from firmware.contracts import PeerError
from firmware.measurement import codes, device_time
from firmware.measurement.measurement import Measurement

_SERVICE = const(0x1840)
_ELAPSED_TIME_SERVICE = const(0x183F)
_LIVE = const(0x2B8B)
_STORED = const(0x2BDD)
_FEATURES = const(0x2BF3)
_CONTROL_POINT = const(0x2BF4)
_ELAPSED_TIME = const(0x2BF2)

_NUMERIC = const(1)
_DISCRETE = const(2)
_COMPOUND = const(7)
_BUNDLE = const(255)
_DEPTH_MAX = const(4)  # of bundles in bundles: none is known that needs two
_HEAD = const(5)  # class, length, flags
_COMPONENT_HEAD = const(5)  # type, value class

_HAS_TYPE = const(0x0001)
_HAS_TIME = const(0x0002)
_HAS_DURATION = const(0x0004)
_HAS_STATUS = const(0x0008)
_HAS_OBJECT = const(0x0010)
_HAS_PATIENT = const(0x0020)
_HAS_TLVS = const(0x0200)
_LISTS = (0x0040, 0x0080, 0x0100)  # supplemental information, derived from, member of: u32s
_TIME_OCTETS = const(9)
_TLV_HEAD = const(7)

_CURRENT_TIMELINE = const(0x20)
_BY_NETWORK = const(1)  # Time Source: network time protocol

_FROM_1970_TO_2000_S = 946684800
_LAST_S = 253402214400  # 9999-12-31T00:00:00: a day is left for any zone

# What a measurement status makes of a reading (names of codes.FLAGS, by bit)
_SAYS = ((4, "test"), (3, "calibration"), (0, "invalid"), (2, "unavailable"))
# Codes of what a spirometer measures: PEF to FEV6, and the forced and slow volumes and flows
_SPIROMETRY = ((152584, 152587), (188928, 189128))


class Cursor:
    """Reads on through octets, and refuses to go beyond the end of what it was given."""

    def __init__(self, octets, at: int, end: int):
        self.octets = octets
        self.at = at
        self.end = end

    def skip(self, count: int) -> int:
        """Step over octets; return where they begin."""
        at = self.at
        if at + count > self.end:
            raise PeerError("short", self.end - at, count)
        self.at = at + count
        return at

    def uint(self, size: int) -> int:
        """Read an unsigned number."""
        return uint(self.octets, self.skip(size), size)

    def number(self) -> "tuple | str":
        """Read a 32-bit medical float."""
        return float32(self.octets, self.skip(4))

    def within(self, length: int) -> "Cursor":
        """Step over octets; return a cursor for them alone."""
        at = self.skip(length)
        return Cursor(self.octets, at, at + length)


class _About:
    """What an observation says beside its value."""

    status_raw = None
    user = None
    time = None
    state = "absent"

    def __init__(self, outer):
        if outer is not None:
            self.status_raw, self.user = outer.status_raw, outer.user
            self.time, self.state = outer.time, outer.state


def elapsed(octets, at: int) -> tuple:
    """Read an Elapsed Time (as in 2BF2) as device_time.parse reads a time: by its own zone where it tells one.

    A count of ticks is no time, and a time of an earlier timeline is from before the clock was last set.
    """
    flags = octets[at]
    if flags & 0x01:
        return None, "unknown"
    ticks = 0
    for place in range(6, 0, -1):
        ticks = ticks << 8 | octets[at + place]
    seconds = ticks // (1, 10, 1000, 10000)[flags >> 2 & 3] + _FROM_1970_TO_2000_S
    if seconds > _LAST_S:
        return None, "invalid"
    if flags & 0x12 == 0x12:  # UTC, and a zone is told
        quarters = octets[at + 8]
        seconds += (quarters - 256 if quarters > 127 else quarters) * 900
    return device_time.time_of(seconds), "ok" if flags & 0x20 else "unknown"


def elapsed_clock(local, offset_min: int, read) -> bytes:
    """Write 2BF2 in the way in which the device's own was read; PeerError("att", ...) when it counts no time."""
    if len(read) < _TIME_OCTETS or read[0] & 0x01:
        raise PeerError("att", 0)
    utc, zoned = read[0] & 0x02, read[0] & 0x10
    seconds = device_time.seconds_of(local) - _FROM_1970_TO_2000_S - (offset_min * 60 if utc else 0)
    ticks = seconds * (1, 10, 1000, 10000)[read[0] >> 2 & 3]
    count = bytes([ticks >> 8 * at & 0xFF for at in range(6)])
    return bytes((read[0] | _CURRENT_TIMELINE,)) + count + bytes((_BY_NETWORK, offset_min // 15 & 0xFF if zoned else 0))


def observations(octets, at: int) -> tuple:
    """Read the observation at this place: (its measurements, where it ends)."""
    measurements: list = []
    cursor = Cursor(octets, at, len(octets))
    _observation(cursor, None, measurements, 0)
    return measurements, cursor.at


def _observation(cursor, outer, measurements, depth):
    kind = cursor.uint(1)
    body = cursor.within(cursor.uint(2))
    flags = body.uint(2)
    about = _About(outer)
    code = body.uint(4) if flags & _HAS_TYPE else 0
    if flags & _HAS_TIME:
        about.time, about.state = elapsed(body.octets, body.skip(_TIME_OCTETS))
    if flags & _HAS_DURATION:
        body.skip(4)
    if flags & _HAS_STATUS:
        about.status_raw = body.uint(2)
    if flags & _HAS_OBJECT:
        body.skip(4)
    if flags & _HAS_PATIENT:
        about.user = body.uint(1)
    for flag in _LISTS:
        if flags & flag:
            body.skip(4 * body.uint(1))
    if flags & _HAS_TLVS:
        for _ in range(body.uint(1)):
            body.skip(4)
            body.skip(body.uint(2) + 1)
    if kind == _BUNDLE:
        if depth == _DEPTH_MAX:
            raise PeerError("nested")
        for _ in range(body.uint(1)):
            _observation(body, about, measurements, depth + 1)
        return
    quantities: list = []
    if kind == _COMPOUND:
        for _ in range(body.uint(1)):
            component = body.uint(4)
            if not _value(body, body.uint(1), component, quantities):
                break  # of what class the rest is, nobody knows
    else:
        _value(body, kind, code, quantities)
    measurements.append(_measurement(quantities, about))


def _value(body, kind, code, quantities):
    """Read a value; tell whether what follows it can be found."""
    if kind == _NUMERIC:
        unit = codes.DIM + body.uint(2)
        number = body.number()
        if isinstance(number, str):
            quantities.append((code, number))
        else:
            quantities.append((code, number[0], number[1], unit))
        return True
    if kind == _DISCRETE:
        quantities.append((code, body.uint(4), 0, codes.CODED))
        return True
    quantities.append((code, "no_number"))
    return False


def _measurement(quantities, about):
    kind = "spirometry"
    for quantity in quantities:
        if not [True for first, last in _SPIROMETRY if first <= quantity[0] <= last]:
            kind = "observation"
    measurement = Measurement(kind if quantities else "observation", tuple(quantities))
    measurement.device_time, measurement.device_time_state = about.time, about.state
    if about.user is not None:
        measurement.user = about.user
    status = about.status_raw
    if status is not None:
        measurement.status_raw = status
        measurement.flags = tuple([flag for bit, flag in _SAYS if status >> bit & 1])
    return measurement


def _live(octets):
    measurements, end = observations(octets, 0)
    for measurement in measurements:
        if len(octets) > end:
            measurement.extra = len(octets) - end
    return measurements


def _stored(octets):
    Cursor(octets, 0, len(octets)).skip(4)
    measurements, end = observations(octets, 4)
    for measurement in measurements:
        measurement.numbered = True
        if len(octets) > end:
            measurement.extra = len(octets) - end
    return measurements


def decode_live(octets) -> list:
    """Read one Live Health Observation (2B8B) that came in one segment."""
    return _live(whole_segment(octets))


def decode_stored(octets) -> list:
    """Read one Stored Health Observation (2BDD) that came in one segment."""
    return _stored(whole_segment(octets))


_live_joint = Joint(takes_segment, lambda parts: _live(segments_body(parts)), segments_body, False)
_stored_joint = Joint(takes_segment, lambda parts: _stored(segments_body(parts)), segments_body, False)

_standard = make(
    "health_sensor",
    "Generic health sensor (standard)",
    services=(_SERVICE, _ELAPSED_TIME_SERVICE),
    clock=_ELAPSED_TIME,
    clock_write=elapsed_clock,
    subscribe=((_CONTROL_POINT, "indicate"), (_LIVE, "indicate"), (_STORED, "indicate"), (RACP, "indicate")),
    racp=ALL_RECORDS,
    numbered=(_STORED, 1, 4, 0x01),
    starts=((_CONTROL_POINT, b"\x01"),),  # start sending live observations
    features=_FEATURES,
    memory="all",
    burst=200,
    mtu=True,
    value_octets_max=200,
)

DRIVER = Driver(
    {
        _LIVE: decode_live,
        _STORED: decode_stored,
        _FEATURES: nothing,
        _CONTROL_POINT: nothing,
        RACP: nothing,
        _ELAPSED_TIME: nothing,
    },
    (_standard, make("spirometer", "Spirometer (standard, generic health sensor)", _standard)),
    {_LIVE: _live_joint, _STORED: _stored_joint},
)
