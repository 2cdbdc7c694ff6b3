"""`telehub demo` as people run it: a process of its own, and what it left."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tools/host/cpython"))), "COLUMNS": "80"}
RUN_S_MAX = 300  # of wall time; it takes a tenth of that where nobody else is at work


def argv(*arguments) -> list[str]:
    return [sys.executable, "-m", "tools.cli", "demo", *map(str, arguments)]


def demo(*arguments, **options) -> subprocess.CompletedProcess[str]:
    """Run it to its end, without a terminal."""
    return subprocess.run(
        argv(*arguments), cwd=ROOT, env=ENV, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=RUN_S_MAX, check=False, **options,
    )  # fmt: skip


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run_json(folder: Path) -> dict:
    return json.loads((folder / "run.json").read_text())
