"""One boot of the hub: its parts are made, its loops run, until something ends them. firmware/parts.py and main.py do
this on the chip.
"""

import asyncio
import json
import traceback
from typing import Any

from firmware.ble.pairing import Bonds
from firmware.devices import listed
from firmware.hub import Hub
from firmware.journal.journal import Journal
from firmware.timekeeping import BUILT_S, CLOCK_PLATFORM, Timekeeper
from firmware.uplink.session import Session
from tools.simulator.nor import PowerCut
from tools.simulator.world.chip import Button, Chance, Light, Watchdog
from tools.simulator.world.clock import Ticks
from tools.simulator.world.flash import HubFlash
from tools.simulator.world.line import Line
from tools.simulator.world.radio import Radio


class Boot:
    """The parts of one boot, under the names that the hub knows them by; `end` takes all power from them."""

    def __init__(self, world: Any, cause: str):
        self.world = world
        self.reset_cause = cause
        self.alive = True
        self.hub: Hub | None = None
        self._watchdog: Watchdog | None = None
        self.task = world.loop.create_task(self._run())

    # -- the parts

    def _make(self) -> Hub:
        world, settings = self.world, self.world.settings
        self.ticks = Ticks(world.loop, self._task_died)
        self._chance = Chance(f"{world.seed} chance {world.power.boots}")
        self.random_octets = self._chance.octets
        self.flash = HubFlash(world.cells, world.memory, world.power.lost)
        self.flash.before_erase = world.checks.before_erase
        self.flash.booting = True
        self.journal = Journal(self.flash, self.random_octets)
        self.flash.booting = False
        self.timekeeper = Timekeeper(self.ticks.now_ms, _floor_s(self.journal), self.journal.boot)
        self.bonds = Bonds(json.loads(world.bonds_file), self._save_bonds)
        self.radio = Radio(world.air, self.bonds, world.memory, world.told)
        self.line = Line(world.network, world.memory)
        self.session = Session(self.line, self.ticks, self.timekeeper, settings["broker"], world.identity.hub)
        self.light = Light(world.light_changed)
        self.button = Button()
        self.listed = listed
        self.hub_id = world.identity.keys.hub_id
        self.slots = self.retire_spare = None  # one application, in the board's root
        return Hub(self, settings, world.identity.keys)

    def aes(self, key: bytes):
        """Orders have their own tests on the twin; nobody gives any here."""
        raise NotImplementedError

    def set_chip_clock(self, unix_s: int) -> None:
        """mbedTLS may look at it; here nobody does."""

    def forget(self) -> None:
        """Code stays loaded on CPython."""

    loading = forget
    secure_element = None  # its keys are the software's

    def start_watchdog(self, limit_ms: int) -> Watchdog:
        """Once, and for ever."""
        self._watchdog = Watchdog(self.world.loop, limit_ms, lambda: self.world.power.reset(self, "watchdog"))
        return self._watchdog

    def _save_bonds(self, secrets: dict) -> None:
        if not self.alive:
            raise PowerCut
        self.world.bonds_file = json.dumps(secrets)

    # -- its life

    async def _run(self) -> None:
        try:
            self.hub = self._make()
            await self.hub.run()
            self.world.power.crashed(self, "the hub's loops ended")
        except asyncio.CancelledError:
            raise
        except PowerCut:
            self.world.power.lost()
        except BaseException as error:  # noqa: BLE001 - main.py prints it and starts anew
            self.world.power.crashed(self, "".join(traceback.format_exception(error)), error)

    def _task_died(self, error: BaseException) -> None:
        if isinstance(error, PowerCut):
            self.world.power.lost()
        else:
            self.world.power.task_died(error)

    def end(self) -> None:
        """No power: whatever of this boot is still to run does nothing."""
        if not self.alive:
            return
        self.alive = False
        for name in ("ticks", "flash", "_chance"):
            if hasattr(self, name):
                getattr(self, name).dead = True
        for name in ("radio", "line"):
            if hasattr(self, name):
                getattr(self, name).end()
        if self._watchdog is not None:
            self._watchdog.stop()
        if hasattr(self, "ticks"):
            self.ticks.end()
        self.task.cancel()

    def leap(self, seconds: float) -> None:
        """Time passes that nobody lives through."""
        if self._watchdog is not None:
            self._watchdog.stop()
        self.world.loop.leap(seconds)
        if self._watchdog is not None and self.alive:
            self._watchdog.feed()

    def quiet(self) -> bool:
        """Whether nothing is under way: no visit, nothing on the line."""
        hub = self.hub
        if hub is None:
            return False
        return not (hub.listening.visiting or self.line.busy or hub.window_open())


def _floor_s(journal: Journal) -> int:
    """As firmware/parts.py."""
    try:
        last = journal.read(journal.next_capture - 1)
    except ValueError:
        return BUILT_S
    return max(BUILT_S, last.time_s) if last.quality == CLOCK_PLATFORM else BUILT_S
