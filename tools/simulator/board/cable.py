"""A USB cable: a pseudo-terminal whose one end a real serial program opens, and that can be pulled at any octet."""

import os
import select
import threading
import tty
from collections.abc import Callable

from tools.simulator.air.clock import VirtualLoop

_PIECE_OCTETS = 4096
# A program that reads empties a pseudo-terminal at once; where nobody reads, the chip's USB drops what it says.
_UNREAD_S_MAX = 0.5
_PASSING_S = 0.02


class Cable:
    """`plug()` gives the path to open; `pull()` ends it for both sides, in the midst of an octet's neighbours.

    `heard(octets)` is called in the loop with what the host sends; `say` may be called from any thread.
    `pull_at` octets from the host the cable is pulled, and `pulled()` called: what came before has arrived.
    """

    def __init__(self, loop: VirtualLoop, heard: Callable[[bytes], None], pulled: Callable[[], None]):
        self._loop = loop
        self._heard = heard
        self._pulled = pulled
        self._lock = threading.Lock()
        self._ends: tuple[int, int] | None = None
        self.path = ""
        self.heard_octets = 0
        self.pull_at: int | None = None

    @property
    def plugged(self) -> bool:
        """Whether it is in."""
        return self._ends is not None

    def plug(self) -> str:
        """Put it in; returns the path of the host's end."""
        assert self._ends is None
        ours, theirs = os.openpty()
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        self._ends = (ours, theirs)  # theirs stays open here, or a program's closing of it would look like a pull
        self.path = os.ttyname(theirs)
        self._loop.add_reader(ours, self._from_host)
        self._loop.outside += 1  # somebody out there lives in real time
        return self.path

    def pull(self) -> None:
        """Pull it out: the host's end is dead from now on."""
        if self._ends is None:
            return
        self._loop.remove_reader(self._ends[0])
        self._loop.outside -= 1
        with self._lock:
            for end in self._ends:
                os.close(end)
            self._ends = None
        self._pulled()

    def say(self, octets: bytes) -> None:
        """Send to the host; what it does not take in time is lost, as on the chip's USB."""
        waited_s = 0.0
        while octets:
            with self._lock:
                if self._ends is None:
                    return
                _, ready, _ = select.select([], [self._ends[0]], [], _PASSING_S)
                if ready:
                    octets = octets[os.write(self._ends[0], octets[:_PIECE_OCTETS]) :]
                    waited_s = 0.0
                    continue
            waited_s += _PASSING_S
            if waited_s >= _UNREAD_S_MAX:
                return

    def _from_host(self) -> None:
        assert self._ends is not None
        try:
            octets = os.read(self._ends[0], _PIECE_OCTETS)
        except OSError:
            return
        if self.pull_at is not None and self.heard_octets + len(octets) >= self.pull_at:
            octets = octets[: self.pull_at - self.heard_octets]
            self.pull_at = None
            self._take(octets)
            self.pull()
        else:
            self._take(octets)

    def _take(self, octets: bytes) -> None:
        self.heard_octets += len(octets)
        if octets:
            self._heard(octets)
