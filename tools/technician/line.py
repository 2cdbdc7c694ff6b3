"""A board on a serial line: mpremote's own transport, with limits, and one kind of error for a cable that is gone.

The prompt is entered by a soft reset in raw mode, so boot.py ran and main.py did not. A watchdog that the application
had started runs on through that: it is given a long time first, and each visit ends with a reset of the chip.
"""

import binascii
import contextlib
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable
from typing import Any

import serial
from mpremote import transport_serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

OCTET_S_MAX = 10.0  # between two octets that must follow each other: a computer with many boards may be slow
COMMAND_S_MAX = 60.0  # a command on the chip: three keys and requests take under one
_ATTEMPTS, _ATTEMPT_S = 10, 2.0  # a hub starts within five seconds, and a chip that hangs is no use
_QUIET_S = 0.1  # nothing for so long: the chip has answered all
_WATCHDOG_MS = 3_600_000  # while a technician works; the reset at the end stops it
_PIECE_OCTETS = 2048  # of a file, in one command; on the line they are packed, since a serial line is slow
_WINDOW_BITS = 10  # what the chip keeps while it unpacks: 1 KiB
_RESET_S = 0.2  # until the chip has read that it shall start over

# mpremote prints what it did not understand; a terminal full of boards, or of JSON, is no place for that.
transport_serial.print = lambda *_args, **_kwargs: None  # type: ignore[attr-defined]

# The watchdog long, and the boots uncounted by which boot.py would slow down and change slots: a technician is at work.
_LONG = f"""
import esp32, machine
machine.WDT(timeout={_WATCHDOG_MS})
try:
    nvs, value = esp32.NVS("telehub"), bytearray(6)
    if nvs.get_blob("boot", value) == 6 and (value[4] or value[5]):
        value[4] = value[5] = 0
        nvs.set_blob("boot", value)
        nvs.commit()
except OSError:
    pass
"""
_HASHES = """
import hashlib, json, os
def _walk(path):
    for entry in os.ilistdir(path or "/"):
        name = path + "/" + entry[0]
        if entry[1] & 0x4000:
            if name != "/host" and name != "/rom":
                yield from _walk(name)
        else:
            yield name
def _hash(name):
    h = hashlib.sha256()
    room = memoryview(bytearray(512))
    with open(name, "rb") as file:
        while True:
            count = file.readinto(room)
            if not count:
                return h.digest().hex()
            h.update(room[:count])
for _name in _walk(""):
    print(json.dumps([_name, _hash(_name)]))
"""

_FOLDERS = """
import os
for name in {names!r}:
    try:
        os.mkdir(name)
    except OSError:
        pass  # it is there already
"""
_WRITER = """
import binascii, deflate, io, os
def w(text):
    f.write(deflate.DeflateIO(io.BytesIO(binascii.a2b_base64(text)), deflate.ZLIB).read())
"""


class CableLost(Exception):
    """The board does not answer any more; args[0] says how that showed."""


class BoardError(Exception):
    """A program on the board ended with an error: args[0] is its trace."""


