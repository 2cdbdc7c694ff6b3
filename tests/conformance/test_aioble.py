"""aioble as its documentation and its behaviour promise, on the twin: the real one and the stand-in alike."""

import json
from functools import cache
from pathlib import Path

import pytest

from tests.conformance.libraries import each_library
from tests.conformance.peer import ADDRESS, NAME, ConformancePeer
from tests.simulator.twin import run_on_hub
from tools.simulator.air.controller import make_device
from tools.simulator.air.world import World

HERE = Path(__file__).parent


def _checks() -> list[tuple[str, str]]:
    """(program, name) of every check, so that each is a test of its own."""
    found = []
    for program in ("links", "values"):
        text = (HERE / f"program_aioble_{program}.py").read_text()
        lines = text[text.rindex("report(") :].splitlines()
        found += [(program, line.strip(" ,")) for line in lines if "check_" in line]
    return found


@cache
def _report(program: str, library_folder: Path) -> dict[str, str]:
    """Run a program once; what it says of each check."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELEHUB_LIB", str(library_folder))
        world = World(seed=1)
        try:
            return json.loads(world.run(_story(world, program)))
        finally:
            world.close()


async def _story(world, program: str) -> str:
    peer = ConformancePeer(make_device(world.link, NAME, ADDRESS))
    await peer.start()
    return await run_on_hub(world, HERE / f"program_aioble_{program}.py")


@each_library
@pytest.mark.needs("micropython32")
@pytest.mark.parametrize(("program", "check"), _checks())
def test_aioble(library_folder, program, check):
    assert _report(program, library_folder)[check] == "ok"
