"""N workers as N processes, each the same `telehub backend` under a number: started, started again, told to stop.

They share nothing but the database and the broker. One that dies takes its unfinished batch with it: nothing of that
was answered, so its hubs (or the queue) bring it again.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_BACKOFF_S_MIN, _BACKOFF_S_MAX = 0.2, 30.0
_GOOD_S = 60.0  # who has lived so long may fall at once again
_LOOK_S = 0.1
_STOP_S_MAX = 15.0
WORKERS_MAX = 8  # more names than these no access list has (tools/simulator/brokers/access.py)


class Workers:
    """The processes; `tell` hears each line of theirs, and which worker said it."""

    def __init__(
        self, count: int, arguments: Sequence[str], tell: Callable[[dict[str, Any]], None], log: Callable[[str], None]
    ) -> None:  # fmt: skip
        self._arguments, self._tell, self._log = list(arguments), tell, log
        self._lock = threading.Lock()
        self._workers = [_Worker(number) for number in range(1, count + 1)]
        self.starts = 0

    @property
    def pids(self) -> list[int]:
        """Of those that run."""
        return [worker.process.pid for worker in self._workers if worker.process and worker.process.poll() is None]

    def run(self, stop: threading.Event) -> None:
        """Keep them running until told to stop; then wait for them."""
        while not stop.is_set():
            for worker in self._workers:
                self._keep(worker)
            stop.wait(_LOOK_S)
        for worker in self._workers:
            worker.end()

    def _keep(self, worker: "_Worker") -> None:
        now_s = time.monotonic()
        if worker.process is not None:
            code = worker.process.poll()
            if code is None:
                return
            lived_s = now_s - worker.started_s
            worker.backoff_s = _BACKOFF_S_MIN if lived_s > _GOOD_S else min(_BACKOFF_S_MAX, worker.backoff_s * 2)
            worker.due_s = now_s + worker.backoff_s
            worker.process = None
            self._log(f"worker {worker.number} ended ({code}); again in {worker.backoff_s:.1f} s")
        if now_s >= worker.due_s:
            self.starts += 1
            worker.start(self._arguments, self._hear)

    def _hear(self, line: str) -> None:
        try:
            told = json.loads(line)
        except ValueError:
            return  # the half line of one that was killed
        with self._lock:
            self._tell(told)


class _Worker:
    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[str] | None = None
        self.started_s = self.due_s = 0.0
        self.backoff_s = _BACKOFF_S_MIN / 2
        self._reader: threading.Thread | None = None

    def start(self, arguments: list[str], hear: Callable[[str], None]) -> None:
        """The pipe to its stdin is never written to: it ends when this process does, whatever ends it."""
        command = [sys.executable, "-m", "tools.cli", "backend", *arguments, "--json", "--worker", str(self.number)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started_s = time.monotonic()
        out = self.process.stdout
        assert out is not None

        def listen() -> None:
            for line in out:
                hear(line)

        self._reader = threading.Thread(target=listen, daemon=True)
        self._reader.start()

    def end(self) -> None:
        """Ask it to stop, and do not wait for ever."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self._reader:
            self._reader.join(_STOP_S_MAX)


def end_with_parent() -> None:
    """In a worker: stop when the process that started it is gone."""

    def watch() -> None:
        while os.read(0, 1):  # not sys.stdin: its lock would be held when the interpreter ends
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
