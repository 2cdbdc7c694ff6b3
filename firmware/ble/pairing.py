"""Bonds: the secrets that a Bluetooth host asks the firmware to keep (MicroPython: _IRQ_GET_SECRET, _IRQ_SET_SECRET).

A key is the address type and the address, least significant octet first; the value is the host's own structure and
means nothing here. Type 1 and 2 are our and the peer's long-term keys, 10 the hub's identity resolving key.

New keys for an identity whose keys are stored already are refused: Espressif's host pairs anew by itself when a peer
says that it lost its bond, and an impostor could say so. In a window that a person opened that is how such a device
comes back.

A device with a private address is listed by the one that it had when it was found. It tells its identity when it is
paired; from then on the host resolves its addresses, and it is heard under that identity (Core 5.4, 3.C.10.8.2.3).
"""

from micropython import const

_ALIAS = const(0)  # not the host's: the identity of a device that is listed by a private address
_LTK_OURS = const(1)
_LTK_PEER = const(2)
_SECRETS_MAX = const(24)  # eight devices with two keys each, the hub's own, and room for a change of device
_VALUE_OCTETS_MAX = const(256)  # NimBLE's structures are 80 to 88 octets


def identity(address: bytes, address_type: int) -> bytes:
    """A device's key in the store: type, then the address, least significant octet first."""
    return bytes((address_type,)) + bytes(reversed(address))


def is_private(key: bytes) -> bool:
    """Whether an identity's address is a resolvable private one, which is nobody's for long (Core 5.4, 6.B.1.3.2.2)."""
    return key[0] == 1 and key[6] >> 6 == 1


class Bonds:
    """In RAM for the Bluetooth callback; `flush` writes them down and belongs to the main loop.

    `secrets` is {"<type>:<key hex>": "<value hex>"} as last saved; `save` writes such a dict, whole or not at all.
    """

    def __init__(self, secrets: dict, save):
        self._secrets = {}
        for name, value in secrets.items():
            kind, key = name.split(":")
            self._secrets[(int(kind), bytes.fromhex(key))] = bytes.fromhex(value)
        self._save = save
        self._changed = False

    def has(self, key: bytes) -> bool:
        """Whether a peer's long-term key is stored for this identity."""
        key = self.known_as(key)
        return (_LTK_PEER, key) in self._secrets or (_LTK_OURS, key) in self._secrets

    def known_as(self, listed: bytes) -> bytes:
        """The identity of the device that is listed as this."""
        return self._secrets.get((_ALIAS, listed), listed)

    def address_of(self, listed: bytes) -> tuple:
        """The (address type, address) under which the device that is listed as this is heard."""
        key = self.known_as(listed)
        return key[0], bytes(reversed(key[1:]))

    def learn(self, listed: bytes, kind: int, key: bytes) -> bool:
        """Whether keys of this identity may be those of the device that is listed so, which is being paired.

        A private address changes, and its device may say who it is: once, and not that it is another that is known.
        """
        if kind not in (_LTK_OURS, _LTK_PEER) or key == self.known_as(listed):
            return True
        if not is_private(listed) or self.has(listed) or self.has(key):
            return False
        self._secrets[(_ALIAS, listed)] = key
        self._changed = True
        return True

    def get(self, kind: int, index: int, key: "bytes | None") -> "bytes | None":
        """Answer _IRQ_GET_SECRET: the value for a key, or the index-th of its type."""
        if key is not None:
            return self._secrets.get((kind, key))
        keys = [stored for stored in self._secrets if stored[0] == kind]
        keys.sort()  # a dict has no order on the chip; the host walks the index until there is no more
        return self._secrets[keys[index]] if index < len(keys) else None

    def set(self, kind: int, key: bytes, value: "bytes | None", anew: bool = False) -> "bool | None":
        """Answer _IRQ_SET_SECRET. None: refused, these are new keys for a stored identity (`anew`: may be replaced)."""
        entry = (kind, key)
        if value is None:
            if entry not in self._secrets:
                return False
            del self._secrets[entry]
        else:
            known = self._secrets.get(entry, value)
            if known != value and kind in (_LTK_OURS, _LTK_PEER) and not anew:
                return None
            if len(value) > _VALUE_OCTETS_MAX or (entry not in self._secrets and len(self._secrets) >= _SECRETS_MAX):
                return False
            if self._secrets.get(entry) == value:
                return True  # told again at each encryption by one of the hosts: no reason to write flash
            self._secrets[entry] = value
        self._changed = True
        return True

    def forget(self, key: bytes) -> None:
        """Drop a device's keys, before it is paired anew in a window that a person opened."""
        known = self.known_as(key)
        for entry in ((_LTK_OURS, known), (_LTK_PEER, known), (_ALIAS, key)):
            if self._secrets.pop(entry, None) is not None:
                self._changed = True

    def flush(self) -> None:
        """Write changes down."""
        if self._changed:
            self._changed = False
            self._save({"%d:%s" % (kind, key.hex()): value.hex() for (kind, key), value in self._secrets.items()})
