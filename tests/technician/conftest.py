"""A table with a provisioned board, and the flash of one that has the application and is nobody's yet: made once."""

import pytest

from tests.technician import made
from tools.simulator.board.workbench import Workbench


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """(workbench, programme, a board that is provisioned): what is left on it is as after one run."""
    programme = made.programme(tmp_path_factory.mktemp("road") / "p")
    with Workbench() as bench:
        (board,) = bench.add()
        outcome = made.provisioned(bench, board, programme)
        assert outcome.ok, outcome.text
        yield bench, programme, board


@pytest.fixture(scope="session")
def copied():
    """The flash of a board that has the application."""
    with Workbench() as bench:
        (board,) = bench.add()
        bench.work(made.install, board.path)
        board.pull()
        return board.hub.flash.cells["vfs"].copy()
