"""How a hub's interpreter is started: which one, with what heap, and where it finds its modules."""

import functools
import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CHIP = ROOT / "tools" / "simulator" / "chip"

HEAP_OCTETS = 192 * 1024  # the hub's heap (DESIGN section 6); tools/host/budget.py says the same


class MissingPart(Exception):
    """A part of the host that a run needs is not there; args[0] says which and how to get it."""


@functools.cache
def interpreter() -> tuple[str, ...]:
    """The command of a 32-bit MicroPython: $MICROPYTHON32, else what tools/host finds, else one on PATH."""
    named = os.environ.get("MICROPYTHON32")
    if named:
        return (named,)
    try:
        from tools.host import interpreter as finder
    except ImportError:
        pass
    else:
        return tuple(finder.command(32))
    found = shutil.which("micropython")
    if found is None:
        raise MissingPart("micropython", "make deps")
    return (found,)


def library() -> Path | None:
    """Where aioble/ and umqtt/ lie: $TELEHUB_LIB, else what `make deps` fetched, else the stand-in."""
    named = os.environ.get("TELEHUB_LIB")
    for candidate in (Path(named) if named else None, ROOT / ".deps" / "lib", ROOT / "tools" / "simulator" / "standin"):
        if candidate is not None and (candidate / "aioble").is_dir():
            return candidate
    return None


def command(heap_octets: int) -> list[str]:
    """The argument list that boots a hub with a heap of `heap_octets`."""
    return [*interpreter(), "-X", f"heapsize={heap_octets}", str(CHIP / "_boot.py")]


def environment(root: Path = ROOT, program: Path | None = None, preempted: bool = False) -> dict[str, str]:
    """What chip/_boot.py reads."""
    lib = library()
    env = {
        "MICROPYPATH": f"{CHIP}:.frozen",
        "TWIN_CHIP": str(CHIP),
        "TWIN_ROOT": str(root),
        "TWIN_LIB": str(lib) if lib is not None else "",
    }
    if program is not None:
        env["TWIN_PROGRAM"] = str(program)
    if preempted:
        env["TWIN_PREEMPTED"] = "1"
    return env
