"""A model of Microchip's ATECC608 on I2C, good enough to refuse what the chip refuses: sleep, wake, packets, CRCs,
execution times, the watchdog, TempKey, the lock of its zones. Its signatures differ each time, as the chip's do.

Sources: ATECC608A/B summary data sheets (DS40001977, DS40002239), ATECC508A (DS20005927: packets, status octets,
commands), cryptoauthlib (execution times). Not modelled: counters, MACs, encrypted reads and writes, rules of slots.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature

ADDRESS = 0x60
REVISION = bytes.fromhex("00006002")
SERIAL = bytes.fromhex("012300000000000000ee")[:9]

_WAKE_HERTZ_MAX = 133_000  # eight low bits of the address 0 last 60 us
_WAKE_MS, _WATCHDOG_MS = 1.5, 1300.0
_SLEEP, _IDLE, _COMMAND, _RESET = 1, 2, 3, 0
_SUCCESS, _PARSE, _EXECUTION, _AWAKE, _COMMUNICATION = 0x00, 0x03, 0x0F, 0x11, 0xFF
_READ, _NONCE, _LOCK, _RANDOM, _INFO, _GEN_KEY, _SIGN = 0x02, 0x16, 0x17, 0x1B, 0x30, 0x40, 0x41
_EXECUTION_MS = {_READ: 5, _NONCE: 20, _LOCK: 35, _RANDOM: 23, _INFO: 5, _GEN_KEY: 115, _SIGN: 115}
_SLOTS = 16
_NOT_RANDOM = b"\xff\xff\x00\x00" * 8  # what Random answers before the configuration is locked


def crc(octets: bytes) -> bytes:
    """CRC-16 with polynomial 0x8005, reflected input, register as it stands: here by the reflected polynomial."""
    register = 0
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return int(f"{register:016b}"[::-1], 2).to_bytes(2, "little")


def packet(octets: bytes) -> bytes:
    """An answer: count, data, CRC."""
    counted = bytes((len(octets) + 3,)) + octets
    return counted + crc(counted)


@dataclass
class Atecc608:
    """One chip. `now_ms` is the bus's time; `random_octets(n)` its random source."""

    now_ms: Callable[[], float]
    random_octets: Callable[[int], bytes]
    config_locked: bool = True
    data_locked: bool = True
    present: bool = True  # else nobody answers: not soldered, or broken
    disturbed: int = 0  # so many answers to come with a changed bit
    keys: dict[int, ec.EllipticCurvePrivateKey] = field(default_factory=dict)
    said: list[int] = field(default_factory=list)  # opcodes that were carried out

    def __post_init__(self) -> None:
        self._awake_from: float | None = None
        self._busy_until = 0.0
        self._answer = b""
        self._temp_key: bytes | None = None

    # -- the bus -------------------------------------------------------------------------------------------

    def write(self, address: int, octets: bytes, hertz: int) -> bool:
        """Whether somebody acknowledged."""
        if not self.present:
            return False
        if address == 0:
            if not self._awake() and hertz <= _WAKE_HERTZ_MAX:
                self._awake_from = self.now_ms() + _WAKE_MS
                self._answer = packet(bytes((_AWAKE,)))
            return False
        if address != ADDRESS or not self._awake() or self.now_ms() < self._busy_until or not octets:
            return False
        if octets[0] in (_SLEEP, _IDLE):
            self._awake_from, self._answer = None, b""
            if octets[0] == _SLEEP:
                self._temp_key = None
        elif octets[0] == _COMMAND:
            self._obey(octets[1:])
        return True

    def read(self, address: int, count: int) -> bytes | None:
        """The answer and then 0xFF; None when nobody acknowledges."""
        if not self.present or address != ADDRESS or not self._awake() or self.now_ms() < self._busy_until:
            return None
        answer = self._answer
        if answer and self.disturbed:
            self.disturbed -= 1
            answer = bytes((answer[0] ^ 0x40,)) + answer[1:]
        return (answer + b"\xff" * count)[:count]

    def _awake(self) -> bool:
        if self._awake_from is not None and self.now_ms() - self._awake_from > _WATCHDOG_MS:
            self._awake_from, self._temp_key, self._answer = None, None, b""
        return self._awake_from is not None and self.now_ms() >= self._awake_from

    # -- commands ------------------------------------------------------------------------------------------

    def _obey(self, octets: bytes) -> None:
        count = octets[0] if octets else 0
        if count < 7 or len(octets) != count or crc(octets[: count - 2]) != octets[count - 2 :]:
            self._answer = packet(bytes((_COMMUNICATION,)))
            return
        opcode, mode, number, data = octets[1], octets[2], octets[3] | octets[4] << 8, octets[5:-2]
        self._busy_until = self.now_ms() + _EXECUTION_MS.get(opcode, 1)
        temp_key, self._temp_key = self._temp_key, None  # each command but a nonce uses it up
        answer = self._carried_out(opcode, mode, number, data, temp_key)
        self._answer = packet(bytes((answer,)) if isinstance(answer, int) else answer)
        if not isinstance(answer, int) or answer == _SUCCESS:
            self.said.append(opcode)

    def _carried_out(self, opcode: int, mode: int, number: int, data: bytes, temp_key: bytes | None) -> int | bytes:
        if opcode == _INFO and mode == 0:
            return REVISION
        if opcode == _READ and mode == 0 and not data:
            return self._config(number)
        if opcode == _RANDOM and mode in (0, 1) and not number:
            return self.random_octets(32) if self.config_locked else _NOT_RANDOM
        if opcode == _NONCE and mode == 3 and not number and len(data) == 32:
            self._temp_key = data
            return _SUCCESS
        if opcode == _LOCK and mode in (0x80, 0x81) and not data:
            return self._lock(mode == 0x80)
        if opcode == _GEN_KEY and mode in (0, 4) and number < _SLOTS and not data:
            return self._key(mode == 4, number)
        if opcode == _SIGN and mode == 0x80 and number < _SLOTS and not data:
            return self._signature(number, temp_key)
        return _PARSE

    def _config(self, word: int) -> int | bytes:
        locks = bytes((0, 0, 0 if self.data_locked else 0x55, 0 if self.config_locked else 0x55))
        return {0: SERIAL[:4], 1: REVISION, 2: SERIAL[4:8], 0x15: locks}.get(word, bytes(4) if word < 0x20 else _PARSE)

    def _lock(self, config: bool) -> int:
        if (config and self.config_locked) or (not config and (self.data_locked or not self.config_locked)):
            return _EXECUTION
        if config:
            self.config_locked = True
        else:
            self.data_locked = True
        return _SUCCESS

    def _key(self, new: bool, slot: int) -> int | bytes:
        if not self.config_locked or (not new and slot not in self.keys):
            return _EXECUTION
        if new:
            scalar = int.from_bytes(self.random_octets(32), "big") >> 1 | 1
            self.keys[slot] = ec.derive_private_key(scalar, ec.SECP256R1())
        form = serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        return self.keys[slot].public_key().public_bytes(*form)[1:]

    def _signature(self, slot: int, digest: bytes | None) -> int | bytes:
        if digest is None or slot not in self.keys or not self.data_locked:
            return _EXECUTION
        made = self.keys[slot].sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))
        r, s = decode_dss_signature(made)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
