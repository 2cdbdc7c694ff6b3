"""What goes on a board beside MicroPython itself: the application and aioble, compiled for its processor.

Files are compared by their hashes, so a second run copies nothing, and one that was cut off goes on where it was.
main.py comes last: until all is there a board does not start half of it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.host import compile as build
from tools.host import image, library
from tools.host.output import CommandError, MissingPart
from tools.technician.line import Line

# sys.implementation._mpy: the .mpy version, then the architecture (MicroPython's reference, ".mpy files").
_MPY_VERSION = 6
_ARCHITECTURES = {1: "x86", 2: "x64", 10: "xtensawin"}
_OURS = ("/drivers/", "/firmware/", "/lib/aioble/")  # nothing else may lie there: an older file would be found
_LAST = "/main.py"


@dataclass
class Image:
    """Files by their path on the board, and what they are called."""

    files: dict[str, bytes] = field(repr=False)
    application: str
    library: str

    @property
    def octets(self) -> int:
        """All of them."""
        return sum(len(octets) for octets in self.files.values())


def made(mpy: int, folder: Path | None) -> Image:
    """The image for a processor (`sys.implementation._mpy`), with aioble out of `folder`, else the pinned one."""
    architecture = _ARCHITECTURES.get(mpy >> 10 & 0xF)
    if mpy & 0xFF != _MPY_VERSION or architecture is None:
        raise CommandError(f"this MicroPython takes other compiled files (_mpy {mpy})", "telehub flash")
    build.image(architecture=architecture)
    root = build.folder(architecture)
    application = {f"/{path.relative_to(root)}": path.read_bytes() for path in _files(root)}
    for name in ("boot.py", "main.py"):
        application[f"/{name}"] = (build.ROOT / name).read_bytes()
        application.pop(f"/{name.removesuffix('.py')}.mpy", None)
    libraries = image.hub_library(_library(folder))
    aioble = {f"/lib/aioble/{path.name}": path.read_bytes() for path in sorted((libraries / "aioble").glob("*.mpy"))}
    return Image({**application, **aioble}, _called(application), _called(aioble))


def missing(line: Line, wanted: Image) -> tuple[list[str], list[str]]:
    """(files to copy, in their order; files to take away) for the board to hold the image."""
    there = line.hashes()
    copy = [path for path, octets in wanted.files.items() if there.get(path) != hashlib.sha256(octets).hexdigest()]
    stale = [path for path in there if path.startswith(_OURS) and path not in wanted.files]
    return sorted(copy, key=lambda path: (path == _LAST, path)), stale


def install(line: Line, wanted: Image, told: Callable[[int, int], None]) -> int:
    """Bring the board to hold the image; `told(done, all)` in octets. Returns how many files were copied."""
    copy, stale = missing(line, wanted)
    for path in stale:
        line.remove(path)
    total = sum(len(wanted.files[path]) for path in copy)
    done = 0

    def piece(count: int) -> None:
        nonlocal done
        done += count
        told(done, total)

    line.folders(copy)
    for path in copy:
        line.write(path, wanted.files[path], piece)
    return len(copy)


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.suffix in (".mpy", ".bin"))


def _library(folder: Path | None) -> Path:
    if folder is None:
        return library.real()
    if not (folder / "aioble").is_dir():
        raise MissingPart(f"aioble/ in {folder}", "--library names a folder that holds aioble/ and umqtt/")
    return folder


def _called(files: dict[str, bytes]) -> str:
    """A name that differs when any octet does."""
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(path.encode() + b"\0" + hashlib.sha256(files[path]).digest())
    return whole.hexdigest()[:12]
