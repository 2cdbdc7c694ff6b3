"""Small programs of the tests on the twin: the whole library and all sources in reach, no image."""

import asyncio
from pathlib import Path

from tools.host import library
from tools.simulator.air import launch
from tools.simulator.air.world import World

_HEAP_OCTETS = 320 * 1024  # sources are compiled in place
_HUB_ID = bytes.fromhex("24d7eb000002")


class ProgramFailed(Exception):
    """The program on the hub ended with an exception; args[0] is its text."""


async def run_on_hub(world: World, program: Path) -> str:
    """Run a program until it ends; gives its global `result` as text."""
    hub = world.add_hub(_HUB_ID, heap_octets=_HEAP_OCTETS)
    ended = asyncio.Event()
    hub.on_power.append(lambda on: None if on else ended.set())
    environment = launch.environment(root=launch.ROOT, program=program)
    environment["TWIN_LIB"] = str(library.find()[0])  # whole: a hub's image holds what the hub uses
    hub.boot(launch.command(_HEAP_OCTETS), environment)
    await ended.wait()
    if hub.exit_code != 0:
        raise ProgramFailed(hub.result)
    return hub.result
