"""The stand-in over HTTP on this machine, in a thread or as a program of its own.

Plain `http.server`: it must be able to answer wrongly, which servers made for answering do not let it.
"""

import socket
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tools.backend.fut.standin.desk import Answer, Desk, outcome
from tools.backend.fut.standin.faults import Faults
from tools.backend.fut.standin.kept import dumps

_SUBMIT = "/$submit-measurement"
_BODY_OCTETS_MAX = 1 << 21


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that hangs up is no error here: some are killed on purpose."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Local(_Http):
    """On a socket that is a file: it works where there is no network at all, not even to oneself."""

    address_family = socket.AF_UNIX

    def server_bind(self) -> None:
        """As a TCP server's, but for the look-up of its host's name."""
        socketserver.TCPServer.server_bind(self)


def _local(file: Path, handler: type[BaseHTTPRequestHandler]) -> _Http:
    return _Local(str(file), handler)  # type: ignore[arg-type]  # an address of this family is a path


class Server:
    """Answers until it is closed, on a port of this machine or on `file` alone."""

    def __init__(
        self,
        desk: Desk,
        faults: Faults | None = None,
        port: int = 0,
        slow_s: float = 1.0,
        file: Path | None = None,
    ) -> None:
        self.desk, self.faults, self.slow_s = desk, faults or Faults(), slow_s
        handler = _handler(self, tcp=file is None)
        self._http = _Http(("127.0.0.1", port), handler) if file is None else _local(file, handler)
        self.url = "http://fut.standin" if file else f"http://127.0.0.1:{self._http.server_address[1]}"
        desk.base = self.url
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def join(self) -> None:
        """Wait until somebody ends the process."""
        self._thread.join()


def _handler(server: Server, tcp: bool) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = tcp

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(min(length, _BODY_OCTETS_MAX))
            fault = server.faults.next() if self.path == _SUBMIT else ""
            if fault == "fail":
                self._write(Answer(503, dumps(outcome("", "not now"))))
                return
            if fault == "slow":
                time.sleep(server.slow_s)
            answer = server.desk.handle("POST", self.path, self.headers.get("authorization", ""), body)
            if fault == "lose":
                self.close_connection = True
                return
            if fault == "fail_after":
                answer = Answer(500, dumps(outcome("", "it broke afterwards")))
            self._write(answer)
            if fault == "twice":
                self._write(answer)

        def do_GET(self) -> None:
            self._write(server.desk.handle("GET", self.path, "", b""))

        def _write(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("content-type", "application/fhir+json;charset=UTF-8")
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is logged: a path may name a patient."""

    return Handler
