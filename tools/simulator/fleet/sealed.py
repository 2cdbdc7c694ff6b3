"""Envelopes of many homes, sealed beforehand: the hub's own batch writer, OpenSSL's signature, a file of all of them.

Each visit of a device is an envelope of its own, as it is when a patient takes one device after the other: the most
work that readings can make. A hub has four a day: blood pressure, weight, oxygen saturation, blood pressure.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

import drivers
from firmware.journal.records import Capture, Fix, Session
from firmware.measurement.device_time import time_of
from firmware.seal import cose
from firmware.seal.batch import BUFFER_OCTETS, Batch, Head
from firmware.seal.cbor import Writer
from tools.backend.keys import Keyring, kid_of, point_of

FIRST_S = 1_772_409_600  # 2026-03-02T00:00:00Z
READINGS_A_DAY = 4
_NTP, _UNCERTAINTY_MS = 1, 60
_FLAGS, _SECURITY = 11, 10  # indicated, encrypted, bonded
_OFFSET_MIN = 60
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_DAY_S = 86_400
# When in the day (seconds), by what row, from which characteristic.
_VISITS = (
    (6 * 3600 + 1800, "blood_pressure", 0x2A35), (6 * 3600 + 1860, "weight_scale", 0x2A9D),
    (6 * 3600 + 1920, "pulse_oximeter", 0x2A5E), (19 * 3600, "blood_pressure", 0x2A35),
)  # fmt: skip


@dataclass(frozen=True)
class Home:
    """One hub of the fleet; everything of it follows from its number and the seed."""

    number: int
    seed: int = 1

    @property
    def hub(self) -> str:
        """Its name."""
        return f"24d7{self.number:08x}"

    def address(self, slot: int) -> bytes:
        """Of its device in this slot, as it is in a session."""
        return bytes((0xC0 + slot,)) + self.number.to_bytes(5, "big")

    def device(self, slot: int) -> str:
        """The same as people write it."""
        return self.address(slot).hex(":")

    @cached_property
    def signing(self) -> ec.EllipticCurvePrivateKey:
        """The key that signs."""
        return self._key("sign")

    @cached_property
    def agreement(self) -> ec.EllipticCurvePrivateKey:
        """The key for receipts."""
        return self._key("agree")

    def _key(self, purpose: str) -> ec.EllipticCurvePrivateKey:
        digest = hashlib.sha512(f"fleet {self.seed} {self.number} {purpose}".encode()).digest()
        return ec.derive_private_key(int.from_bytes(digest, "big") % (_ORDER - 1) + 1, ec.SECP256R1())

    def envelopes(self, days: int, together: int = 1) -> Iterator[bytes]:
        """Four readings a day, so many of them in an envelope, in the order of sealing."""
        seal = _Seal(self)
        for first in range(1, days * READINGS_A_DAY + 1, together):
            yield seal(range(first, min(first + together, days * READINGS_A_DAY + 1)))

    def taken(self, number: int) -> tuple[str, int, int]:
        """Of a capture by its number: row, characteristic, when."""
        day, place = divmod(number - 1, READINGS_A_DAY)
        at_s, row, uuid = _VISITS[place]
        return row, uuid, FIRST_S + day * _DAY_S + at_s + self.number % 3600


class _Seal:
    def __init__(self, home: Home) -> None:
        self._home = home
        self._buffer = bytearray(BUFFER_OCTETS)
        self._batch = Batch(self._buffer)
        self._header = cose.protected(cose.ENVELOPE, kid_of(point_of(home.signing.public_key())))
        self._chain = hashlib.sha256(f"chain {home.seed} {home.number}".encode()).digest()[:8]
        self._previous = bytes(32)
        self._sequence = 0

    def __call__(self, numbers: range) -> bytes:
        """The next envelope, with these captures."""
        self._sequence += 1
        at_s = self._home.taken(numbers[-1])[2]
        fix = Fix(1, 0, at_s - 600, _NTP, _UNCERTAINTY_MS)
        hub = bytes.fromhex(self._home.hub)
        self._batch.begin(Head(hub, self._chain, self._sequence, self._previous, at_s, _NTP, fix, 0, None))
        for number in numbers:
            self._add(number, fix, *self._home.taken(number))
        return self._signed(self._batch.finish())

    def _add(self, number: int, fix: Fix, row: str, uuid: int, at_s: int) -> None:
        octets = value(uuid, self._home.number, number, at_s)
        slot = ("blood_pressure", "weight_scale", "pulse_oximeter").index(row)
        address = self._home.address(slot)
        mono_ms = number * 1000
        session = Session(
            number, 1, slot, address, 1, row, _SECURITY, mono_ms, local(at_s), mono_ms, False, _OFFSET_MIN,
            ((11, struct.pack("<H", uuid)),), 0,
        )  # fmt: skip
        capture = Capture(number, 1, number, slot, 11, _FLAGS, mono_ms, at_s, _NTP, octets)
        added = self._batch.add(capture, session, fix, drivers.decode(row, uuid, octets))
        assert added

    def _signed(self, length: int) -> bytes:
        at = self._batch.start
        payload = memoryview(self._buffer)[at : at + length]
        self._previous = cose.sig_structure_hash(self._header, payload)
        signature = self._home.signing.sign(self._previous, ec.ECDSA(Prehashed(hashes.SHA256())))
        r, s = decode_dss_signature(signature)
        writer = Writer(bytearray(BUFFER_OCTETS))
        writer.tag(18)
        writer.array(4)
        writer.bytes(self._header)
        writer.map(0)
        writer.bytes(payload)
        writer.bytes(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return bytes(writer.buffer[: writer.at])


def local(at_s: int) -> bytes:
    """A device's clock (2A08), which is right."""
    return struct.pack("<H5B", *time_of(at_s + _OFFSET_MIN * 60))


