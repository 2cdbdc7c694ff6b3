"""One board: what it is, whether it is fit to be a hub, MicroPython on it, checked. By esptool, called as a library.

No eFuse is burnt here, and nothing here could: a board can always be flashed again. Readings that a board holds stay:
only bootloader, partition table and interpreter are written.
"""

import errno
import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import serial
from esptool import cmds
from esptool.loader import ESPLoader
from esptool.logger import TemplateLogger, log
from esptool.util import FatalError

from tools.technician import layout
from tools.technician.micropython import Image

CHIP = "ESP32-S3"
FLASH_MB_MIN = layout.FLASH_OCTETS_MIN >> 20
PSRAM_MB_MIN = 2  # Wi-Fi, Bluetooth and TLS leave the heap no internal RAM
_PSRAM_MB = {0: 0, 1: 8, 2: 2, 3: 16, 4: 4}  # esptool/targets/esp32s3.py, by the eFuse's code
_ATTEMPTS = 4  # to reach a loader: each takes a second or two

Told = Callable[[str, float], None]


class Unfit(Exception):
    """This board cannot be a hub; args are the reason and what to do."""


class FlashFailed(Exception):
    """It was not written as it should be; args are the reason and what to do."""


@dataclass(frozen=True)
class Facts:
    """What a board is."""

    chip: str
    hub: str
    flash_mb: int
    psram_mb: int


class _Quiet(TemplateLogger):
    """Esptool's words go nowhere; its progress goes to the thread's own row."""

    def __init__(self) -> None:
        self.rows = threading.local()

    def print(self, *_args: Any, **_kwargs: Any) -> None:
        """Nothing."""

    note = warning = error = stage = set_verbosity = print

    def progress_bar(self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30):
        """Tell the row."""
        told = getattr(self.rows, "told", None)
        if told is not None:
            told("writing", cur_iter / max(1, total_iters))


_quiet = _Quiet()


@functools.cache
def _hush() -> None:
    """Once: a logger that was put there has no way to put another."""
    log.set_logger(_quiet)


def reached(port: str, told: Told) -> ESPLoader:
    """The board's loader. FlashFailed when there is none behind the port."""
    _hush()
    _quiet.rows.told = None
    told("connecting", 0)
    try:
        how = "default-reset" if _has_lines(port) else "no-reset"
        return cmds.detect_chip(port, connect_mode=how, connect_attempts=_ATTEMPTS)
    except (FatalError, serial.SerialException, OSError) as error:
        raise FlashFailed(_first_line(error), "hold the board's BOOT button while its cable goes in") from None


def _has_lines(port: str) -> bool:
    """Whether the port has the lines by which a board is put into its loader; a pseudo-terminal has none."""
    try:
        with serial.serial_for_url(port) as line:
            return isinstance(line.cts, bool)
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EINVAL):
            raise
        return False


def facts(esp: ESPLoader) -> Facts:
    """Ask the chip. Unfit when it is another one; its further questions would mean nothing."""
    mac = bytes(esp.read_mac("BASE_MAC")).hex() if esp.CHIP_NAME == CHIP else ""
    if esp.CHIP_NAME != CHIP:
        raise Unfit(f"this is an {esp.CHIP_NAME}, not an {CHIP}", "take another board")
    cmds.attach_flash(esp)
    size = cmds.detect_flash_size(esp) or "0MB"
    psram = _PSRAM_MB.get(esp.get_psram_cap(), 0)
    return Facts(esp.CHIP_NAME, mac, int(size.removesuffix("MB")) if size.endswith("MB") else 0, psram)


def fit(board: Facts) -> None:
    """Unfit with the reason."""
    if board.flash_mb < FLASH_MB_MIN:
        raise Unfit(f"{board.flash_mb} MB of flash; {FLASH_MB_MIN} MB are needed", "take a board with N8 or more")
    if board.psram_mb < PSRAM_MB_MIN:
        raise Unfit(f"{board.psram_mb} MB of PSRAM; {PSRAM_MB_MIN} MB are needed", "take a board with R2 or R8")


def write(esp: ESPLoader, board: Facts, image: Image, told: Told) -> None:
    """Write, compare the chip's own MD5 of each piece (esptool does), and start what was written."""
    esp = _with_stub(esp)
    _quiet.rows.told = told
    try:
        cmds.write_flash(esp, list(image.pieces), flash_size=f"{board.flash_mb}MB", compress=True)
        told("verifying", 1)
        cmds.verify_flash(esp, list(image.pieces[1:]))  # the first has the flash's size in it now, and was compared
        _start(esp)
    except FatalError as error:
        raise FlashFailed(f"not written: {_first_line(error)}", "once more; if it stays so, the flash is bad") from None
    except (serial.SerialException, OSError) as error:
        raise FlashFailed(f"the board went silent: {_first_line(error)}", "put the cable in, and start again") from None
    finally:
        _quiet.rows.told = None


def _start(esp: ESPLoader) -> None:
    """Leave the loader by the chip's watchdog, which needs no line of the port."""
    try:
        esp.watchdog_reset()
    except FatalError:
        pass  # on a slow line the chip is gone before esptool has said its last word


def _with_stub(esp: ESPLoader) -> ESPLoader:
    """Esptool's faster loader, where the chip takes it; the ROM's own does the same."""
    try:
        return cmds.run_stub(esp)
    except FatalError:
        return esp


def close(esp: ESPLoader) -> None:
    """Let go of the port."""
    try:
        esp._port.close()
    except (serial.SerialException, OSError):
        pass


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
