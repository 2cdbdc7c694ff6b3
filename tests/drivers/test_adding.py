"""drivers/ADDING.md, followed to the letter in a copy of the tree."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_STEP = re.compile(r"^In `(\S+)`, (below|above) `([^\n]+)`:\n\n```python\n(.*?)```$", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^```sh\n(.*?)```$", re.MULTILINE | re.DOTALL)


def _follow(page, tree):
    """Do every edit of the page; return its commands."""
    steps = _STEP.findall(page)
    assert len(steps) == page.count("```python") > 0
    for path, side, line, added in steps:
        file = tree / path
        lines = file.read_text().splitlines(keepends=True)
        (at,) = [number for number, text in enumerate(lines) if line in text]
        lines.insert(at + (side == "below"), added)
        file.write_text("".join(lines))
    return [command for block in _COMMANDS.findall(page) for command in block.splitlines()]


@pytest.mark.needs("micropython32", "library")
def test_a_new_model_of_a_known_family_is_added_as_the_page_says_and_read(tmp_path):
    tree = tmp_path / "telehub"
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".*", "build", "__pycache__", "*.sqlite"))
    for name in (".deps", ".venv"):
        if (ROOT / name).exists():
            (tree / name).symlink_to(ROOT / name)
    commands = _follow((ROOT / "drivers" / "ADDING.md").read_text(), tree)
    told = []
    for command in commands:
        python, *arguments = command.split()
        assert python == "python"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tree, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(done.stdout)
    assert "1 passed" in told[0]
    assert "ad_ua999ble: A&D UA-999BLE" in told[1]
