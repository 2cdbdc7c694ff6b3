"""A world made from one seed: clock, radio space, home network, hubs and whatever devices are put into it."""

import asyncio
import logging
import os
import random
import struct
import tempfile
from collections.abc import Awaitable
from datetime import datetime
from pathlib import Path
from typing import Any

from tools.host import budget, shorten
from tools.simulator.air import launch, process
from tools.simulator.air.board import Board
from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.controller import seed_bumble
from tools.simulator.air.flash import TABLE, FlashChip
from tools.simulator.air.hub import PWRON_RESET, Hub, Preemption
from tools.simulator.air.link import HOP_S, Link
from tools.simulator.air.nimble import Nimble
from tools.simulator.air.wifi import Router, Station
from tools.simulator.costs import Costs

START = "2026-01-05T07:55:00+00:00"  # a Monday morning
DAY_S = 86_400
_STAT_PROCESSOR = 36  # proc(5): field 39 of stat, counted after the command's closing parenthesis
_OURS = str(Path(__file__).parents[1])  # tools/simulator


class HubStopped(Exception):
    """boot.py or main.py ended: args[0] is what stopped it."""


class ProgramFailed(Exception):
    """A given program ended with an error: args[0] is its text."""


class _BumbleErrors(logging.Handler):
    """Bumble logs what its listeners raise and goes on: when that came from our own code, it ends the run."""

    def __init__(self, loop: VirtualLoop):
        super().__init__(logging.ERROR)
        self._loop = loop

    def emit(self, record: logging.LogRecord) -> None:
        """Look whose error it is."""
        error = record.exc_info[1] if record.exc_info else None
        at = error.__traceback__ if error is not None else None
        while error is not None and at is not None:
            if _OURS in at.tb_frame.f_code.co_filename:
                self._loop.fail(error)
                return
            at = at.tb_next


def _keep_on_one_core() -> set[int] | None:
    """Stay on the core that this process runs on; the hubs inherit it. Gives what to restore.

    In lock step one process waits whenever another runs: on two cores each hand-over costs a wake-up of a sleeping
    core, and the whole run takes twice as long.
    """
    try:
        before = os.sched_getaffinity(0)
        now = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[_STAT_PROCESSOR])
        os.sched_setaffinity(0, {now})
    except (AttributeError, OSError):  # not Linux
        return None
    return before


class TwinHub(Hub):
    """A hub with all its parts; made by World.add_hub."""

    def __init__(self, world: "World", unique_id: bytes, heap_octets: int, host: str, errno: str, **options):
        name = unique_id.hex()
        chance = random.Random(f"hub {name} {world.seed}")
        super().__init__(
            world.loop, name, chance, world.costs, **{"preemption": world.preemption, **options.pop("hub", {})}
        )
        self.world = world
        self.unique_id = unique_id
        self.heap_octets = heap_octets
        self.board = Board(self, unique_id, random.Random(f"urandom {name} {world.seed}"))
        self.flash = FlashChip(self, options.pop("table", TABLE), options.pop("erased", "ff"), world.seed)
        # The ESP32's Bluetooth address is its base address plus two.
        public = (int.from_bytes(unique_id, "big") + 2).to_bytes(6, "big")
        self.nimble = Nimble(self, world.link, public, random.Random(f"radio {name} {world.seed}"), host, errno)
        self.station = Station(self, world.router, len(world.hubs))
        self.crashes: list[str] = []
        self.down = asyncio.Event()
        """Set while it has no power (a reset does not set it)."""
        self.log_path = world.folder / f"{name}.log"
        self._log = self.log_path.open("ab")
        self.stdout: Any = self._log
        """Where what it prints goes: its log, or the serial line that somebody puts here."""
        self.on_cable = False
        """Whether it is a board (simulator/board/): it runs what its own file system holds, and its prompt listens."""
        self.environment: dict[str, str] = {}
        self.on_down = self._went_down
        assert not options

    def start(self, root: Path | None = None, program: Path | None = None, cause: int = PWRON_RESET) -> None:
        """Give it power: boot.py and main.py of `root`, or one program."""
        slots = any(row.label == "app_a" for row in self.flash.table)
        self.environment = launch.environment(root, program, self.preemption.probability > 0, self.on_cable, slots)
        self.on_result = None if program else self._on_stopped
        self.down.clear()
        self._begin(cause)

    async def weigh(self) -> tuple[int, int]:
        """(octets free on its heap after a collection, tasks that have not ended)."""
        told: asyncio.Future[bytes | None] = self.loop.create_future()
        self.post(process.WEIGH_EVENT, b"", told.set_result)
        free, tasks = struct.unpack("<IH", await told or b"")
        return free, tasks

    def output(self) -> str:
        """What it printed since the world began."""
        return self.log_path.read_text(errors="replace")

    def _begin(self, cause: int) -> None:
        share = launch.heap_share()
        self.boot(
            launch.command(self.heap_octets * launch.heap_factor(launch.interpreter()[0]) + share),
            self.environment,
            str(self.world.folder),
            self.stdout,
            cause,
            after_ms=self.costs.ms("boot"),
        )

    def _on_stopped(self, text: str) -> None:
        text = shorten.readable(text, launch.ROOT)
        self.crashes.append(text)
        if self.world.crash_fails:
            self.loop.fail(HubStopped(text))

    def _went_down(self, cause: int | None) -> None:
        if cause is None:
            self.down.set()
        elif not self.world.closed:
            self.loop.call_soon(self._begin, cause)

    def close(self) -> None:
        """End its process and its log."""
        self.on_down = None
        self.power_cut()
        self._log.close()


