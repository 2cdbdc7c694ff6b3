"""Numbers and times as GATT health characteristics write them: exact, or the name of why there is none.

Values are indexed octet by octet and never sliced, so any indexable value will do, and every length is
checked before the first octet is read.
"""

import binascii

from firmware.contracts import PeerError
from firmware.measurement import device_time

# IEEE 11073-20601 special values. They are specials only with exponent 0: 0xF7FF is 204.7, not a NaN.
_SFLOAT = {0x07FF: "NaN", 0x0800: "NRes", 0x07FE: "+INF", 0x0802: "-INF", 0x0801: "RFU"}
_FLOAT = {0x7FFFFF: "NaN", 0x800000: "NRes", 0x7FFFFE: "+INF", 0x800002: "-INF", 0x800001: "RFU"}


def need(octets, length: int):
    """Refuse a value shorter than its format says."""
    if len(octets) < length:
        raise PeerError("short", len(octets), length)


def uint(octets, at: int, size: int) -> int:
    """Read an unsigned number, least significant octet first."""
    number = 0
    while size:
        size -= 1
        number = number << 8 | octets[at + size]
    return number


def signed(number: int, bits: int) -> int:
    """Read the low bits as two's complement."""
    return number - (1 << bits) if number >> (bits - 1) else number


def sfloat(octets, at: int) -> "tuple | str":
    """Read a 16-bit medical float as (mantissa, exponent), or the name of its special value."""
    raw = octets[at] | octets[at + 1] << 8
    if raw < 0x7FE:  # a whole number, as nearly all are
        return raw, 0
    if raw <= 0x802:
        return _SFLOAT[raw]
    return signed(raw & 0xFFF, 12), signed(raw >> 12, 4)


def float32(octets, at: int) -> "tuple | str":
    """Read a 32-bit medical float as (mantissa, exponent), or the name of its special value."""
    raw = octets[at] | octets[at + 1] << 8 | octets[at + 2] << 16
    special = _FLOAT.get(raw) if octets[at + 3] == 0 else None
    return (signed(raw, 24), signed(octets[at + 3], 8)) if special is None else special


def quantity(code: int, octets, at: int, unit: int) -> tuple:
    """Read a 16-bit medical float for a code: (code, mantissa, exponent, unit) or (code, reason)."""
    raw = octets[at] | octets[at + 1] << 8
    if raw < 0x7FE:
        return code, raw, 0, unit
    if raw <= 0x802:
        return code, _SFLOAT[raw]
    mantissa, exponent = raw & 0xFFF, raw >> 12
    if mantissa > 0x7FF:
        mantissa -= 0x1000
    return code, mantissa, exponent - 16 if exponent > 7 else exponent, unit


def take_time(measurement, octets, at: int) -> None:
    """Give a measurement the device time at this place."""
    measurement.device_time, measurement.device_time_state = device_time.parse(octets, at)


def lengths(fixed: int, sizes: tuple) -> bytes:
    """Return what flags ask for: indexed by the low bits of the flags, the octets of all that they announce."""
    table = bytearray((fixed,))
    for size in sizes:  # of the field of each bit, lowest first
        table.extend(bytes([length + size for length in table]))  # MicroPython before 1.26 extends by octets alone
    return bytes(table)


def extra(octets, length: int) -> int:
    """Return how many octets follow what a value's flags announce; refuse one that is shorter."""
    more = len(octets) - length
    if more < 0:
        raise PeerError("short", len(octets), length)
    return more


def crc16(octets, length: int) -> int:
    """Return the E2E-CRC of the first octets: CRC-16/MCRF4XX, seed 0xFFFF, reflected, no final xor."""
    crc = 0xFFFF
    for at in range(length):
        crc ^= octets[at]
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
    return crc


def uuid128(text: str) -> bytes:
    """Write a 128-bit uuid as it travels, least significant octet first."""
    return bytes(reversed(binascii.unhexlify(text.replace("-", ""))))


def nothing(octets) -> list:
    """Decode a characteristic that carries no measurement: it is understood, and there is nothing to tell."""
    return []
