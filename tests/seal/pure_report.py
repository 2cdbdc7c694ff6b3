"""Health reports, against octets made elsewhere (test_vectors.py makes them with cbor2 and OpenSSL)."""

from binascii import hexlify, unhexlify

from firmware.contracts import Full
from firmware.journal.records import Fix
from firmware.seal import cose, p256
from firmware.seal.cbor import Writer
from firmware.seal.report import Facts, health_payload

KEY = unhexlify("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")  # RFC 6979, A.2.5
HUB = unhexlify("30aea4123456")
CHAIN = unhexlify("c0ffee0011223344")
SEALED_S = 1767596469

FULL = (
    "d28451a301260319fde90448b18b86ce1389e46da05863ac0101024630aea41234560348c0ffee001122334404182905"
    "18a006841a695b61b502183c05070308486e6f6e636531323309a361780164676f6e65026774696d656f75741a000111"
    "700a816b746f726e207265636f72640b65302e312e300c391c1f5840fda67c3495dee2dce543dbeb661715dd0a0dce22"
    "c564741ef6f9f22b140c90aeb752d4a2f95fe434c82bcd0324cb7e30752c1fa1515711b2ec860b57d3895784"
)
BARE = (
    "d28451a301260319fde90448b18b86ce1389e46da05823a70101024630aea41234560348c0ffee001122334404000500"
    "06821a695b61b5000700584076730d96e350a99eae210d3288ea1794572cd89bdabaffe670fbd6d4f158065acd19430f"
    "3477ab84ccf67b87c939b36998230cf79e7ba7170f5441e2526db65e"
)


def facts():
    told = Facts(HUB, CHAIN, 41, 160, SEALED_S, 2, Fix(9, 1000, SEALED_S - 60, 2, 41), 3)
    told.nonce = b"nonce123"
    told.counters = {"timeout": 70000, "x": 1, "gone": 2}
    told.notes = ("torn record",)
    told.firmware = "0.1.0"
    told.jump_s = -7200
    return told


def signed(told):
    writer = Writer(bytearray(512))
    health_payload(writer, told)
    header = cose.protected(cose.HEALTH, p256.key_id(p256.public_key(KEY)))
    return hexlify(cose.sign1(KEY, header, memoryview(writer.buffer)[: writer.at])).decode()


def test_a_full_report_has_the_octets_made_elsewhere():
    assert signed(facts()) == FULL


def test_a_bare_report_has_the_octets_made_elsewhere():
    assert signed(Facts(HUB, CHAIN, 0, 0, SEALED_S, 0, None, 0)) == BARE


def test_a_report_that_has_no_room_is_told():
    try:
        health_payload(Writer(bytearray(60)), facts())
    except Full:
        return
    assert False
