"""What makes a hub somebody's: its keys and certificates, as files that lose neither to one that rots nor to a cut.

How they come to be is enrolling.py's.
"""

import binascii
import os
import struct
from collections import namedtuple

from micropython import const

from firmware import config
from firmware.contracts import PeerError

KEY_OCTETS = const(32)
CERTIFICATE_OCTETS_MAX = const(1500)
_CRC_OCTETS = const(4)
_COPY = ".b"  # at the end of the second copy's name
POINT_OCTETS = const(65)


# The hub's own keys, and what it knows of the platform's. Both are tuples, since they outlive this file and the one
# that derives receipts (board/passing.py). `signing`: the key, or where the secure element is that has it.
Keys = namedtuple("Keys", ("hub_id", "signing", "signing_kid", "receipts"))
Receipts = namedtuple("Receipts", ("hub", "kid", "key"))


def _path(name: str) -> str:
    return config.FOLDER + "/" + name


def paths(name: str) -> tuple:
    """Where a file of the hub's identity is, and its copy."""
    return _path(name), _path(name + _COPY)


def keep(name: str, octets: bytes) -> None:
    """Write a file of the hub's identity twice, each with its CRC-32 behind it: without one the hub is nobody."""
    for path in paths(name):
        config.write_whole(path, octets + struct.pack("<I", binascii.crc32(octets)))


def load(name: str, octets_max: int) -> bytes:
    """The octets of such a file. PeerError when neither copy is whole."""
    for path in paths(name):
        try:
            with open(path, "rb") as file:
                found = file.read(octets_max + _CRC_OCTETS + 1)
        except OSError:
            continue
        octets, crc = found[:-_CRC_OCTETS], found[-_CRC_OCTETS:]
        if 0 < len(octets) <= octets_max and struct.pack("<I", binascii.crc32(octets)) == crc:
            return octets
    raise PeerError("enrolment: missing", name)


def receipts(hub_id, settings) -> Receipts:
    """The key by which the platform's receipts are believed. Slow to make."""
    from firmware.uplink import receipt

    platform = bytes.fromhex(settings["platform"]["agreement"])
    derived = receipt.Receipts(load("agreement.key", KEY_OCTETS), platform, hub_id)
    return Receipts(derived.hub, derived.kid, derived.key)


def load_keys(hub_id: bytes) -> Keys:
    """What the running hub needs. PeerError names what is missing, or damaged in both copies."""
    from firmware.seal import p256

    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None:
        raise PeerError("enrolment: missing", "settings")
    if "signer" in settings:
        place = settings["signer"]
        signing: object = (place["scl"], place["sda"], place["slot"])
        point = load("signing.pub", POINT_OCTETS)
    else:
        _heal()
        signing = key = load("signing.key", KEY_OCTETS)
        point = p256.public_key(key)
    load_tls()
    return Keys(hub_id, signing, p256.key_id(point), receipts(hub_id, settings))


def load_agreement() -> bytes:
    """The hub's agreement key, for an order that has secret fields."""
    return load("agreement.key", KEY_OCTETS)


def _heal():
    """A change of the signing key that a cut interrupted is finished first (rotation.py)."""
    names = os.listdir(config.FOLDER)
    if [name for name in names if name.startswith(("signing.new", "signing.old"))]:
        from firmware import rotation

        rotation.heal()


def load_tls() -> "tuple[bytes, ...]":
    """CA certificate, own certificate and own key, each DER, which a handshake needs and nobody else."""
    return tuple([load(name, CERTIFICATE_OCTETS_MAX) for name in ("ca.crt", "tls.crt", "tls.der")])
