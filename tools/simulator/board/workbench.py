"""A technician's table: boards on cables, and time that passes while real programs talk to them."""

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from tools.simulator.air.world import World
from tools.simulator.board.board import TABLE, Board
from tools.simulator.board.rom import Fitted

PACE = 20.0  # virtual seconds in a real one: a program that waits for a board waits so much less
_OUI = bytes.fromhex("24d7eb")  # an Espressif address block

Given = ParamSpec("Given")
Made = TypeVar("Made")


async def _beat() -> None:
    """Boards that wait for a person are no deadlock."""
    while True:
        await asyncio.sleep(PACE)


def board_id(number: int) -> bytes:
    """The number burnt into the number-th board."""
    return _OUI + (0x0A1000 + number).to_bytes(3, "big")


class Workbench:
    """`with Workbench() as bench: bench.add(3); bench.work(function)`: blocking programs run beside the boards."""

    def __init__(self, seed: int = 1, pace: float = PACE):
        self.world = World(seed, pace=pace)
        self.boards: list[Board] = []

    def add(
        self, count: int = 1, plugged: bool = True, fitted: Fitted | None = None, network: bool = False, **options
    ) -> list[Board]:
        """Boards, with their cables in; `fitted`: new ones, with nothing on them; `network`: by RFC 2217."""
        options = {"table": TABLE, **options}
        numbers = range(len(self.boards), len(self.boards) + count)
        added = [Board(self.world.add_hub(board_id(number), **options), fitted, network) for number in numbers]
        self.boards += added
        for board in added:
            if plugged:
                board.plug()
        return added

    def paths(self) -> list[str]:
        """What a program opens, board by board."""
        return [board.path for board in self.boards]

    def work(self, function: Callable[Given, Made], *args: Given.args, **kwargs: Given.kwargs) -> Made:
        """Let a blocking program run while the boards live."""

        async def beside() -> Made:
            beat = asyncio.create_task(_beat())
            try:
                return await asyncio.to_thread(function, *args, **kwargs)
            finally:
                beat.cancel()

        made: Made = self.world.run(beside())
        return made

    def stay(self) -> None:
        """Let the boards live until somebody stops this."""
        self.world.run(_beat())

    def close(self) -> None:
        """Clear the table."""
        for board in self.boards:
            board.close()
        self.world.close()

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(self, *_error) -> None:
        self.close()
