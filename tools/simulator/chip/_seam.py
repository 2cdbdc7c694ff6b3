"""The hub's end of the seam: one inherited descriptor, frames in lock step (layout: air/process.py).

Either the hub runs and the air is blocked in a read, or the hub is blocked here. Ticks, events and answers all come
with frames. No thread, no scheduler: an event handler runs inside whichever call is waiting, as on the chip it runs
between two bytecodes.
"""

import gc
import struct

import uos
from micropython import const

_RESULT = const(0)
_WAIT = const(255)
_RESET = const(254)
_CHARGE = const(253)
_HEAP = const(252)
_POINT = const(251)

_EVENT = const(1)
_CHANGED = const(0x80)
_PENDING = const(0x40)

_HEADER_OCTETS = const(10)
_BUFFER_OCTETS = const(640)  # the longest event: a value of ATT MTU 517 with its fields
_HEAP_SAMPLE_WAITS = const(64)  # a collection at each wait would be the largest cost of a run

now = 0  # virtual milliseconds on this chip's counter, never wrapped here
generation = 0  # counts up when a socket may have changed: what was asked of one in this generation still holds
pending = True  # whether a wait of no time could bring anything
depth = 0  # how many event handlers are running
preempted = False  # set by _boot when the air delivers events at every seam call
interrupted = False  # a Ctrl-C came over the serial line: raised at the next wait, since there the chip spends its time
heap_share = 0  # octets of the twin itself, told by _boot

_stream = open(int(uos.getenv("SEAM_FD")), "r+b", 0)
_header = bytearray(_HEADER_OCTETS)
_out = bytearray(3)
_answer = bytearray(_BUFFER_OCTETS)
_answer_view = memoryview(_answer)
_event = bytearray(_BUFFER_OCTETS)
_event_view = memoryview(_event)
_handlers = {}
_kind = 0
_waits = 0
_heap_peak = 0


def on(code, handler):
    """Have events of `code` handled by handler(code, view); what it returns (octets or None) goes back."""
    _handlers[code] = handler


def _read(view, count):
    at = _stream.readinto(view) if count == len(view) else _stream.readinto(view[:count])
    if not at:
        raise SystemExit  # the air is gone
    while at < count:
        got = _stream.readinto(view[at:count])
        if not got:
            raise SystemExit
        at += got


def _send(op, payload):
    size = len(payload)
    _out[0] = size & 0xFF
    _out[1] = size >> 8
    _out[2] = op
    if size:
        _stream.write(_out + payload)
    else:
        _stream.write(_out)


def _frame():
    """Read one header into `_kind`; return the payload's length."""
    global now, generation, pending, _kind
    _read(_header, _HEADER_OCTETS)
    now = _header[6] | _header[7] << 8 | _header[8] << 16 | _header[9] << 24
    _kind = _header[2]
    if _kind & _CHANGED:
        generation += 1
    pending = bool(_kind & _PENDING)
    _kind &= ~(_CHANGED | _PENDING)
    return _header[0] | _header[1] << 8


def _serve_event(size):
    global depth
    code = _header[3]
    # The payload keeps its own room: calls that the handler makes must not change what it was given.
    view = _event_view if depth == 0 else memoryview(bytearray(size))
    if size:
        _read(view, size)
    handler = _handlers.get(code)
    depth += 1
    try:
        result = handler(code, view[:size]) if handler else None
    finally:
        depth -= 1
    _send(_RESULT, b"" if result is None else b"\x01" + result)


def _exchange(op, payload):
    """Send a command, serve the events that come before its answer; return the answer's length."""
    _send(op, payload)
    return _await_answer()


def _await_answer():
    while True:
        size = _frame()
        if _kind != _EVENT:
            return size
        _serve_event(size)


def _error():
    number = _header[4] | _header[5] << 8
    return number - 0x10000 if number & 0x8000 else number


def call(op, payload=b""):
    """Ask the air; return its answer's octets. OSError(number) when it refuses."""
    size = _exchange(op, payload)
    if _error():
        raise OSError(_error())
    if not size:
        return b""
    if size > _BUFFER_OCTETS:
        room = bytearray(size)
        _read(memoryview(room), size)
        return room
    _read(_answer_view, size)
    return bytes(_answer_view[:size])


def transfer(frame, octets, into):
    """Send a frame that the caller made (header included) and then `octets`; the answer fills `into`.

    It allocates nothing, as the chip's own flash calls do not: a file's finaliser calls them with the heap locked.
    """
    _stream.write(frame)
    if octets is not None:
        _stream.write(octets)
    size = _await_answer()
    if _error():
        raise OSError(_error())
    if size:
        _read(into, size)


def wait(ms):
    """Give the processor away for at most `ms` of virtual time (-1: until something comes)."""
    global _waits, interrupted
    _waits += 1
    if _waits % _HEAP_SAMPLE_WAITS == 0 and not depth:
        sample_heap()
    _exchange(_WAIT, struct.pack("<i", ms))
    if interrupted and not depth:
        interrupted = False
        raise KeyboardInterrupt


def point():
    """A place where, on the chip, a Bluetooth event might come."""
    if preempted and not depth:
        _exchange(_POINT, b"")


def charge(name):
    """Spend the virtual time that costs.py lists for `name`."""
    _exchange(_CHARGE, name.encode())


def sample_heap():
    """Tell the air when more octets are alive than ever before (the twin's own share taken off)."""
    global _heap_peak
    if gc.mem_alloc() - heap_share <= _heap_peak:
        return  # not even with what a collection would free
    gc.collect()
    alive = gc.mem_alloc() - heap_share
    if alive > _heap_peak:
        _heap_peak = alive
        _exchange(_HEAP, struct.pack("<II", alive, gc.mem_free()))


def reset(cause):
    """Never returns and cannot be caught: the air ends the process."""
    _exchange(_RESET, bytes([cause]))
    raise SystemExit
