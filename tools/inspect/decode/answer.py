"""One request, one line: which characteristic, read how, by whose layout."""

import binascii

import drivers
from firmware.contracts import PeerError
from tools.inspect.decode import facts, health, measured
from tools.inspect.decode.writer import Object

_BASE = "00001000800000805f9b34fb"  # of the 16-bit uuids: 0000xxxx-0000-1000-8000-00805f9b34fb

_LIVE = 0x2B8B
_STORED = 0x2BDD

# characteristic -> (its reader, the row whose decoder reads its standard layout, or None, the uuid that decoder has)
READERS = {
    0x2A35: (measured.pressure, "blood_pressure", 0x2A35),
    0x2A36: (measured.cuff, "blood_pressure", 0x2A35),
    0x2B34: (measured.enhanced, None, 0),
    0x2B35: (measured.enhanced_cuff, None, 0),
    0x2B36: (facts.pressure_record, None, 0),
    0x2A49: (facts.pressure_features, None, 0),
    0x2A9D: (measured.weight, "weight_scale", 0x2A9D),
    0x2A9E: (facts.weight_features, None, 0),
    0x2A9C: (measured.composition, "body_composition", 0x2A9C),
    0x2A9B: (facts.composition_features, None, 0),
    0x2A5E: (measured.spot_check, "pulse_oximeter", 0x2A5E),
    0x2A5F: (measured.continuous, "pulse_oximeter", 0x2A5F),
    0x2A60: (facts.oximeter_features, None, 0),
    0x2A18: (measured.glucose, "glucose_meter", 0x2A18),
    0x2A34: (measured.glucose_context, "glucose_meter", 0x2A34),
    0x2A51: (facts.glucose_features, None, 0),
    0x2A52: (facts.records, None, 0),
    0x2A1C: (measured.temperature, "thermometer", 0x2A1C),
    0x2A1E: (measured.temperature, "thermometer", 0x2A1C),
    0x2A1D: (facts.temperature_type, None, 0),
    0x2A21: (facts.interval, None, 0),
    0x2A37: (measured.heart_rate, "heart_rate_strap", 0x2A37),
    0x2A38: (facts.heart_location, None, 0),
    0x2AA7: (measured.cgm_records, None, 0),
    0x2AA8: (facts.cgm_features, None, 0),
    0x2AA9: (facts.cgm_status, None, 0),
    0x2AAA: (facts.cgm_start, None, 0),
    0x2AAB: (facts.cgm_run_time, None, 0),
    0x2A08: (facts.date_time, None, 0),
    0x2A2B: (facts.current_time, None, 0),
    0x2A0F: (facts.local_time, None, 0),
    0x2BF2: (health.current_elapsed, None, 0),
    0x2BF3: (health.features, None, 0),
    0x2A9F: (facts.user_control, None, 0),
    0x2A9A: (facts.user_index, None, 0),
    0x2A99: (facts.change_increment, None, 0),
    0x2A19: (facts.battery, None, 0),
    0x2A50: (facts.plug_and_play, None, 0),
    0x2A23: (facts.system_id, None, 0),
    0x2A24: (facts.text, None, 0),
    0x2A25: (facts.text, None, 0),
    0x2A26: (facts.text, None, 0),
    0x2A27: (facts.text, None, 0),
    0x2A28: (facts.text, None, 0),
    0x2A29: (facts.text, None, 0),
    0x2BFF: (facts.udi, None, 0),
}
PRIMITIVES = {"SFLOAT": facts.small_number, "FLOAT": facts.large_number, "CRC16": facts.crc}


class BadInput(Exception):
    """The line itself is wrong; args[0] says how."""


class Unsupported(Exception):
    """No such characteristic, or no such driver, is known here; args[0] says which."""


def answer(request) -> "tuple[str, bool]":
    """Return the line for one request, and whether it was decoded."""
    try:
        return _decoded(request).text(), True
    except BadInput as error:
        return _refusal("input: " + error.args[0]), False
    except Unsupported as error:
        return _refusal("unsupported: " + error.args[0]), False
    except PeerError as error:
        return _refusal(str(error.args[0])), False


def bad_line(why: str) -> str:
    """Return the line for one that is no request."""
    return _refusal("input: " + why)


def _refusal(reason):
    out = Object()
    out.put("error", reason)
    return out.text()


def _decoded(request):
    if not isinstance(request, dict):
        raise BadInput("not an object")
    for key in ("characteristic", "hex"):
        if not isinstance(request.get(key), str):
            raise BadInput("no " + key)
    driver, context = request.get("driver"), request.get("context")
    if driver is not None and not isinstance(driver, str):
        raise BadInput("driver")
    if context is None:
        context = {}
    if not isinstance(context, dict):
        raise BadInput("context")
    size = context.get("count_size")
    if size is not None and (type(size) is not int or size not in (2, 4)):
        raise BadInput("count_size")
    uuid = _uuid(request["characteristic"])
    out = Object()
    if driver is not None and driver not in drivers.ROWS:
        raise Unsupported("driver")
    if uuid in (_LIVE, _STORED):
        segments = [_octets(piece) for piece in request["hex"].split("|")]
        health.observed(out, health.whole(segments), uuid == _STORED)
        return out
    octets = _octets(request["hex"])
    reader, decoder = _reader(uuid, driver)
    reader(out, octets, decoder, context)
    return out


def _reader(uuid, driver):
    """Return who reads a characteristic, and whose decoder he asks."""
    if isinstance(uuid, str):
        return PRIMITIVES[uuid], None
    own = drivers.load(drivers.ROWS[driver]).decoders if driver is not None else {}
    if uuid not in READERS:
        if uuid not in own:
            raise Unsupported("characteristic")
        return measured.by_code, own[uuid]
    reader, row, standard = READERS[uuid]
    if row is None:
        return reader, None
    if driver is not None and standard not in own:
        raise Unsupported("characteristic")
    return reader, own.get(standard) or drivers.load(drivers.ROWS[row]).decoders[standard]


def _uuid(text):
    """Return a characteristic as an int, as 16 octets in the order of the air, or as a primitive's name."""
    if text in PRIMITIVES:
        return text
    plain = text.lower()
    if len(text) == 36 and text[8] == text[13] == text[18] == text[23] == "-":
        plain = plain.replace("-", "")
    try:
        octets = binascii.unhexlify(plain)
    except ValueError:
        raise Unsupported("characteristic")
    if len(octets) == 16:
        if plain[:4] == "0000" and plain[8:] == _BASE:
            return octets[2] << 8 | octets[3]
        return bytes([octets[at] for at in range(15, -1, -1)])
    if len(octets) != 2:
        raise Unsupported("characteristic")
    return octets[0] << 8 | octets[1]


def _octets(text):
    for letter in text:
        if letter not in "0123456789abcdefABCDEF":
            raise BadInput("hex")
    if len(text) % 2:
        raise BadInput("hex")
    return binascii.unhexlify(text)
