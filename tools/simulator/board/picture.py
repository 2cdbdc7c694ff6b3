"""`python -m tools.simulator.board.picture FILE.svg`: what a technician's terminal shows, on simulated boards.

Needs a MicroPython image for the ROM to take: any octets of the right form do, since the twin's interpreter is the
host's own. The ports' names are those of a table with USB cables.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import struct
import sys
import tempfile
from pathlib import Path

from rich.text import Text

from tools import cli
from tools.host import library
from tools.simulator.board.rom import Fitted
from tools.simulator.board.workbench import Workbench
from tools.simulator.demo import picture
from tools.technician import layout
from tools.technician import programme as programmes

_BOARDS = (Fitted(), Fitted(), Fitted(flash_mb=4))
_PASSPHRASE = "a passphrase of a picture"
_REDRAWN = re.compile(r"\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")  # how Rich begins the next one
_AT_IT_MIN = 2
_GTIN = "04012345123456"  # GS1's own example


def esp_image(payload: bytes, chip: int = 9) -> bytes:
    """An application image (ESP-IDF, "Application image format"): one segment, checksum, SHA-256."""
    head = struct.pack("<BBBBI", 0xE9, 1, 2, 0x3F, 0x403C9880) + bytes([0xEE, 0, 0, 0])
    head += struct.pack("<HBHH4xB", chip, 0, 0, 99, 1)
    body = head + struct.pack("<II", 0x3FCE3810, len(payload)) + payload
    checksum = 0xEF
    for octet in payload:
        checksum ^= octet
    body += bytes((15 - len(body) % 16) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def micropython_image(size: int = 70_000) -> bytes:
    """What the ROM takes for MicroPython: a bootloader, room for a table, an interpreter."""
    bootloader = esp_image(b"bootloader" * 500)
    return bootloader.ljust(layout.APPLICATION_AT, b"\xff") + esp_image(os.urandom(size))


class _Terminal:
    """Runs commands and keeps what they say, with its colours."""

    def __init__(self, bench: Workbench):
        self._bench = bench
        self._names = {board.path: f"/dev/ttyACM{number}" for number, board in enumerate(bench.boards)}
        self.shown: list[Text] = []

    def type(self, folder: Path, shown: str, *arguments: str) -> None:
        """One command, typed as `shown`."""
        said, bars = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(bars):
            self._bench.work(cli.run, [*shown.split()[1:2], str(folder), *arguments])
        text = _in_the_midst(bars.getvalue()) + said.getvalue()
        text = text.replace(f"{folder}/", "").replace(str(folder), "programme")
        for path, name in self._names.items():
            text = re.sub(rf"{path}\b *", name.ljust(17), text)
        self.shown += [Text(f"$ {shown}", "bold cyan"), Text.from_ansi(text.rstrip()), Text("")]


def _in_the_midst(bars: str) -> str:
    """One of the pictures that the bars gave, from when every board was at it."""
    pictures = [one for one in _REDRAWN.split(bars) if one.count("copying") + one.count("writing") >= _AT_IT_MIN]
    return pictures[len(pictures) // 2].strip("\r\n") + "\n" if pictures else ""


def main() -> None:
    """Draw it."""
    os.environ |= {"FORCE_COLOR": "1", "COLUMNS": "96", programmes.PASSPHRASE: _PASSPHRASE}
    with tempfile.TemporaryDirectory() as place, Workbench() as bench:
        folder = Path(place) / "programme"
        programmes.create(folder, "TeleKOL", _PASSPHRASE, _GTIN)
        settings = json.loads((folder / "settings.json").read_text())
        settings |= {"wifi": {"ssid": "workshop", "key": "none"}, "broker": {"host": "broker.example", "port": 8883}}
        (folder / "settings.json").write_text(json.dumps(settings))
        image = Path(place) / "micropython.bin"
        image.write_bytes(micropython_image())
        for fitted in _BOARDS:
            bench.add(fitted=fitted)
        terminal = _Terminal(bench)
        every = [part for path in bench.paths() for part in ("--port", path)]
        given = ["--image", str(image), "--sha256", hashlib.sha256(image.read_bytes()).hexdigest()]
        terminal.type(folder, "telehub flash programme", *every, *given)
        real = ["--library", str(library.find()[0])]
        terminal.type(folder, "telehub provision programme", *every[:4], *real)
        terminal.type(folder, "telehub label programme")
        terminal.type(folder, "telehub doctor programme --offline", *every[:2], *real, "--offline")
        picture.draw(Path(sys.argv[1]), *terminal.shown, title="from the box to labelled hubs", columns=110)


if __name__ == "__main__":
    main()
