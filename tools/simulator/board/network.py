"""A serial line over the network (RFC 2217), on loopback: it carries the two lines by which a computer resets a board.

The protocol is pyserial's own; here is only what stands where a serial port would: RTS holds the chip in reset, and
when it lets go DTR says whether the ROM's loader is wanted (GPIO0), as on boards with a USB-to-serial chip.
"""

import socket
import threading
from collections.abc import Callable

from serial.rfc2217 import PortManager

from tools.simulator.air.clock import VirtualLoop

_PIECE_OCTETS = 1024


class _Port:
    """What pyserial's port manager asks of a port; `moved(rts, dtr)` hears of the lines."""

    def __init__(self, moved: Callable[[bool, bool], None]):
        self.baudrate, self.bytesize, self.parity, self.stopbits = 115200, 8, "N", 1
        self.xonxoff = self.rtscts = self.break_condition = False
        self.cts = self.dsr = self.ri = self.cd = False
        self._moved = moved
        self._rts = self._dtr = False

    @property
    def rts(self) -> bool:
        return self._rts

    @rts.setter
    def rts(self, level: bool) -> None:
        self._rts = level
        self._moved(self._rts, self._dtr)

    @property
    def dtr(self) -> bool:
        return self._dtr

    @dtr.setter
    def dtr(self, level: bool) -> None:
        self._dtr = level
        self._moved(self._rts, self._dtr)

    def reset_input_buffer(self) -> None:
        """Nothing is kept here."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept here."""


class NetworkCable:
    """Used as a Cable (cable.py); `reset(to_loader)` is called in the loop when the computer has reset the chip."""

    def __init__(
        self,
        loop: VirtualLoop,
        heard: Callable[[bytes], None],
        pulled: Callable[[], None],
        held: Callable[[], None],
        reset: Callable[[bool], None],
    ):
        self._loop = loop
        self._heard, self._pulled, self._held, self._reset = heard, pulled, held, reset
        self._listening: socket.socket | None = None
        self._connection: socket.socket | None = None
        self._manager: PortManager | None = None
        self._lock = threading.Lock()
        self._in_reset = False
        self.path = ""
        self.heard_octets = 0
        self.pull_at: int | None = None

    @property
    def plugged(self) -> bool:
        """Whether it is in."""
        return self._listening is not None

    def plug(self) -> str:
        """Put it in; returns the address of the host's end."""
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.path = f"rfc2217://127.0.0.1:{self._listening.getsockname()[1]}"
        self._loop.outside += 1
        threading.Thread(target=self._serve, args=(self._listening,), name=self.path, daemon=True).start()
        return self.path

    def pull(self) -> None:
        """Pull it out."""
        if self._listening is None:
            return
        listening, self._listening = self._listening, None
        listening.close()
        if self._connection is not None:
            self._connection.close()
        self._loop.outside -= 1
        self._pulled()

    def say(self, octets: bytes) -> None:
        """Send to the host, if one is there."""
        if self._manager is not None:
            self.write(b"".join(self._manager.escape(octets)))

    def write(self, octets: bytes) -> None:
        """The port manager's way out."""
        with self._lock:
            try:
                if self._connection is not None:
                    self._connection.sendall(octets)
            except OSError:
                pass

    def _serve(self, listening: socket.socket) -> None:
        """One computer after the other."""
        while True:
            try:
                self._connection, _ = listening.accept()
                self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._manager = PortManager(_Port(self._moved), self)
                while octets := self._connection.recv(_PIECE_OCTETS):
                    told = b"".join(self._manager.filter(octets))
                    if told:
                        self._loop.call_soon_threadsafe(self._take, told)
            except OSError:
                if self._listening is not listening:
                    return
            self._manager = self._connection = None

    def _take(self, octets: bytes) -> None:
        self.heard_octets += len(octets)
        self._heard(octets)

    def _moved(self, rts: bool, dtr: bool) -> None:
        if rts and not self._in_reset:
            self._in_reset = True
            self._loop.call_soon_threadsafe(self._held)
        elif self._in_reset and not rts:
            self._in_reset = False
            self._loop.call_soon_threadsafe(self._reset, dtr)
