"""Orders made by other hands (cbor2, OpenSSL, a second COSE library) and by our own sealing side, as a hub reads them.
"""

import hashlib

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cwt import COSE, COSEKey
from hypothesis import given
from hypothesis import strategies as st

from firmware.contracts import PeerError
from firmware.uplink import order as order_file
from firmware.uplink import order_fields
from tests.uplink import pure_order
from tests.uplink.pure_order import AGREEMENT, HUB, VECTOR
from tools.inspect import cose
from tools.inspect.order import ACTIONS, decode_order
from tools.simulator.world.points import by_openssl
from tools.technician.order import BadOrder, Operator, Recipient

pytestmark = pytest.mark.promise("P10")

# RFC 6979, A.2.5: a P-256 key that stands in a specification is nobody's.
OPERATOR = ec.derive_private_key(
    0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1()
)
EPHEMERAL = ec.derive_private_key(1, ec.SECP256R1())  # so its point is the curve's base point
ZONE = {1: 1, 2: HUB, 3: 7, 4: 1767600000, 5: 5, 6: cbor2.dumps({1: "CET-1CEST,M3.5.0,M10.5.0/3"})}


def point_of(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def kid_of(point):
    return hashlib.sha256(point).digest()[:8]


POINT = point_of(OPERATOR.public_key())
HUB_POINT = point_of(ec.derive_private_key(int.from_bytes(AGREEMENT, "big"), ec.SECP256R1()).public_key())


def signed(fields, content_type=65004, key=OPERATOR, algorithm=-7, kid=None):
    """A COSE_Sign1, by RFC 6979 so that it is the same each time."""
    protected = cbor2.dumps({1: algorithm, 3: content_type, 4: kid or kid_of(point_of(key.public_key()))})
    payload = fields if isinstance(fields, bytes) else cbor2.dumps(fields, canonical=True)
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = decode_dss_signature(key.sign(structure, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, signature]), canonical=True)


def sealed(secret, to=HUB_POINT, hub=HUB):
    """Secret fields for a hub, step by step as FORMAT.md says."""
    shared = EPHEMERAL.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), to))
    own = point_of(EPHEMERAL.public_key())
    info = b"telehub order 1\x00" + hub + kid_of(to) + kid_of(POINT) + kid_of(own)
    key = HKDF(hashes.SHA256(), 32, b"", info).derive(shared)
    encryptor = Cipher(algorithms.AES(key), modes.CTR(VECTOR)).encryptor()
    octets = encryptor.update(cbor2.dumps(secret, canonical=True)) + encryptor.finalize()
    return [own, cbor2.CBORTag(16, [b"", {1: -65532, 5: VECTOR}, octets])]


def network():
    clear = cbor2.dumps({1: "Kontoret", 3: "broker.example", 4: 8883}, canonical=True)
    secret = {2: "en lang og hemmelig adgangskode"}
    return {1: 1, 2: HUB, 3: 8, 4: 1767600000, 5: 6, 6: clear, 7: sealed(secret)}


def aes(key):
    return lambda block: Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


def test_the_vectors_are_made_by_other_hands():
    assert POINT.hex() == pure_order.OPERATOR.hex()
    assert signed(ZONE).hex() == pure_order.OF_ZONE
    assert signed(network()).hex() == pure_order.OF_NETWORK


def test_a_second_library_believes_the_same_order():
    pem = OPERATOR.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key = COSEKey.from_pem(pem.decode(), kid=kid_of(POINT))
    assert cbor2.loads(COSE.new().decode(bytes.fromhex(pure_order.OF_ZONE), key))[3] == 7


def test_secret_fields_are_for_the_hub_alone():
    opened = order_file.open_order(bytes.fromhex(pure_order.OF_NETWORK), POINT, HUB)
    secret = order_file.unsealed(opened.sealed, AGREEMENT, POINT, HUB, aes)
    fields = order_fields.read(opened.action, opened.arguments, secret)
    assert fields == {
        "ssid": "Kontoret", "host": "broker.example", "port": 8883, "key": "en lang og hemmelig adgangskode",
    }  # fmt: skip
    assert b"hemmelig" not in bytes.fromhex(pure_order.OF_NETWORK)
    others = order_file.unsealed(opened.sealed, bytes(31) + b"\x05", POINT, HUB, aes)
    assert b"hemmelig" not in others
    with pytest.raises(PeerError):
        order_fields.read(opened.action, opened.arguments, others)


def _to():
    return Recipient(HUB.hex(), HUB_POINT)


