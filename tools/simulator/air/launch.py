"""How a hub's interpreter is started: which one, with what heap, and where it finds its modules."""

import functools
import os
import struct
from pathlib import Path

from tools.host import budget, image, interpreters
from tools.simulator.air import process

ROOT = Path(__file__).resolve().parents[3]
CHIP = ROOT / "tools" / "simulator" / "chip"


def interpreter() -> tuple[str, ...]:
    """The command of the MicroPython that runs the hub here ($MICROPYTHON32 first)."""
    named = os.environ.get("MICROPYTHON32")
    return (named,) if named else (interpreters.micropython().path,)


@functools.cache
def heap_factor(path: str) -> int:
    """How much wider everything on this interpreter's heap is than on the hub's."""
    found = interpreters.probe(path)
    return budget.HEAP_FACTOR_64_BIT if found is not None and found.bits == 64 else 1


def bits() -> int:
    """How wide its integers are: machine code is compiled for that."""
    if os.environ.get("MICROPYTHON32"):
        return 32
    found = interpreters.micropython().probe
    return found.bits if found else 32


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


def environment(
    root: Path | None = None,
    program: Path | None = None,
    preempted: bool = False,
    cable: bool = False,
    slots: bool = False,
) -> dict[str, str]:
    """What chip/_boot.py reads. `root`: the hub's root; without one, the image as it lies on the chip.

    `cable`: the hub runs what its own file system holds, and its prompt listens. `slots`: what its slots hold.
    """
    root = root or image.hub_root(bits())
    lib = library()
    lib = image.hub_library(lib) if lib is not None else None
    env = {
        "MICROPYPATH": f"{CHIP}:.frozen",
        "TWIN_CHIP": str(CHIP),
        "TWIN_ROOT": str(root),
        "TWIN_LIB": str(lib) if lib is not None else "",
    }
    if program is not None:
        env["TWIN_PROGRAM"] = str(program)
    if cable:
        env["TWIN_CABLE"] = "friendly"
    if preempted:
        env["TWIN_PREEMPTED"] = "1"
    if slots and program is None and not cable:
        env["TWIN_SLOTS"] = "1"
    return env


@functools.cache
def heap_share(argv: tuple[str, ...] | None = None) -> int:
    """Octets of the hub's heap that the twin's own modules take: measured once per interpreter."""
    argv = argv or interpreter()
    env = process.environment({**environment(), "TWIN_SHARE": "1"})
    asked = process.Process([*argv, "-X", "heapsize=1000000", str(CHIP / "_boot.py")], env, None, None)
    try:
        while True:
            op, payload = asked.receive()
            if op == process.PROGRAM_RESULT:
                return int(payload)
            # machine.py asks for the facts of the boot when it is imported.
            asked.send(process.ANSWER, 0, 0, 0, struct.pack("<B6sq", 1, bytes(6), 0))
    finally:
        asked.end()
