"""Envelopes as a hub sends them, written here from firmware/seal/FORMAT.md with cbor2 and cryptography alone.

A second writer: it shares no code with the hub's, so that the two cannot be wrong together.
"""

import hashlib
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tools.backend.keys import Keyring, kid_of, make_platform_keys, point_of

HUB = "240ac4112233"
CHAIN = bytes.fromhex("c0ffee0000000001")
CUFF = bytes.fromhex("c4be840a0b0c")
MORNING_S = 1_767_600_000  # 2026-01-05T08:00:00Z
PLATFORM = b"the platform's own 32 octets...."


def private_key(label: str) -> ec.EllipticCurvePrivateKey:
    """A P-256 key that a test can have again by its label."""
    return ec.derive_private_key(
        int.from_bytes(hashlib.sha256(label.encode()).digest(), "big") >> 1 | 1, ec.SECP256R1()
    )


def keyring_with(*hubs: str, directory=None) -> Keyring:
    """A platform that knows these hubs."""
    keyring = make_platform_keys(directory, lambda count: PLATFORM[:count])
    for hub in hubs:
        keyring.register(hub, public(private_key("sign " + hub)), public(private_key("agree " + hub)))
    return keyring


def public(key: ec.EllipticCurvePrivateKey) -> bytes:
    return point_of(key.public_key())


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey, content_type: int = 65010) -> bytes:
    """COSE_Sign1, ES256 (RFC 9052 section 4.4, RFC 9053 section 2.1)."""
    protected = cbor2.dumps({1: -7, 3: content_type, 4: kid_of(public(key))}, canonical=True)
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = decode_dss_signature(key.sign(structure, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]))


def hash_of(envelope: bytes) -> bytes:
    """The envelope hash: SHA-256 of the Sig_structure."""
    protected, _, payload, _ = cbor2.loads(envelope).value
    return hashlib.sha256(cbor2.dumps(["Signature1", protected, b"", payload])).digest()


def pressure_octets(
    systolic: int, diastolic: int, pulse: int, minute: int | None = 0, status: int = 0
) -> bytes:
    """2A35 by hand (GATT Specification Supplement): mmHg, 2026-01-05 09:<minute>:00, pulse, status."""
    mean = (systolic + diastolic) // 2
    flags = 0x04 | 0x10 | (0 if minute is None else 0x02)  # pulse, status, time
    octets = bytes((flags,)) + b"".join(value.to_bytes(2, "little") for value in (systolic, diastolic, mean))
    if minute is not None:
        octets += bytes((0xEA, 0x07, 1, 5, 9, minute, 0))
    return octets + pulse.to_bytes(2, "little") + status.to_bytes(2, "little")


@dataclass
class Pressure:
    """One capture of a cuff: what its display showed, and how the hub tells it."""

    systolic: int = 128
    diastolic: int = 80
    pulse: int = 66
    minute: int | None = 0
    after_s: int = 0  # hub time, after MORNING_S
    status: int = 0
    extras: dict = field(default_factory=dict)
    told_systolic: int | None = None  # a hub that says something else than the octets

    def octets(self) -> bytes:
        return pressure_octets(self.systolic, self.diastolic, self.pulse, self.minute, self.status)


def cuff_session(readings, visit=1, device=CUFF, sealed_s=MORNING_S, bits=1 | 2 | 4, description=0, row=1):
    """A session of blood pressures; hub times are differences, the first from `sealed_s`."""
    session = [
        visit,
        device,
        bits,
        row,
        description,
        4,
        0,
        1,
    ]  # 4 quarters: UTC+1; skew 0, read one second before
    before_s, device_before_s = sealed_s, None
    for reading in readings:
        hub_s = MORNING_S + reading.after_s
        mean = (reading.systolic + reading.diastolic) // 2
        values = [reading.told_systolic or reading.systolic, reading.diastolic, mean, reading.pulse]
        if reading.minute is None:
            device_time = None
        else:
            device_s = MORNING_S + 3600 + reading.minute * 60
            base_s = hub_s + 3600 if device_before_s is None else device_before_s
            device_time, device_before_s = device_s - base_s, device_s
        short = bytes(values) if max(values) < 256 else values
        entry = [reading.octets(), hub_s - before_s, 1, short, reading.status, device_time]
        if reading.extras:
            entry.append(reading.extras)
        session.append(entry)
        before_s = hub_s
    return session


def payload(
    sessions,
    sequence=1,
    previous=bytes(32),
    first=1,
    count=None,
    hub=HUB,
    chain=CHAIN,
    more=None,
    sealed_s=None,
):
    """What an envelope's payload says, by names of its fields; `more` adds or replaces some."""
    if count is None:
        count = sum(1 for session in sessions for entry in session[8:] if entry[0] is not None)
    fields = {
        "version": 2,
        "hub": bytes.fromhex(hub),
        "chain": chain,
        "sequence": sequence,
        "previous": previous[:16],
        "sealed": [sealed_s or MORNING_S, 1, 60, 40],
        "sessions": sessions,
        "captures": [first, count],
    }
    return fields | (more or {})


def arranged(fields: dict) -> list:
    """The payload as the format has it: positions, and at the end a map of those that are rare, by number."""
    rare = {key: value for key, value in fields.items() if isinstance(key, int)}
    common = [value for key, value in fields.items() if isinstance(key, str)]
    return [*common, rare] if rare else common


def seal(fields: dict, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """Sign a payload, with its hub's key unless another is given."""
    key = key or private_key("sign " + fields["hub"].hex())
    return sign(cbor2.dumps(arranged(fields), canonical=True), key)


def envelope(*readings: Pressure, visit: int = 1, **fields) -> bytes:
    """One visit to the cuff, sealed."""
    return seal(payload([cuff_session(readings, visit=visit)], **fields))


class Chain:
    """A hub that seals one envelope after the other."""

    def __init__(self, hub: str = HUB, chain: bytes = CHAIN) -> None:
        self.hub, self.chain = hub, chain
        self.sequence, self.captures, self.previous = 0, 0, bytes(32)

    def seal(self, *readings: Pressure, session=None, **more) -> bytes:
        self.sequence += 1
        sessions = [session or cuff_session(readings, visit=self.sequence)]
        fields = payload(
            sessions,
            self.sequence,
            self.previous,
            self.captures + 1,
            hub=self.hub,
            chain=self.chain,
            more=more.get("more"),
        )
        self.captures += fields["captures"][1]
        octets = seal(fields)
        self.previous = hash_of(octets)
        return octets