EXAMPLES = {
    "allow device": {
        "address": bytes.fromhex("c0ffee000001"), "address_type": 1, "row": "accu_chek_guide",
        "counts_from": 1767600000, "user_slot": 2, "replaces": bytes(6), "users": [[1, 1234], [2, 9999]],
        "passkey": 42,
    },
    "remove device": {"address": bytes.fromhex("c0ffee000001")},
    "open window": {"seconds": 300},
    "digits": {"address": bytes.fromhex("c0ffee000001"), "passkey": 0},
    "zone": {"rule": "CET-1CEST,M3.5.0,M10.5.0/3"},
    "network": {"ssid": "Kontoret", "key": "", "host": "broker.example", "port": 1, "ntp": "ntp.example"},
    "plan": {"health_s": 60},
    "reset": {"at_once": 0},
    "change keys": {"which": 3},
}  # fmt: skip


@pytest.mark.parametrize("action", ACTIONS)
def test_what_our_side_seals_a_hub_reads_whole(action):
    octets = Operator(OPERATOR).order(_to(), 9, 1767600000, action, EXAMPLES[action])
    opened = order_file.open_order(octets, POINT, HUB)
    secret = None if opened.sealed is None else order_file.unsealed(opened.sealed, AGREEMENT, POINT, HUB, aes)
    assert (opened.number, opened.expires_s) == (9, 1767600000)
    assert order_fields.read(opened.action, opened.arguments, secret) == EXAMPLES[action]
    read = decode_order(octets, lambda kid: OPERATOR.public_key() if kid == kid_of(POINT) else None)
    assert (read.hub, read.number, read.action) == (HUB.hex(), 9, action)
    secrets = {name for name, field in ACTIONS[action][1].items() if field.secret}
    assert read.arguments == {name: value for name, value in EXAMPLES[action].items() if name not in secrets}


def test_both_tables_say_the_same():
    kinds = {int: 0, str: 1, bytes: 2, list: 3}
    assert {
        code: tuple(
            (one.key, name, kinds[one.kind], one.least, one.most, one.needed, one.secret)
            for name, one in fields.items()
        )
        for code, fields in ACTIONS.values()
    } == order_fields.TABLE


@pytest.mark.parametrize(
    ("action", "arguments", "named"),
    [
        ("fly", {}, "fly"),
        ("open window", {}, "seconds"),
        ("open window", {"seconds": 901}, "seconds"),
        ("open window", {"seconds": True}, "seconds"),
        ("zone", {"rule": "CET\n-1"}, "rule"),
        ("zone", {"rule": "CET-1", "more": 1}, "more"),
        ("digits", {"address": bytes(5), "passkey": 1}, "address"),
        ("allow device", EXAMPLES["allow device"] | {"users": [[1, 10000]]}, "users"),
    ],
)
def test_what_is_no_order_is_not_signed(action, arguments, named):
    with pytest.raises(BadOrder, match=named):
        Operator(OPERATOR).order(_to(), 9, 1767600000, action, arguments)


@pytest.mark.parametrize("name", ["OF_ZONE", "OF_NETWORK"])
def test_every_flipped_bit_is_refused_by_hub_and_inspect(name):
    whole = bytes.fromhex(getattr(pure_order, name))
    with by_openssl():
        for at in range(len(whole) * 8):
            changed = bytearray(whole)
            changed[at >> 3] ^= 1 << (at & 7)
            with pytest.raises(PeerError):
                order_file.open_order(bytes(changed), POINT, HUB)
            with pytest.raises(cose.BadMessage):
                decode_order(bytes(changed), lambda kid: OPERATOR.public_key() if kid == kid_of(POINT) else None)


@given(st.binary(max_size=1000))
def test_rubbish_is_refused_and_nothing_else_happens(octets):
    with pytest.raises(PeerError):
        order_file.open_order(octets, POINT, HUB)
    with pytest.raises(cose.BadMessage):
        decode_order(octets, lambda kid: OPERATOR.public_key())


_ANY = st.recursive(
    st.one_of(
        st.integers(0, 2**64 - 1), st.binary(max_size=40), st.text(max_size=9), st.none(), st.booleans()
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.integers(0, 9), inner, max_size=8)),
)


@given(_ANY)
def test_an_authentic_payload_of_another_form_is_refused(fields):
    with by_openssl(), pytest.raises(PeerError):
        order_file.open_order(signed(cbor2.dumps(fields, canonical=True)), POINT, HUB)
    with pytest.raises(cose.BadMessage):
        decode_order(signed(cbor2.dumps(fields, canonical=True)), lambda kid: OPERATOR.public_key())


@given(st.sampled_from(sorted(order_fields.TABLE)), _ANY, _ANY)
def test_arguments_of_another_form_are_refused_by_name(action, clear, secret):
    try:
        order_fields.read(action, cbor2.dumps(clear, canonical=True), cbor2.dumps(secret, canonical=True))
    except PeerError as error:
        assert error.args[0] == "bad argument"
        assert isinstance(error.args[1], str)
