"""A throw-away PostgreSQL on a Unix socket: its own cluster, for as long as the `with` block lasts."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tools.host import parts

_START_S_MAX = 20
_STOP_S_MAX = 10
_USER = "telehub"
_MEMORY_OCTETS_MIN = 2 << 30
# Its own parts: nothing listens on the network; a few connections for each worker, page and test.
_SETTINGS = {
    "listen_addresses": "''", "max_connections": "64", "shared_buffers": "'128MB'", "fsync": "on",
    "max_wal_size": "'2GB'", "log_min_messages": "warning",
}  # fmt: skip


class PostgreSQL:
    """One cluster. `durable=False` leaves out the syncing that only a power cut can tell of."""

    def __init__(self, durable: bool = True) -> None:
        self._bin = Path(str(parts.need("postgresql")))
        memory = None if durable or not _roomy(Path("/dev/shm")) else "/dev/shm"
        # A socket's path is short, whatever TMPDIR says.
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-pg-", dir=memory or "/tmp")
        self._process: subprocess.Popen | None = None
        self._settings = _SETTINGS | ({} if durable else {"fsync": "off", "full_page_writes": "off"})
        self._schemas = 0

    def __enter__(self) -> "PostgreSQL":
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        for name in ("data", "socket"):
            (folder / name).mkdir(mode=0o700)
            if os.geteuid() == 0:
                os.chown(folder / name, _account().pw_uid, _account().pw_gid)
        (folder / "socket").chmod(0o711)
        self._run("initdb", "-D", str(folder / "data"), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync", "-N")
        self.start()
        return self

    def url(self, database: str = "postgres") -> str:
        """For --database."""
        return f"postgresql://{_USER}@/{database}?host={self._folder.name}/socket"

    def new(self) -> str:
        """The URL of a store that nobody has used: a schema of its own."""
        self._schemas += 1
        name = f"telehub{self._schemas}"
        where = ("-h", f"{self._folder.name}/socket", "-U", _USER, "postgres")
        self._run("psql", "-q", "-c", f"CREATE SCHEMA {name}", *where)
        return f"{self.url()}&options=-csearch_path%3D{name}"

    @property
    def pid(self) -> int:
        """Of the server's process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it (again), and return when it answers."""
        folder = Path(self._folder.name)
        for name in ("postmaster.pid",):  # of one that was killed
            with suppress(FileNotFoundError):
                (folder / "data" / name).unlink()
        options = [f"--{name}={value.strip(chr(39))}" for name, value in self._settings.items()]
        command = [str(self._bin / "postgres"), "-D", str(folder / "data"), "-k", str(folder / "socket"), *options]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **_as_whom())
        ends = time.monotonic() + _START_S_MAX
        while self._asked("pg_isready", "-q", "-h", str(folder / "socket"), "-U", _USER):
            if self._process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError(f"PostgreSQL does not start: {(folder / 'log').read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9 of the server; its children see that and end too, as after a power cut."""
        assert self._process is not None
        children = _children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        ends = time.monotonic() + _STOP_S_MAX
        while any(map(_lives, children)) and time.monotonic() < ends:
            time.sleep(0.01)

    def stop(self) -> None:
        """End it, however it is."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # at once: nobody will ever want what is in it
            try:
                self._process.wait(_STOP_S_MAX)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        shutil.rmtree(self._folder.name, ignore_errors=True)
        with suppress(FileNotFoundError):
            self._folder.cleanup()

    def _run(self, tool: str, *arguments: str) -> None:
        command = [str(self._bin / tool), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", **_as_whom())
        if done.returncode:
            raise RuntimeError(f"{tool}: {done.stderr.strip()[-500:]}")

    def _asked(self, tool: str, *arguments: str) -> int:
        return subprocess.run([str(self._bin / tool), *arguments], check=False, cwd="/", **_as_whom()).returncode


def _roomy(folder: Path) -> bool:
    """Whether there is memory for all tests' tables; a container's has often 64 MB."""
    return folder.is_dir() and shutil.disk_usage(folder).free > _MEMORY_OCTETS_MIN


def _account() -> pwd.struct_passwd:
    """Whom a root process becomes for it: PostgreSQL refuses to run as root."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _as_whom() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    account = _account()
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def _lives(pid: int) -> bool:
    """Whether a process still runs; one that nobody has buried does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
