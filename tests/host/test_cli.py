"""The contract that all commands share: exit codes, errors with --json, absent rather than a stub."""

import json
import subprocess
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from tools import cli
from tools.host.figures import Figure
from tools.host.interpreters import ROOT
from tools.host.output import MissingPart, Output, WrongUse


def run(capsys, *arguments):
    code = cli.run(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def failing(monkeypatch):
    """A command that raises what it is given."""

    def give(error):
        def command(as_json: bool = False) -> None:
            raise error

        module = ModuleType("failing_command")
        module.__spec__ = ModuleSpec("failing_command", None)
        module.command = command
        monkeypatch.setitem(sys.modules, "failing_command", module)
        monkeypatch.setitem(cli.COMMANDS, "failing", ("failing_command", "command"))

    return give


@pytest.mark.parametrize("arguments", [("unheard-of",), ("size", "--unheard-of"), ()])
def test_wrong_use_is_2_and_says_what_would_help(capsys, arguments):
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert "--help" in err
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 2
    assert set(json.loads(out)) == {"error", "hint"}


def test_a_missing_part_is_3_with_the_command_that_gets_it(capsys, failing):
    failing(MissingPart("mosquitto", "sudo apt-get install mosquitto"))
    code, out, err = run(capsys, "failing")
    assert (code, out) == (3, "")
    assert "sudo apt-get install mosquitto" in err
    code, out, _ = run(capsys, "failing", "--as-json")
    assert code == 3


def test_errors_of_a_command_keep_their_exit_code_with_json(capsys, failing):
    failing(WrongUse("no such scenario", "telekol or telehjerte"))
    code, out, _ = run(capsys, "failing", "--json")
    assert code == 2
    assert set(json.loads(out)) == {"error", "hint"}


def test_help_lists_what_exists_and_nothing_else():
    listed = cli.Commands(name="telehub").list_commands(None)
    missing = [name for name, (module, _) in cli.COMMANDS.items() if not cli.exists(module)]
    assert "size" in listed
    assert not set(listed) & set(missing)


def test_every_listed_command_has_help():
    for name in cli.Commands(name="telehub").list_commands(None):
        ran = subprocess.run(
            [sys.executable, "-m", "tools.cli", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr


def test_size_prints_figures_and_ends_with_a_summary(capsys):
    code, out, _ = run(capsys, "size", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    fields = {"figure", "value", "unit", "target", "bound", "peer", "peer_value", "ratio", "runs", "ok"}
    assert all(set(line) == fields for line in lines[:-1])
    assert lines[-1]["summary"] == "size"
    assert (code == 0) == lines[-1]["ok"]


def test_a_figure_without_a_value_does_not_keep_its_target():
    assert Figure("a", 3, "s", 3).ok
    assert not Figure("a", 4, "s", 3).ok
    assert Figure("a", 4, "s", 3, bound="min").ok
    assert not Figure("a", None, "s", 3).ok
    assert Figure("a", 4, "s", peer="b", peer_value=8).line()["ratio"] == 0.5


def test_a_bad_result_is_1(capsys):
    assert Output(True).summary("verify", ok=False) == 1
    assert json.loads(capsys.readouterr().out) == {"summary": "verify", "ok": False}
