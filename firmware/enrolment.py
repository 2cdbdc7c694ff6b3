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
_POINT_OCTETS = const(65)
# Octets of the random source that are looked at before a key is made of it; cut-offs for one false alarm in 2**30.
_SAMPLES = const(1024)
_DRAWN = const(64)
_WINDOW = const(512)
_RUN_MAX = const(6)
_SEEN_MAX = const(32)


# The hub's own keys, and what it knows of the platform's. Both are tuples, since they outlive this file and the one
# that derives receipts (board/passing.py). `signing`: the key, or where the secure element is that has it.
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


def _check_random(random_octets) -> None:
    """PeerError unless the source could be one: NIST SP 800-90B, 4.4, start-up tests of at least 6 bits an octet.

    It sees a source that is stuck, or was never fed; whether the radio had fed it, nobody can see from its octets.
    """
    before = window = -1
    run = seen = 0
    last = b""
    for number in range(_SAMPLES // _DRAWN):
        drawn = random_octets(_DRAWN)
        if drawn == last:
            raise PeerError("enrolment: random source")
        last = drawn
        for octet in drawn:
            run = run + 1 if octet == before else 1
            before = octet
            if window < 0:
                window = octet
            seen += octet == window
            if run >= _RUN_MAX or seen >= _SEEN_MAX:
                raise PeerError("enrolment: random source")
        if (number + 1) * _DRAWN % _WINDOW == 0:
            window, seen = -1, 0


def _private_keys(random_octets, names) -> dict:
    """Private keys by these names; those that are missing are made, once."""
    from firmware.seal import p256

    keys: dict = {}
    checked = False
    for name in names:
        try:
            keys[name] = _load(name + ".key", _KEY_OCTETS)
        except PeerError:
            if not checked:
                _check_random(random_octets)
                checked = True
            while name not in keys:
                candidate = random_octets(_KEY_OCTETS)
                try:
                    p256.public_key(candidate)
                except ValueError:
                    continue  # 0 or beyond the group's order: one in 2**32
                keys[name] = candidate
            _keep(name + ".key", keys[name])
    return keys


def request(hub_id: bytes, random_octets, element=None) -> dict:
    """Make the keys and return what may leave the hub, as hex.

    `tls` and `signing` are PKCS #10 requests signed by the key they ask for; `agreement` is a public point. The radio
    must have run before, for the chip's random source to be a random source. With a secure `element` the signing key is
    made in it.
    """
    from firmware.seal import csr, p256

    try:
        os.mkdir(config.FOLDER)
    except OSError:
        pass  # it is there already
    keys = _private_keys(random_octets, ("tls", "agreement") if element else ("tls", "signing", "agreement"))
    name = hub_id.hex()
    if element:
        signing = csr.request(element.sign, name, _point_in(element))
    else:
        signing = csr.request(keys["signing"], name)
    return {
        "hub": name,
        "tls": csr.request(keys["tls"], name).hex(),
        "signing": signing.hex(),
        "agreement": p256.public_key(keys["agreement"]).hex(),
    }


def _point_in(element) -> bytes:
    """The public point of the element's key, which is made once."""
    try:
        return _load("signing.pub", _POINT_OCTETS)
    except PeerError:
        if not element.locked():
            raise PeerError("secure element: not locked")
        _keep("signing.pub", element.new_key())
    return _load("signing.pub", _POINT_OCTETS)


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
    if "signer" in settings:
        place = settings["signer"]
        signing: object = (place["scl"], place["sda"], place["slot"])
        point = _load("signing.pub", _POINT_OCTETS)
    else:
        signing = key = _load("signing.key", _KEY_OCTETS)
        point = p256.public_key(key)
    load_tls()
    return Keys(hub_id, signing, p256.key_id(point), _receipts(hub_id, settings))


def load_agreement() -> bytes:
    """The hub's agreement key, for an order that has secret fields."""
    return _load("agreement.key", _KEY_OCTETS)


def load_tls() -> "tuple[bytes, ...]":
    """CA certificate, own certificate and own key, each DER, which a handshake needs and nobody else."""
    return tuple([_load(name, _CERTIFICATE_OCTETS_MAX) for name in ("ca.crt", "tls.crt", "tls.der")])
