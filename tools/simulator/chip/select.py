"""The chip's `select`, in virtual time.

The C poll sleeps a real millisecond whenever an object without a descriptor is registered (ThreadSafeFlag, so all of
aioble), even for timeout 0. Such objects are asked here through their `ioctl`; objects that only C can ask (TLS
sockets) and real descriptors are left to the C poll with timeout 0.
"""

import _seam
import uselect
import vfs
from micropython import const

POLLIN = const(1)
POLLOUT = const(4)
POLLERR = const(8)
POLLHUP = const(16)

_IOCTL_POLL = const(3)

# Always ready: with it among its objects the C poll returns at once instead of sleeping a real millisecond.
_always = vfs.VfsPosix("/dev").open("/zero", "rb")


class poll:
    """Objects and the events that they are asked for, in order of registration."""

    def __init__(self):
        self._asked = []  # [object, events]; a list: a dict's order would follow addresses
        self._left_to_c = None
        self._left_count = 0

    def _find(self, obj):
        for entry in self._asked:
            if entry[0] is obj:
                return entry
        return None

    def register(self, obj, events=POLLIN | POLLOUT):
        """Ask `obj` too, or change what it is asked for."""
        entry = self._find(obj)
        if entry is not None:
            entry[1] = events
        elif hasattr(obj, "ioctl"):
            self._asked.append([obj, events])
        else:
            if self._left_to_c is None:
                self._left_to_c = uselect.poll()
                self._left_to_c.register(_always, POLLIN)
            self._left_to_c.register(obj, events)
            self._left_count += 1

    def modify(self, obj, events):
        """Change what `obj` is asked for."""
        entry = self._find(obj)
        if entry is not None:
            entry[1] = events
        elif self._left_to_c is not None:
            self._left_to_c.modify(obj, events)
        else:
            raise OSError(2)

    def unregister(self, obj):
        """Ask `obj` no longer."""
        entry = self._find(obj)
        if entry is not None:
            self._asked.remove(entry)
        elif self._left_to_c is not None:
            self._left_to_c.unregister(obj)
            self._left_count -= 1

    def _ready(self):
        ready = []
        for obj, events in self._asked:
            flags = obj.ioctl(_IOCTL_POLL, events | POLLERR | POLLHUP)
            if flags:
                ready.append((obj, flags))
        if self._left_count:
            ready.extend([entry for entry in self._left_to_c.poll(0) if entry[0] is not _always])
        return ready

    def poll(self, timeout_ms=-1):
        """Wait in virtual time until an object is ready, or for `timeout_ms`."""
        ready = self._ready()
        if ready:
            return ready
        if timeout_ms == 0:
            if not _seam.pending and not _seam.preempted:
                return ready
            _seam.wait(0)
            return self._ready()
        end = _seam.now + timeout_ms
        while not ready:
            if timeout_ms >= 0 and _seam.now >= end:
                break
            _seam.wait(end - _seam.now if timeout_ms >= 0 else -1)
            ready = self._ready()
        return ready

    def ipoll(self, timeout_ms=-1, flags=0):
        """As `poll`; asyncio relies on it not to come back empty when it waits for ever."""
        return self.poll(timeout_ms)


def select(readable, writable, exceptional, timeout=None):
    """The older call, over `poll`."""
    asked = poll()
    for obj in readable:
        asked.register(obj, POLLIN | (POLLOUT if obj in writable else 0))
    for obj in writable:
        if obj not in readable:
            asked.register(obj, POLLOUT)
    ready = asked.poll(-1 if timeout is None else int(timeout * 1000))
    return (
        [obj for obj, flags in ready if obj in readable and flags & ~POLLOUT],
        [obj for obj, flags in ready if obj in writable and flags & POLLOUT],
        [],
    )
