"""One MicroPython process and the air's end of its seam.

Frames, little-endian. Hub to air: u16 payload length, u8 op, payload. Air to hub: u16 payload length, u8 kind (0
answer, 1 event, 2 wake), u8 event code, i16 error number, u32 milliseconds of the chip's counter, payload.
Op 0 is an event's result (empty: None; else 0x01 and octets), 255 waits, 254 resets, 253 charges time, 252 tells heap,
251 is a point of pre-emption, 250 a program's result. Every other number is a service (air/hub.py). Event 249 asks what
is free on the heap and which tasks are left over.
"""

import os
import socket
import struct
import subprocess
from collections.abc import Sequence

ANSWER, EVENT, WAKE = 0, 1, 2
CHANGED = 0x80  # set in the kind: sockets may have changed since the last frame, so ask them again
PENDING = 0x40  # set in the kind: something is still to come in this moment, so a wait of no time is no waste
SOCKET_OPS, SOCKET_POLL = range(50, 80), 53
RESULT, WAIT, RESET, CHARGE, HEAP, POINT, PROGRAM_RESULT = 0, 255, 254, 253, 252, 251, 250
WEIGH_EVENT = 249

_COMPUTE_S_MAX = 120  # wall seconds a hub may compute without a seam call: signing in Python takes 2 on a slow runner

_EXIT_S_MAX = 5.0


class Stuck(Exception):
    """The hub computed for longer than any honest firmware does."""


class Process:
    """A hub's interpreter on an inherited socket pair."""

    def __init__(self, argv: Sequence[str], env: dict[str, str], cwd: str | None, stdout):
        self._socket, child = socket.socketpair()
        self._socket.settimeout(_COMPUTE_S_MAX)
        self._received = bytearray()
        try:
            self._popen = subprocess.Popen(
                argv,
                pass_fds=(child.fileno(),),
                env={**env, "SEAM_FD": str(child.fileno())},
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.STDOUT if stdout is not None else None,
            )
        finally:
            child.close()

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    def send(self, kind: int, code: int, error: int, now_ms: int, payload: bytes) -> None:
        """Give the hub one frame; a hub that has died is noticed at the next receive."""
        try:
            self._socket.sendall(struct.pack("<HBBhI", len(payload), kind, code, error, now_ms) + payload)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def receive(self) -> tuple[int, bytes]:
        """Wait for the hub's next frame. EOFError when its process has ended."""
        header = self._take(3)
        return header[2], self._take(header[0] | header[1] << 8)

    def _take(self, count: int) -> bytes:
        received = self._received
        while len(received) < count:
            try:
                chunk = self._socket.recv(65536)
            except TimeoutError:
                raise Stuck(self.pid) from None
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise EOFError
            received += chunk
        taken = bytes(received[:count])
        del received[:count]
        return taken

    def end(self, ended: bool = False) -> int:
        """Kill what is left of the process (`ended`: it is going by itself); return its exit code."""
        try:
            code = self._popen.wait(_EXIT_S_MAX if ended else 0)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            code = self._popen.wait()
        self._socket.close()
        return code


def environment(extra: dict[str, str]) -> dict[str, str]:
    """What a hub's process may know of its host: nothing that would change a run."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "HOME") if name in os.environ}
    return {**kept, "TZ": "UTC", "LC_ALL": "C", **extra}
