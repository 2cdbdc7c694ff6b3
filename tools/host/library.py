"""Where aioble and umqtt come from: `$TELEHUB_LIB`, else the real ones by `mip`, else the stand-in of our own.

On the chip aioble is installed with `mpremote mip install aioble` and umqtt.simple is frozen into the image. (The
package named aioble on Python's package index is another project.)
"""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tools.host.interpreters import DEPS, ROOT, micropython
from tools.host.output import MissingPart

FETCHED = DEPS / "lib"
STANDIN = ROOT / "tools" / "simulator" / "standin"

PACKAGES = {"aioble": "0.6.2", "umqtt.simple": "1.8.0"}

# mip checks no certificate and pins no version of a package's own dependencies: these hashes do.
SHA256 = {
    "aioble/__init__.py": "735eb2f71c857b5f",
    "aioble/central.py": "3ffca35829b2ba97",
    "aioble/client.py": "b117e9070d19eed1",
    "aioble/core.py": "966d147542de50b8",
    "aioble/device.py": "056708daee94d94d",
    "aioble/l2cap.py": "ca504df10240621f",
    "aioble/peripheral.py": "4aea6302bc0cc703",
    "aioble/security.py": "bf550386331b9c35",
    "aioble/server.py": "6253b57dd3d4fcda",
    "umqtt/simple.py": "3cfd101ef774e0c6",
}

_MIP_TIMEOUT_S = 10  # the stand-in is there; nobody should wait long for an index that does not answer

# The index adds this line to each file.
_VERSION_LINE = re.compile(rb"\n\n__version__ = '[^']*'\n\Z")


def find() -> tuple[Path, str]:
    """The folder that holds aioble/ and umqtt/, and whether they are "real" or a "standin"."""
    given = os.environ.get("TELEHUB_LIB", "")
    if given:
        folder = Path(given).resolve()
        if not _holds_both(folder):
            raise MissingPart(f"aioble/ and umqtt/ in TELEHUB_LIB ({given})", "unset TELEHUB_LIB")
        return folder, "standin" if folder == STANDIN else "real"
    if not wrong(FETCHED):
        return FETCHED, "real"
    if _holds_both(STANDIN):
        return STANDIN, "standin"
    raise MissingPart("aioble and umqtt", "TELEHUB_LIB=<a folder with aioble/ and umqtt/> make deps")


def real() -> Path:
    """The folder with the real ones; MissingPart when only the stand-in is here."""
    folder, kind = find()
    if kind != "real":
        raise MissingPart("the real aioble and umqtt", "make deps, when MicroPython's package index answers")
    return folder


def ensure(say: Callable[[str], None]) -> None:
    """Fetch the real ones when they are not here; say in one line what is used."""
    if not os.environ.get("TELEHUB_LIB") and wrong(FETCHED):
        say(f"aioble and umqtt: asking MicroPython's package index (at most {_MIP_TIMEOUT_S} s) …")
        reason = _fetch()
        if reason:
            say(f"  {reason}: the stand-in of this project is used in their place")
            return
    folder, kind = find()
    say(f"aioble and umqtt: {kind}" + (f", from {folder}" if os.environ.get("TELEHUB_LIB") else ""))


def wrong(folder: Path) -> list[str]:
    """The pinned files that this folder lacks or has otherwise."""
    return [name for name, digest in SHA256.items() if _digest(folder / name) != digest]


def _digest(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(_VERSION_LINE.sub(b"", content)).hexdigest()[:16]


def _holds_both(folder: Path) -> bool:
    return all(any((folder / name).glob("*.*py")) for name in ("aioble", "umqtt"))


def _fetch() -> str:
    """Install by the interpreter's own mip into a folder of ours; returns what went wrong, or nothing."""
    passing = DEPS / f"lib.{os.getpid()}"
    script = "import mip\n" + "".join(
        f"mip.install({name!r}, target={str(passing)!r}, version={version!r}, mpy=False)\n"
        for name, version in PACKAGES.items()
    )
    try:
        subprocess.run(
            [micropython().path, "-c", script], capture_output=True, text=True, check=True, cwd=DEPS,
            timeout=_MIP_TIMEOUT_S, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        differing = wrong(passing)
        if differing:
            return f"the index gave other files than the pinned ones ({', '.join(differing)})"
        shutil.rmtree(FETCHED, ignore_errors=True)
        for name in ("aioble", "umqtt"):  # and not `ssl`, which umqtt asks for: the twin has its own
            shutil.copytree(passing / name, FETCHED / name)
        return ""
    except MissingPart:
        return "there is no MicroPython to ask with"
    except (OSError, subprocess.SubprocessError):
        return "it does not answer"
    finally:
        shutil.rmtree(passing, ignore_errors=True)
