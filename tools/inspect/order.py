"""Reads orders (firmware/seal/FORMAT.md, section 6) without any of the hub's own code."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tools.inspect import cose
from tools.inspect.cose import BadMessage
from tools.inspect.payload import is_uint, need

VERSION = 1
ORDER_OCTETS_MAX = 900
NUMBER_MAX = 0x3FFFFFFF
PURPOSE = b"telehub order 1\x00"
A256CTR = -65532  # RFC 9459, section 4.1

# What came of an order, by number, as health reports tell it.
RESULTS = ("done", "expired", "unknown action", "bad argument", "not possible", "undone", "begun", "on trial")
ON_TRIAL = 7
# Kinds of security events, by number.
EVENTS = (
    "", "paired", "pairing failed", "bond changed", "order refused", "TLS failed", "update refused", "clock jumped",
)  # fmt: skip


@dataclass(frozen=True)
class Field:
    """One argument of an action."""

    key: int
    kind: type
    least: int
    most: int
    needed: bool = True
    secret: bool = False

    def fits(self, value: object) -> bool:
        """Whether a value is of the kind and within the bounds."""
        if type(value) is not self.kind:
            return False
        if isinstance(value, list):
            return self.least <= len(value) <= self.most and all(map(_is_user, value))
        if isinstance(value, str):
            return self.least <= len(value.encode()) <= self.most and value.isprintable()
        return self.least <= (value if isinstance(value, int) else len(value)) <= self.most  # type: ignore[arg-type]


def _is_user(item: object) -> bool:
    return (
        isinstance(item, list)
        and len(item) == 2
        and all(is_uint(part) for part in item)
        and item[0] <= 255
        and item[1] <= 9999
    )


_ADDRESS = Field(1, bytes, 6, 6)
ACTIONS: dict[str, tuple[int, dict[str, Field]]] = {
    "allow device": (
        1,
        {
            "address": _ADDRESS,
            "address_type": Field(2, int, 0, 1),
            "row": Field(3, str, 1, 32),
            "counts_from": Field(4, int, 0, 0xFFFFFFFF, needed=False),
            "user_slot": Field(5, int, 0, 254, needed=False),
            "replaces": Field(6, bytes, 6, 6, needed=False),
            "users": Field(7, list, 1, 8, needed=False, secret=True),
            "passkey": Field(8, int, 0, 999_999, needed=False, secret=True),
        },
    ),
    "remove device": (2, {"address": _ADDRESS}),
    "open window": (3, {"seconds": Field(1, int, 30, 900)}),
    "digits": (4, {"address": _ADDRESS, "passkey": Field(2, int, 0, 999_999, secret=True)}),
    "zone": (5, {"rule": Field(1, str, 4, 64)}),
    "network": (
        6,
        {
            "ssid": Field(1, str, 1, 32, needed=False),
            "key": Field(2, str, 0, 64, needed=False, secret=True),
            "host": Field(3, str, 1, 128, needed=False),
            "port": Field(4, int, 1, 65535, needed=False),
            "ntp": Field(5, str, 1, 128, needed=False),
        },
    ),
    "plan": (7, {"health_s": Field(1, int, 60, 3600)}),
    "reset": (8, {"at_once": Field(1, int, 0, 1)}),
    "change keys": (9, {"which": Field(1, int, 1, 3)}),
}
_NAMES = {code: name for name, (code, _) in ACTIONS.items()}


@dataclass(frozen=True)
class Order:
    """What an order says; its secret fields stay sealed, but it tells whether there are any."""

    hub: str
    number: int
    expires_s: int
    action: str  # its number as text when nobody here knows it
    arguments: dict[str, Any]
    has_secrets: bool
    kid: bytes


def decode_order(octets: bytes, public_key_lookup: "Callable[[bytes], ec.EllipticCurvePublicKey | None]") -> Order:
    """Authenticate and read an order; BadMessage names what is wrong."""
    if len(octets) > ORDER_OCTETS_MAX:
        raise BadMessage("cose", "too long")
    message = cose.sign1(octets)
    public = public_key_lookup(message.kid)
    if public is None:
        raise BadMessage("key", f"no key {message.kid.hex()}")
    cose.check_signature(message, public)
    if message.content_type != cose.ORDER_TYPE:
        raise BadMessage("payload", f"content type {message.content_type} is no order")
    fields = cose.loads(message.payload, "payload")
    need(isinstance(fields, dict) and {1, 2, 3, 4, 5, 6} <= set(fields) <= {1, 2, 3, 4, 5, 6, 7}, "fields")
    need(type(fields[1]) is int and fields[1] == VERSION, "version")
    need(isinstance(fields[2], bytes) and len(fields[2]) == 6, "hub")
    need(all(is_uint(fields[key]) for key in (3, 4, 5)) and fields[3] <= NUMBER_MAX, "numbers")
    need(isinstance(fields[6], bytes), "arguments")
    if 7 in fields:
        _check_sealed(fields[7])
    name = _NAMES.get(fields[5])
    arguments = _arguments(name, fields[6]) if name else {}
    return Order(
        fields[2].hex(), fields[3], fields[4], name or str(fields[5]), arguments, 7 in fields, message.kid
    )


def _arguments(action: str, octets: bytes) -> dict[str, Any]:
    given = cose.loads(octets, "arguments")
    need(isinstance(given, dict), "arguments")
    found = {}
    known = {field.key: (name, field) for name, field in ACTIONS[action][1].items() if not field.secret}
    for key, value in given.items():
        need(key in known and known[key][1].fits(value), "arguments")
        found[known[key][0]] = value
    return found


def _check_sealed(item: Any) -> None:
    need(isinstance(item, list) and len(item) == 2 and isinstance(item[0], bytes) and len(item[0]) == 65, "sealed")
    inner = item[1]
    need(getattr(inner, "tag", None) == cose.ENCRYPT0_TAG and isinstance(inner.value, list), "sealed")
    need(len(inner.value) == 3 and inner.value[0] == b"" and isinstance(inner.value[2], bytes), "sealed")
    header = inner.value[1]
    need(isinstance(header, dict) and set(header) == {1, 5} and header[1] == A256CTR, "sealed")
    need(isinstance(header[5], bytes) and len(header[5]) == 16, "sealed")
