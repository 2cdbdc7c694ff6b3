"""What a supported kind costs a hub that meets no device of it: its name, and where to find its file."""

import re
import shutil
import subprocess

import pytest

import drivers
from tools.host import compile as build
from tools.host.budget import HUB_HEAP_OCTETS
from tools.host.interpreters import ROOT

OCTETS_MAX = 64  # of heap for each row
FEWER = 8

_SCRIPT = """
import gc
import drivers, firmware.contracts
gc.collect()
before = gc.mem_alloc()
print(before, len(drivers.ROWS))
row = drivers.row("glucose_meter")
gc.collect()
print(gc.mem_alloc() - before, row.title)
"""


def told(micropython32, folder, rows):
    """What the interpreter says of an image with these rows alone: octets once imported, rows, octets of a driver."""
    root = folder / "root"
    for name in ("drivers", "firmware/measurement"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "firmware" / "contracts.py", root / "firmware")
    source = root / "drivers" / "__init__.py"
    text = source.read_text()
    for row in set(drivers.ROWS) - set(rows):
        text, count = re.subn(rf'^    "{row}": "\w+",\n', "", text, flags=re.MULTILINE)
        assert count == 1, row
    source.write_text(text)
    build.image(root=root, into=folder / "mpy")
    ran = subprocess.run(
        [micropython32.path, "-X", f"heapsize={HUB_HEAP_OCTETS}", "-c", _SCRIPT], capture_output=True, text=True,
        check=True, cwd=folder, env={"MICROPYPATH": f"{folder}/mpy:.frozen"},
    )  # fmt: skip
    first, second = ran.stdout.splitlines()
    return (*map(int, first.split()), int(second.split()[0]))


@pytest.mark.needs("micropython32", "mpy-cross")
def test_an_idle_hub_pays_a_name_for_each_row(micropython32, tmp_path):
    few = ["glucose_meter", *[row for row in drivers.ROWS if row != "glucose_meter"][: FEWER - 1]]
    all_octets, all_rows, driver = told(micropython32, tmp_path / "all", drivers.ROWS)
    few_octets, few_rows, _ = told(micropython32, tmp_path / "few", few)
    assert (all_rows, few_rows) == (len(drivers.ROWS), FEWER)
    a_row = (all_octets - few_octets) / (all_rows - few_rows)
    print(f"{a_row:.1f} octets a row; glucose, when it is seen: {driver}")
    assert 0 < a_row <= OCTETS_MAX
    assert driver > 20 * a_row  # and no driver is among what an idle hub holds
