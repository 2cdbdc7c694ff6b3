"""The loader in the ESP32-S3's ROM, as Espressif's "Serial Protocol" page and esptool's own source have it.

It starts in its loader: a pseudo-terminal has no line that would hold GPIO0. Registers answer for what a computer asks:
eFuses (number, PSRAM), the flash chip's identity through the SPI peripheral, and the watchdog by which the chip leaves.
Machine code that is sent to run in its RAM (esptool's stub) is refused, as in secure download mode: there is no Xtensa.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

_FLASH_BEGIN, _FLASH_DATA, _FLASH_END = 0x02, 0x03, 0x04
_SYNC, _WRITE_REG, _READ_REG = 0x08, 0x09, 0x0A
_SPI_SET_PARAMS, _SPI_ATTACH, _READ_FLASH, _CHANGE_BAUD = 0x0B, 0x0D, 0x0E, 0x0F
_DEFL_BEGIN, _DEFL_DATA, _DEFL_END, _MD5, _SECURITY = 0x10, 0x11, 0x12, 0x13, 0x14

# The ROM's errors
_INVALID, _CHECKSUM, _DEFLATE = 0x05, 0x07, 0x0B

_END, _ESC = 0xC0, 0xDB
_SYNC_ANSWERS = 8
_ROM_SPEAKS = 0x20120707  # anything but 0, which is what esptool's stub says
_CHECKSUM_SEED = 0xEF
_SECTOR_OCTETS = 4096
_READ_OCTETS_MAX = 64
_ROM_STATUS = 4  # octets at an answer's end: failed, reason, and two spare

# Registers (esptool/targets/esp32s3.py)
_EFUSE_BLOCK1 = 0x60007044
_SPI_CMD, _SPI_USR2, _SPI_W0 = 0x60002000, 0x60002020, 0x60002058
_SPI_USR = 1 << 18
_READ_ID = 0x9F
_WDT_PROTECT, _WDT_CONFIG = 0x600080B0, 0x60008098
_WDT_KEY, _WDT_ON = 0x50D83AA1, 1 << 31

CHIPS = {"ESP32-S3": 9, "ESP32-C3": 5, "ESP32-C6": 13}  # chip id in the answer to "security info"
_PSRAM_CAPACITY = {0: 0, 8: 1, 2: 2, 16: 3, 4: 4}  # MB → the eFuse's code


@dataclass
class Fitted:
    """What is soldered on the board, and what is wrong with it."""

    chip: str = "ESP32-S3"
    flash_mb: int = 8
    psram_mb: int = 8
    bad_sector: int | None = None
    """A sector that does not keep what is written to it."""


class RomLoader:
    """Takes what the host sends, says what the ROM would. `left()` is called when the chip is told to start over."""

    def __init__(self, unique_id: bytes, fitted: Fitted, say: Callable[[bytes], None], left: Callable[[], None]):
        self.fitted = fitted
        self.flash = bytearray(b"\xff" * (fitted.flash_mb << 20))
        self.written_octets = 0
        self.commands = 0
        self._say = say
        self._left = left
        self._frame: bytearray | None = None
        self._escaped = False
        self._at = self._left_over = 0
        self._inflate = zlib.decompressobj()
        capacity = _PSRAM_CAPACITY[fitted.psram_mb]
        mac = int.from_bytes(unique_id, "big")
        self._registers = {
            _EFUSE_BLOCK1: mac & 0xFFFFFFFF,
            _EFUSE_BLOCK1 + 4: mac >> 32,
            _EFUSE_BLOCK1 + 16: (capacity & 3) << 3,
            _EFUSE_BLOCK1 + 20: (capacity >> 2) << 19,
        }

    def heard(self, octets: bytes) -> None:
        """Take octets: SLIP frames (RFC 1055), whatever lies between them is noise."""
        for octet in octets:
            if octet == _END:
                if self._frame:
                    frame, self._frame = self._frame, None
                    self._serve(bytes(frame))
                else:
                    self._frame = bytearray()
            elif self._frame is None:
                continue
            elif self._escaped:
                self._escaped = False
                self._frame.append({0xDC: _END, 0xDD: _ESC}.get(octet, octet))
            elif octet == _ESC:
                self._escaped = True
            else:
                self._frame.append(octet)

    def _serve(self, frame: bytes) -> None:
        if len(frame) < 8 or frame[0] != 0:
            return
        op, size, checksum = struct.unpack_from("<xBHI", frame)
        data = frame[8 : 8 + size]
        self.commands += 1
        if op == _SYNC:
            for _ in range(_SYNC_ANSWERS):
                self._answer(op, value=_ROM_SPEAKS)
            return
        handler = self._HANDLERS.get(op)
        if handler is None:
            self._answer(op, error=_INVALID)
            return
        handler(self, op, data, checksum)

    def _answer(self, op: int, value: int = 0, data: bytes = b"", error: int = 0) -> None:
        tail = bytes((1 if error else 0, error)) + bytes(_ROM_STATUS - 2)
        packet = struct.pack("<BBHI", 1, op, len(data) + len(tail), value) + data + tail
        packed = packet.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc")
        self._say(b"\xc0" + packed + b"\xc0")

    # -- registers

    def _read_register(self, op: int, data: bytes, _checksum: int) -> None:
        self._answer(op, self._registers.get(struct.unpack("<I", data)[0], 0))

    def _write_register(self, op: int, data: bytes, _checksum: int) -> None:
        at, value, mask = struct.unpack_from("<III", data)
        self._registers[at] = self._registers.get(at, 0) & ~mask | value & mask
        if at == _SPI_CMD and value & _SPI_USR:
            self._spi_command()
        self._answer(op)
        if at == _WDT_CONFIG and value & _WDT_ON and self._registers.get(_WDT_PROTECT) == _WDT_KEY:
            self._left()

    def _spi_command(self) -> None:
        """The flash chip answers at once: its maker, kind and size (JEDEC), or nothing."""
        self._registers[_SPI_CMD] = 0
        if self._registers.get(_SPI_USR2, 0) & 0xFF == _READ_ID:
            size = (self.fitted.flash_mb << 20).bit_length() - 1
            self._registers[_SPI_W0] = size << 16 | 0x40 << 8 | 0xEF  # as a Winbond W25Q
        else:
            self._registers[_SPI_W0] = 0

    def _security(self, op: int, _data: bytes, _checksum: int) -> None:
        self._answer(op, data=struct.pack("<IB7BII", 0, 0, *bytes(7), CHIPS[self.fitted.chip], 0))

    # -- flash

    def _begin(self, op: int, data: bytes, _checksum: int) -> None:
        size, _blocks, _block_octets, at = struct.unpack_from("<IIII", data)
        if at + size > len(self.flash) or at % _SECTOR_OCTETS:
            self._answer(op, error=_INVALID)
            return
        end = at + -(-size // _SECTOR_OCTETS) * _SECTOR_OCTETS
        self.flash[at:end] = b"\xff" * (end - at)
        self._at, self._left_over = at, size
        self._inflate = zlib.decompressobj()
        self._answer(op)

    def _block(self, op: int, data: bytes, checksum: int) -> None:
        (count,) = struct.unpack_from("<I", data)
        block = data[16 : 16 + count]
        expected = _CHECKSUM_SEED
        for octet in block:
            expected ^= octet
        if len(block) != count or expected != checksum & 0xFF:
            self._answer(op, error=_CHECKSUM)
            return
        if op == _DEFL_DATA:
            try:
                block = self._inflate.decompress(block)
            except zlib.error:
                self._answer(op, error=_DEFLATE)
                return
        block = block[: self._left_over] if op == _DEFL_DATA else block
        for at in range(len(block)):
            self.flash[self._at + at] &= block[at]
        self._at += len(block)
        self._left_over = max(0, self._left_over - len(block))
        self.written_octets += len(block)
        bad = self.fitted.bad_sector
        if bad is not None:
            self.flash[bad * _SECTOR_OCTETS] = 0
        self._answer(op)

    def _end(self, op: int, data: bytes, _checksum: int) -> None:
        self._answer(op)
        if data[:4] == bytes(4):
            self._left()

    def _digest(self, op: int, data: bytes, _checksum: int) -> None:
        at, size = struct.unpack_from("<II", data)
        digest = hashlib.md5(self.flash[at : at + size], usedforsecurity=False).hexdigest()
        self._answer(op, data=digest.encode())

    def _read(self, op: int, data: bytes, _checksum: int) -> None:
        at, count = struct.unpack_from("<II", data)
        octets = bytes(self.flash[at : at + count]) if count <= _READ_OCTETS_MAX else b""
        self._answer(op, data=octets.ljust(_READ_OCTETS_MAX, b"\0"), error=0 if octets else _INVALID)

    def _done(self, op: int, _data: bytes, _checksum: int) -> None:
        self._answer(op)

    _HANDLERS = {
        _READ_REG: _read_register, _WRITE_REG: _write_register, _SECURITY: _security, _SPI_ATTACH: _done,
        _SPI_SET_PARAMS: _done, _CHANGE_BAUD: _done, _FLASH_BEGIN: _begin, _DEFL_BEGIN: _begin, _FLASH_DATA: _block,
        _DEFL_DATA: _block, _FLASH_END: _end, _DEFL_END: _end, _MD5: _digest, _READ_FLASH: _read,
    }  # fmt: skip
