"""Makes the image: everything that goes on the chip, compiled by mpy-cross into a folder of build/, mirrored.

Beside the compiled files lies p256_table.bin, which the hub reads in pieces from where it lies.
"""

import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.host import p256_table, shorten
from tools.host.output import MissingPart

ROOT = Path(__file__).resolve().parents[2]

# Files with machine code are compiled for one processor; all others run on any.
HOST_ARCHITECTURE = {32: "x86", 64: "x64"}  # another host's emitter refuses them, and plain Python is used
CHIP_ARCHITECTURE = "xtensawin"  # ESP32 and ESP32-S3
# Words for people: readers of what a hub says have them, a hub does not.
NOT_ON_CHIP = Path("firmware", "measurement", "names.py")
_TABLE_READER = Path("firmware", "seal", "p256.py")  # the table lies beside it
# The table of line numbers is a fourteenth of flash and heap; a trace names the functions (shorten.readable).
_ON_CHIP = ("boot", "drivers/", "firmware/", "main")
_RECIPES = 1_000_000  # ways of compiling that are told apart
_MACHINE_CODE = ("@micropython.viper", "@micropython.native", "@micropython.asm_")


@dataclass(frozen=True)
class Compiled:
    """One source file and what became of it."""

    source: Path
    target: Path

    @property
    def octets(self) -> int:
        """Size of the .mpy file."""
        return self.target.stat().st_size


class CompileError(Exception):
    """mpy-cross refused some files; args[0] is what it said of each."""


def sources(root: Path = ROOT) -> list[Path]:
    """Every file that goes on the chip, in a fixed order."""
    found = [root / name for name in ("boot.py", "main.py") if (root / name).exists()]
    for folder in ("drivers", "firmware"):
        found += sorted((root / folder).rglob("*.py"))
    stays = root / NOT_ON_CHIP
    return [path for path in found if "__pycache__" not in path.parts and path != stays]


def mpy_cross() -> list[str]:
    """The compiler's command."""
    beside = Path(sys.executable).parent / "mpy-cross"
    path = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if not path:
        raise MissingPart("mpy-cross", "make deps")
    return [path]


def image(
    root: Path = ROOT,
    into: Path | None = None,
    architecture: str = "x86",
    only: Iterable[Path] | None = None,
    also: Iterable[Path] = (),
    short: bool = True,
) -> list[Compiled]:
    """Compile what is newer than its .mpy; a file that is gone leaves the image too.

    `short`: private names are shortened, as on the chip; not where others speak of them (shorten.py).
    """
    into = into or folder(architecture, root)
    paths = [*(only or sources(root)), *also]
    done = [Compiled(path, into / path.relative_to(root).with_suffix(".mpy")) for path in paths]
    if only is None and into.exists():
        wanted = {one.target for one in done}
        for stale in into.rglob("*.mpy"):
            if stale not in wanted:
                stale.unlink(missing_ok=True)  # two test processes may clean up at once
    refused = [text for one in done if (text := _compile(one, root, architecture, short))]
    if refused:
        raise CompileError("\n".join(refused))
    if only is None and (root / _TABLE_READER).exists():
        done.append(_table(into))
    return done


def folder(architecture: str, root: Path = ROOT) -> Path:
    """Where the image for one processor lies."""
    return root / "build" / ("mpy" if architecture == "x86" else f"mpy-{architecture}")


def _table(into: Path) -> Compiled:
    """The points of P-256 that are multiplied beforehand."""
    made = Compiled(Path(p256_table.__file__), (into / _TABLE_READER).with_name(p256_table.NAME))
    if not made.target.exists() or made.target.read_bytes() != p256_table.table():
        passing = made.target.with_suffix(f".{os.getpid()}.tmp")
        passing.write_bytes(p256_table.table())
        passing.replace(made.target)
    return made


def _stamp(source: Path) -> int:
    """The time that a compiled file bears: its source's, and in the nanoseconds the way of compiling.

    Equal means up to date, whatever order files were written in, and no file is away while another process makes it.
    """
    recipe = b"".join(Path(file).read_bytes() for file in (__file__, shorten.__file__))
    time_ns = source.stat().st_mtime_ns
    return time_ns - time_ns % _RECIPES + zlib.crc32(recipe) % _RECIPES


def _compile(one: Compiled, root: Path, architecture: str, short: bool) -> str:
    """Compile one file if need be; returns what mpy-cross had against it."""
    stamp = _stamp(one.source)
    if one.target.exists() and one.target.stat().st_mtime_ns == stamp:
        return ""
    one.target.parent.mkdir(parents=True, exist_ok=True)
    name = str(one.source.relative_to(root))
    passing = one.target.with_suffix(f".{os.getpid()}.tmp")
    source = one.source.read_text()
    compiled = one.target.with_suffix(f".{os.getpid()}.py")
    compiled.write_text(shorten.shortened(source) if short else source)
    # What a traceback calls it: as it is imported, since that word is on the heap already.
    module = ".".join(one.source.relative_to(root).with_suffix("").parts)
    command = [*mpy_cross(), "-s", module, "-o", str(passing)]
    if any(mark in source for mark in _MACHINE_CODE):
        command.append(f"-march={architecture}")
    if name.startswith(_ON_CHIP):
        command.append("-O3")  # which drops assertions, too: never of a test
    ran = subprocess.run([*command, str(compiled)], capture_output=True, text=True, check=False)
    compiled.unlink()
    if ran.returncode:
        passing.unlink(missing_ok=True)
        return f"{name}: {(ran.stderr or ran.stdout).strip()}"
    os.utime(passing, ns=(stamp, stamp))
    passing.replace(one.target)
    return ""


def main() -> int:
    """`make check`: compile everything and say what is refused."""
    try:
        done = image()
    except CompileError as error:
        print(error.args[0])
        return 1
    print(f"mpy-cross: {len(done)} files, {sum(one.octets for one in done)} octets")
    return 0


if __name__ == "__main__":
    sys.exit(main())
