"""Envelopes come in, receipts go out: stored once, as the device sent it, or kept whole and held."""

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
    MORNING_S,
    Chain,
    Pressure,
    cuff_session,
    hash_of,
    keyring_with,
    payload,
    private_key,
    public,
    seal,
    sign,
)
from tools.backend import completeness, exports
from tools.backend import store as stores
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import decode_receipt

OTHER = "240ac4aabbcc"
STRANGER = "240ac4ffffff"


class Platform:
    """A receiver on a store in memory, and what a test asks it."""

    def __init__(self):
        self.keyring = keyring_with(HUB, OTHER)
        self.store = Store(":memory:")
        self.receiver = Receiver(self.store, self.keyring)

    def take(self, octets, hub=HUB):
        return self.receiver.handle(hub, octets, MORNING_S)

    def answer(self, octets, hub=HUB):
        """("stored", None) or ("held", reason), read with the hub's key; None when nothing came back."""
        octets = self.take(octets, hub)
        if octets is None:
            return None
        receipt = decode_receipt(octets, receipt_key(self.keyring, self.keyring.hub(hub)))
        return ("held", receipt.reason_name) if receipt.status else ("stored", None)

    def readings(self):
        return list(exports.readings(self.store))

    def systolic(self):
        return [reading["quantities"][0]["value"] for reading in self.readings()]

    def chain(self, hub=HUB):
        (state,) = completeness.chains(self.store, hub)
        return state

    def kept(self):
        return [
            (row["status"], row["reason"], row["octets"]) for row in self.store.rows("SELECT * FROM envelope")
        ]


@pytest.fixture
def platform():
    return Platform()


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


@pytest.mark.promise("P4")
def test_the_same_envelope_again_gives_the_same_receipt_and_no_second_reading(platform):
    octets = Chain().seal(Pressure())
    assert len({platform.take(octets) for _ in range(3)}) == 1
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_a_retry_with_another_signature_is_the_same_envelope(platform):
    fields = payload([cuff_session([Pressure()])])
    first, again = seal(fields), seal(fields)  # this signer draws its nonces: two signatures, one hash
    assert first != again
    assert platform.take(first) == platform.take(again)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_a_plan_made_again_under_a_new_number_brings_each_capture_once(platform):
    hub = Chain()
    platform.take(
        hub.seal(Pressure(systolic=120, minute=None), Pressure(systolic=121, minute=None, after_s=5))
    )
    readings = [Pressure(systolic=120 + n, minute=None, after_s=n) for n in range(3)]
    fields = payload([cuff_session(readings)], 2, hub.previous, more={7: 1})
    assert platform.answer(seal(fields)) == ("stored", None)
    assert platform.systolic() == ["120", "121", "122"]


@pytest.mark.promise("P4", "P5")
def test_a_replaced_number_that_never_comes_is_not_missing(platform):
    lost = hash_of(Chain().seal(Pressure()))
    platform.take(seal(payload([cuff_session([Pressure()])], 2, lost, more={7: 1})))
    assert platform.chain().complete
    assert platform.chain().replaced == (1,)


@pytest.mark.promise("P4")
def test_a_reading_that_the_device_sends_twice_is_stored_once(platform):
    hub = Chain()
    for visit in range(2):  # another visit, another capture, the same octets with the same time
        platform.take(hub.seal(Pressure(minute=7, after_s=visit * 60)))
    assert len(platform.readings()) == 1
    assert platform.chain().complete


@pytest.mark.promise("P4")
def test_a_reading_that_two_hubs_bring_is_stored_once(platform):
    platform.take(Chain().seal(Pressure(minute=7)))
    platform.take(Chain(OTHER).seal(Pressure(minute=7)), OTHER)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_two_true_equal_readings_without_a_time_are_both_there(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(minute=None), Pressure(minute=None, after_s=9)))
    platform.take(hub.seal(Pressure(minute=None, after_s=60)))
    assert len(platform.readings()) == 3


@pytest.mark.promise("P4")
def test_a_timeless_resend_stands_beside_the_first_and_is_marked(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(minute=None)))
    platform.take(hub.seal(Pressure(minute=None, after_s=30, extras={2: 1})))
    assert [reading["flags"] for reading in platform.readings()] == [[], ["possible_repeat"]]


@pytest.mark.promise("P3")
@pytest.mark.parametrize("told", [129, 127, 300])
def test_numbers_that_the_octets_do_not_give_are_held(platform, told):
    octets = Chain().seal(Pressure(systolic=128, told_systolic=told))
    assert platform.answer(octets) == ("held", "readings")
    assert platform.readings() == []
    assert platform.kept() == [("held", "readings", octets)]


@pytest.mark.promise("P3")
def test_a_reading_more_or_less_than_the_octets_give_is_held(platform):
    more, less = cuff_session([Pressure()]), cuff_session([Pressure()])
    more.append([None, 0, 1, bytes((128, 80, 104, 66)), 0, 0])
    less[-1] = less[-1][:2]
    assert platform.answer(Chain().seal(session=more)) == ("held", "readings")
    assert platform.answer(Chain(chain=bytes(8)).seal(session=less)) == ("held", "readings")


