"""A secure element that holds the signing key: Microchip's ATECC608 on I2C (DS40001977, and DS20005927 for the words).

The key is made in the chip and cannot be read. Each call wakes it, says one or two commands and lets it idle; that
blocks for up to 0.14 s, the time of a signature in the chip.
"""

import time

import machine
from micropython import const

from firmware.contracts import PeerError

_ADDRESS = const(0x60)  # 0xC0 with the direction bit
_HERTZ = const(100_000)  # slow enough that the address 0 holds SDA low for the 60 us of a wake pulse
_WAKE_US = const(1_500)  # tWHI
_AWAKE = b"\x04\x11\x33\x43"
_COMMAND = b"\x03"
_IDLE = b"\x02"  # keeps TempKey; the chip's own watchdog puts it to sleep after 1.3 s, and then a command is cut off
_TRIES = const(2)
_POLLS = const(10)
_POLL_MS = const(5)

# Opcode, the longest that it takes (cryptoauthlib, calib_execution.c, ATECC608 M0), octets of its answer's data
_READ = (0x02, 5, 4)
_NONCE = (0x16, 20, 1)
_RANDOM = (0x1B, 23, 32)
_GEN_KEY = (0x40, 115, 64)
_SIGN = (0x41, 115, 64)

_CONFIG_ZONE = const(0)
_LOCKS_WORD = const(0x15)  # of the configuration zone: octets 84 to 87; 86 and 87 are LockValue and LockConfig
_LOCKED = const(0)
_PRIVATE = const(0x04)  # GenKey: make a private key
_PUBLIC = const(0x00)  # GenKey: the public key of the private one
_PASS_THROUGH = const(0x03)  # Nonce: 32 octets into TempKey as they come
_EXTERNAL = const(0x80)  # Sign: what TempKey holds


def crc16(octets) -> bytes:
    """The chip's CRC: polynomial 0x8005, each octet's lowest bit first, low octet first."""
    crc = 0
    for octet in octets:
        for bit in range(8):
            top = crc >> 15
            crc = crc << 1 & 0xFFFF
            if octet >> bit & 1 != top:
                crc ^= 0x8005
    return bytes((crc & 255, crc >> 8))


class SecureElement:
    """`slot` holds a P-256 private key, or will. PeerError says what the chip answered instead."""

    def __init__(self, scl: int, sda: int, slot: int = 0):
        self._bus = machine.I2C(0, scl=machine.Pin(scl), sda=machine.Pin(sda), freq=_HERTZ)
        self._slot = slot

    def locked(self) -> bool:
        """Whether both zones are locked: before, its random numbers are none and its keys can be read."""
        words = self._session((_READ, _CONFIG_ZONE, _LOCKS_WORD, b""))
        return words[2] == _LOCKED and words[3] == _LOCKED

    def random_octets(self) -> bytes:
        """32 octets of the chip's own random source."""
        return self._session((_RANDOM, 0, 0, b""))

    def new_key(self) -> bytes:
        """Make a private key in the slot, the one before is gone; return its public point, 65 octets."""
        return b"\x04" + self._session((_GEN_KEY, _PRIVATE, self._slot, b""))

    def public_key(self) -> bytes:
        """The public point of the slot's key, 65 octets."""
        return b"\x04" + self._session((_GEN_KEY, _PUBLIC, self._slot, b""))

    def sign(self, digest: bytes) -> bytes:
        """Sign a 32-octet digest: r and s, other ones each time."""
        if len(digest) != 32:
            raise ValueError(len(digest))
        return self._session((_NONCE, _PASS_THROUGH, 0, digest), (_SIGN, _EXTERNAL, self._slot, b""))

    # -- words ---------------------------------------------------------------------------------------------

    def _session(self, *commands):
        """Say commands in one waking; what the last one answers. Once more when the bus was disturbed."""
        failure = None
        for _ in range(_TRIES):
            try:
                self._wake()
                for command in commands:
                    answer = self._said(*command)
                return answer
            except OSError:
                failure = PeerError("secure element: no answer")
            except PeerError as error:
                failure = error
            finally:
                self._idle()
        raise failure

    def _idle(self):
        try:
            self._bus.writeto(_ADDRESS, _IDLE)
        except OSError:
            pass  # it is asleep, or not there

    def _wake(self):
        try:
            self._bus.writeto(0, b"\0")
        except OSError:
            pass  # nobody has this address
        time.sleep_us(_WAKE_US)
        if self._bus.readfrom(_ADDRESS, len(_AWAKE)) != _AWAKE:
            raise PeerError("secure element: no wake")

    def _said(self, what, mode, number, octets):
        opcode, ms, length = what
        packet = bytes((7 + len(octets), opcode, mode, number & 255, number >> 8)) + octets
        self._bus.writeto(_ADDRESS, _COMMAND + packet + crc16(packet))
        time.sleep_ms(ms)
        answer = self._heard(length + 3)
        count = answer[0]
        if not 4 <= count <= len(answer) or crc16(answer[: count - 2]) != answer[count - 2 : count]:
            raise PeerError("secure element: garbled")
        if count == 4 and (length != 1 or answer[1]):
            raise PeerError("secure element: refused", answer[1])
        if count != length + 3:
            raise PeerError("secure element: garbled")
        return answer[1 : count - 2]

    def _heard(self, length):
        for _ in range(_POLLS):
            try:
                return self._bus.readfrom(_ADDRESS, length)
            except OSError:
                time.sleep_ms(_POLL_MS)  # it is at work still
        raise PeerError("secure element: no answer")
