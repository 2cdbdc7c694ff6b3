"""Bonds as NimBLE hands them to the firmware: IRQ 29 asks, IRQ 30 gives; the value is a C struct, opaque to it."""

import struct
from typing import NamedTuple

OUR_SECRET, PEER_SECRET, IRK = 1, 2, 10
IRK_KEY = b"irk"
IRK_OCTETS = 16

# sizeof(struct ble_store_value_sec), measured: 88 on Espressif's line, 80 on the fork. Another length is "absent".
VALUE_OCTETS = {"esp": 88, "fork": 80}
_LAYOUT = "<7sBHBBQ16s16s"


class Secret(NamedTuple):
    """What is stored about one bond."""

    address_key: bytes
    ltk: bytes
    authenticated: bool
    secure_connections: bool
    key_size: int = 16
    ediv: int = 0
    rand: int = 0
    irk: bytes = bytes(IRK_OCTETS)  # all zero: none

    def pack(self, host: str) -> bytes:
        """The opaque value."""
        packed = struct.pack(
            _LAYOUT,
            self.address_key,
            self.key_size,
            self.ediv,
            self.authenticated,
            self.secure_connections,
            self.rand,
            self.ltk,
            self.irk,
        )
        return packed + bytes(VALUE_OCTETS[host] - len(packed))


def unpack(value: bytes | None, host: str) -> Secret | None:
    """The bond in an opaque value; None when there is none, or of another length."""
    if value is None or len(value) != VALUE_OCTETS[host]:
        return None
    address_key, key_size, ediv, authenticated, secure, rand, ltk, irk = struct.unpack_from(_LAYOUT, value)
    return Secret(address_key, ltk, bool(authenticated), bool(secure), key_size, ediv, rand, irk)


def address_key(address_type: int, address: bytes) -> bytes:
    """The key of a peer: type and little-endian address; `address` is big-endian."""
    return bytes([address_type]) + address[::-1]
