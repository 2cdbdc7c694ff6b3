"""Characteristics that say something of a device: features, clocks, control points, who made it; no measurements."""

from drivers import formats
from drivers.device_information import text as padded
from firmware.contracts import PeerError
from firmware.measurement.names import STATUSES, bit_names
from tools.inspect.decode.measured import put_time, user
from tools.inspect.decode.words import (
    ADJUST_REASONS,
    CGM_FEATURES,
    CGM_LOCATIONS,
    COMPOSITION_FEATURES,
    DAYLIGHT_MINUTES,
    GLUCOSE_FEATURES,
    GLUCOSE_TYPES,
    HEART_LOCATIONS,
    OXIMETER_FEATURES,
    PRESSURE_FEATURES,
    RACP_OPCODES,
    RACP_OPERATORS,
    RACP_RESPONSES,
    TEMPERATURE_TYPES,
    USER_OPCODES,
    USER_RESPONSES,
    VENDOR_SOURCES,
    WEIGHT_FEATURES,
    word,
    words,
)
from tools.inspect.decode.writer import number

_TEXT_OCTETS_MAX = 512  # the longest attribute there is


def exactly(octets, length: int) -> None:
    """Refuse any other length."""
    if len(octets) != length:
        raise PeerError("short" if len(octets) < length else "length", len(octets), length)


def _checked(octets, length, context):
    """Refuse any length but this one, or this one with a good E2E-CRC behind it (and then only that, if announced)."""
    if len(octets) == length + 2:
        if formats.crc16(octets, length) != formats.uint(octets, length, 2):
            raise PeerError("crc")
    elif context.get("e2e_crc"):
        exactly(octets, length + 2)
    else:
        exactly(octets, length)


def _features(out, octets, size, names):
    exactly(octets, size)
    raw = formats.uint(octets, 0, size)
    out.bits("features", raw, words(names, raw))
    return raw


def pressure_features(out, octets, decoder, context) -> None:
    """2A49."""
    _features(out, octets, 2, PRESSURE_FEATURES)


def glucose_features(out, octets, decoder, context) -> None:
    """2A51."""
    _features(out, octets, 2, GLUCOSE_FEATURES)


def weight_features(out, octets, decoder, context) -> None:
    """2A9E."""
    raw = _features(out, octets, 4, WEIGHT_FEATURES)
    out.put("weight_resolution", raw >> 3 & 15)
    out.put("height_resolution", raw >> 7 & 7)


def composition_features(out, octets, decoder, context) -> None:
    """2A9B."""
    raw = _features(out, octets, 4, COMPOSITION_FEATURES)
    out.put("mass_resolution", raw >> 11 & 15)
    out.put("height_resolution", raw >> 15 & 7)


def oximeter_features(out, octets, decoder, context) -> None:
    """2A60: the masks of what it supports follow where the features announce them."""
    formats.need(octets, 2)
    raw = formats.uint(octets, 0, 2)
    more = formats.extra(octets, 2 + (2 if raw & 1 else 0) + (3 if raw & 2 else 0))
    out.bits("features", raw, words(OXIMETER_FEATURES, raw))
    names = STATUSES["pulse_oximetry"]
    at = 2
    if raw & 1:
        mask = formats.uint(octets, at, 2)
        out.bits("measurement_status_support", mask, bit_names(mask, names))
        at += 2
    if raw & 2:
        mask = formats.uint(octets, at, 3)
        out.bits("sensor_status_support", mask, bit_names(mask << 16, names))
    out.extra(more)


def cgm_features(out, octets, decoder, context) -> None:
    """2AA8: its CRC is always there, and means something where the feature says so."""
    exactly(octets, 6)
    raw = formats.uint(octets, 0, 3)
    if (raw >> 12 & 1 or context.get("e2e_crc")) and formats.crc16(octets, 4) != formats.uint(octets, 4, 2):
        raise PeerError("crc")
    out.bits("features", raw, words(CGM_FEATURES, raw))
    out.put("type", word(GLUCOSE_TYPES, octets[3] & 0x0F))
    out.put("location", word(CGM_LOCATIONS, octets[3] >> 4))


def cgm_status(out, octets, decoder, context) -> None:
    """2AA9."""
    _checked(octets, 5, context)
    out.put("time_offset_min", formats.uint(octets, 0, 2))
    raw = formats.uint(octets, 2, 3)
    out.bits("status", raw, bit_names(raw, STATUSES["glucose_continuous"]))


def cgm_start(out, octets, decoder, context) -> None:
    """2AAA."""
    _checked(octets, 9, context)
    put_time(out, "session_start", octets, 0)
    _zone(out, octets, 7)


def cgm_run_time(out, octets, decoder, context) -> None:
    """2AAB."""
    _checked(octets, 2, context)
    out.put("run_time_h", formats.uint(octets, 0, 2))


def _zone(out, octets, at):
    quarters = formats.signed(octets[at], 8)
    if quarters != -128 and not -48 <= quarters <= 56:
        raise PeerError("reserved")
    if octets[at + 1] not in DAYLIGHT_MINUTES:
        raise PeerError("reserved")
    out.put("tz_offset_min", None if quarters == -128 else quarters * 15)
    out.put("dst_offset_min", DAYLIGHT_MINUTES[octets[at + 1]])


def date_time(out, octets, decoder, context) -> None:
    """2A08."""
    exactly(octets, 7)
    put_time(out, "timestamp", octets, 0)


def current_time(out, octets, decoder, context) -> None:
    """2A2B."""
    exactly(octets, 10)
    put_time(out, "timestamp", octets, 0)
    out.put("day_of_week", octets[7] if octets[7] <= 7 else "rfu")
    out.put("fractions256", octets[8])
    out.bits("adjust_reason", octets[9], words(ADJUST_REASONS, octets[9]))


