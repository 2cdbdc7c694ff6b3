"""A real Mosquitto on loopback: client certificates required, their names the clients, access.py the ACL."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from tools.backend.servers.ports import free_port, listens
from tools.host import parts
from tools.simulator.brokers import access
from tools.technician.ca import Authority, Identity

_START_S_MAX = 10
_STOP_S_MAX = 5
_LOOPBACK = "127.0.0.1"
# TLS 1.2 at most, as the ESP32's mbedTLS speaks it; Mosquitto's own setting is the least version, not the
# highest.
_OPENSSL = """openssl_conf = telehub
[telehub]
ssl_conf = versions
[versions]
system_default = no_newer
[no_newer]
MaxProtocol = TLSv1.2
"""


def settings(folder: Path, port: int, address: str = "") -> dict[str, object]:
    """What a Mosquitto with ca.pem, broker.pem, broker.key and acl in `folder` is told; no address means every one."""
    told: dict[str, object] = {
        "listener": f"{port} {address}".strip(),
        "cafile": folder / "ca.pem",
        "certfile": folder / "broker.pem",
        "keyfile": folder / "broker.key",
        "require_certificate": "true",
        "use_identity_as_username": "true",
        "use_username_as_clientid": "true",
        "acl_file": folder / "acl",
        "allow_anonymous": "false",
        "persistence": "false",
        "max_packet_size": 65536,
        "log_dest": "stderr",
    }
    if (folder / "crl.pem").exists():  # of lost hubs: Authority.withdrawn
        told["crlfile"] = folder / "crl.pem"
    if os.geteuid() == 0:
        told["user"] = "root"  # else it changes to a user that may not read the folder
    return told


def write_config(path: Path, told: dict[str, object]) -> None:
    """A mosquitto.conf."""
    path.write_text("".join(f"{name} {value}\n" for name, value in told.items()))


class BrokerDied(Exception):
    """Mosquitto ended at its start; args[0] is what it said."""


class Mosquitto:
    """A process for as long as the `with` block lasts; `port` and `url` say where."""

    def __init__(self, identity: Identity, authority: Authority, withdrawn: bytes = b""):
        self._withdrawn = withdrawn
        self._identity = identity
        self._authority = authority
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-mosquitto-")
        self._process: subprocess.Popen | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """For `bridge` and the backend."""
        return f"mqtts://{_LOOPBACK}:{self.port}"

    def __enter__(self) -> "Mosquitto":
        folder = Path(self._folder.name)
        self._identity.save(folder, "broker")
        (folder / "ca.pem").write_bytes(self._authority.certificate_pem)
        if self._withdrawn:
            (folder / "crl.pem").write_bytes(self._withdrawn)
        (folder / "acl").write_text(access.mosquitto_acl())
        os.chmod(folder / "acl", 0o600)
        (folder / "openssl.cnf").write_text(_OPENSSL)
        self.port = free_port()
        write_config(folder / "mosquitto.conf", settings(folder, self.port, _LOOPBACK))
        self.start()
        return self

    def start(self) -> None:
        """Start it (again), and return when it listens."""
        folder = Path(self._folder.name)
        log = folder / "log"
        command = [str(parts.need("mosquitto")), "-c", str(folder / "mosquitto.conf")]
        env = {**os.environ, "OPENSSL_CONF": str(folder / "openssl.cnf")}
        with log.open("wb") as file:
            self._process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=file
            )
        end = time.monotonic() + _START_S_MAX
        while not listens(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise BrokerDied(log.read_text())
            time.sleep(0.02)

    def log(self) -> str:
        """What it has said since it started."""
        return (Path(self._folder.name) / "log").read_text()

    def stop(self) -> None:
        """Stop it; sessions are lost."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def __exit__(self, *_exception) -> None:
        self.stop()
        self._folder.cleanup()
