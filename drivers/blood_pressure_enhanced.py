"""Enhanced blood pressure (Blood Pressure Service 1.1): 2B34, 2B35 Intermediate Cuff, 2B36 Record by RACP, with CRC.

Layout: GATT Specification Supplement. Times are seconds; what the display showed (user-facing) is the device's time
where it is told. A record is a stored value in segments, each with the record's number and what it is a value of.
Whether it ends with an E2E-CRC stands in 2A49, not in it: two octets more than its own flags ask for are one.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.blood_pressure import DECODERS as STANDARD_DECODERS
from drivers.blood_pressure import STANDARD
from drivers.formats import crc16, extra, lengths, need, nothing, quantity, uint
from drivers.joining import takes_segment
from drivers.record_access import ALL_RECORDS, RACP
from firmware.contracts import PeerError
from firmware.measurement import codes, device_time
from firmware.measurement.measurement import Measurement

_MEASUREMENT = const(0x2A35)
_ENHANCED = const(0x2B34)
_ENHANCED_CUFF = const(0x2B35)
_RECORD = const(0x2B36)

_IN_KPA = const(0x01)
_HAS_TIME = const(0x02)
_HAS_PULSE = const(0x04)
_HAS_USER = const(0x08)
_HAS_STATUS = const(0x10)
_HAS_USER_FACING = const(0x20)
_SINCE_2000 = const(0x40)
_KNOWN = const(0x7F)
_LENGTHS = lengths(7, (0, 4, 2, 1, 2, 4))

_RECORD_HEAD = const(5)  # segment, number, what it is a value of
_FIRST_AND_LAST = const(0x03)


def decode(octets) -> list:
    """Read one Enhanced Blood Pressure Measurement (2B34)."""
    need(octets, 1)
    flags = octets[0]
    measurement = Measurement("blood_pressure", (), extra(octets, _LENGTHS[flags & 0x3F]))
    unit = codes.KPA if flags & _IN_KPA else codes.MMHG
    quantities: tuple = (
        quantity(codes.PRESS_SYS, octets, 1, unit),
        quantity(codes.PRESS_DIA, octets, 3, unit),
        quantity(codes.PRESS_MEAN, octets, 5, unit),
    )
    at = 7
    if flags & _HAS_TIME:
        _take(measurement, octets, at, flags)
        at += 4
    if flags & _HAS_PULSE:
        quantities += (quantity(codes.PULSE_CUFF, octets, at, codes.BPM),)
        at += 2
    if flags & _HAS_USER:
        measurement.user = octets[at]
        at += 1
    if flags & _HAS_STATUS:
        measurement.status_raw = octets[at] | octets[at + 1] << 8
        at += 2
    if flags & _HAS_USER_FACING:
        _take(measurement, octets, at, flags)
    if flags > _KNOWN:
        measurement.flags = ("reserved_bits",)
    measurement.quantities = quantities
    return [measurement]


def _take(measurement, octets, at, flags):
    measurement.device_time = since(uint(octets, at, 4), 2000 if flags & _SINCE_2000 else 1900)
    measurement.device_time_state = "ok"


def since(seconds: int, year: int) -> tuple:
    """Return the time so many seconds after the beginning of a year."""
    days, rest = divmod(seconds, 86400)
    date = device_time.date_of(device_time.days_of(year, 1, 1) + days)
    return date + (rest // 3600, rest // 60 % 60, rest % 60)


def decode_record(octets) -> list:
    """Read one Blood Pressure Record (2B36) that came in one segment."""
    need(octets, _RECORD_HEAD)
    if octets[0] & _FIRST_AND_LAST != _FIRST_AND_LAST:
        raise PeerError("incomplete", octets[0])
    return _read([(_RECORD, octets)])


def _read(parts):
    """Read a record from its segments, each of which is checked to be at least a head long."""
    uuid = uint(parts[0][1], 3, 2)
    decoder = _CONTAINED.get(uuid)
    if decoder is None:
        raise PeerError("unsupported", uuid)
    value = b"".join([bytes(octets)[_RECORD_HEAD:] for _, octets in parts])
    measurement = decoder(value)[0]
    if measurement.extra == 2:
        covered = b"".join([bytes(octets) for _, octets in parts])
        if crc16(covered, len(covered) - 2) != uint(covered, len(covered) - 2, 2):
            raise PeerError("crc")
        measurement.extra = 0
    elif measurement.extra:
        raise PeerError("length", measurement.extra)
    measurement.numbered = True
    return [measurement]


def _takes(parts, uuid, octets):
    what = takes_segment(parts, uuid, octets)
    if what and (len(octets) < _RECORD_HEAD or (parts and not _same(parts[0][1], octets))):
        return 3  # BROKEN: of another record
    return what


def _same(one, other):
    for at in range(1, _RECORD_HEAD):
        if one[at] != other[at]:
            return False
    return True


def _body(parts):
    head = parts[0][1]
    return bytes([head[at] for at in range(1, _RECORD_HEAD)]) + b"".join(
        [bytes(octets)[_RECORD_HEAD:] for _, octets in parts]
    )


_CONTAINED = {_MEASUREMENT: STANDARD_DECODERS[_MEASUREMENT], _ENHANCED: decode}

_decoders = {_ENHANCED: decode, _ENHANCED_CUFF: nothing, _RECORD: decode_record, RACP: nothing}
_decoders.update(STANDARD_DECODERS)

DRIVER = Driver(
    _decoders,
    (
        make(
            "blood_pressure_enhanced",
            "Blood pressure monitor (standard, enhanced)",
            STANDARD,
            subscribe=((_ENHANCED, "indicate"), (_MEASUREMENT, "indicate"), (_RECORD, "notify"), (RACP, "indicate")),
            racp=ALL_RECORDS,
            numbered=(_RECORD, 1, 2, 0),
            memory="all",
            mtu=True,
            value_octets_max=31,
        ),
    ),
    {_RECORD: Joint(_takes, _read, _body, False)},
)
