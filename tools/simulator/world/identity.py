"""A hub's keys and the platform's, made without the hub: enrolment has its own tests on the twin.

A few homes share a process-wide set: deriving one costs more than a simulated day.
"""

import datetime
from dataclasses import dataclass
from functools import lru_cache

from firmware.enrolment import Keys, Receipts
from firmware.seal import p256
from firmware.uplink import receipt
from tools.backend.keys import Keyring, make_platform_keys
from tools.simulator.world.line import BROKER_NAME
from tools.technician import ca

_IDENTITIES = 8


@dataclass(frozen=True)
class Identity:
    """Who the hub is, and who knows it."""

    hub: str
    keys: Keys
    signing_point: bytes
    agreement_point: bytes
    other_point: bytes  # a signing key that is not this hub's
    platform_octets: bytes

    def keyring(self) -> Keyring:
        """A platform of its own that knows this hub."""
        keyring = make_platform_keys(random_octets=ca.seeded(self.hub, "platform"))
        keyring.register(self.hub, self.signing_point, self.agreement_point)
        return keyring

    def misregister(self, keyring: Keyring, wrong: bool) -> None:
        """Let the technician's registration be wrong, or right again."""
        signing = self.other_point if wrong else self.signing_point
        keyring.register(self.hub, signing, self.agreement_point, replace=True)


def identity(seed: int) -> Identity:
    """The identity of this seed's home."""
    return _identity(seed % _IDENTITIES)


@lru_cache(_IDENTITIES)
def _identity(number: int) -> Identity:
    hub_id = bytes.fromhex("24d7eb0a1b") + bytes((number,))
    octets = ca.seeded(number, "hub")
    signing, agreement, other = octets(32), octets(32), octets(32)
    platform = make_platform_keys(random_octets=ca.seeded(hub_id.hex(), "platform"))
    derived = receipt.Receipts(agreement, platform.platform_point, hub_id)
    point = p256.public_key(signing)
    keys = Keys(hub_id, signing, p256.key_id(point), Receipts(derived.hub, derived.kid, derived.key))
    return Identity(
        hub_id.hex(),
        keys,
        point,
        p256.public_key(agreement),
        p256.public_key(other),
        platform.platform_point,
    )


@lru_cache(1)
def certificates() -> dict[str | None, bytes]:
    """The broker's certificate as it should be, and two that its clock refuses."""
    authority = ca.Authority(ca.seeded("world", "authority"))

    def year(number: int) -> datetime.datetime:
        return datetime.datetime(number, 1, 1, tzinfo=datetime.UTC)

    def der(first: int, last: int) -> bytes:
        return authority.broker(BROKER_NAME, valid_from=year(first), valid_to=year(last)).certificate_der

    return {None: der(2024, 2049), "expired": der(2020, 2025), "not_yet": der(2048, 2049)}
