"""Small programs of the tests on the twin: the whole library and all sources in reach, no image."""

import asyncio
from pathlib import Path

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
    hub.boot(launch.command(_HEAP_OCTETS), launch.environment(program=program))
    await ended.wait()
    if hub.exit_code != 0:
        raise ProgramFailed(hub.result)
    return hub.result
