"""How a blank hub becomes somebody's: it makes its keys, asks for certificates, and takes its settings.

Keys are made here and never leave; what leaves are public keys and requests signed with them. `telehub provision`
calls these functions over the cable, the simulator calls the same ones.
"""

import binascii
import os
import struct
from collections import namedtuple

from micropython import const

from firmware import config
from firmware.contracts import PeerError

_KEY_OCTETS = const(32)
_CERTIFICATE_OCTETS_MAX = const(1500)
_CRC_OCTETS = const(4)
_COPY = ".b"  # at the end of the second copy's name
_KEYS = ("tls", "signing", "agreement")


# The hub's own keys, and what it knows of the platform's. Both are tuples, since they outlive this file and the one
# that derives receipts (board/passing.py).
Keys = namedtuple("Keys", ("hub_id", "signing", "signing_kid", "receipts"))
Receipts = namedtuple("Receipts", ("hub", "kid", "key"))


def _path(name: str) -> str:
    return config.FOLDER + "/" + name


def _keep(name: str, octets: bytes) -> None:
    """Write a file of the hub's identity twice, each with its CRC-32 behind it: without one the hub is nobody."""
    for path in (_path(name), _path(name + _COPY)):
        config.write_whole(path, octets + struct.pack("<I", binascii.crc32(octets)))


def _load(name: str, octets_max: int) -> bytes:
    for path in (_path(name), _path(name + _COPY)):
        try:
            with open(path, "rb") as file:
                found = file.read(octets_max + _CRC_OCTETS + 1)
        except OSError:
            continue
        octets, crc = found[:-_CRC_OCTETS], found[-_CRC_OCTETS:]
        if 0 < len(octets) <= octets_max and struct.pack("<I", binascii.crc32(octets)) == crc:
            return octets
    raise PeerError("enrolment: missing", name)


def _private_keys(random_octets) -> dict:
    """The three private keys; those that are missing are made, once."""
    from firmware.seal import p256

    keys = {}
    for name in _KEYS:
        try:
            keys[name] = _load(name + ".key", _KEY_OCTETS)
        except PeerError:
            while name not in keys:
                candidate = random_octets(_KEY_OCTETS)
                try:
                    p256.public_key(candidate)
                except ValueError:
                    continue  # 0 or beyond the group's order: one in 2**32
                keys[name] = candidate
            _keep(name + ".key", keys[name])
    return keys


def request(hub_id: bytes, random_octets) -> dict:
    """Make the keys and return what may leave the hub, as hex.

    `tls` and `signing` are PKCS #10 requests signed by the key they ask for; `agreement` is a public point. The radio
    must have run before, for the chip's random source to be a random source.
    """
    from firmware.seal import csr, p256

    try:
        os.mkdir(config.FOLDER)
    except OSError:
        pass  # it is there already
    keys = _private_keys(random_octets)
    name = hub_id.hex()
    return {
        "hub": name,
        "tls": csr.request(keys["tls"], name).hex(),
        "signing": csr.request(keys["signing"], name).hex(),
        "agreement": p256.public_key(keys["agreement"]).hex(),
    }


def accept(hub_id: bytes, settings: dict, authority: bytes, certificate: bytes) -> dict:
    """Take settings and certificates; return a proof that the hub holds the agreement key and can check receipts.

    Nothing is in force until the settings are written, and they are written last.
    """
    from firmware.measurement.zone import Zone
    from firmware.seal import csr, hmac

    config.check(settings)
    try:
        Zone(settings["zone"])
    except ValueError:
        raise PeerError("settings: zone", settings["zone"])  # else the first visit would fail, and each one after it
    for name, octets in (("ca.crt", authority), ("tls.crt", certificate)):
        if not 0 < len(octets) <= _CERTIFICATE_OCTETS_MAX:
            raise PeerError("enrolment: certificate", name)
        _keep(name, octets)
    _keep("tls.der", csr.private_key(_load("tls.key", _KEY_OCTETS)))
    proof = hmac.hmac_sha256(_receipts(hub_id, settings).key, b"telehub enrolment" + hub_id)
    config.Store(config.FOLDER, "settings").save(settings)
    return {"hub": hub_id.hex(), "proof": proof.hex()}


def _receipts(hub_id, settings):
    from firmware.uplink import receipt

    platform = bytes.fromhex(settings["platform"]["agreement"])
    derived = receipt.Receipts(_load("agreement.key", _KEY_OCTETS), platform, hub_id)
    return Receipts(derived.hub, derived.kid, derived.key)


def load_keys(hub_id: bytes) -> Keys:
    """What the running hub needs. PeerError names what is missing, or damaged in both copies."""
    from firmware.seal import p256

    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None:
        raise PeerError("enrolment: missing", "settings")
    signing = _load("signing.key", _KEY_OCTETS)
    load_tls()
    return Keys(hub_id, signing, p256.key_id(p256.public_key(signing)), _receipts(hub_id, settings))


def load_tls() -> "tuple[bytes, ...]":
    """CA certificate, own certificate and own key, each DER, which a handshake needs and nobody else."""
    return tuple([_load(name, _CERTIFICATE_OCTETS_MAX) for name in ("ca.crt", "tls.crt", "tls.der")])
