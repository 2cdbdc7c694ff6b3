"""Sets up everything in the tree: `.venv` from the lock, MicroPython, aioble and umqtt. Needs Python alone.

What is there already is left as it is: after the first run nothing here asks the network. `--again` (that is `make
deps`) asks once more for what could not be had.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tools.host import interpreters, library
from tools.host.output import MissingPart

ROOT = interpreters.ROOT
VENV = ROOT / ".venv"
DEPS = interpreters.DEPS
LOCK = ROOT / "requirements.lock"
STAMP = DEPS / "stamp.json"

PYTHON_MIN = (3, 11)
_LOGGED_EACH = 20  # packages, in a log
_PIP_RETRIES = 2  # with pip's own waits between them: a cut line is told of within a few seconds


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


def main(again: bool) -> int:
    """Set up; exit 3 and one command to type when a part cannot be had."""
    if sys.version_info < PYTHON_MIN:
        return _missing("Python 3.11 or newer", "sudo apt-get install python3 (macOS: brew install python)")
    DEPS.mkdir(exist_ok=True)
    with open(DEPS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two `make` at once would build one folder from both ends
        try:
            return _set_up(again)
        except MissingPart as missing:
            return _missing(missing.part, missing.get)


def _missing(part: str, get: str) -> int:
    print(f"telehub: {part} is missing. To get it:\n  {get}", file=sys.stderr)
    return 3


def _set_up(again: bool) -> int:
    key = _key()
    stamp = _stamp()
    fresh = stamp.get("key") == key and (VENV / "bin" / "telehub").exists()
    say("telehub: everything is set up" if fresh and not again else "telehub: setting up")
    if not fresh:
        _venv()
        _packages()
        _console_script()
        interpreters.refresh_wrappers()
    if not fresh or again or _gone():
        without = interpreters.ensure(say)
        interpreters.micropython()  # MissingPart: nothing can run without one
        for what in without:
            say(f"  goes on without {what}")
        library.ensure(say)
        library.find()
    STAMP.write_text(json.dumps({"key": key}) + "\n")
    return 0


def _key() -> str:
    """What the set-up was made from: the lock, this Python, this place."""
    facts = (LOCK.read_text(), sys.version, str(ROOT), Path(__file__).read_text())
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def _stamp() -> dict[str, str]:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _gone() -> bool:
    """Whether the interpreter that was found no longer runs."""
    try:
        interpreters.micropython()
    except MissingPart:
        return True
    return False


def _venv() -> None:
    """Make the virtual environment, with pip, even where the distribution has taken ensurepip out of Python."""
    python = VENV / "bin" / "python"
    if python.exists() and _runs([str(python), "-m", "pip", "--version"]) and _same_python(python):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"  virtual environment in {VENV.name} …")
    if importlib.util.find_spec("ensurepip"):
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        return
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(VENV)], check=True)
    if not _pip_of_system(python) and not _pip_of_apt(python):
        shutil.rmtree(VENV, ignore_errors=True)
        raise MissingPart("Python's venv module", "sudo apt-get install python3-venv")


def _same_python(python: Path) -> bool:
    ran = subprocess.run(
        [str(python), "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False
    )
    return ran.stdout.strip() == sys.version.strip()


def _runs(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _pip_of_system(python: Path) -> bool:
    """Let the system's pip install a pip of the lock's time into the environment."""
    if not _runs([sys.executable, "-m", "pip", "--version"]):
        return False
    return _runs([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "pip"])


def _pip_of_apt(python: Path) -> bool:
    """Take pip's wheel out of the distribution's package, which needs no root when it is not installed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        fetch = ["apt-get", "-q", "download", "python3-pip-whl"]
        if subprocess.run(fetch, cwd=folder, capture_output=True, check=False).returncode:
            return False
        for package in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), folder], check=True)
        for wheel in Path(folder).rglob("pip-*.whl"):
            if _runs([str(python), f"{wheel}/pip", "install", "-q", "--no-index", str(wheel)]):
                return True
    return False


def _packages() -> None:
    """Install exactly what the lock says, each file checked against its hash."""
    total = sum("==" in line for line in LOCK.read_text().splitlines())
    started = time.monotonic()
    say(f"  {total} locked packages …")
    command = [
        str(VENV / "bin" / "python"), "-m", "pip", "install", "--require-hashes", "--disable-pip-version-check",
        "--no-input", "--retries", str(_PIP_RETRIES), "-r", str(LOCK),
    ]  # fmt: skip
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
        assert pip.stdout
        count = 0
        for line in pip.stdout:
            said.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                count += 1
                name = line.partition(": ")[2] or line.partition(" ")[2]
                _progress(f"  {count}/{total} {name.split()[0]}", in_logs=count % _LOGGED_EACH == 0)
            elif line.startswith("Installing collected packages"):
                _progress("  unpacking …", in_logs=True)
    _progress("")
    if pip.returncode:
        complaints = [line for line in said if line.startswith("ERROR")] or said[-3:]
        print("\n".join(f"  pip: {line}" for line in complaints), file=sys.stderr)
        raise MissingPart("a locked package", "make deps, with a network")
    say(f"  packages installed in {time.monotonic() - started:.0f} s")


def _progress(text: str, in_logs: bool = False) -> None:
    """One line that is written over; a log gets only what is marked for it."""
    if sys.stdout.isatty():
        print(f"\r\x1b[K{text[:79]}", end="", flush=True)
    elif in_logs:
        say(text)


def _console_script() -> None:
    """`.venv/bin/telehub`: the tree itself is the program, nothing is copied into the environment."""
    script = VENV / "bin" / "telehub"
    script.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="{ROOT}${{PYTHONPATH:+:$PYTHONPATH}}" exec "{VENV}/bin/python" -m tools.cli "$@"\n'
    )
    script.chmod(0o755)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main(again="--again" in sys.argv[1:]))
