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


def _told(results):
    return "\n".join(f"{result.test}: {result.trouble}" for result in results if result.trouble)
