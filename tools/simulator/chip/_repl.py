"""The chip's prompt on its serial line: friendly, raw and raw-paste modes as MicroPython's reference "REPL" has them.

The unix port has no raw mode. Octets come through the seam (simulator/board/console.py); what is printed goes to
stdout, which is the line's other direction.
"""

import gc
import io
import sys

import _seam
from micropython import const

_READ_OP = const(45)
_MODE_OP = const(46)
_INTERRUPT_EVENT = const(65)

# What the other end is told of: who reads a Ctrl-C, and in which mode a soft reset comes back
_LISTENING = b"\x00"
_RUNNING = b"\x01"
_TO_RAW = b"\x02"
_TO_FRIENDLY = b"\x03"
_RAN = b"\x04"

_SOFT_RESET = const(5)
_WINDOW_OCTETS = const(128)
_RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n>"
_FRIENDLY_BANNER = b'\r\nMicroPython twin; ESP32S3\r\nType "help()" for more information.\r\n'

_received = b""
_at = 0


def _interrupted(_code, _view):
    _seam.interrupted = True


_seam.on(_INTERRUPT_EVENT, _interrupted)


def _say(octets):
    sys.stdout.buffer.write(octets)


def _octet():
    """The next octet from the line, however long it takes."""
    global _received, _at
    while _at == len(_received):
        _received = _seam.call(_READ_OP)
        _at = 0
        if not _received:
            _seam.wait(-1)
    _at += 1
    return _received[_at - 1]


def run_file(name, names):
    """Run a file of the file system, as at power-up; what stops it is printed. False when there is none."""
    try:
        import os

        os.stat(name)
    except OSError:
        return False
    _seam.call(_MODE_OP, _RUNNING)
    try:
        execfile(name, names)  # noqa: F821
    except SystemExit:
        _reset(_TO_FRIENDLY)
    except BaseException as error:  # noqa: BLE001 - printed, and then the prompt, as on the chip
        _say(_trace(error))
    _seam.interrupted = False
    _seam.call(_MODE_OP, _LISTENING)
    return True


def _trace(error):
    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue().encode().replace(b"\n", b"\r\n")


def _reset(mode):
    _say(b"\r\nMPY: soft reboot\r\n")
    _seam.call(_MODE_OP, mode)
    _seam.reset(_SOFT_RESET)


def _execute(source, names, mode):
    """Compile and run; returns the trace of what went wrong."""
    _seam.call(_MODE_OP, _RUNNING)
    trace = b""
    try:
        exec(compile(str(source, "utf-8"), "<stdin>", "exec"), names)
    except SystemExit:
        _reset(mode)
    except BaseException as error:  # noqa: BLE001 - the other end is told, whatever it is
        trace = _trace(error)
    _seam.interrupted = False
    _seam.call(_MODE_OP, _RAN)
    return trace


def _pasted():
    """The source of one raw paste; None when it was given up."""
    _say(b"R\x01" + bytes([_WINDOW_OCTETS & 0xFF, _WINDOW_OCTETS >> 8]) + b"\x01")
    source = bytearray()
    room = _WINDOW_OCTETS
    while True:
        octet = _octet()
        if octet == 4:
            _say(b"\x04")
            return source
        if octet == 3:
            _say(b"\x04")
            return None
        source.append(octet)
        room -= 1
        if not room:
            room = _WINDOW_OCTETS
            _say(b"\x01")


def _raw(names):
    """Serve the raw mode until Ctrl-B."""
    _say(_RAW_BANNER)
    source = bytearray()
    while True:
        octet = _octet()
        if octet == 1:  # Ctrl-A
            source = bytearray()
            _say(_RAW_BANNER)
        elif octet == 2:  # Ctrl-B
            return
        elif octet == 3:  # Ctrl-C
            source = bytearray()
        elif octet == 5 and not source:  # Ctrl-E
            _octet()
            _octet()
            source = _pasted()
            if source is None:
                source = bytearray()
                _say(b">")
                continue
            trace = _execute(source, names, _TO_RAW)
            source = bytearray()
            gc.collect()
            _say(b"\x04" + trace + b"\x04>")
        elif octet != 4:
            source.append(octet)
        elif not source:  # Ctrl-D
            _say(b"OK")
            _reset(_TO_RAW)
        else:
            _say(b"OK")
            trace = _execute(source, names, _TO_RAW)
            source = bytearray()
            gc.collect()
            _say(b"\x04" + trace + b"\x04>")


def _friendly(names):
    """Serve the friendly mode, one line at a time, until Ctrl-A."""
    line = bytearray()
    _say(b">>> ")
    while True:
        octet = _octet()
        if octet == 1:
            return
        if octet == 4 and not line:
            _reset(_TO_FRIENDLY)
        elif octet in (2, 3):
            line = bytearray()
            _say((_FRIENDLY_BANNER if octet == 2 else b"\r\n") + b">>> ")
        elif octet == 13:
            _say(b"\r\n")
            if line:
                _say(_execute(line, names, _TO_FRIENDLY))
            line = bytearray()
            _say(b">>> ")
        else:
            line.append(octet)
            _say(bytes([octet]))


def serve(names, raw):
    """The prompt, for ever."""
    _seam.call(_MODE_OP, _LISTENING)
    if not raw:
        _say(_FRIENDLY_BANNER)
        _friendly(names)
    while True:
        _raw(names)
        _say(_FRIENDLY_BANNER)
        _friendly(names)
