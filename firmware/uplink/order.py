"""An order of the operator's (seal/FORMAT.md, section 6): believed under the key that was pinned at enrolment.

Nothing in it is looked at before its signature held. PeerError("order: <reason>") for whatever it is not.
"""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.reader import Reader
from firmware.seal.verify1 import open_sign1

ORDER = const(65004)  # its content type
# With MQTT's topic (35 octets) it is within the longest packet that a hub takes (packets.py).
ORDER_OCTETS_MAX = const(900)
NUMBER_MAX = const(0x3FFFFFFF)
_TIME_MAX_S = 1 << 40

_ENCRYPT0_TAG = const(16)
_A256CTR = -65532  # RFC 9459, 4.1
_VERSION = const(1)
_PURPOSE = b"telehub order 1\x00"
_BLOCK_OCTETS = const(16)
_ARGUMENTS_OCTETS_MAX = const(700)


class Order:
    """An order that the operator signed for this hub. `arguments` are CBOR, `sealed` is for `unsealed`, or None."""

    def __init__(self, number: int, expires_s: int, action: int, arguments, sealed):
        self.number = number
        self.expires_s = expires_s
        self.action = action
        self.arguments = arguments
        self.sealed = sealed


def open_order(octets, operator, hub) -> Order:
    """Authenticate an order by the operator's public point; PeerError says what it is not."""
    try:
        return _order(Reader(open_sign1(octets, operator, ORDER, ORDER_OCTETS_MAX)), hub)
    except PeerError as error:
        reason = error.args[0]
        raise PeerError("order: " + ("malformed" if reason == "cbor" else reason))


def _order(reader, hub):
    count = reader.map(7)
    if count < 6:
        raise PeerError("malformed")
    reader.key(1)
    if reader.uint() != _VERSION:
        raise PeerError("version")
    reader.key(2)
    if reader.bytes(6, 6) != hub:
        raise PeerError("foreign hub")
    reader.key(3)
    number = reader.uint(NUMBER_MAX)
    reader.key(4)
    expires_s = reader.uint(_TIME_MAX_S)
    reader.key(5)
    action = reader.uint(0xFFFF)
    reader.key(6)
    arguments = reader.bytes(1, _ARGUMENTS_OCTETS_MAX)
    sealed = None
    if count == 7:
        reader.key(7)
        sealed = _sealed(reader)
    reader.end()
    return Order(number, expires_s, action, arguments, sealed)


def _sealed(reader):
    """(the sender's point for this one order, initialisation vector, ciphertext)."""
    if reader.array(2) != 2:
        raise PeerError("malformed")
    point = reader.bytes(65, 65)
    reader.tag(_ENCRYPT0_TAG)
    if reader.array(3) != 3:
        raise PeerError("malformed")
    reader.bytes(0, 0)  # RFC 9459, 4: nothing can be protected
    if reader.map(2) != 2:
        raise PeerError("malformed")
    reader.key(1)
    if reader.int() != _A256CTR:
        raise PeerError("algorithm")
    reader.key(5)
    vector = reader.bytes(_BLOCK_OCTETS, _BLOCK_OCTETS)
    return point, vector, reader.bytes(1, _ARGUMENTS_OCTETS_MAX)


def unsealed(sealed, agreement, operator, hub, aes) -> bytes:
    """The secret fields, as CBOR; `aes(key)` gives what encrypts one block. PeerError("secret"): the point is none."""
    from firmware.seal import p256
    from firmware.seal.hmac import hkdf_sha256

    point, vector, ciphertext = sealed
    try:
        shared = p256.ecdh(agreement, bytes(point))
    except ValueError:
        raise PeerError("secret")
    own = p256.key_id(p256.public_key(agreement))
    info = _PURPOSE + bytes(hub) + own + p256.key_id(operator) + p256.key_id(point)
    encrypt = aes(hkdf_sha256(shared, info))
    counter = int.from_bytes(vector, "big")
    plain = bytearray(ciphertext)
    for at in range(0, len(plain), _BLOCK_OCTETS):
        block = encrypt(counter.to_bytes(_BLOCK_OCTETS, "big"))
        counter = (counter + 1) & ((1 << 128) - 1)
        for place in range(at, min(at + _BLOCK_OCTETS, len(plain))):
            plain[place] ^= block[place - at]
    return bytes(plain)
