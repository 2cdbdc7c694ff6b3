"""What a hub runs from: the image as it lies on the chip, and the libraries that the chip has, compiled likewise.

boot.py and main.py stay source: MicroPython starts these two by their names, so they are kept short.
"""

import shutil
from pathlib import Path

from tools.host import compile as build

_STARTED_BY_NAME = ("boot.py", "main.py")
# What aioble's packages for a central bring: a hub is never a peripheral. (Its bonds are not kept by aioble.security.)
_AIOBLE = ("__init__", "core", "device", "central", "client", "security")


def hub_root(bits: int = 32) -> Path:
    """The folder that is the hub's root for this host's interpreter of so many bits, up to date."""
    architecture = build.HOST_ARCHITECTURE[bits]
    build.image(architecture=architecture)
    root = build.folder(architecture)
    for name in _STARTED_BY_NAME:
        target = root / name
        if not target.exists() or target.read_bytes() != (build.ROOT / name).read_bytes():
            shutil.copyfile(build.ROOT / name, target)
    return root


def hub_library(library: Path) -> Path:
    """aioble and umqtt out of `library`, compiled: on the chip they are .mpy files or frozen."""
    into = build.ROOT / "build" / ("library-" + library.resolve().as_posix().strip("/").replace("/", "-"))
    root = library.resolve()
    files = [root / "aioble" / f"{name}.py" for name in _AIOBLE if (root / "aioble" / f"{name}.py").exists()]
    files += sorted((root / "umqtt").rglob("*.py"))
    build.image(root=root, into=into, only=files, short=False)
    return into
