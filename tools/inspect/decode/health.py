"""Observations of a generic health sensor (2B8B, 2BDD), its clock (2BF2) and its features (2BF3)."""

from drivers import formats
from drivers.health_sensor import Cursor
from drivers.joining import LAST, PART, segments_body, takes_segment, whole_segment
from firmware.contracts import PeerError
from firmware.measurement import device_time
from firmware.measurement.names import STATUSES, bit_names
from tools.inspect.decode.measured import iso
from tools.inspect.decode.words import OBSERVATIONS, TIME_SOURCES, word
from tools.inspect.decode.writer import Object, number

_DEPTH_MAX = 4
_LISTS = ((0x0040, "supplemental"), (0x0080, "derived_from"), (0x0100, "member_of"))
_FROM_1970_TO_2000_S = 946684800
_LAST_S = 253402300799  # 9999-12-31T23:59:59
# by the two bits of the resolution: ticks in a second, digits after the second, microseconds in a tick
_RESOLUTIONS = ((1, 0, 1000000), (10, 1, 100000), (1000, 3, 1000), (10000, 4, 100))


def whole(segments) -> bytes:
    """Put the segments of one value together; refuse what is no whole."""
    if len(segments) == 1:
        return whole_segment(segments[0])
    parts: list = []
    for octets in segments:
        takes = takes_segment(parts, 0, octets)
        if takes not in (PART, LAST) or (takes == LAST) != (len(parts) == len(segments) - 1):
            raise PeerError("segments")
        parts.append((0, octets))
    return segments_body(parts)


def observed(out, octets, stored: bool) -> None:
    """2B8B, and with a record's number before it 2BDD."""
    cursor = Cursor(octets, 0, len(octets))
    if stored:
        out.put("record_number", cursor.uint(4))
    out.put("observation", _observation(cursor, 0))
    out.extra(len(octets) - cursor.at)


def _observation(cursor, depth):
    kind = cursor.uint(1)
    body = cursor.within(cursor.uint(2))
    flags = body.uint(2)
    out = Object()
    out.put("class", word(OBSERVATIONS, kind))
    if flags & 0x0001:
        out.put("type", body.uint(4))
    if flags & 0x0002:
        elapsed(out, "timestamp", body.octets, body.skip(9))
    if flags & 0x0004:
        out.put("duration_s", number(body.number()))
    if flags & 0x0008:
        raw = body.uint(2)
        out.bits("measurement_status", raw, bit_names(raw, STATUSES["observation"]))
    if flags & 0x0010:
        out.put("object_id", body.uint(4))
    if flags & 0x0020:
        out.put("patient", body.uint(1))
    for flag, key in _LISTS:
        if flags & flag:
            out.put(key, [body.uint(4) for _ in range(body.uint(1))])
    if flags & 0x0200:
        out.put("tlvs", [_tlv(body) for _ in range(body.uint(1))])
    if kind == 255:
        if depth == _DEPTH_MAX:
            raise PeerError("nested")
        out.put("observations", [_observation(body, depth + 1) for _ in range(body.uint(1))])
    elif kind == 7:
        out.put("components", [_component(body) for _ in range(body.uint(1))])
    else:
        _value(out, body, kind)
    out.extra(body.end - body.at)
    return out


def _component(body):
    out = Object()
    out.put("type", body.uint(4))
    kind = body.uint(1)
    out.put("class", word(OBSERVATIONS, kind))
    _value(out, body, kind)
    return out


def _value(out, body, kind):
    if kind == 1:
        out.put("unit_code", body.uint(2))
        out.put("value", number(body.number()))
    elif kind == 2:
        out.put("value", body.uint(4))
    elif kind == 3:
        octets = _octets(body, body.uint(2))
        try:
            out.put("value", octets.decode())
        except UnicodeError:
            raise PeerError("text")
    elif kind == 5:
        out.put("value", [body.uint(4) for _ in range(body.uint(1))])
    elif kind == 8:
        out.put("value", [_tlv(body) for _ in range(body.uint(1))])
    else:
        if kind == 4:
            out.put("unit_code", body.uint(2))
            out.put("scale", number(body.number()))
            out.put("offset", number(body.number()))
            out.put("sample_period_s", number(body.number()))
            out.put("samples_per_period", body.uint(1))
            out.put("octets_per_sample", body.uint(1))
        out.put("value_hex", _hex(_octets(body, body.end - body.at)))


def _tlv(body):
    out = Object()
    out.put("type", body.uint(4))
    length = body.uint(2)
    out.put("format", body.uint(1))
    out.put("value_hex", _hex(_octets(body, length)))
    return out


def _octets(body, count):
    at = body.skip(count)
    return bytes([body.octets[place] for place in range(at, at + count)])


def _hex(octets):
    return "".join(["%02x" % octet for octet in octets])


def elapsed(out, key: str, octets, at: int) -> None:
    """Add an Elapsed Time of 9 octets: a time, with Z where it is UTC, or a count of ticks."""
    flags = octets[at]
    ticks = formats.uint(octets, at + 1, 6)
    per_second, digits, tick_us = _RESOLUTIONS[flags >> 2 & 3]
    if flags & 0x01:
        out.put(key + "_ticks_us", ticks * tick_us)
    else:
        seconds = ticks // per_second + _FROM_1970_TO_2000_S
        if seconds > _LAST_S:
            out.put(key, None)
            out.put(key + "_state", "invalid")
        else:
            text = iso(device_time.time_of(seconds))
            if digits:
                fraction = "%d" % (ticks % per_second)
                text += "." + "0" * (digits - len(fraction)) + fraction
            out.put(key, text + ("Z" if flags & 0x02 else ""))
    if flags & 0x10:
        quarters = formats.signed(octets[at + 8], 8)
        out.put(key + "_tz_min", None if quarters == -128 else quarters * 15)
    out.put(key + "_source", word(TIME_SOURCES, octets[at + 7]))
    out.put(key + "_current_timeline", bool(flags & 0x20))


def current_elapsed(out, octets, decoder, context) -> None:
    """2BF2: 11 octets when read, 9 as it is written."""
    length = 9 if context.get("op") == "write" else 11
    if len(octets) != length:
        raise PeerError("length", len(octets), length)
    elapsed(out, "time", octets, 0)
    if length == 11:
        out.put("needs_set", bool(octets[9] & 0x01))
        out.put("auto_dst", bool(octets[10] & 0x01))
        out.put("auto_tz", bool(octets[10] & 0x02))


def features(out, octets, decoder, context) -> None:
    """2BF3."""
    cursor = Cursor(octets, 0, len(octets))
    flags = cursor.uint(1)
    out.put("observation_types", [cursor.uint(4) for _ in range(cursor.uint(1))])
    if flags & 0x01:
        found = []
        for _ in range(cursor.uint(1)):
            one = Object()
            one.put("code", cursor.uint(2))
            one.put("version", cursor.uint(1))
            found.append(one)
        out.put("device_specializations", found)
    out.extra(len(octets) - cursor.at)
