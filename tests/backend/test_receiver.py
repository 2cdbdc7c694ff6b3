"""Envelopes come in, receipts go out: what is wrong is kept whole before it is answered."""

import hmac
from collections import namedtuple
from hashlib import sha256

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from firmware.uplink import receipt
from tests.backend.envelopes import (
    CHAIN,
    CUFF,
    HUB,
    Chain,
    Pressure,
    arranged,
    cuff_session,
    hash_of,
    payload,
    private_key,
    public,
    seal,
    sign,
)
from tests.backend.platform import OTHER, STRANGER, Platform
from tools.backend import batch as stores
from tools.backend import completeness, exports
from tools.backend.receipt import receipt_key
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import decode_receipt


@pytest.fixture
def platform(database):
    platform = Platform(database)
    yield platform
    platform.store.close()


def test_an_envelope_is_stored_and_its_receipt_names_its_hash(platform):
    octets = Chain().seal(Pressure(systolic=131))
    answer = decode_receipt(platform.take(octets), receipt_key(platform.keyring, platform.keyring.hub(HUB)))
    assert (answer.hub, answer.chain, answer.sequence) == (HUB, CHAIN.hex(), 1)
    assert (answer.hash, answer.status) == (hash_of(octets), 0)
    assert platform.systolic() == ["131"]


@pytest.mark.promise("P6")
def test_the_hubs_own_key_for_receipts_is_the_platforms(platform):
    """ECDH and HKDF from the hub's side, with RFC 5869 written out on the standard library's HMAC."""
    agreement = private_key("agree " + HUB)
    secret = agreement.exchange(ec.ECDH(), platform.keyring.platform_private.public_key())
    kids = (sha256(public(agreement)).digest()[:8], sha256(platform.keyring.platform_point).digest()[:8])
    info = b"telehub receipt 1\x00" + bytes.fromhex(HUB) + kids[0] + kids[1]
    extracted = hmac.digest(bytes(32), secret, "sha256")
    key = hmac.digest(extracted, info + b"\x01", "sha256")
    assert key == receipt_key(platform.keyring, platform.keyring.hub(HUB))
    decode_receipt(platform.take(Chain().seal(Pressure())), key)


@pytest.mark.promise("P6")
def test_the_hubs_own_check_takes_both_kinds_of_receipt(platform):
    class Journal:
        """The plans that a hub has open."""

        def __init__(self, *letters):
            self.chain, self._hashes = CHAIN, {n + 1: hash_of(letter) for n, letter in enumerate(letters)}

        def open_plans(self):
            return list(self._hashes)

        def read_plan(self, sequence):
            return Plan(sequence, self._hashes[sequence])

    Plan = namedtuple("Plan", ("sequence", "hash"))
    scalar = private_key("agree " + HUB).private_numbers().private_value.to_bytes(32, "big")
    receipts = receipt.Receipts(scalar, platform.keyring.platform_point, bytes.fromhex(HUB))
    hub = Chain()
    letters = [hub.seal(Pressure()), hub.seal(Pressure(minute=1, told_systolic=99))]
    opened = [receipt.open_message(platform.take(one), receipts, Journal(*letters), None) for one in letters]
    assert [(one.sequence, one.status, one.reason) for one in opened] == [(1, 0, 0), (2, 1, 7)]


def test_a_receipt_is_of_no_use_to_another_hub(platform):
    receipt = platform.take(Chain().seal(Pressure()))
    with pytest.raises(BadMessage, match="tag"):
        decode_receipt(receipt, receipt_key(platform.keyring, platform.keyring.hub(OTHER)))


@pytest.mark.promise("P6", "P10")
def test_a_wrong_signature_is_kept_whole_before_it_is_answered_held(platform):
    octets = Chain().seal(Pressure())
    broken = octets[:-1] + bytes((octets[-1] ^ 1,))
    assert platform.answer(broken) == ("held", "signature")
    assert platform.kept() == [("held", "signature", broken)]
    assert platform.readings() == []
    assert completeness.chains(platform.store) == []  # it proves nothing about the chain


@pytest.mark.promise("P4", "P10")
def test_the_true_envelope_after_a_copy_with_a_wrong_signature_is_stored(platform):
    octets = Chain().seal(Pressure())
    platform.take(octets[:-1] + bytes((octets[-1] ^ 1,)))
    assert platform.answer(octets) == ("stored", None)
    assert platform.answer(octets[:-2] + b"xx") == (
        "stored",
        None,
    )  # its content is stored, whoever repeats it
    assert len(platform.readings()) == 1


@pytest.mark.promise("P10")
def test_a_key_that_is_not_the_hubs_is_held(platform):
    fields = payload([cuff_session([Pressure()])])
    assert platform.answer(seal(fields, private_key("an impostor"))) == ("held", "keys")


@pytest.mark.promise("P6", "P10")
def test_another_hubs_envelope_frees_nothing_and_takes_no_number(platform):
    foreign = Chain(OTHER).seal(Pressure())
    receipt = platform.take(foreign)
    assert platform.answer(foreign) == ("held", "hub")
    with pytest.raises(BadMessage, match="tag"):
        decode_receipt(receipt, receipt_key(platform.keyring, platform.keyring.hub(OTHER)))
    assert completeness.chains(platform.store) == []
    assert platform.answer(foreign, OTHER) == ("stored", None)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P6", "P10")
