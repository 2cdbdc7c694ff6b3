"""How a blank hub becomes somebody's: it makes its keys, asks for certificates, and takes its settings.

Keys are made here and never leave; what leaves are public keys and requests signed with them. `telehub provision`
calls these functions over the cable, the simulator calls the same ones.
"""

import os

from micropython import const

from firmware import config, enrolment
from firmware.contracts import PeerError

# Octets of the random source that are looked at before a key is made of it; cut-offs for one false alarm in 2**30.
_SAMPLES = const(1024)
_DRAWN = const(64)
_WINDOW = const(512)
_RUN_MAX = const(6)
_SEEN_MAX = const(32)


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
        key = random_octets(enrolment.KEY_OCTETS)
        try:
            p256.public_key(key)
        except ValueError:
            continue  # 0 or beyond the group's order: one in 2**32
        enrolment.keep(name, key)
        return key


def _private_keys(random_octets, names) -> dict:
    """Private keys by these names; those that are missing are made, once."""
    keys = {}
    for name in names:
        try:
            keys[name] = enrolment.load(name + ".key", enrolment.KEY_OCTETS)
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
        return enrolment.load("signing.pub", enrolment.POINT_OCTETS)
    except PeerError:
        if not element.locked():
            raise PeerError("secure element: not locked")
        enrolment.keep("signing.pub", element.new_key())
    return enrolment.load("signing.pub", enrolment.POINT_OCTETS)


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
        if not 0 < len(octets) <= enrolment.CERTIFICATE_OCTETS_MAX:
            raise PeerError("enrolment: certificate", name)
        enrolment.keep(name, octets)
    enrolment.keep("tls.der", csr.private_key(enrolment.load("tls.key", enrolment.KEY_OCTETS)))
    proof = hmac.hmac_sha256(enrolment.receipts(hub_id, settings).key, b"telehub enrolment" + hub_id)
    config.Store(config.FOLDER, "settings").save(settings)
    return {"hub": hub_id.hex(), "proof": proof.hex()}
