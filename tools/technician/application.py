"""What goes on a board beside MicroPython itself: the application and aioble, compiled for its processor.

A board that `telehub flash` divided has slots: the application goes into the one that boot.py would run, mounted at
/app, and boot.py beside it into the root. A board without slots (a bench) has all in its root.

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
_LAST = "main.py"
_SLOT = "/app"

# Mounts the slot that boot.py runs, for writing, and makes its file system when there is none.
_MOUNT = """
import esp32, os, sys, vfs
os.chdir("/")
value = bytearray(6)
try:
    esp32.NVS("telehub").get_blob("boot", value)
except OSError:
    pass
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=("app_a", "app_b")[value[0] & 1])[0]
try:
    vfs.umount("/app")
except OSError:
    pass
try:
    slot = vfs.VfsLfs2(part)
except OSError:
    vfs.VfsLfs2.mkfs(part)
    slot = vfs.VfsLfs2(part)
vfs.mount(slot, "/app")
for path in ("/app/lib", "/app"):
    if path not in sys.path:
        sys.path.insert(0, path)
"""
# Enrolment's last step: from now on boot.py counts, and starts the slot.
_KEEP = """
import boot
slots = boot.Slots()
if not slots.enrolled:
    slots.keep(0)
"""


@dataclass
class Image:
    """Files by their path on the board, and what they are called."""

    files: dict[str, bytes] = field(repr=False)
    application: str
    library: str
    slots: bool

    @property
    def octets(self) -> int:
        """All of them."""
        return sum(len(octets) for octets in self.files.values())


def made(mpy: int, folder: Path | None, slots: bool = False) -> Image:
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
    files = {**application, **aioble}
    if slots:
        files = {"/boot.py": files["/boot.py"], **{_SLOT + path: octets for path, octets in files.items()}}
    return Image(files, _called(application), _called(aioble), slots)


def mount(line: Line, slots: bool) -> None:
    """Have the application's place in reach."""
    line.run(_MOUNT if slots else 'import os\nos.chdir("/")')


def keep(line: Line, slots: bool) -> None:
    """Make the hub start what was put there."""
    if slots:
        line.run(_KEEP)


def missing(line: Line, wanted: Image) -> tuple[list[str], list[str]]:
    """(files to copy, in their order; files to take away) for the board to hold the image."""
    there = line.hashes()
    copy = [path for path, octets in wanted.files.items() if there.get(path) != hashlib.sha256(octets).hexdigest()]
    place = _SLOT if wanted.slots else ""
    ours = tuple(place + folder for folder in _OURS)
    stale = [path for path in there if path.startswith(ours) and path not in wanted.files]
    return sorted(copy, key=lambda path: (path.endswith(_LAST), path)), stale


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
