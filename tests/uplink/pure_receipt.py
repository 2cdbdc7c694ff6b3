"""Receipts and time answers, against octets made elsewhere: by cbor2 and OpenSSL, in test_receipt.py."""

from binascii import hexlify, unhexlify

from firmware.contracts import PeerError
from firmware.seal.hmac import hmac_sha256
from firmware.uplink.receipt import HELD, STORED, Receipt, Receipts, open_message

HUB = unhexlify("30aea4123456")
CHAIN = unhexlify("c0ffee0011223344")
# NIST CAVP, ECC CDH Primitive, P-256, count 0: here the hub's agreement key and the platform's public key
AGREEMENT = unhexlify("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")
PLATFORM = unhexlify(
    "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
    "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"
)
HASH = bytes(range(32))
NONCE = b"nonce123"

RECEIPT_KEY = "f761e5eeab9da8852321b72036466ac3969a5f4cb288af3609abd7a48758f964"
OF_STORED = (
    "d18451a301050319fdea0448c93a5874fe789a1ea0583da60101024630aea41234560348c0ffee001122334404182905"
    "5820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f060058204bc037a419ac25c45661"
    "1130add3f7c77468eaedd3433dd85fad53c2a7a5244c"
)
OF_HELD = (
    "d18451a301050319fdea0448c93a5874fe789a1ea0583fa70101024630aea41234560348c0ffee001122334404182905"
    "5820000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0601070558203342433dfec99379"
    "e94f96efdcaac0460dfa992b4215bc3956eefec6359631f7"
)
OF_TIME = (
    "d18451a301050319fdeb0448c93a5874fe789a1ea0581fa40101024630aea412345603486e6f6e6365313233041b0000"
    "019b8cf5ab835820e451959c2d0372b06b680d1cafba37dfb95866541b689b7810a81941a498ecb4"
)


class Plan:
    hash = HASH


class Journal:
    """A journal with plan 41 open."""

    chain = CHAIN

    def open_plans(self):
        return [40, 41]

    def read_plan(self, sequence):
        assert sequence in (40, 41)
        plan = Plan()
        plan.hash = HASH if sequence == 41 else bytes(32)
        return plan


RECEIPTS = Receipts(AGREEMENT, PLATFORM, HUB)


def reason(octets, receipts=RECEIPTS, nonce=NONCE):
    try:
        open_message(octets, receipts, Journal(), nonce)
    except PeerError as error:
        assert len(error.args) == 1 and error.args[0].startswith("receipt: ")
        return error.args[0][9:]
    return None


def head(value, major):
    if value < 24:
        return bytes((major | value,))
    if value < 256:
        return bytes((major | 24, value))
    return bytes((major | 25, value >> 8, value & 255))


def string(octets):
    return head(len(octets), 0x40) + octets


def maced(payload, content_type=65002, key=RECEIPTS.key, kid=RECEIPTS.kid, algorithm=5):
    """A COSE_Mac0 of any payload, written out by hand."""
    protected = b"\xa3\x01" + bytes((algorithm,)) + b"\x03" + head(content_type, 0) + b"\x04" + string(kid)
    tag = hmac_sha256(key, b"\x84\x64MAC0" + string(protected) + b"\x40" + string(payload))
    return b"\xd1\x84" + string(protected) + b"\xa0" + string(payload) + string(tag)


def payload(version=1, hub=HUB, chain=CHAIN, sequence=41, named=HASH, status=0, why=None, more=b""):
    fields = (
        b"\x01"
        + head(version, 0)
        + b"\x02"
        + string(hub)
        + b"\x03"
        + string(chain)
        + b"\x04"
        + head(sequence, 0)
    )
    fields += b"\x05" + string(named) + b"\x06" + head(status, 0)
    if why is not None:
        fields += b"\x07" + head(why, 0)
    return bytes((0xA6 + (why is not None),)) + fields + more


def test_the_receipt_key_is_the_one_derived_elsewhere():
    assert hexlify(RECEIPTS.key).decode() == RECEIPT_KEY


def test_a_receipt_made_elsewhere_is_believed():
    receipt = open_message(unhexlify(OF_STORED), RECEIPTS, Journal(), None)
    assert isinstance(receipt, Receipt)
    assert (receipt.sequence, receipt.status, receipt.reason) == (41, STORED, 0)
    receipt = open_message(unhexlify(OF_HELD), RECEIPTS, Journal(), None)
    assert (receipt.sequence, receipt.status, receipt.reason) == (41, HELD, 5)


def test_a_receipt_written_by_hand_is_the_same():
    assert maced(payload()) == unhexlify(OF_STORED)