def value(uuid: int, home: int, number: int, at_s: int) -> bytes:
    """What a device sends (GATT Specification Supplement), its clock right and in local time."""
    time = local(at_s)
    spread = (home * 7 + number * 13) % 40
    if uuid == 0x2A35:  # mmHg, time and pulse
        pressures = struct.pack("<BHHH", 0x06, 110 + spread, 65 + spread // 2, 80 + spread // 2)
        return pressures + time + struct.pack("<H", 60 + spread)
    if uuid == 0x2A9D:  # kg in steps of 0.005, time
        return struct.pack("<BH", 0x02, 14_000 + 10 * spread) + time
    return struct.pack("<BHH", 0x01, 88 + spread // 4, 60 + spread) + time  # SFLOATs with exponent 0, time


@dataclass(frozen=True)
class Sealed:
    """The file of all envelopes: hub after hub, each envelope after its length in two octets."""

    path: Path
    homes: int
    days: int
    seed: int = 1
    first: int = 0  # the number of the first home

    @classmethod
    def write(cls, path: Path, homes: int, days: int, seed: int = 1, first: int = 0) -> "Sealed":
        """Seal for all homes."""
        with path.open("wb") as file:
            for number in range(first, first + homes):
                letters = list(Home(number, seed).envelopes(days))
                body = b"".join(len(letter).to_bytes(2, "big") + letter for letter in letters)
                file.write(len(body).to_bytes(4, "big") + body)
        return cls(path, homes, days, seed, first)

    def register(self, keyring: Keyring) -> None:
        """Tell the platform of every hub."""
        for number in range(self.first, self.first + self.homes):
            home = Home(number, self.seed)
            keyring.register(home.hub, point_of(home.signing.public_key()), point_of(home.agreement.public_key()))

    def __iter__(self) -> Iterator[tuple[Home, list[bytes]]]:
        """Each home with its envelopes, one home in memory at a time."""
        with self.path.open("rb") as file:
            for number in range(self.first, self.first + self.homes):
                body = file.read(int.from_bytes(file.read(4), "big"))
                letters, at = [], 0
                while at < len(body):
                    length = int.from_bytes(body[at : at + 2], "big")
                    letters.append(body[at + 2 : at + 2 + length])
                    at += 2 + length
                yield Home(number, self.seed), letters
