"""What orders ask for and what can come of them (seal/FORMAT.md, section 6); arguments are read by one table."""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.reader import Reader

ALLOW_DEVICE = const(1)
REMOVE_DEVICE = const(2)
OPEN_WINDOW = const(3)
DIGITS = const(4)
ZONE = const(5)
NETWORK = const(6)
PLAN = const(7)
RESET = const(8)
CHANGE_KEYS = const(9)

# What came of an order, by number, in health reports.
DONE = const(0)
EXPIRED = const(1)
UNKNOWN = const(2)
BAD = const(3)  # the detail names the field
NOT_POSSIBLE = const(4)  # the detail says why
UNDONE = const(5)  # new network settings carried nothing: the old ones are back
BEGUN = const(6)  # power was lost before it was done, or while it was
TRIAL = const(7)  # new network settings have yet to carry an answer: not the last word

# Kinds of fields; a number's and a text's own bounds stand beside them.
_UINT = const(0)
_TEXT = const(1)
_OCTETS = const(2)
_USERS = const(3)

_USERS_MAX = const(8)  # as many as a family's scale knows
_CODE_MAX = const(9999)  # User Data Service: consent codes have four digits
_KEYS_MAX = const(23)  # a key is one octet

# action -> (key, name, kind, least, most, must be there, secret). Of a text and of octets the bounds are lengths.
TABLE = {
    ALLOW_DEVICE: (
        (1, "address", _OCTETS, 6, 6, True, False),
        (2, "address_type", _UINT, 0, 1, True, False),
        (3, "row", _TEXT, 1, 32, True, False),
        (4, "counts_from", _UINT, 0, 0xFFFFFFFF, False, False),  # Unix seconds
        (5, "user_slot", _UINT, 0, 254, False, False),  # whose values are this patient's; without it every user's
        (6, "replaces", _OCTETS, 6, 6, False, False),
        (7, "users", _USERS, 1, _USERS_MAX, False, True),  # [slot, consent code] each
        (8, "passkey", _UINT, 0, 999_999, False, True),  # of a device whose digits never change
    ),
    REMOVE_DEVICE: ((1, "address", _OCTETS, 6, 6, True, False),),
    OPEN_WINDOW: ((1, "seconds", _UINT, 30, 900, True, False),),
    DIGITS: ((1, "address", _OCTETS, 6, 6, True, False), (2, "passkey", _UINT, 0, 999_999, True, True)),
    ZONE: ((1, "rule", _TEXT, 4, 64, True, False),),
    NETWORK: (
        (1, "ssid", _TEXT, 1, 32, False, False),
        (2, "key", _TEXT, 0, 64, False, True),  # WPA: 8 to 63 characters, or 64 hex digits
        (3, "host", _TEXT, 1, 128, False, False),
        (4, "port", _UINT, 1, 65535, False, False),
        (5, "ntp", _TEXT, 1, 128, False, False),
    ),
    PLAN: ((1, "health_s", _UINT, 60, 3600, True, False),),
    RESET: ((1, "at_once", _UINT, 0, 1, True, False),),
    CHANGE_KEYS: ((1, "which", _UINT, 1, 3, True, False),),
}


def read(action: int, arguments, secret) -> dict:
    """The fields of an action by name. PeerError("bad argument", field) names the first that is wrong or missing."""
    table = TABLE[action]
    fields: dict = {}
    _read(table, Reader(arguments), False, fields)
    if secret is not None:
        _read(table, Reader(secret), True, fields)
    for _, name, _, _, _, needed, _ in table:
        if needed and name not in fields:
            raise PeerError("bad argument", name)
    return fields


def _read(table, reader, secret, fields):
    name = "secret" if secret else "arguments"
    try:
        last = 0
        for _ in range(reader.map(len(table))):
            name = "key"
            key = reader.uint(_KEYS_MAX)
            found = [one for one in table if one[0] == key and one[6] == secret]
            if key <= last or not found:  # ascending: one set of arguments has one form
                raise PeerError("cbor", "key")
            last = key
            name = found[0][1]
            fields[name] = _value(reader, found[0])
        name = "trailing"
        reader.end()
    except PeerError:
        raise PeerError("bad argument", name)


def _value(reader, field):
    _, _, kind, least, most, _, _ = field
    if kind == _OCTETS:
        return bytes(reader.bytes(least, most))
    if kind == _TEXT:
        text = reader.text(most)
        if len(text) < least:
            raise PeerError("cbor", "length")
        for character in text:
            if ord(character) < 32 or ord(character) == 127:
                raise PeerError("cbor", "text")
        return text
    if kind == _USERS:
        users = []
        count = reader.array(most)
        for _ in range(count):
            if reader.array(2) != 2:
                raise PeerError("cbor", "length")
            users.append([reader.uint(255), reader.uint(_CODE_MAX)])
        if not users:
            raise PeerError("cbor", "length")
        return users
    number = reader.uint(most)
    if number < least:
        raise PeerError("cbor", "range")
    return number