class Line:
    """`with Line(port) as line:` the board's prompt is ours; at the end the chip starts over."""

    def __init__(self, port: str):
        self.port = port
        self._transport: SerialTransport | None = None

    def __enter__(self) -> "Line":
        with _cable():
            # mpremote knows a pseudo-terminal by its real path.
            port = self.port if "://" in self.port else os.path.realpath(self.port)
            self._transport = SerialTransport(port, timeout=OCTET_S_MAX)
            self._transport.serial.write_timeout = OCTET_S_MAX
            self._interrupt()
            self.run(_LONG)
            self.afresh()
        return self

    def afresh(self) -> None:
        """Start the interpreter over: an empty heap, boot.py run, main.py not."""
        assert self._transport is not None
        with _cable():
            self._transport.exit_raw_repl()
            self._transport.enter_raw_repl(soft_reset=True)
        self.run(_LONG)  # boot.py has started the watchdog anew

    def _interrupt(self) -> None:
        """Stop whatever runs. A chip that is still starting does not hear a Ctrl-C: it is told again."""
        assert self._transport is not None
        self._transport.serial.timeout = _QUIET_S
        for _ in range(_ATTEMPTS):
            self._transport.serial.write(b"\r\x03\x02")  # Ctrl-C, Ctrl-B: the friendly prompt, wherever it is
            said = self._transport.read_until(1, b">>> ", timeout=_ATTEMPT_S, timeout_overall=_ATTEMPT_S)
            if said.endswith(b">>> "):
                break
        else:
            raise TransportError("no prompt")
        while self._transport.read_until(1, b">>> ", timeout=_QUIET_S, timeout_overall=_ATTEMPT_S):
            pass  # what earlier attempts brought
        self._transport.serial.timeout = OCTET_S_MAX
        self._transport.enter_raw_repl(soft_reset=False)

    def __exit__(self, kind: Any, *_error: Any) -> None:
        if self._transport is None:
            return
        try:
            if kind is None or not issubclass(kind, CableLost):
                self._transport.exec_raw_no_follow("import machine; machine.reset()")
                time.sleep(_RESET_S)
        except (OSError, serial.SerialException, TransportError):
            pass
        finally:
            with contextlib.suppress(OSError, serial.SerialException):
                self._transport.close()
            self._transport = None

    def run(self, program: str) -> str:
        """Run a program; returns what it printed."""
        assert self._transport is not None
        with _cable():
            said, trace = self._transport.exec_raw(program, timeout=COMMAND_S_MAX)
        if trace:
            raise BoardError(trace.decode(errors="replace").replace("\r", ""))
        return bytes(said).decode(errors="replace").replace("\r", "")

    def answer(self, program: str) -> Any:
        """Run a program that prints one JSON value last."""
        said = self.run(program).strip().splitlines()
        try:
            return json.loads(said[-1])
        except (ValueError, IndexError):
            raise BoardError("\n".join(said) or "no answer") from None

    async def result(self, program: str) -> str:
        """Run a program that leaves its answer in `result` (enrol.py)."""
        return self.run(program + "\nprint(result)").strip()

    def hashes(self) -> dict[str, str]:
        """SHA-256 of each file on the board's file system."""
        try:
            return dict(json.loads(line) for line in self.run(_HASHES).splitlines())
        except ValueError:
            raise BoardError("its file system does not read well") from None

    def folders(self, paths: Iterable[str]) -> None:
        """Make the folders of these files that are not there."""
        names = {path.rsplit("/", depth)[0] for path in paths for depth in range(1, path.count("/"))}
        self.run(_FOLDERS.format(names=sorted(names)))

    def write(self, path: str, octets: bytes, told: Callable[[int], None] = lambda _count: None) -> None:
        """Put a file there, whole or not at all. `told` hears of each piece's octets."""
        passing = path + ".new"
        pieces = [octets[at : at + _PIECE_OCTETS] for at in range(0, len(octets), _PIECE_OCTETS)] or [b""]
        for number, piece in enumerate(pieces):
            program = _WRITER + f"f = open({passing!r}, 'wb')\n" if number == 0 else ""
            packed = zlib.compressobj(level=9, wbits=_WINDOW_BITS)
            program += f"w({binascii.b2a_base64(packed.compress(piece) + packed.flush(), newline=False)!r})\n"
            if number == len(pieces) - 1:
                program += f"f.close()\nos.rename({passing!r}, {path!r})"
            self.run(program)
            told(len(piece))

    def remove(self, path: str) -> None:
        """Take a file away."""
        self.run(f"import os\nos.remove({path!r})")


@contextlib.contextmanager
def _cable():
    try:
        yield
    except TransportExecError as error:
        raise BoardError(str(error)) from None
    except (OSError, serial.SerialException, TransportError, IndexError) as error:
        # IndexError, struct.error: mpremote unpacks what a dying line gave
        raise CableLost(str(error) or type(error).__name__) from None
    except Exception as error:
        if type(error).__name__ == "error":
            raise CableLost(str(error)) from None
        raise