class World:
    """Joins loop, link, network, hubs and devices.

    `await world.run_program(hub, program)` runs one file on a hub; `world.boot(hub)` gives it power for boot.py and
    main.py. A hub that resets itself starts again; one that loses power stays off until it is booted.
    """

    def __init__(
        self,
        seed: int,
        pace: float = 0,
        start: str = START,
        costs_scale: float = 1.0,
        preemption: Preemption | None = None,
        ceiling_s: float = 30 * DAY_S,
        hop_s: float = HOP_S,
    ):
        self.seed = seed
        self._cores = _keep_on_one_core()
        self.loop = VirtualLoop(pace, ceiling_s)
        asyncio.set_event_loop(self.loop)
        self.chance = random.Random(f"world {seed}")
        seed_bumble(random.Random(f"bumble {seed}"))
        self._bumble_errors = _BumbleErrors(self.loop)
        bumble = logging.getLogger("bumble")
        bumble.setLevel(logging.ERROR)
        bumble.propagate = False
        bumble.addHandler(self._bumble_errors)
        self.costs = Costs(costs_scale)
        self.preemption = preemption or Preemption()
        self.start_s = datetime.fromisoformat(start).timestamp()
        self.link = Link(self.loop, random.Random(f"link {seed}"), hop_s)
        self.router = Router()
        self.hubs: list[TwinHub] = []
        self.crash_fails = True
        self.closed = False
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-world-")
        self.folder = Path(self._folder.name)
        from tools.simulator.air.net_home import Home

        self.home = Home(self.loop, self.time)
        self.net = self.home.net

    def time(self) -> float:
        """Unix seconds of virtual time."""
        return self.start_s + self.loop.time()

    # -- hubs

    def add_hub(
        self,
        unique_id: bytes = bytes.fromhex("24d7eb0a1b2c"),
        heap_octets: int = budget.HUB_HEAP_OCTETS,
        host: str = "esp",
        errno: str = "newlib",
        **options,
    ) -> TwinHub:
        """A blank hub without power. Options: table, erased (FlashChip); hub (a dict for Hub: ticks_start, ...)."""
        hub = TwinHub(self, unique_id, heap_octets, host, errno, **options)
        self.hubs.append(hub)
        self.net.attach(hub, hub.station)
        return hub

    def boot(self, hub: TwinHub, root: Path | None = None) -> None:
        """Put the plug in."""
        hub.start(root)

    async def run_program(self, hub: TwinHub, program: Path | str, limit_s: float = 600) -> str:
        """Boot a hub for one program (a path, or its text); return the text of its global `result`."""
        if isinstance(program, str):
            path = self.folder / "program.py"
            path.write_text(program)
            program = path
        hub.start(program=program)
        try:
            await asyncio.wait_for(hub.down.wait(), limit_s)
        except TimeoutError:
            hub.power_cut()
            raise ProgramFailed("out of time") from None
        if hub.exit_code:
            raise ProgramFailed(hub.result or hub.output()[-2000:] or f"exit code {hub.exit_code}")
        return hub.result or ""

    def heap_peak(self, hub: TwinHub) -> int:
        """The most octets seen alive on its heap, the twin's own taken off."""
        return hub.counters.heap_peak

    # -- running

    def run(self, until: Awaitable | float):
        """Run a coroutine to its end, or for so many virtual seconds."""
        if isinstance(until, (int, float)):
            until = asyncio.sleep(until)
        return self.loop.run_until_complete(until)

    def press(self, device, reading):
        """A user measures."""
        return device.press(reading)

    def close(self) -> None:
        """End every process and file."""
        if self.closed:
            return
        self.closed = True
        logging.getLogger("bumble").removeHandler(self._bumble_errors)
        for hub in self.hubs:
            hub.close()
        self.net.close()
        self.loop.set_exception_handler(lambda loop, context: None)
        self.loop.run_until_complete(self._end_tasks())
        self.loop.close()
        self._folder.cleanup()
        if self._cores is not None:
            os.sched_setaffinity(0, self._cores)

    async def _end_tasks(self) -> None:
        tasks = asyncio.all_tasks(self.loop) - {asyncio.current_task(self.loop)}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __enter__(self) -> "World":
        return self

    def __exit__(self, *_) -> None:
        self.close()
