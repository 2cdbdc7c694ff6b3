"""The serial line's end in the chip, for the twin's prompt (chip/_repl.py): what was sent waits here to be read."""

from collections.abc import Callable

from tools.simulator.air.hub import SOFT_RESET
from tools.simulator.air.world import TwinHub

_READ, _MODE = 45, 46
_INTERRUPT_EVENT = 65
_LISTENING, _RUNNING, _TO_RAW, _TO_FRIENDLY, _RAN = range(5)
_CTRL_C = b"\x03"
_PIECE_OCTETS = 256
RECEIVED_OCTETS_MAX = 65_536  # more than any program sends before it waits; the chip's own buffer pushes back


class Console:
    """Serves the two calls of the prompt, and hands Ctrl-C to whatever runs.

    `commands` counts what was executed since the board was made. `cut_at` is (number, moment): the power fails when
    that command is `before` being executed, or `after` it, with its answer unsaid. `watching` hears of both moments.
    """

    def __init__(self, hub: TwinHub, cut: Callable[[], None]):
        self._hub = hub
        self._cut = cut
        self._received = bytearray()
        self._running = self._resetting = False
        self._listened = False  # whether the prompt was reached: what runs before it is no command
        self.commands = 0
        self.cut_at: tuple[int, str] | None = None
        self.watching: Callable[[int, str], None] = lambda _number, _moment: None
        hub.services.update({_READ: self._read, _MODE: self._mode})
        hub.on_power.append(self._power)

    def heard(self, octets: bytes) -> None:
        """Take what came over the line."""
        if self._running and _CTRL_C in octets:
            octets = octets.replace(_CTRL_C, b"")
            self._hub.notify(_INTERRUPT_EVENT)
        assert len(self._received) + len(octets) <= RECEIVED_OCTETS_MAX
        self._received += octets
        if octets and self._hub.alive:
            self._hub.wake()

    def _read(self, _payload: bytes) -> bytes:
        piece = bytes(self._received[:_PIECE_OCTETS])
        del self._received[: len(piece)]
        return piece

    def _mode(self, payload: bytes) -> None:
        told = payload[0]
        if told == _RUNNING and self._listened:
            self.commands += 1
            self._passing("before")
        elif told == _RAN:
            self._passing("after")
        elif told in (_TO_RAW, _TO_FRIENDLY):
            self._resetting = True
            self._hub.environment["TWIN_CABLE"] = "raw" if told == _TO_RAW else "friendly"
        if told == _LISTENING:
            self._listened = True
        self._running = told == _RUNNING

    def _passing(self, moment: str) -> None:
        self.watching(self.commands, moment)
        if self.cut_at == (self.commands, moment):
            self.cut_at = None
            self._cut()

    def _power(self, on: bool) -> None:
        self._running = self._listened = False
        if not on:
            if not self._resetting:
                self._hub.environment["TWIN_CABLE"] = "friendly"
            self._resetting = False
        elif self._hub.reset_cause != SOFT_RESET:
            self._received.clear()
