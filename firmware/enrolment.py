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


def make_key(name: str, random_octets) -> bytes:
    """Make and keep a private key. PeerError when the random source is none."""
    from firmware.seal import p256

    _check_random(random_octets)
    while True:
        key = random_octets(_KEY_OCTETS)
        try:
            p256.public_key(key)
        except ValueError:
            continue  # 0 or beyond the group's order: one in 2**32
        keep(name, key)
        return key


def _private_keys(random_octets, names) -> dict:
    """Private keys by these names; those that are missing are made, once."""
    keys = {}
    for name in names:
        try:
            keys[name] = load(name + ".key", _KEY_OCTETS)
        except PeerError:
            keys[name] = make_key(name + ".key", random_octets)
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
        return load("signing.pub", _POINT_OCTETS)
    except PeerError:
        if not element.locked():
            raise PeerError("secure element: not locked")
        keep("signing.pub", element.new_key())
    return load("signing.pub", _POINT_OCTETS)


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
        keep(name, octets)
    keep("tls.der", csr.private_key(load("tls.key", _KEY_OCTETS)))
    proof = hmac.hmac_sha256(_receipts(hub_id, settings).key, b"telehub enrolment" + hub_id)
    config.Store(config.FOLDER, "settings").save(settings)
    return {"hub": hub_id.hex(), "proof": proof.hex()}


def _receipts(hub_id, settings):
    from firmware.uplink import receipt

    platform = bytes.fromhex(settings["platform"]["agreement"])
    derived = receipt.Receipts(load("agreement.key", _KEY_OCTETS), platform, hub_id)
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
        point = load("signing.pub", _POINT_OCTETS)
    else:
        _heal()
        signing = key = load("signing.key", _KEY_OCTETS)
        point = p256.public_key(key)
    load_tls()
    return Keys(hub_id, signing, p256.key_id(point), _receipts(hub_id, settings))


def load_agreement() -> bytes:
    """The hub's agreement key, for an order that has secret fields."""
    return load("agreement.key", _KEY_OCTETS)


def _heal():
    """A change of the signing key that a cut interrupted is finished first (rotation.py)."""
    names = os.listdir(config.FOLDER)
    if [name for name in names if name.startswith(("signing.new", "signing.old"))]:
        from firmware import rotation

        rotation.heal()


def load_tls() -> "tuple[bytes, ...]":
    """CA certificate, own certificate and own key, each DER, which a handshake needs and nobody else."""
    return tuple([load(name, _CERTIFICATE_OCTETS_MAX) for name in ("ca.crt", "tls.crt", "tls.der")])
