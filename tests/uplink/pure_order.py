"""Orders, against octets made elsewhere: by cbor2 and OpenSSL, in test_order.py."""

from binascii import unhexlify

from firmware.contracts import PeerError
from firmware.seal import p256
from firmware.uplink import order_fields
from firmware.uplink.order import open_order, unsealed

HUB = unhexlify("30aea4123456")
# NIST CAVP, ECC CDH Primitive, P-256, count 0: here the hub's agreement key
AGREEMENT = unhexlify("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")
# RFC 6979, A.2.5: here the operator's public point
OPERATOR = unhexlify(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
)
VECTOR = unhexlify("fffffffffffffffffffffffffffffffe")  # the counter goes over its end
OF_ZONE = (
    "d28451a301260319fdec0448b18b86ce1389e46da05836a60101024630aea41234560307041a695b6f80050506581ea10178"
    "1a4345542d31434553542c4d332e352e302c4d31302e352e302f335840d83b60b9a7d16fc0c617fd784af9877695d2d3f352"
    "4f64d3298fd76d95bf6388bd53a5a3fc1c81a7d5655f8cd741d673b10455ec6c46191ad9e757fb7e22268b"
)
OF_NETWORK = (
    "d28451a301260319fdec0448b18b86ce1389e46da058bba70101024630aea41234560308041a695b6f80050606581fa30168"
    "4b6f6e746f726574036e62726f6b65722e6578616d706c65041922b307825841046b17d1f2e12c4247f8bce6e563a440f277"
    "037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5d08340"
    "a20139fffb0550fffffffffffffffffffffffffffffffe5823502560494abb1f82a023cb51985c6d54678cbe59294f707882"
    "90dab3749e05671e19dd58404ee0668af2b564b447394bf18485947ce06a27465cae47eb6c62d7901b9a2cd1bd361e6ec021"
    "112471c39a44f082d3763e9d3d115c60c436b86cb29ef36e0117"
)


def reason(octets, operator=OPERATOR, hub=HUB):
    try:
        open_order(octets, operator, hub)
    except PeerError as error:
        assert len(error.args) == 1 and error.args[0].startswith("order: ")
        return error.args[0][7:]
    return None


def test_an_order_made_elsewhere_is_believed():
    order = open_order(unhexlify(OF_ZONE), OPERATOR, HUB)
    assert (order.number, order.expires_s, order.action, order.sealed) == (7, 1767600000, 5, None)
    assert order_fields.read(5, order.arguments, None) == {"rule": "CET-1CEST,M3.5.0,M10.5.0/3"}


def test_secret_fields_are_read_by_the_hub():
    try:
        from cryptolib import aes
    except ImportError:
        return  # CPython: test_order.py does it there, with OpenSSL's cipher
    order = open_order(unhexlify(OF_NETWORK), OPERATOR, HUB)
    secret = unsealed(order.sealed, AGREEMENT, OPERATOR, HUB, lambda key: aes(key, 1).encrypt)
    fields = order_fields.read(order.action, order.arguments, secret)
    assert fields["key"] == "en lang og hemmelig adgangskode"
    assert fields["host"] == "broker.example"


def test_whose_order_it_is_is_told():
    other = p256.public_key(bytes(31) + b"\x02")
    assert reason(unhexlify(OF_ZONE), operator=other) == "foreign key"
    assert reason(unhexlify(OF_ZONE), hub=b"others") == "foreign hub"


def test_some_flipped_bits_are_refused_here_too():
    """All of them are, in test_order.py, with a faster verification."""
    whole = unhexlify(OF_ZONE)
    for at in range(0, len(whole) * 8, 41):
        changed = bytearray(whole)
        changed[at >> 3] ^= 1 << (at & 7)
        assert reason(changed) is not None, at


def test_every_cut_off_order_and_every_octet_more_is_refused():
    whole = unhexlify(OF_ZONE)
    for length in range(len(whole)):
        assert reason(whole[:length]) == "malformed", length
    assert reason(whole + b"\x00") == "malformed"
    assert reason(whole + bytes(900)) == "oversize"


def test_arguments_are_read_strictly():
    for action, octets, named in (
        (3, b"\xa0", "seconds"),  # missing
        (3, b"\xa1\x01\x0a", "seconds"),  # 10: too short a window
        (3, b"\xa1\x01\x19\x03\x85", "seconds"),  # 901
        (3, b"\xa1\x01\x18\x3c\x00", "trailing"),
        (3, b"\xa1\x02\x18\x3c", "key"),  # there is no key 2
        (3, b"\xa2\x01\x18\x3c\x01\x18\x3c", "arguments"),  # more than there may be
        (3, b"\xbf\x01\x18\x3c\xff", "arguments"),  # of no definite length
        (3, b"\x01", "arguments"),
        (3, b"", "arguments"),
        (4, b"\xa2\x01\x46abcdef\x02\x01", "key"),  # digits in clear
        (5, b"\xa1\x01\x63CET", "rule"),
        (5, b"\xa1\x01\x64CE\x00T", "rule"),
        (5, b"\xa1\x01\x64\xff\xfe\xfd\xfc", "rule"),  # no UTF-8
        (2, b"\xa1\x01\x45abcde", "address"),
    ):
        try:
            order_fields.read(action, octets, None)
            assert False, octets
        except PeerError as error:
            assert error.args == ("bad argument", named), (octets, error.args)
