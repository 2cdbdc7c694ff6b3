"""A broker that plays one written part on a loopback socket, and keeps each piece that reached it."""

import socket
import threading
import time

_PATIENCE_S = 5.0
_PIECE_PAUSE_S = 0.02  # pieces written apart arrive apart on loopback


class ScriptedBroker:
    """`script` is a list of steps: bytes to expect, ("send", bytes), ("close",), ("hold", seconds)."""

    def __init__(self, script):
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_PATIENCE_S)
        self.port = self._listener.getsockname()[1]
        self.heard = b""
        self.problem: str | None = None
        self._thread = threading.Thread(target=self._play, daemon=True)
        self._thread.start()

    def _play(self) -> None:
        try:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(_PATIENCE_S)
                for step in self._script:
                    self._step(connection, step)
        except (OSError, AssertionError) as error:
            self.problem = repr(error)

    def _step(self, connection, step) -> None:
        if isinstance(step, bytes):
            got = b""
            while len(got) < len(step):
                piece = connection.recv(len(step) - len(got))
                if not piece:
                    break
                got += piece
            self.heard += got
            assert got == step, (got, step)
        elif step[0] == "send":
            connection.sendall(step[1])
        elif step[0] == "hold":
            time.sleep(step[1])
        else:
            connection.close()

    def end(self) -> None:
        """Wait for the script's end; AssertionError when the client did not play its part."""
        self._thread.join(_PATIENCE_S)
        self._listener.close()
        assert self.problem is None, self.problem
        assert not self._thread.is_alive(), "the script was not played to its end"