def test_an_unregistered_hub_is_quarantined_within_bounds_and_never_answered(platform):
    for number in range(stores.QUARANTINED_PER_HUB_MAX + 5):
        octets = Chain(STRANGER, number.to_bytes(8, "big")).seal(Pressure())
        assert platform.answer(octets, STRANGER) is None
    assert [status for status, _, _ in platform.kept()] == ["quarantined"] * stores.QUARANTINED_PER_HUB_MAX
    assert platform.store.rows("SELECT * FROM hub") == []


@pytest.mark.promise("P10", "P11")
@pytest.mark.parametrize("hub", ["", "../../etc", "240AC4112233", "240ac4112233\n", "#", "x" * 9999])
def test_a_topic_that_names_no_hub_is_no_hub(platform, hub):
    assert platform.take(Chain().seal(Pressure()), hub) is None


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\x00",
        b"\xd2\x84",
        b"\x9f" * 3000,
        b"\x81" * 2000 + b"\x00",
        cbor2.dumps(cbor2.CBORTag(18, [b"", {}, b"", b""])),
        cbor2.dumps(cbor2.CBORTag(35, "(")),
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        sign(b"\xa1\x01\x01", private_key("sign " + HUB)),
        sign(b"not cbor", private_key("sign " + HUB)),
        seal(payload([cuff_session([Pressure()])], 2**64)),
        seal(payload([cuff_session([Pressure()])], 0)),
        sign(cbor2.dumps(arranged(payload([cuff_session([Pressure()])]))), private_key("sign " + HUB), 65001),
    ],
    ids=(  # the octets hold random signatures: two processes would name these tests differently
        "empty zero list endless nested empty_sign1 foreign_tag cyclic no_key_id no_cbor huge_sequence sequence_0 type"
    ).split(),
)
def test_what_has_no_number_is_kept_whole_and_not_answered(platform, octets):
    assert platform.take(octets) is platform.take(octets) is None
    assert platform.kept() == [("held", "unreadable", octets)]


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize(
    "change",
    [
        {"version": 1},
        {"version": 3},
        {"sealed": "now"},
        {"sessions": []},
        {"sessions": [[1]]},
        {"captures": [1, 2]},
        {"captures": [2**60, 1]},
        {3: {2**60: b"\xa0"}},
        {4: 1},
        {1: 9},
        {"previous": b"short"},
        {"previous": bytes(32)},
        {"later": 1},
    ],
)
def test_a_signed_payload_of_another_format_is_kept_whole_and_held(platform, change):
    octets = seal(payload([cuff_session([Pressure()])], more=change))
    assert platform.answer(octets) == ("held", "payload")
    assert platform.kept() == [("held", "payload", octets)]


@pytest.mark.promise("P2", "P6")
def test_what_fails_is_not_answered_when_it_can_no_longer_be_kept(platform, monkeypatch):
    monkeypatch.setattr(stores, "HELD_OCTETS_PER_HUB_MAX", 600)
    answers = [
        platform.answer(Chain(chain=bytes((n,)) * 8).seal(Pressure(told_systolic=1))) for n in range(5)
    ]
    kept = len(platform.kept())
    assert 0 < kept < 5
    assert answers == [("held", "readings")] * kept + [None] * (5 - kept)
    assert platform.answer(Chain(chain=b"another.").seal(Pressure())) == ("stored", None)


@pytest.mark.promise("P8", "P10")
def test_readings_of_a_changed_bond_are_held_and_cannot_push_the_true_ones_out(platform):
    impostor = cuff_session([Pressure(minute=3)], bits=1 | 2 | 4 | 64)
    hub = Chain()
    assert platform.answer(hub.seal(session=impostor)) == ("held", "bond")
    assert platform.readings() == []
    assert [reading["flags"] for reading in exports.readings(platform.store, held=True)] == [["bond_changed"]]
    assert platform.answer(hub.seal(Pressure(minute=3, after_s=60))) == ("stored", None)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P2", "P8")
def test_octets_that_no_driver_understands_are_held_and_the_rest_is_stored(platform):
    session = cuff_session([Pressure(systolic=120)])
    session.append([b"\xff", 1, "short"])
    session[-1].append({5: 0x2A35})
    assert platform.answer(Chain().seal(session=session)) == ("held", "undecoded")
    assert platform.systolic() == ["120"]
    (row,) = platform.store.rows("SELECT * FROM undecoded")
    assert (row["capture"], row["reason"], row["device"]) == (2, "short", CUFF.hex(":"))
    assert platform.chain().complete


@pytest.mark.promise("P11")
def test_one_bad_letter_does_not_stop_the_others_of_its_commit(platform):
    hub, other = Chain(), Chain(OTHER)
    letters = [
        (HUB, hub.seal(Pressure())),
        (HUB, b"rubbish"),
        (STRANGER, b""),
        (OTHER, other.seal(Pressure(minute=1))),
    ]
    assert [receipt is not None for receipt in platform.receiver.handle_many(letters, 0)] == [
        True,
        False,
        False,
        True,
    ]
    assert len(platform.readings()) == 2


def test_a_model_is_known_as_soon_as_the_envelope_that_describes_it_has_come(platform):
    hub = Chain()
    described = cuff_session([Pressure()], description=1)
    first = hub.seal(session=described, more={3: {1: cbor2.dumps({"model": "UA-651BLE"})}})
    second = hub.seal(session=cuff_session([Pressure(minute=1)], description=1))
    platform.take(second)
    assert [reading["model"] for reading in platform.readings()] == [None]
    platform.take(first)
    assert [reading["model"] for reading in platform.readings()] == ["UA-651BLE"] * 2
