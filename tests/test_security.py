"""SECURITY.md's threat model names tests: each of them exists, and no threat is without one."""

import ast
import re

from tools.host.interpreters import ROOT

TEXT = (ROOT / "SECURITY.md").read_text()
TABLE = [line for line in TEXT.splitlines() if line.startswith("| ") and "`test_" in line]
_MODEL = TEXT.partition("| who | threat |")[2].partition("**What remains.**")[0]
_ROWS = [line for line in _MODEL.splitlines()[2:] if line]


def names_of_tests():
    found = set()
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(node.name)
    return found


def test_each_threat_names_a_test_that_exists():
    assert len(_ROWS) >= 30 and _ROWS == TABLE
    known = names_of_tests()
    for line in _ROWS:
        tests = re.findall(r"`(test_\w+)`", line)
        assert tests, line
        assert set(tests) <= known, set(tests) - known


def test_every_kind_of_attacker_has_threats():
    told = {re.match(r"\| ([^|]+?) \|", line)[1] for line in _ROWS}
    for attacker in re.findall(r"\*(\w+)\*:", TEXT):
        assert attacker.lower() in told, attacker
