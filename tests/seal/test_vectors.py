"""The octets that pure_batch.py expects, by other hands: cbor2 writes FORMAT.md, OpenSSL signs."""

import hashlib

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.seal import pure_batch, pure_report

KEY = ec.derive_private_key(int.from_bytes(pure_batch.KEY, "big"), ec.SECP256R1())
POINT = KEY.public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
)
KID = hashlib.sha256(POINT).digest()[:8]
HUB = bytes.fromhex("30aea4123456")
CHAIN = bytes.fromhex("c0ffee0011223344")
SEALED_S = 1767596469  # 2026-01-05T07:01:09Z
LOCAL_S = SEALED_S + 3600  # the clock on the wall, UTC+1
PRESSURE = bytes.fromhex("1e800052006100ea0701050800094700010000")
EIGHT_S = 1767600009  # 2026-01-05T08:00:09 as if it were UTC


def signed(content_type, payload):
    """RFC 9052, 4.4, with RFC 6979 nonces."""
    protected = cbor2.dumps({1: -7, 3: content_type, 4: KID}, canonical=True)
    octets = cbor2.dumps(payload, canonical=True)
    structure = cbor2.dumps(["Signature1", protected, b"", octets])
    r, s = decode_dss_signature(KEY.sign(structure, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, octets, signature]))


def test_the_lone_blood_pressure():
    captured_s = SEALED_S - 20
    read_s = captured_s - 2  # 104.0 s of 106.0 s after boot
    skew_s = (EIGHT_S + 23) - (read_s + 3600)  # the cuff showed 08:00:32
    entry = [PRESSURE, -20, 1, bytes((128, 82, 97, 71)), 0, EIGHT_S - (captured_s + 3600)]
    session = [1500, bytes.fromhex("c4be840a0b0c"), 1 + 2 + 4 + 8, 1, 1, 4, skew_s, 2, entry]
    payload = [2, HUB, CHAIN, 1500, bytes(16), [SEALED_S, 1, 900, 110], [session], [3000, 1]]
    assert signed(65010, payload).hex() == pure_batch.LONE


def test_everything_that_can_be_said():
    # Boot 8: the fix came 10 s after the first capture; local time is 3 h 30 min behind, clock never read.
    first_s = SEALED_S - 5000 - 10
    kilopascal = [[171, -1, 265987], [109, -1, 265987], [130, -1, 265987], 71]
    device_s = EIGHT_S - (first_s - 210 * 60)
    timed = {2: 4, 3: 1}
    entries = [
        [PRESSURE, first_s - SEALED_S, 1, kilopascal, 0, device_s, timed],
        [PRESSURE, 0, 1, [172, 300, 130, 70], 4, 291, {2: 1 + 4, 3: 1, 4: 1 + 2 + 4 + 64}],
    ]
    cuff = [7, bytes.fromhex("c4be840a0b0c"), 1 + 2 + 4, 1, 0, -14, None, 0, *entries]
    # The scale: read 1.6 s before its first capture, in Current Time, so as it came; UTC+50 min.
    step_s = SEALED_S - 50 - first_s
    entries = [
        [b"\x0e\x01\x02", step_s, 2, [[8245, -2], None, [181, -2]], None, [0], {1: [0, 8], 7: 255, 8: 2}],
        [b"\x0e\xff\xff", 0, 2, [[5]], None, [0, 946684805 - (SEALED_S - 50 + 3000)]],
        [None, 0, 2, [8250], None, [1]],
        [b"\x00", 1, "unsupported", {4: 2 + 4, 5: bytes(range(16))[::-1]}],
        [b"\x00", 0, {4: 2 + 4}],
    ]
    clock = bytes.fromhex("ea07010508000a010002")
    address = bytes.fromhex("d4be840a0b0d")
    scale = [12, address, 1 + 2 + 4 + 8 + 16, 3, 2, [50], clock, 2, *entries]
    address = bytes.fromhex("e4be840a0b0e")
    entry = [b"\x01", 39, 3, [97, [1], [43, -1]], 0x1234560020, None, {2: 2}]
    oximeter = [14, address, 1 + 2 + 4 + 32, "some_oximeter", 0, 4, None, 0, entry]
    lost = [15, 5, 0, "", 0, 0, None, 0, [b"\xff" * 30, 15, "no session", {6: 99}]]
    more = {2: [bytes.fromhex("0102030405060708"), 77, 990], 3: {2: b"\xa1\x65model\x68UC-352BL"}}
    sealed, sessions, captures = [SEALED_S, 1, 60, 5, 2], [cuff, scale, oximeter, lost], [1, 2, 4, 4, 9, 2]
    payload = [2, HUB, CHAIN, 1, bytes(16), sealed, sessions, captures, more]
    for session in (scale, oximeter, lost):
        for entry in session[8:]:
            if entry[0] is not None:  # these are better timed than the envelope's clock says
                if not isinstance(entry[-1], dict):
                    entry.append({})
                entry[-1][3] = 2
    for entry in cuff[8:]:
        del entry[-1][3]  # and these as well as it
    assert signed(65010, payload).hex() == pure_batch.VARIED


def test_the_health_report():
    payload = {
        1: 1,
        2: HUB,
        3: CHAIN,
        4: 41,
        5: 160,
        6: [SEALED_S, 2, 60, 5],
        7: 3,
        8: b"nonce123",
        9: {"gone": 2, "timeout": 70000, "x": 1},
        10: ["torn record"],
        11: "0.1.0",
        12: -7200,
    }
    assert signed(65001, payload).hex() == pure_report.FULL
    bare = {1: 1, 2: HUB, 3: CHAIN, 4: 0, 5: 0, 6: [SEALED_S, 0], 7: 0}
    assert signed(65001, bare).hex() == pure_report.BARE
