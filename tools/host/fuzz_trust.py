"""What `make fuzz` tries beside the decoders: whatever reads a stranger's octets, or believes a letter.

Each target takes any octets. Nothing that was not made by the one who may make it may be accepted, and nothing may fail
but in the one way that its reader promises (BadMessage on the platform, PeerError on the hub).
"""

import hashlib
from collections.abc import Callable
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec

HUB = bytes.fromhex("30aea4123456")
CHAIN = bytes.fromhex("c0ffee0011223344")
_KEY = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
_RECEIPT_KEY, _KID = bytes(range(32)), b"platform"
_HASH = hashlib.sha256(b"an envelope").digest()


def _refused(call: Callable[..., Any], *arguments: Any) -> bool:
    """Whether it refuses in the way that is promised."""
    from firmware.contracts import PeerError
    from tools.inspect.cose import BadMessage

    try:
        call(*arguments)
    except (BadMessage, PeerError):
        return True
    return False


# -- the platform's readers -------------------------------------------------------------------------------


def _signed(content_type: int, payload: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    protected = cbor2.dumps({1: -7, 3: content_type, 4: _kid()}, canonical=True)
    structure = cbor2.dumps(["Signature1", protected, b"", payload])
    r, s = decode_dss_signature(_KEY.sign(structure, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return cbor2.dumps(cbor2.CBORTag(18, [protected, {}, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big")]))


def _point() -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    return _KEY.public_key().public_bytes(*form)


def _kid() -> bytes:
    return hashlib.sha256(_point()).digest()[:8]


def _payload() -> list[Any]:
    source = bytes.fromhex("1e800052006100ea0701050800094700010000")
    entry = [source, -20, 1, bytes((128, 82, 97, 71)), 0, -40]
    session = [1, bytes.fromhex("c4be840a0b0c"), 7, 1, 1, 4, -15, 2, entry]
    more = {1: 3, 2: [CHAIN, 7, 9], 3: {2: b"\xa1\x65model\x68UC-352BL"}}
    return [2, HUB, CHAIN, 5, bytes(16), [1767596469, 1, 900, 110], [session], [3000, 1], more]


def _health() -> dict[int, Any]:
    fields: dict[int, Any] = {1: 1, 2: HUB, 3: CHAIN, 4: 41, 5: 160, 6: [1767596469, 2, 60, 5], 7: 3, 8: b"nonce123"}
    return fields | {9: {"gone": 2}, 10: ["torn record"], 11: "0.1.0", 12: -7200}


class Envelope:
    """An envelope or a report, whole or (by its first octet) as a payload that the hub itself signed."""

    packages = ("tools.inspect",)

    def __init__(self) -> None:
        good = cbor2.dumps(_payload(), canonical=True)
        report = cbor2.dumps(_health(), canonical=True)
        whole = (_signed(65010, good), _signed(65001, report))
        self.authentic = set(whole)
        self.seeds = [b"\x00" + one for one in whole] + [b"\x01" + good, b"\x02" + report]
        # What comes with another kid is looked up and not found; with the right one a signature is checked.
        self._public = {_kid(): _KEY.public_key()}

    def __call__(self, octets: bytes) -> bool:
        """Whether it was accepted."""
        from tools.inspect import cose
        from tools.inspect.envelope import decode_envelope, decode_health, decode_payload, peek

        how, octets = octets[:1], octets[1:]
        if how == b"\x01":  # an envelope's payload: it may say what the format allows
            message = cose.Message("Signature1", b"", cose.ENVELOPE_TYPE, _kid(), octets, b"")
            _refused(decode_payload, message)
            peek(message)
            return False
        if how == b"\x02":
            return not _refused(decode_health, _signed(65001, octets), self._public.get) and not _is_report(octets)
        accepted = [
            read for read in (decode_envelope, decode_health) if not _refused(read, octets, self._public.get)
        ]
        return bool(accepted) and octets not in self.authentic


def _is_report(payload: bytes) -> bool:
    """Whether a report that the hub signed was rightly believed: it is deterministic CBOR and says whose it is."""
    fields = cbor2.loads(payload)
    return cbor2.dumps(fields, canonical=True) == payload and isinstance(fields, dict) and len(fields[2]) == 6


class Request:
    """A certificate request."""

    packages = ("tools.technician",)

    def __init__(self) -> None:
        from firmware.seal import csr

        key = _KEY.private_numbers().private_value.to_bytes(32, "big")
        self.authentic = {csr.request(key, HUB.hex())}
        self.seeds = [*self.authentic, csr.request(key, "30aea4123457"), csr.private_key(key)]

    def __call__(self, octets: bytes) -> bool:
        """Whether it was accepted. Who changes a request cannot sign it: there is no other way to be accepted."""
        from tools.technician.ca import check_request

        return not _refused(check_request, octets, HUB.hex()) and octets not in self.authentic


# -- the hub's readers ------------------------------------------------------------------------------------


class _Receipts:
    hub, kid, key = HUB, _KID, _RECEIPT_KEY


class _Plan:
    hash = _HASH


class _Journal:
    chain = CHAIN

    def open_plans(self) -> list[int]:
        return [5]

    def read_plan(self, sequence: int) -> _Plan:
        return _Plan()


class Receipt:
    """A receipt or a time answer, whole or (by its first octet) as a payload under the right key."""

    packages = ("firmware.uplink", "firmware.seal", "tools.inspect")

    def __init__(self) -> None:
        from tools.inspect.envelope import Numbered, make_receipt, make_time_answer

        named = Numbered(HUB.hex(), CHAIN.hex(), 5, _HASH)
        whole = [make_receipt(named, reason, _KID, _RECEIPT_KEY) for reason in (None, 0, 5, 255)]
        whole.append(make_time_answer(HUB.hex(), b"nonce123", 1767596469123, _KID, _RECEIPT_KEY))
        self.authentic = set(whole)
        self.seeds = [b"\x00" + one for one in whole]
        self.seeds += [b"\x01" + cbor2.loads(one).value[2] for one in whole[:-1]]
        self.seeds += [b"\x02" + cbor2.loads(whole[-1]).value[2]]

    def __call__(self, octets: bytes) -> bool:
        """Whether it was accepted."""
        from firmware.contracts import PeerError
        from firmware.uplink import receipt
        from tools.inspect import cose
        from tools.inspect.envelope import decode_receipt

        how, octets = octets[:1], octets[1:]
        if how in (b"\x01", b"\x02"):
            content_type = cose.RECEIPT_TYPE if how == b"\x01" else cose.TIME_ANSWER_TYPE
            octets = cose.make_mac0(content_type, _KID, octets, _RECEIPT_KEY)
        _refused(decode_receipt, octets, _RECEIPT_KEY)
        try:
            said = receipt.open_message(octets, _Receipts, _Journal(), b"nonce123")
        except PeerError:
            return False
        if how in (b"\x01", b"\x02"):  # the platform said it: then for this plan, or as the time
            return isinstance(said, receipt.Receipt) and said.sequence != 5
        return octets not in self.authentic


class Mqtt:
    """A broker's octets, in pieces of the length that the first octet says; and names, dates and addresses."""

    packages = ("firmware.uplink",)
    authentic: set[bytes] = set()

    def __init__(self) -> None:
        publish = b"\x32\x2b\x00\x1f" + b"telehub/1/30aea4123456/receipt"[:31] + b"\x00\x07" + bytes(8)
        packets = b"\x20\x02\x00\x00\x40\x02\x00\x01\x90\x03\x00\x02\x01\xd0\x00" + publish
        self.seeds = [bytes((size,)) + packets for size in (1, 7, 255)]
        self.seeds += [b"\x40\x30\xff\xff\xff\x7f", b"\x40\x30\x80\x80\x80\x80\x01"]

    def __call__(self, octets: bytes) -> bool:
        """Whether a packet came out that MQTT does not allow, or more was held than one packet."""
        from firmware.contracts import PeerError
        from firmware.uplink import packets

        if not octets:
            return False
        size, octets = max(1, octets[0]), octets[1:]
        reader = packets.PacketReader()
        try:
            for at in range(0, len(octets), size):
                reader.feed(octets[at : at + size])
                packet = reader.next_packet()
                while packet is not None:
                    if not self._lawful(*packet):
                        return True
                    packet = reader.next_packet()
                if reader.room() < 1:
                    return True
        except PeerError:
            pass
        return False

    @staticmethod
    def _lawful(kind: int, flags: int, body: bytes) -> bool:
        from firmware.uplink import packets

        if kind == packets.PUBLISH:
            topic, identifier, payload = packets.publish(flags, body)
            whole = 2 + len(topic) + (2 if flags & 6 else 0) + len(payload)
            return whole == len(body) and bool(identifier) == bool(flags & 6)
        if kind == packets.CONNACK:
            packets.connack(body)
        if kind == packets.SUBACK:
            packets.suback(body)
        return flags == 0 and kind in (packets.CONNACK, packets.PUBACK, packets.SUBACK, packets.PINGRESP)


class Certificate:
    """The dates of a broker's certificate, and a name server's answer."""

    packages = ("firmware.uplink",)
    authentic: set[bytes] = set()

    def __init__(self) -> None:
        from tools.technician import ca

        authority = ca.Authority(ca.seeded(1, "fuzz"))
        answer = bytes.fromhex("00078180000100010000000006") + b"broker" + bytes.fromhex("0464656d6f0000010001")
        answer += bytes.fromhex("c00c000100010000003c0004cb00710a")
        self.seeds = [b"\x00" + authority.broker("broker.demo").certificate_der, b"\x01" + answer]

    def __call__(self, octets: bytes) -> bool:
        """Whether a date was read where none is, or an address that no IPv4 address is."""
        from firmware.contracts import PeerError
        from firmware.uplink import certificate, dns

        how, octets = octets[:1], octets[1:]
        try:
            if how == b"\x01":
                address = dns.answer(octets, dns.question("broker.demo", 7))
                return address is not None and not dns.is_address(address)
            dates = certificate.validity(octets)
        except PeerError:
            return False
        return any(len(date) != 6 or min(date) < 0 for date in dates)


TARGETS: dict[str, Any] = {
    "envelope": Envelope, "receipt": Receipt, "mqtt": Mqtt, "request": Request, "certificate": Certificate,
}  # fmt: skip


def attempt(target: Any) -> Callable[[bytes], None]:
    """What the fuzzer calls: an accepted stranger is a failure."""

    def run(octets: bytes) -> None:
        assert not target(octets), "accepted"

    return run