@pytest.mark.promise("P3")
def test_every_stored_reading_names_its_captures_and_octets(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(), Pressure(minute=1, after_s=60)))
    platform.take(hub.seal(Pressure(minute=2, after_s=120)))
    assert [reading["captures"] for reading in platform.readings()] == [[1], [2], [3]]
    assert platform.readings()[2]["source"] == [
        {"characteristic": "2A35", "hex": Pressure(minute=2).octets().hex()}
    ]


@pytest.mark.promise("P5")
def test_a_gap_is_accepted_named_and_filled(platform):
    hub = Chain()
    letters = [hub.seal(Pressure(minute=n, after_s=60 * n)) for n in range(5)]
    for number in (0, 3, 4):
        assert platform.answer(letters[number]) == ("stored", None)
    assert platform.chain().missing == ((2, 3),)
    assert platform.chain().missing_captures == ((2, 3),)
    assert not platform.chain().complete
    for number in (2, 1):
        assert platform.answer(letters[number]) == ("stored", None)
    assert platform.chain().complete
    assert [reading["captures"] for reading in platform.readings()] == [[1], [2], [3], [4], [5]]


@pytest.mark.promise("P5")
def test_the_missing_beginning_of_a_chain_is_named(platform):
    hub = Chain()
    hub.seal(Pressure())
    platform.take(hub.seal(Pressure(minute=1)))
    assert platform.chain().missing == ((1, 1),)


@pytest.mark.promise("P5")
def test_a_second_content_under_one_number_is_held_and_told(platform):
    first, second = Chain(), Chain()
    platform.take(first.seal(Pressure(systolic=120)))
    fork = second.seal(Pressure(systolic=121, minute=1))
    assert platform.answer(fork) == platform.answer(fork) == ("held", "fork")
    assert platform.chain().forked == (1,)
    assert platform.systolic() == ["120"]
    assert platform.answer(second.seal(Pressure(minute=2))) == ("held", "previous")
    assert platform.answer(first.seal(Pressure(minute=3))) == ("held", "fork")


@pytest.mark.promise("P5")
def test_an_envelope_that_does_not_join_its_neighbour_is_held_whichever_comes_first(platform):
    hub = Chain()
    first, second = hub.seal(Pressure()), hub.seal(Pressure(minute=1))
    stranger = seal(payload([cuff_session([Pressure(minute=2)])], 2, bytes(31) + b"x", first=2))
    platform.take(first)
    assert platform.answer(stranger) == ("held", "previous")
    late = Chain(OTHER)
    late.seal(Pressure(minute=3))
    assert platform.answer(late.seal(Pressure(minute=4)), OTHER) == ("stored", None)
    assert platform.answer(Chain(OTHER).seal(Pressure(minute=5)), OTHER) == ("held", "previous")
    assert platform.answer(second) == (
        "held",
        "fork",
    )  # the number is taken by what is held: a person decides


@pytest.mark.promise("P5")
def test_a_first_envelope_with_a_predecessor_is_held(platform):
    assert platform.answer(seal(payload([cuff_session([Pressure()])], 1, b"p" * 32))) == ("held", "previous")


@pytest.mark.promise("P5")
def test_a_chain_after_a_damaged_one_says_how_far_that_had_come(platform):
    old, new = Chain(), Chain(chain=bytes.fromhex("c0ffee0000000002"))
    platform.take(old.seal(Pressure()))
    platform.take(new.seal(Pressure(minute=1), more={8: [CHAIN, 3, 5]}))
    ended, follows = completeness.chains(platform.store, HUB)
    assert (ended.missing, ended.awaited, follows.complete) == (((2, 3),), (), True)


@pytest.mark.promise("P5")
def test_capture_numbers_that_come_again_with_other_octets_are_held(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(systolic=120)))
    again = seal(payload([cuff_session([Pressure(systolic=121)])], 2, hub.previous, more={7: 1}))
    assert platform.answer(again) == ("held", "captures")
    assert platform.systolic() == ["120"]


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
        sign(cbor2.dumps(payload([cuff_session([Pressure()])]) | {4: 2**64}), private_key("sign " + HUB)),
        seal(payload([cuff_session([Pressure()])], 0)),
        sign(cbor2.dumps(payload([cuff_session([Pressure()])])), private_key("sign " + HUB), 65001),
    ],
)
def test_what_has_no_number_is_kept_whole_and_not_answered(platform, octets):
    assert platform.take(octets) is platform.take(octets) is None
    assert platform.kept() == [("held", "unreadable", octets)]


@pytest.mark.promise("P2", "P11")
@pytest.mark.parametrize(
    "change",
    [
        {1: 2},
        {6: "now"},
        {9: []},
        {9: [[1]]},
        {10: [1, 2]},
        {10: [2**60, 1]},
        {11: {2**60: b"\xa0"}},
        {12: 1},
        {7: 9},
        {5: b"short"},
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
    first = hub.seal(session=described, more={11: {1: cbor2.dumps({"model": "UA-651BLE"})}})
    second = hub.seal(session=cuff_session([Pressure(minute=1)], description=1))
    platform.take(second)
    assert [reading["model"] for reading in platform.readings()] == [None]
    platform.take(first)
    assert [reading["model"] for reading in platform.readings()] == ["UA-651BLE"] * 2