def local_time(out, octets, decoder, context) -> None:
    """2A0F."""
    exactly(octets, 2)
    _zone(out, octets, 0)


def temperature_type(out, octets, decoder, context) -> None:
    """2A1D."""
    exactly(octets, 1)
    out.put("type", word(TEMPERATURE_TYPES, octets[0]))


def interval(out, octets, decoder, context) -> None:
    """2A21."""
    exactly(octets, 2)
    out.put("interval_s", formats.uint(octets, 0, 2))


def heart_location(out, octets, decoder, context) -> None:
    """2A38."""
    exactly(octets, 1)
    out.put("location", word(HEART_LOCATIONS, octets[0]))


def records(out, octets, decoder, context) -> None:
    """2A52."""
    formats.need(octets, 2)
    opcode = octets[0]
    out.put("opcode", word(RACP_OPCODES, opcode))
    out.put("operator", word(RACP_OPERATORS, octets[1]))
    if opcode in (5, 8):
        size = context.get("count_size") or 2
        exactly(octets, 2 + size)
        out.put("number_of_records", formats.uint(octets, 2, size))
    elif opcode == 6:
        exactly(octets, 4)
        out.put("request_opcode", word(RACP_OPCODES, octets[2]))
        out.put("response", word(RACP_RESPONSES, octets[3]))
    elif len(octets) > 2:
        out.put("operand_hex", hexed(octets, 2, len(octets)))


def hexed(octets, at: int, end: int) -> str:
    """Write octets in hex."""
    return "".join(["%02x" % octets[place] for place in range(at, end)])


def pressure_record(out, octets, decoder, context) -> None:
    """2B36, one segment of it."""
    formats.need(octets, 5)
    end = len(octets)
    first, last = bool(octets[0] & 0x01), bool(octets[0] & 0x02)
    if context.get("e2e_crc") and last:
        formats.need(octets, 7)
        end -= 2
        # Of a record in several segments the CRC covers the others too, which are not here.
        if first and formats.crc16(octets, end) != formats.uint(octets, end, 2):
            raise PeerError("crc")
    out.put("first", first)
    out.put("last", last)
    out.put("segment_counter", octets[0] >> 2)
    out.put("sequence_number", formats.uint(octets, 1, 2))
    out.put("record_char", "%04X" % formats.uint(octets, 3, 2))
    out.put("data_hex", hexed(octets, 5, end))


def user_control(out, octets, decoder, context) -> None:
    """2A9F."""
    formats.need(octets, 1)
    opcode = octets[0]
    out.put("opcode", word(USER_OPCODES, opcode))
    if opcode == 1:
        exactly(octets, 3)
        out.put("consent_code", formats.uint(octets, 1, 2))
    elif opcode == 2:
        exactly(octets, 4)
        out.put("user_index", user(octets[1]))
        out.put("consent_code", formats.uint(octets, 2, 2))
    elif opcode == 5:
        exactly(octets, 2)
        out.put("user_index", user(octets[1]))
    elif opcode == 0x20:
        formats.need(octets, 3)
        out.put("request_opcode", word(USER_OPCODES, octets[1]))
        out.put("response", word(USER_RESPONSES, octets[2]))
        if len(octets) > 3:
            out.put("user_index", user(octets[3]))
        out.extra(max(0, len(octets) - 4))
    else:
        out.extra(len(octets) - 1)


def user_index(out, octets, decoder, context) -> None:
    """2A9A."""
    exactly(octets, 1)
    out.put("user_index", user(octets[0]))


def change_increment(out, octets, decoder, context) -> None:
    """2A99."""
    exactly(octets, 4)
    out.put("change_increment", formats.uint(octets, 0, 4))


def battery(out, octets, decoder, context) -> None:
    """2A19."""
    exactly(octets, 1)
    if octets[0] > 100:
        raise PeerError("reserved")
    out.put("battery_pct", octets[0])


def plug_and_play(out, octets, decoder, context) -> None:
    """2A50."""
    exactly(octets, 7)
    out.put("vendor_id_source", word(VENDOR_SOURCES, octets[0]))
    out.put("vendor_id", formats.uint(octets, 1, 2))
    out.put("product_id", formats.uint(octets, 3, 2))
    out.put("product_version", formats.uint(octets, 5, 2))


def system_id(out, octets, decoder, context) -> None:
    """2A23."""
    exactly(octets, 8)
    out.put("eui64", "".join(["%02x" % octets[at] for at in range(7, -1, -1)]))


def text(out, octets, decoder, context) -> None:
    """2A24 to 2A29."""
    out.put("text", padded(octets, _TEXT_OCTETS_MAX))


def udi(out, octets, decoder, context) -> None:
    """2BFF."""
    formats.need(octets, 1)
    at = 1
    for bit, key in enumerate(("label", "device_identifier", "issuer", "authority")):
        if not octets[0] >> bit & 1:
            continue
        end = at
        while end < len(octets) and octets[end]:
            end += 1
        formats.need(octets, end + 1)
        try:
            out.put(key, bytes([octets[place] for place in range(at, end)]).decode())
        except UnicodeError:
            raise PeerError("text")
        at = end + 1
    out.extra(len(octets) - at)


def small_number(out, octets, decoder, context) -> None:
    """SFLOAT."""
    exactly(octets, 2)
    out.put("value", number(formats.sfloat(octets, 0)))


def large_number(out, octets, decoder, context) -> None:
    """FLOAT."""
    exactly(octets, 4)
    out.put("value", number(formats.float32(octets, 0)))


def crc(out, octets, decoder, context) -> None:
    """CRC16."""
    out.put("crc", formats.crc16(octets, len(octets)))
