"""The controller's resolving list: whose a private address is (Core 5.4, 6.B.1.3.2.3)."""

from bumble import crypto, hci

from tools.simulator.air import bonds


class ResolvingList:
    """Filled by the host from its stored bonds; an identity key of zeros is none."""

    def __init__(self) -> None:
        self._keys: dict[bytes, bytes] = {}  # identity (type, little-endian address) -> its IRK

    def add(self, secret: bonds.Secret | None) -> None:
        """Resolve this peer's addresses from now on, if it has an identity key."""
        if secret is not None and any(secret.irk):
            self._keys[secret.address_key] = secret.irk

    def clear(self) -> None:
        """The radio is off."""
        self._keys.clear()

    def identity_of(self, address: hci.Address) -> bytes | None:
        """The identity (type, little-endian address) behind a private address, or None."""
        if not address.is_resolvable:
            return None
        octets = bytes(address)
        for identity, irk in self._keys.items():
            if crypto.ah(irk, octets[3:]) == octets[:3]:
                return identity
        return None
