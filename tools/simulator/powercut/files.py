"""Settings and bonds under power cuts, on the real LittleFS: `on_littlefs.py` runs on a MicroPython of this host."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tools.host.interpreters import ROOT
from tools.host.run_pure import interpreter_with_note
from tools.simulator.powercut.points import Cuts

_PROGRAM = Path(__file__).with_name("on_littlefs.py")
_TIMEOUT_S = 3600  # a machine that others use too
_HEAP = "4000k"  # the chip's cells and their copies; the firmware's own part is small


def run(seed: int, step: int, firsts: int, base: int, point: str | None = None) -> Cuts:
    """Try each `step`-th point, and second cuts after `firsts` of them; numbers go on from `base`. MissingPart."""
    candidate, _note = interpreter_with_note()
    command = [candidate.path, "-X", f"heapsize={_HEAP}", str(_PROGRAM), str(seed), str(step), str(firsts)]
    ran = subprocess.run(
        [*command, *([point] if point else [])], capture_output=True, text=True, check=False, timeout=_TIMEOUT_S,
        stdin=subprocess.DEVNULL, env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
    )  # fmt: skip
    lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
    if ran.returncode or not lines or "single_cuts" not in lines[-1]:
        raise RuntimeError(f"the proof of files ended with {ran.returncode}: {ran.stdout[-500:]}{ran.stderr[-1500:]}")
    tally = Cuts(**lines[-1])
    tally.failures = [(_numbered(line, base), line["broken"]) for line in lines[:-1]]
    return tally


def _numbered(line: dict[str, Any], base: int) -> str:
    first, colon, second = line["point"].partition(":")
    return f"{base + int(first)}{colon}{second}"
