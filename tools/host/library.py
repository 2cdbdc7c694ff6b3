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
    "aioble/__init__.py": "735eb2f71c857b5f13db3b7f7179e49bfe8438bed42b8e6c89ac796121fe193c",
    "aioble/central.py": "3ffca35829b2ba978b5f72ab785514d2da2d11c7ada2395a021cf76d5dbe8502",
    "aioble/client.py": "b117e9070d19eed1ffb4728b3c50515b4a7377b9b4d5b116cf9989849b81852c",
    "aioble/core.py": "966d147542de50b8d4cbe06671a2a6d0633c0e426083b0ad2d6a888a03569414",
    "aioble/device.py": "056708daee94d94d1fbba22566b9cd3591ed002e1325a2baa8d8c922282108a7",
    "aioble/l2cap.py": "ca504df10240621f44854321a05e2b0354c36740cf83a8102669bd97c52edd88",
    "aioble/peripheral.py": "4aea6302bc0cc703a9f0b1fa44db0c0089daac736460ccd64dc33b9725e73b6c",
    "aioble/security.py": "bf550386331b9c35459ab626acce3e8d84f8799e2911ef420507a73f42d5fe9f",
    "aioble/server.py": "6253b57dd3d4fcdad4cc0226c3501fbcc63f7780e48b610f83b0de80f1d5bec4",
    "umqtt/simple.py": "3cfd101ef774e0c6f9543425650ddc36168a7bbf4b8b8b71667e27023dfd951f",
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
    return hashlib.sha256(_VERSION_LINE.sub(b"", content)).hexdigest()


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
