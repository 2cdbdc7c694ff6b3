"""Every part that a test or a command may need, by name: `need(name)` gives it or says how to get it."""

import importlib.util
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from tools.host import compile as build
from tools.host import interpreters, library
from tools.host.output import MissingPart


def _mosquitto() -> str:
    # Debian puts it where an ordinary user's PATH does not look.
    path = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/opt/homebrew/sbin:/usr/local/sbin")
    if not path:
        raise MissingPart("mosquitto", _install("mosquitto"))
    return path


def _postgresql() -> str:
    """The folder with `postgres` and `initdb`; Debian keeps them where no PATH looks."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    found += sorted(Path("/opt/homebrew/opt").glob("postgresql*/bin"), reverse=True)
    found += [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    for folder in found:
        if all((folder / tool).exists() for tool in ("postgres", "initdb", "createdb", "pg_isready")):
            return str(folder)
    raise MissingPart("postgresql", _install("postgresql"))


def _rabbitmq() -> str:
    # Not Debian's /usr/sbin/rabbitmq-server: that one starts the machine's own node alone.
    path = shutil.which("rabbitmq-server", path="/usr/lib/rabbitmq/bin:/opt/homebrew/sbin:/usr/local/sbin")
    if not path:
        raise MissingPart("rabbitmq", _install("rabbitmq" if platform.system() == "Darwin" else "rabbitmq-server"))
    return path


def _chromium() -> str:
    named = os.environ.get("CHROMIUM", "")
    for name in (named,) if named else ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path:
            return path
    app = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
    if app.exists() and not named:
        return str(app)
    raise MissingPart("$CHROMIUM" if named else "chromium", _install("chromium"))


def _install(package: str) -> str:
    if platform.system() == "Darwin":
        return f"brew install {'--cask ' if package == 'chromium' else ''}{package}"
    return f"sudo apt-get install {package}"


def _atheris() -> str:
    if importlib.util.find_spec("atheris") is None:
        raise MissingPart("atheris", "make deps (Linux, x86-64, Python below 3.14)")
    return "atheris"


PARTS: dict[str, Callable[[], object]] = {
    "micropython": interpreters.micropython,
    "micropython32": interpreters.micropython32,
    "library": library.find,
    "aioble": library.real,
    "mpy-cross": build.mpy_cross,
    "micropython-tests": interpreters.upstream_tests,
    "mosquitto": _mosquitto,
    "postgresql": _postgresql,
    "rabbitmq": _rabbitmq,
    "chromium": _chromium,
    "atheris": _atheris,
}


def need(name: str) -> object:
    """The part (what it is depends on the part); MissingPart when this host has it not."""
    return PARTS[name]()
