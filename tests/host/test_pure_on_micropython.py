"""The pure tests once more, on MicroPython with the heap of a hub."""

import pytest

from tools.host import run_pure
from tools.host.interpreters import ROOT

FILES = [str(file.relative_to(ROOT)) for file in run_pure.files()]


@pytest.mark.needs("micropython", "mpy-cross")
@pytest.mark.parametrize("name", FILES)
def test_on_micropython(name):
    candidate, _ = run_pure.interpreter_with_note()
    results = run_pure.run(ROOT / name, candidate)
    assert len(results) > 1, "no test function was found"
    assert not [result.trouble for result in results if result.trouble], _told(results)


@pytest.mark.needs("micropython", "mpy-cross")
def test_an_assertion_that_fails_is_seen_there():
    """Compiled without assertions every pure test passes, whatever is broken."""
    wrong = ROOT / "build" / "pure_wrong.py"
    wrong.parent.mkdir(exist_ok=True)
    wrong.write_text("def test_that_fails():\n    assert 1 + 1 == 3\n\n\ndef test_that_passes():\n    pass\n")
    candidate, _ = run_pure.interpreter_with_note()
    results = {result.test: result.trouble for result in run_pure.run(wrong, candidate)}
    assert "AssertionError" in results["test_that_fails"] and not results["test_that_passes"]


def _told(results):
    return "\n".join(f"{result.test}: {result.trouble}" for result in results if result.trouble)
