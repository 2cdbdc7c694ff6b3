"""A throw-away RabbitMQ node on loopback, with its MQTT plugin, for as long as the `with` block lasts.

It asks nobody for a name or a certificate: for load and kills on one machine. (A lasting one: compose.yaml.)
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tools.backend.servers.ports import LOOPBACK, free_port, listens
from tools.host import parts

_START_S_MAX = 120  # Erlang on a busy machine
_STOP_S_MAX = 20
# No door to other machines, and no core kept busy with waiting.
_QUIETLY = "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none"
_CONFIG = """listeners.tcp.1 = 127.0.0.1:{amqp}
mqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}
mqtt.allow_anonymous = true
mqtt.prefetch = 50
log.console = false
log.file.level = warning
vm_memory_high_watermark.absolute = 1GB
disk_free_limit.absolute = 100MB
"""


class RabbitMQ:
    """One node; `url` for hubs (MQTT), `queue_url` for workers (AMQP)."""

    plugins: tuple[str, ...] = ("rabbitmq_mqtt",)

    def __init__(self) -> None:
        self._server = str(parts.need("rabbitmq"))
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-rabbit-")
        self._process: subprocess.Popen | None = None
        self.ports = {name: free_port() for name in ("amqp", "mqtt", "epmd", "dist")}

    @property
    def url(self) -> str:
        """For hubs."""
        return f"mqtt://{LOOPBACK}:{self.ports['mqtt']}"

    @property
    def queue_url(self) -> str:
        """For `telehub backend --broker`."""
        return f"amqp://{LOOPBACK}:{self.ports['amqp']}"

    def __enter__(self) -> "RabbitMQ":
        folder = Path(self._folder.name)
        self.configure(folder)
        (folder / "plugins").write_text(f"[{','.join(self.plugins)}].\n")
        self.start()
        return self

    @property
    def pid(self) -> int:
        """Of the server's process."""
        assert self._process is not None
        return self._process.pid

    def configure(self, folder: Path) -> None:
        """Write rabbitmq.conf and what it names."""
        (folder / "rabbitmq.conf").write_text(_CONFIG.format(**self.ports))

    def env(self) -> dict[str, str]:
        """What the node, and rabbitmqctl, must know to be this one."""
        folder = Path(self._folder.name)
        return {
            **os.environ, "HOME": str(folder), "RABBITMQ_NODENAME": f"telehub{self.ports['amqp']}@localhost",
            "RABBITMQ_MNESIA_BASE": str(folder / "data"), "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"), "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"), "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_DIST_PORT": str(self.ports["dist"]), "ERL_EPMD_PORT": str(self.ports["epmd"]),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _QUIETLY,
        }  # fmt: skip

    def start(self) -> None:
        """Start it (again), and return when both doors are open."""
        folder, env = Path(self._folder.name), self.env()
        with (folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [self._server], env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        ends = time.monotonic() + _START_S_MAX
        while not all(listens(self.ports[name]) for name in ("amqp", "mqtt")):
            if self._process.poll() is not None or time.monotonic() > ends:
                self.kill()
                raise RuntimeError(f"RabbitMQ does not start: {(folder / 'out').read_text()[-2000:]}")
            time.sleep(0.1)

    def kill(self) -> None:
        """kill -9 of the node, as a power cut."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it and its name server."""
        if self._process is not None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S_MAX)
        self.kill()
        epmd = shutil.which("epmd")
        if epmd:  # it outlives its nodes; this one is ours alone, by its port
            env = {**os.environ, "ERL_EPMD_PORT": str(self.ports["epmd"])}
            subprocess.run([epmd, "-kill"], env=env, capture_output=True, check=False)

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        shutil.rmtree(self._folder.name, ignore_errors=True)
        with suppress(FileNotFoundError):
            self._folder.cleanup()
