"""What a supported kind of device costs a hub that meets no device of it: its name, and where to find its file."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import drivers
from tools.host import compile as build
from tools.host import interpreters
from tools.host.bench.plan import Plan
from tools.host.budget import HUB_HEAP_OCTETS
from tools.host.figures import Figure
from tools.host.interpreters import ROOT

OCTETS_MAX = 64  # of heap for each row
FEWER = 8  # rows of the image that the whole is held against
SEEN = "glucose_meter"  # the largest driver: what it takes when its device is seen

_SCRIPT = f"""
import gc
import drivers, firmware.contracts
gc.collect()
before = gc.mem_alloc()
print(before, len(drivers.ROWS))
row = drivers.row("{SEEN}")
gc.collect()
print(gc.mem_alloc() - before)
"""


def measure(plan: Plan) -> Iterator[Figure]:
    """Heap per row of an idle hub, and of one driver while it is loaded."""
    interpreter = str(interpreters.micropython32().path)
    few_rows = [SEEN, *[row for row in drivers.ROWS if row != SEEN][: FEWER - 1]]
    with tempfile.TemporaryDirectory() as folder:
        every, driver = _octets(interpreter, Path(folder) / "all", drivers.ROWS)
        few, _ = _octets(interpreter, Path(folder) / "few", few_rows)
    a_row = (every - few) / (len(drivers.ROWS) - FEWER)
    yield Figure("kinds.idle_heap_octets", round(a_row, 1), "octets a row", OCTETS_MAX)
    yield Figure("kinds.largest_driver_heap_octets", driver, "octets while its device is there")


def _octets(interpreter: str, folder: Path, rows: Collection[str]) -> tuple[int, int]:
    """Live octets of an image with these rows alone, once imported; and what the largest driver adds."""
    root = folder / "root"
    for name in ("drivers", "firmware/measurement"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "firmware" / "contracts.py", root / "firmware")
    source = root / "drivers" / "__init__.py"
    text = source.read_text()
    for row in set(drivers.ROWS) - set(rows):
        text, count = re.subn(rf'^    "{row}": "\w+",\n', "", text, flags=re.MULTILINE)
        if count != 1:
            raise RuntimeError(f"drivers/__init__.py has {count} lines of {row}")
    source.write_text(text)
    build.image(root=root, into=folder / "mpy")
    ran = subprocess.run(
        [interpreter, "-X", f"heapsize={HUB_HEAP_OCTETS}", "-c", _SCRIPT], capture_output=True, text=True,
        check=True, cwd=folder, env={"MICROPYPATH": f"{folder}/mpy:.frozen"},
    )  # fmt: skip
    first, driver = ran.stdout.splitlines()
    octets, found = map(int, first.split())
    if found != len(rows):
        raise RuntimeError(f"the image has {found} rows, not {len(rows)}")
    return octets, int(driver)
