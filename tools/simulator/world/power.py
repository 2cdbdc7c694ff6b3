"""Current, or none: the hub's boots, cuts inside the chip, hands at the plug, and what becomes of a hub that ends."""

from typing import TYPE_CHECKING

from firmware.hub import Reboot
from tools.simulator.world.boot import Boot

if TYPE_CHECKING:
    from tools.simulator.world.home import World

_BOOT_S = 1.2  # tools/simulator/costs.py
_CUT_S_MAX = 900.0  # a cut that nothing ran into by then is a plug that was pulled
_CRASHES_MAX = 20  # without an injected cause: then there is nothing more to learn from this run


class Hopeless(Exception):
    """The hub only ends itself; args[0] is how."""


class Power:
    """One hub's."""

    def __init__(self, world: "World"):
        self.boot: Boot | None = None
        self.boots = 0
        self._world = world
        self._unasked = 0  # crashes that nothing injected explains
        self._plugs_out: set[str] = set()
        self._cut: tuple[str, float, tuple[int, str] | None] | None = None

    def on(self, cause: str = "power on") -> None:
        """Current flows."""
        if self.boot is not None or self._plugs_out:
            return
        self._world.cells.power_on()
        self.boots += 1
        if self._cut is not None and self._cut[2] is not None:
            octet, tear = self._cut[2]
            self._world.cells.cut_at(octet=octet, tear=tear)
            self.cut_armed("double_cut", self._cut[1])
        self.boot = Boot(self._world, cause)

    def off(self) -> None:
        """No current."""
        boot, self.boot = self.boot, None
        if boot is not None:
            boot.end()
        for device in (*self._world.devices, self._world.people.impostor):
            if device is not None and device.link is not None:
                device.link.drop()
        self._world.network.open = None

    def lost(self) -> None:
        """The chip met its cut."""
        if self.boot is None:
            return
        off_s = _BOOT_S
        if self._cut is not None:
            name, off_s, again = self._cut
            self._world.injected(name)
            if again is None:
                self._cut = None
        self.off()
        self._world.loop.call_later(off_s, self.on)

    def cut_armed(self, name: str, off_s: float, again: tuple[int, str] | None = None) -> None:
        """A cut is planned in the cells."""
        self._cut = cut = (name, off_s, again)
        self._world.loop.call_later(_CUT_S_MAX, self._cut_late, cut)

    def all_over(self) -> None:
        """No cut is planned any more, every plug is in."""
        self._cut = None
        self._plugs_out.clear()
        self.on()

    def reset(self, boot: Boot, cause: str) -> None:
        """The chip starts over."""
        if boot is not self.boot:
            return
        if cause == "watchdog":
            self._world.checks.fails("P11", "the watchdog bit")
        self.off()
        self._world.air.mute = self._world.air.deaf = None  # a reset cures every radio
        self._world.loop.call_later(_BOOT_S, self.on, cause)

    def crashed(self, boot: Boot, text: str, error: BaseException | None = None) -> None:
        """An exception left the hub's loops: main.py starts anew."""
        if boot is not self.boot:
            return
        if isinstance(error, Reboot) and (self._world.struck["radio_mute"] or self._world.struck["radio_deaf"]):
            self.reset(boot, str(error))
            return
        if not isinstance(error, MemoryError):
            self._unasked += 1
            self._world.checks.fails("P11", f"the hub ended itself: {text.strip().splitlines()[-1]}\n{text}")
            if self._unasked > _CRASHES_MAX:
                self._world.loop.fail(Hopeless(text))
        self.reset(boot, "crash")

    def task_died(self, error: BaseException) -> None:
        """A task that nobody awaits ended; the hub goes on without it."""
        if not isinstance(error, MemoryError):
            self._world.checks.fails("P11", f"a task ended: {error!r}")

    def plugged(self, name: str, plugged_in: bool) -> None:
        """Somebody's hand at the plug."""
        if plugged_in:
            self._plugs_out.discard(name)
            self.on()
        else:
            if self.boot is not None:
                self._world.injected(name)
            self._plugs_out.add(name)
            self.off()

    def _cut_late(self, cut: tuple) -> None:
        """Nothing was programmed or erased meanwhile: the plug is pulled all the same."""
        if self._cut is cut and self.boot is not None:
            self._world.cells.cut_at()
            self.lost()
