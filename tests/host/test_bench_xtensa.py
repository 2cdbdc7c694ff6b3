"""`make bench-xtensa` on a host that lacks its tools: exit code 3, and the one command that brings them."""

import json
import subprocess
import sys

import pytest

from tools.host.output import MISSING_PART
from tools.host.xtensa import bench


def test_what_is_missing_is_named_with_the_command_that_gets_it(capsys, monkeypatch):
    monkeypatch.setattr(bench.shutil, "which", lambda name, **_: None if "xtensa" in name else f"/usr/bin/{name}")
    monkeypatch.setattr(sys, "argv", ["bench", "--json"])
    with pytest.raises(SystemExit) as ended:
        bench.main()
    assert ended.value.code == MISSING_PART
    said = json.loads(capsys.readouterr().out)
    assert "gcc-xtensa-lx106" in said["error"]
    assert "qemu-system-misc" in said["error"]
    assert said["hint"].startswith("sudo apt-get install gcc-xtensa-lx106")


def test_a_program_that_fails_on_the_chip_is_no_figure(monkeypatch):
    def ran(said):
        return lambda *_, **__: subprocess.CompletedProcess([], 1, said, "")

    for said in ("Traceback (most recent call last):\n", '{"a_tick": 25}\n', ""):
        monkeypatch.setattr(bench.subprocess, "run", ran(said))
        with pytest.raises(bench.CommandError):
            bench._run()
