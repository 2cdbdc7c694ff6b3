"""`make mutants` breaks what it says, and tells what was seen from what was not."""

import json
import subprocess
import sys

from tools.host.interpreters import ROOT
from tools.host.mutants.mutate import broken_code, mutants

_SOURCE = '''
def clamp(value, most):
    if value > most:
        return most
    return value


def count(most):
    at = 0
    while at < most:
        at += 1
    return at


def alone(value):
    return value + 1
'''
_TEST = '''
from guarded import clamp, count

def test_clamp():
    assert clamp(5, 3) == 3 and clamp(2, 3) == 2

def test_count():
    assert count(3) == 3
'''
_PROGRAM = '''
import json, sys
from pathlib import Path
from tools.host.mutants.judge import judged
from tools.host.mutants.mutate import mutants
root = Path(sys.argv[1])
found = judged(root, mutants(root, "guarded.py", 9), [str(root), f"--rootdir={root}"], 2, lambda done, of: None)
left = [[str(one) for one in some] for some in (found.survived, found.uncalled)]
print(json.dumps([found.killed, found.hung, *left]))
'''


def _ways(tmp_path):
    (tmp_path / "guarded.py").write_text(_SOURCE)
    return mutants(tmp_path, "guarded.py", 9)


def test_each_way_breaks_one_thing_and_the_file_stays_as_it_is(tmp_path):
    said = {}
    for mutant in _ways(tmp_path):
        names = {}
        exec(compile(_SOURCE, "guarded.py", "exec"), names)
        names[mutant.function].__code__ = broken_code(tmp_path, mutant)
        if mutant.function == "clamp":
            said[mutant.line, mutant.what] = [names["clamp"](value, 3) for value in (2, 3, 5)]
    assert said == {
        (3, "Gt -> GtE"): [2, 3, 3],  # the same: no test can see it
        (3, "if True"): [3, 3, 3],
        (3, "if False"): [2, 3, 5],
        (4, "return None"): [2, 3, None],
        (5, "return None"): [None, None, 3],
    }
    assert (tmp_path / "guarded.py").read_text() == _SOURCE
    assert mutants(tmp_path, "guarded.py", 1) == mutants(tmp_path, "guarded.py", 1)


def test_a_decorated_function_is_called_by_the_line_that_its_code_says(tmp_path):
    """Properties counted as never called, whatever called them: their code begins with the decorator."""
    source = "class Box:\n    @property\n    def full(self):\n        return self.count > 3\n"
    (tmp_path / "box.py").write_text(source)
    names = {}
    exec(compile(source, "box.py", "exec"), names)
    first = names["Box"].full.fget.__code__.co_firstlineno
    assert {mutant.first_line for mutant in mutants(tmp_path, "box.py", 9)} == {first} == {2}


def test_killed_hung_survived_and_never_called_are_told_apart(tmp_path):
    count = len(_ways(tmp_path))
    (tmp_path / "test_guarded.py").write_text(_TEST)
    ran = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": f"{ROOT}:{tmp_path}", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    killed, hung, survived, uncalled = json.loads(ran.stdout.splitlines()[-1])
    assert survived == ["guarded.py:3 clamp: Gt -> GtE", "guarded.py:9 count: 0 -> 1"]  # both change nothing
    assert hung == 1  # at stays where it is
    assert len(uncalled) == 3 and all("alone" in one for one in uncalled)
    assert killed == count - hung - len(survived) - len(uncalled) > 5
