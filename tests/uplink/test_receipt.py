"""Receipts made by other hands (cbor2, OpenSSL, the backend's own writer), and what they may free."""

import hashlib
import hmac

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cwt import COSE, COSEKey
from hypothesis import given
from hypothesis import strategies as st

from firmware.contracts import PeerError
from firmware.uplink.receipt import Receipts, open_message
from tests.uplink import pure_receipt
from tools.inspect import cose
from tools.inspect.envelope import Numbered, decode_receipt, make_receipt, make_time_answer

HUB = bytes.fromhex("30aea4123456")
CHAIN = bytes.fromhex("c0ffee0011223344")
HASH = bytes(range(32))


def kid_of(point):
    return hashlib.sha256(point).digest()[:8]


def other_key():
    """The receipt key as the platform's library derives it, from the hub's side of the exchange."""
    private = ec.derive_private_key(int.from_bytes(pure_receipt.AGREEMENT, "big"), ec.SECP256R1())
    own = private.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    platform = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), pure_receipt.PLATFORM)
    info = b"telehub receipt 1\x00" + HUB + kid_of(own) + kid_of(pure_receipt.PLATFORM)
    return HKDF(hashes.SHA256(), 32, b"", info).derive(private.exchange(ec.ECDH(), platform))


KEY = other_key()
KID = kid_of(pure_receipt.PLATFORM)


def maced(content_type, fields):
    protected = cbor2.dumps({1: 5, 3: content_type, 4: KID}, canonical=True)
    payload = cbor2.dumps(fields, canonical=True)
    tag = hmac.digest(KEY, cbor2.dumps(["MAC0", protected, b"", payload]), "sha256")
    return cbor2.dumps(cbor2.CBORTag(17, [protected, {}, payload, tag]), canonical=True)


def test_the_vectors_are_made_by_other_hands():
    assert KEY.hex() == pure_receipt.RECEIPT_KEY
    stored = {1: 1, 2: HUB, 3: CHAIN, 4: 41, 5: HASH, 6: 0}
    assert maced(65002, stored).hex() == pure_receipt.OF_STORED
    assert maced(65002, stored | {6: 1, 7: 5}).hex() == pure_receipt.OF_HELD
    assert maced(65003, {1: 1, 2: HUB, 3: b"nonce123", 4: 1767596469123}).hex() == pure_receipt.OF_TIME


def test_the_platforms_writer_makes_the_same_receipts():
    named = Numbered(HUB.hex(), CHAIN.hex(), 41, HASH)
    assert make_receipt(named, None, KID, KEY).hex() == pure_receipt.OF_STORED
    assert make_receipt(named, 5, KID, KEY).hex() == pure_receipt.OF_HELD
    assert make_time_answer(HUB.hex(), b"nonce123", 1767596469123, KID, KEY).hex() == pure_receipt.OF_TIME


def test_a_second_library_believes_the_same_receipt():
    key = COSEKey.from_symmetric_key(KEY, alg="HS256", kid=KID)
    payload = COSE.new().decode(bytes.fromhex(pure_receipt.OF_STORED), key)
    assert cbor2.loads(payload)[4] == 41


@pytest.mark.promise("P6")
def test_nothing_but_the_platforms_own_receipt_for_this_envelope_frees_anything():
    named = Numbered(HUB.hex(), CHAIN.hex(), 41, HASH)
    receipts, journal = pure_receipt.RECEIPTS, pure_receipt.Journal()
    assert open_message(make_receipt(named, None, KID, KEY), receipts, journal, None).sequence == 41
    puback = b"\x40\x02\x00\x01"
    envelope = cose.make_mac0(cose.ENVELOPE_TYPE, KID, b"\xa0", KEY)
    of_another_number = make_receipt(Numbered(HUB.hex(), CHAIN.hex(), 40, HASH), None, KID, KEY)
    of_an_old_chain = make_receipt(Numbered(HUB.hex(), "00" * 8, 41, HASH), None, KID, KEY)
    of_another_hub = make_receipt(Numbered("ff" * 6, CHAIN.hex(), 41, HASH), None, KID, KEY)
    by_another_hubs_key = make_receipt(named, None, KID, bytes(32))
    for octets in (
        puback,
        envelope,
        of_another_number,
        of_an_old_chain,
        of_another_hub,
        by_another_hubs_key,
        b"",
    ):
        with pytest.raises(PeerError):
            open_message(octets, receipts, journal, None)


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else_happens(octets):
    with pytest.raises(PeerError):
        open_message(octets, pure_receipt.RECEIPTS, pure_receipt.Journal(), b"nonce123")
    with pytest.raises(cose.BadMessage):
        decode_receipt(octets, KEY)


@given(
    st.recursive(
        st.one_of(
            st.integers(0, 2**64 - 1), st.binary(max_size=40), st.text(max_size=9), st.none(), st.booleans()
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4), st.dictionaries(st.integers(0, 9), inner, max_size=8)
        ),
    )
)
def test_an_authentic_payload_of_another_form_is_refused(fields):
    with pytest.raises(PeerError):
        open_message(maced(65002, fields), pure_receipt.RECEIPTS, pure_receipt.Journal(), None)
    with pytest.raises(cose.BadMessage):
        decode_receipt(maced(65002, fields), KEY)


@pytest.mark.parametrize("point", [bytes(65), b"\x04" + bytes(64), pure_receipt.PLATFORM[:-1], b""])
def test_a_platform_key_that_is_none_is_refused_when_the_hub_starts(point):
    with pytest.raises(ValueError):
        Receipts(pure_receipt.AGREEMENT, point, HUB)
    with pytest.raises(ValueError):
        Receipts(pure_receipt.AGREEMENT, pure_receipt.PLATFORM, HUB[:5])


def test_inspect_refuses_every_flipped_bit_too():
    whole = bytes.fromhex(pure_receipt.OF_STORED)
    for at in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[at >> 3] ^= 1 << (at & 7)
        with pytest.raises(cose.BadMessage):
            decode_receipt(bytes(changed), KEY)
