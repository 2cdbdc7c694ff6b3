"""However the demo ends, nothing of it stays behind; and on a terminal it stays until it is told to end."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import urllib.request
from pathlib import Path

import pytest

from tests.simulator.demo.demo import ENV, ROOT, RUN_S_MAX, argv

pytestmark = [pytest.mark.needs("micropython", "library"), pytest.mark.timeout(2 * RUN_S_MAX)]
GONE_S_MAX = 20
_LOOKED_BACK = 16384  # several pictures of the terminal


@pytest.fixture(autouse=True)
def heed_ctrl_c():
    """What a shell starts in the background ignores SIGINT, and so would all that it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Terminal:
    """A process of its own session on a pseudo-terminal of 80 columns and 24 lines."""

    def __init__(self, *arguments):
        self._ours, theirs = pty.openpty()
        os.set_blocking(self._ours, False)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        env = {name: value for name, value in ENV.items() if name not in ("COLUMNS", "NO_COLOR", "CI")}
        self.process = subprocess.Popen(
            argv(*arguments), cwd=ROOT, env={**env, "TERM": "xterm-256color"}, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self.text = ""

    def reads(self, pattern):
        """Read until the pattern has come; returns its match."""
        ends = time.monotonic() + RUN_S_MAX
        while not (found := re.search(pattern, self.plain(_LOOKED_BACK))):  # all of it would take longer than it comes
            assert time.monotonic() < ends, self.text[-3000:]
            assert self._read() or self.process.poll() is None, self.text[-3000:]
        return found

    def plain(self, last=0):
        """What was written (at last), without colours and the moving of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text[-last:])

    def rest(self):
        """Read to the end."""
        while self._read() or self.process.poll() is None:
            pass
        return self.text

    def _read(self):
        select.select([self._ours], [], [], 0.2)
        try:
            octets = os.read(self._ours, 1 << 16)
        except (BlockingIOError, OSError):
            return False
        self.text += octets.decode(errors="replace")
        return bool(octets)

    def close(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        os.close(self._ours)


@pytest.fixture
def terminal():
    """`terminal(*arguments)`: ended with the test, whatever became of it."""
    made = []

    def make(*arguments):
        made.append(Terminal(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.close()


def members(group):
    """The processes of a session or process group that are alive: (id, state, command)."""
    if Path("/proc/self/stat").exists():  # small images of Linux have no ps
        return [row for row in map(_of_proc, Path("/proc").glob("[0-9]*")) if row and group in row[3:]]
    listed = subprocess.run(["ps", "-eo", "pid=,stat=,sess=,pgid=,comm="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 4) for line in listed.stdout.splitlines()]
    return [row for row in rows if str(group) in row[2:4] and not row[1].startswith("Z")]


def _of_proc(folder):
    """(id, state, name, group, session) of a living process, from proc(5)'s stat."""
    try:
        number, _, rest = (folder / "stat").read_text().partition(" (")
    except OSError:
        return None  # it has just ended
    name, _, rest = rest.rpartition(") ")
    state, _, group, session = rest.split()[:4]
    return (number, state, name, int(group), int(session)) if state not in "ZX" else None


def all_gone(group):
    ends = time.monotonic() + GONE_S_MAX
    while left := members(group):
        assert time.monotonic() < ends, left
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("broker", "processes"),
    [("embedded", 2), pytest.param("mosquitto", 3, marks=pytest.mark.needs("mosquitto"))],
)
def test_a_signal_in_the_middle_leaves_no_process(broker, processes, number):
    """The signal goes to the demo alone, which is harder than Ctrl-C: that goes to all of them."""
    process = subprocess.Popen(
        argv("--broker", broker), cwd=ROOT, env={**ENV, "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    for line in process.stdout:
        if "the hub has power" in line:
            break
    ends = time.monotonic() + GONE_S_MAX
    while len(members(process.pid)) < processes:  # the demo, the hub, and the broker
        assert time.monotonic() < ends, members(process.pid)
    process.send_signal(number)
    _, said = process.communicate(timeout=GONE_S_MAX)
    assert process.returncode == 1
    assert "Traceback" not in said
    assert "stopped" in said
    assert all_gone(process.pid)


def test_ctrl_c_on_a_terminal_gives_the_terminal_back(terminal):
    terminal = terminal("--once")
    terminal.reads("the hub has power")
    os.killpg(terminal.process.pid, signal.SIGINT)
    text = terminal.rest()
    assert terminal.process.wait(GONE_S_MAX) == 1
    assert "Traceback" not in text
    assert "stopped" in text
    assert text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l")  # the cursor is shown again
    assert all_gone(terminal.process.pid)


def test_on_a_terminal_the_page_stays_until_it_is_told_to_end(terminal):
    terminal = terminal("--seed", "2")
    url = terminal.reads(r"stays open: (http://127\.0\.0\.1:\d+/)").group(1)
    assert "Everything that was taken is delivered" in terminal.text
    with urllib.request.urlopen(url, timeout=10) as page:
        assert b"24d7eb0a1b2c" in page.read()
    assert terminal.process.poll() is None
    os.killpg(terminal.process.pid, signal.SIGINT)
    text = terminal.rest()
    assert terminal.process.wait(GONE_S_MAX) == 0
    assert "Traceback" not in text
    assert all_gone(terminal.process.pid)
