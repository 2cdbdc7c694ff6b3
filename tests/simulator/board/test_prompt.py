"""The simulated board answers the real mpremote as a board does; the cable can be pulled anywhere.

What is expected is MicroPython's reference "REPL" (raw mode, raw-paste mode, Ctrl-A to Ctrl-E), and mpremote itself.
"""

import hashlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import serial
from mpremote.transport import TransportError, TransportExecError
from mpremote.transport_serial import SerialTransport

from tools.simulator.board.workbench import Workbench

pytestmark = pytest.mark.needs("micropython32", "library")
_CABLE = (OSError, TransportError, serial.SerialException)


@pytest.fixture
def bench():
    with Workbench() as made:
        made.add()
        yield made


def _line(path, soft_reset=True):
    line = SerialTransport(path, timeout=1)
    line.enter_raw_repl(soft_reset=soft_reset)
    return line


def test_mpremote_runs_code_and_copies_files_both_ways(bench):
    content = bytes(range(256)) * 33 + b"\x01\x02\x03\x04\x05"

    def work(path):
        line = _line(path)
        assert line.eval("6 * 7") == 42
        line.fs_mkdir("made")
        line.fs_writefile("made/all.bin", content, chunk_size=1000)
        assert line.fs_readfile("made/all.bin", chunk_size=700) == content
        line.close()
        again = _line(path)  # a soft reset kept it
        assert again.fs_hashfile("made/all.bin", "sha256") == hashlib.sha256(content).digest()
        again.close()

    bench.work(work, bench.boards[0].path)


def test_the_command_line_of_mpremote_works_on_it(bench, tmp_path):
    (tmp_path / "main.py").write_text("print('ran')\n")

    def work(path):
        command = [sys.executable, "-m", "mpremote", "connect", path]
        script = str(tmp_path / "main.py")
        steps = ["fs", "cp", script, ":main.py", "+", "run", script, "+", "fs", "cat", ":main.py"]
        return subprocess.run([*command, *steps], capture_output=True, text=True, timeout=30, check=True).stdout

    said = bench.work(work, bench.boards[0].path)
    assert "ran\nprint('ran')" in said.replace("\r", "")


def test_an_error_comes_back_as_its_trace_and_the_prompt_goes_on(bench):
    def work(path):
        line = _line(path)
        with pytest.raises(TransportExecError, match="ZeroDivisionError"):
            line.exec("1 // 0")
        assert line.eval("'still ' + 'here'") == "still here"

    bench.work(work, bench.boards[0].path)


@pytest.mark.parametrize("paste", [True, False])
def test_code_longer_than_any_window_runs_in_both_raw_modes(bench, paste):
    def work(path):
        line = _line(path)
        line.use_raw_paste = paste
        code = "x = 0\n" + "x += 1\n" * 900 + "print(x)"
        assert line.exec(code).strip() == b"900"

    bench.work(work, bench.boards[0].path)


def test_ctrl_c_stops_a_program_that_waits_and_main_runs_again_after_a_hard_reset(bench):
    board = bench.boards[0]

    def write(path):
        line = _line(path)
        line.fs_writefile("main.py", b"import time\nprint('main ' + 'begins')\nwhile True:\n  time.sleep_ms(50)\n")
        with pytest.raises(TransportError):
            line.exec_raw("import machine; machine.reset()", timeout=1)
        line.close()

    def stop(path):
        while "main begins" not in board.hub.output():
            time.sleep(0.05)
        line = SerialTransport(path, timeout=1)
        line.enter_raw_repl(soft_reset=True)  # no main.py now
        assert line.eval("1") == 1
        line.close()

    bench.work(write, board.path)
    bench.work(stop, board.path)
    assert board.hub.output().count("main begins") == 1


def test_a_watchdog_that_was_started_bites_at_the_prompt_even_after_a_soft_reset(bench):
    def work(path):
        line = _line(path)
        line.exec("import machine; w = machine.WDT(timeout=10000); held = 1")
        line.close()
        line = _line(path)
        assert line.eval("__import__('machine').reset_cause()") == 5  # SOFT_RESET
        line.close()
        time.sleep(1.5)  # 30 s on the board
        line = _line(path, soft_reset=False)
        assert line.eval("__import__('machine').reset_cause()") == 3  # WDT_RESET
        line.close()

    bench.work(work, bench.boards[0].path)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_cable_is_pulled_at_a_command(bench, moment):
    board = bench.boards[0]

    def work(path):
        line = _line(path)
        board.cut_at_command(3, moment)
        with pytest.raises(_CABLE):
            for number in range(9):
                line.fs_writefile(f"{number}", b"x")
        return board.console.commands

    bench.work(work, board.path)
    assert not board.cable.plugged and not board.hub.alive
    path = board.plug()

    def look(path):
        return [one.st_size for one in _line(path).fs_listdir() if one.name == "0"]

    # Each file takes three commands: open, write, close; the third is what keeps its octet.
    assert bench.work(look, path) == [1 if moment == "after" else 0]


@pytest.mark.parametrize("octet", [1, 5, 40, 200])
def test_the_cable_is_pulled_at_an_octet(bench, octet):
    board = bench.boards[0]

    def work(path):
        line = _line(path)
        before = board.cable.heard_octets
        board.cut_at_octet(octet)
        with pytest.raises(_CABLE):
            line.fs_writefile("cut", bytes(1000))
        assert board.cable.heard_octets - before == octet

    bench.work(work, board.path)
    assert not board.hub.alive


def test_three_boards_are_worked_on_at_once():
    def work(path):
        line = _line(path)
        return line.eval("__import__('machine').unique_id()")

    with Workbench() as bench:
        bench.add(3)
        with ThreadPoolExecutor(3) as pool:
            found = bench.work(lambda: list(pool.map(work, bench.paths())))
        assert found == [board.hub.unique_id for board in bench.boards]
        assert len(set(found)) == 3
