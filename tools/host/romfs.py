"""Packs a folder as a ROMFS: what MicroPython can run and read from flash where it lies."""

import contextlib
import io
from pathlib import Path

from mpremote.romfs import make_romfs


def packed(folder: Path) -> bytes:
    """The image of all that is in the folder, as it stands."""
    with contextlib.redirect_stdout(io.StringIO()):  # it lists every file
        return make_romfs(str(folder), mpy_cross=False)