def test_the_platforms_time_is_believed_once_asked_for():
    assert open_message(unhexlify(OF_TIME), RECEIPTS, Journal(), NONCE) == (1767596469123, b"")
    fields = b"\xa5\x01\x01\x02" + string(HUB) + b"\x03" + string(NONCE) + b"\x04\x19\x12\x34\x05" + string(b"new key!")
    assert open_message(maced(fields, 65003), RECEIPTS, Journal(), NONCE) == (0x1234, b"new key!")
    assert reason(maced(fields[:-1] + b"", 65003)) == "malformed"
    assert reason(unhexlify(OF_TIME), nonce=None) == "stale nonce"
    assert reason(unhexlify(OF_TIME), nonce=b"nonce124") == "stale nonce"


def test_every_flipped_bit_of_a_receipt_is_refused():
    whole = unhexlify(OF_STORED)
    for at in range(len(whole) * 8):
        changed = bytearray(whole)
        changed[at >> 3] ^= 1 << (at & 7)
        assert reason(changed) is not None, at


def test_every_cut_off_receipt_and_every_octet_more_is_refused():
    whole = unhexlify(OF_STORED)
    for length in range(len(whole)):
        assert reason(whole[:length]) == "malformed", length
    assert reason(whole + b"\x00") == "malformed"
    assert reason(whole + bytes(200)) == "oversize"


def test_whose_receipt_it_is_is_told():
    assert reason(maced(payload(hub=b"others"))) == "foreign hub"
    assert reason(maced(payload(chain=b"another!"))) == "foreign chain"
    assert reason(maced(payload(named=bytes(32)))) == "wrong hash"
    assert reason(maced(payload(sequence=40))) == "wrong hash"
    assert reason(maced(payload(sequence=42))) == "unknown sequence"
    assert reason(maced(payload(sequence=0))) == "unknown sequence"
    assert reason(maced(payload(), key=b"k" * 32)) == "forged"
    assert reason(maced(payload(), kid=b"somebody")) == "foreign key"
    another = Receipts(AGREEMENT, PLATFORM, b"others")
    assert reason(maced(payload()), another) == "forged"  # the hub is bound into the key


def test_what_an_authentic_receipt_may_not_say_is_refused():
    assert reason(maced(payload(version=2))) == "version"
    assert reason(maced(payload(status=2))) == "malformed"
    assert reason(maced(payload(status=1))) == "malformed"  # held without a reason
    assert reason(maced(payload(status=0, why=1))) == "malformed"  # stored with one
    assert reason(maced(payload(status=1, why=256))) == "malformed"  # the journal keeps one octet
    assert reason(maced(payload(more=b"\x00"))) == "malformed"
    assert reason(maced(payload(), content_type=65010)) == "content type"
    assert reason(maced(payload(), content_type=65003)) == "malformed"
    assert reason(maced(payload(), algorithm=6)) == "algorithm"
    assert reason(b"") == "malformed"
    assert reason(b"\xd2" + unhexlify(OF_STORED)[1:]) == "malformed"


def test_a_plan_that_flash_lost_frees_nothing():
    class Torn(Journal):
        def read_plan(self, sequence):
            raise ValueError(sequence)

    try:
        open_message(unhexlify(OF_STORED), RECEIPTS, Torn(), None)
        assert False
    except PeerError as error:
        assert error.args == ("receipt: unreadable plan",)


def test_each_field_of_a_receipt_has_one_length_and_one_place():
    for wrong in ({"hub": HUB[:5]}, {"hub": HUB + b"x"}, {"chain": CHAIN[:7]}, {"chain": CHAIN + b"x"},
                  {"named": HASH[:31]}, {"named": HASH + b"x"}):  # fmt: skip
        assert reason(maced(payload(**wrong))) == "malformed", wrong
    whole = payload(status=1, why=255)
    receipt = open_message(maced(whole), RECEIPTS, Journal(), None)
    assert (receipt.status, receipt.reason) == (HELD, 255)
    for at, key in ((1, 1), (3, 2), (11, 3), (21, 4)):
        assert whole[at] == key
        changed = bytearray(whole)
        changed[at] += 8  # another key, or none
        assert reason(maced(bytes(changed))) is not None, at


def test_the_platforms_time_has_its_form():
    good = b"\xa4\x01\x01\x02" + string(HUB) + b"\x03" + string(NONCE) + b"\x04\x1a\x69\x49\x0e\x00"
    assert open_message(maced(good, 65003), RECEIPTS, Journal(), NONCE) == (0x69490E00, b"")
    for bad in (
        good + b"\0", good[:-1], b"\xa3" + good[1:], b"\xa5" + good[1:], good.replace(b"\x04\x1a", b"\x05\x1a"),
        good.replace(b"\x03\x48", b"\x04\x48"), good.replace(b"\x02\x46", b"\x03\x46"),
        good.replace(b"\xa4\x01", b"\xa4\x02"),
        good.replace(string(NONCE), string(NONCE[:7])), good.replace(string(HUB), string(HUB[:5])),
    ):  # fmt: skip
        assert reason(maced(bad, 65003), nonce=NONCE) == "malformed", bad
