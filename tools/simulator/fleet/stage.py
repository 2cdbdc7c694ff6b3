"""The servers and workers that a fleet speaks to: throw-away ones on this machine, of the real kind."""

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tools.backend.servers.ports import LOOPBACK, free_port, listens
from tools.backend.servers.postgresql import PostgreSQL
from tools.backend.servers.rabbitmq import RabbitMQ
from tools.backend.workers import Workers
from tools.host import parts
from tools.simulator.brokers.mosquitto import BrokerDied, write_config
from tools.simulator.fleet import usage

_READY_S_MAX = 60.0


class Broker(Protocol):
    """What a fleet needs of a broker."""

    @property
    def port(self) -> int:
        """For hubs."""

    @property
    def worker_url(self) -> str:
        """For `telehub backend --broker`."""

    @property
    def pid(self) -> int:
        """Of its process."""

    def kill(self) -> None:
        """As a power cut."""

    def start(self) -> None:
        """Again."""


class Mosquitto:
    """Without certificates and without bounds, since one machine is the whole fleet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen | None = None

    @property
    def worker_url(self) -> str:
        """For workers."""
        return f"mqtt://{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the broker."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return when it listens."""
        told: dict[str, object] = {
            "listener": f"{self.port} {LOOPBACK}", "allow_anonymous": "true", "persistence": "false",
            "max_inflight_messages": 0, "max_queued_messages": 0,
        }  # fmt: skip
        if os.geteuid() == 0:
            told["user"] = "root"
        write_config(self._folder / "mosquitto.conf", told)
        command = [str(parts.need("mosquitto")), "-c", str(self._folder / "mosquitto.conf")]
        nothing = subprocess.DEVNULL
        self._process = subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing)
        ends = time.monotonic() + _READY_S_MAX
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > ends:
                raise BrokerDied("Mosquitto does not start")
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


class Queue(RabbitMQ):
    """RabbitMQ as a fleet sees it."""

    @property
    def port(self) -> int:
        """For hubs."""
        return self.ports["mqtt"]

    @property
    def worker_url(self) -> str:
        """For workers."""
        return self.queue_url


@contextmanager
def broker(kind: str) -> Iterator[Broker]:
    """A broker of this kind."""
    with ExitStack() as stack:
        if kind == "rabbitmq":
            queue = Queue()
            stack.enter_context(queue)
            yield queue
            return
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="telehub-fleet-"))
        mosquitto = Mosquitto(Path(folder))
        stack.callback(mosquitto.kill)
        mosquitto.start()
        yield mosquitto


class Databases:
    """Fresh databases of one engine."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind, self._folder, self._count = kind, folder, 0
        self.server = PostgreSQL() if kind == "postgresql" else None

    def __enter__(self) -> "Databases":
        if self.server is not None:
            self.server.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.server is not None:
            self.server.__exit__(*exception)

    def new(self) -> str:
        """The URL of one that nobody has used."""
        self._count += 1
        return self.server.new() if self.server else str(self._folder / f"store{self._count}.db")

    @property
    def pid(self) -> int | None:
        """Of its server, when it has one."""
        return self.server.pid if self.server else None


class Backend:
    """Workers for as long as the `with` block lasts."""

    def __init__(self, broker_url: str, database: str, keys: Path, count: int) -> None:
        arguments = ["--broker", broker_url, "--database", database, "--keys", str(keys), "--quiet"]
        self._ready = threading.Semaphore(0)
        self._count = count
        self._stop = threading.Event()
        self.workers = Workers(count, arguments, self._hear, lambda text: None)
        self._thread = threading.Thread(target=self.workers.run, args=(self._stop,), daemon=True)

    def _hear(self, line: dict[str, Any]) -> None:
        if line.get("connected"):
            self._ready.release()

    def __enter__(self) -> "Backend":
        self._thread.start()
        for _ in range(self._count):
            if not self._ready.acquire(timeout=_READY_S_MAX):
                raise TimeoutError("the backend's workers do not get to the broker")
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def cpu_s(self) -> float:
        """Processor seconds of all workers so far."""
        return sum(usage.cpu_s(pid) for pid in self.workers.pids)

    def resident_octets(self) -> int:
        """Memory of all workers."""
        return sum(usage.resident_octets(pid) for pid in self.workers.pids)
