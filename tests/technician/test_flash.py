"""`telehub flash`: the real esptool on a model of the chip's ROM; unfit boards, bad flash, pulled cables.

The image is made here by Espressif's "Firmware Image Format"; what must lie in flash is compared with what was given.
"""

import hashlib
import json
import random
import time
from pathlib import Path

import pytest

from tests.technician import made
from tools import cli
from tools.host.output import CommandError, MissingPart, WrongUse
from tools.simulator.board.board import partitions
from tools.simulator.board.picture import esp_image
from tools.simulator.board.rom import Fitted
from tools.simulator.board.workbench import Workbench
from tools.technician import flash, layout, micropython

pytestmark = pytest.mark.needs("micropython32", "library")


INTERPRETER = esp_image(random.Random(1).randbytes(70_000))
IMAGE = esp_image(b"bootloader" * 500).ljust(layout.APPLICATION_AT, b"\xff") + INTERPRETER
DIGEST = hashlib.sha256(IMAGE).hexdigest()


# pyserial's RFC 2217 client names its thread in an old way.
quiet = pytest.mark.filterwarnings("ignore::DeprecationWarning:serial.rfc2217")


@pytest.fixture
def folder(tmp_path):
    """A programme that knows its image."""
    made.programme(tmp_path / "p")
    (tmp_path / "micropython.bin").write_bytes(IMAGE)
    micropython.pinned(tmp_path / "p", str(tmp_path / "micropython.bin"), DIGEST)
    return tmp_path / "p"


def nothing_told(_step, _share):
    pass


def flashed(bench, board, folder, told=nothing_told):
    return bench.work(flash.one, board.path, micropython.pinned(folder), told)


def test_a_new_board_gets_the_image_our_partitions_and_starts(folder):
    told = []
    with Workbench() as bench:
        (board,) = bench.add(fitted=Fitted())
        rom = board.rom
        outcome = flashed(bench, board, folder, lambda step, share: told.append((step, share)))
        assert outcome.ok, outcome.text
        assert outcome.fields == {"chip": "ESP32-S3", "hub": board.hub.name, "flash_mb": 8, "psram_mb": 8}
        assert bytes(rom.flash[layout.APPLICATION_AT :][: len(INTERPRETER)]) == INTERPRETER
        # Read by the simulator's own few lines, not by the library that wrote it.
        assert [tuple(row[:4]) for row in partitions(rom.flash)] == [tuple(part[:4]) for part in layout.PARTS]
        assert {step for step, _ in told} == {"connecting", "writing", "verifying"}
        bench.work(time.sleep, 0.5)
        assert board.rom is None and board.hub.alive  # it left its loader by the watchdog, and MicroPython answers
        assert set(board.hub.flash.cells) >= {"vfs", "journal", "app_a", "app_b", "romfs"}


@pytest.mark.parametrize(
    ("fitted", "reason"),
    [
        (Fitted(flash_mb=4), "4 MB of flash"),
        (Fitted(psram_mb=0), "0 MB of PSRAM"),
        (Fitted(chip="ESP32-C3"), "this is an ESP32-C3"),
    ],
)
def test_an_unfit_board_is_refused_with_the_reason_and_nothing_is_written(folder, fitted, reason):
    with Workbench() as bench:
        (board,) = bench.add(fitted=fitted)
        outcome = flashed(bench, board, folder)
        assert not outcome.ok and reason in outcome.text and outcome.fields["hint"]
        assert board.rom.written_octets == 0


def test_flash_that_does_not_keep_what_is_written_is_found(folder):
    with Workbench() as bench:
        (board,) = bench.add(fitted=Fitted(bad_sector=17))
        outcome = flashed(bench, board, folder)
        assert not outcome.ok and "MD5" in outcome.text
        assert board.rom is not None  # and was not started


@pytest.mark.parametrize("octet", [3, 60, 900, 3000, 30_000])
def test_a_cable_that_is_pulled_is_told_and_the_next_run_does_it_all(folder, octet):
    with Workbench() as bench:
        (board,) = bench.add(fitted=Fitted())
        board.cut_at_octet(octet)
        outcome = flashed(bench, board, folder)
        assert not outcome.ok and not board.cable.plugged
        board.plug()
        assert flashed(bench, board, folder).ok


@quiet
def test_a_board_that_runs_is_put_into_its_loader_by_the_reset_lines(tmp_path, folder):
    small = IMAGE[: layout.APPLICATION_AT] + esp_image(bytes(2000))  # pyserial's way through the network is slow
    (tmp_path / "small.bin").write_bytes(small)
    micropython.pinned(folder, str(tmp_path / "small.bin"), hashlib.sha256(small).hexdigest())
    with Workbench() as bench:
        (board,) = bench.add(fitted=Fitted(), network=True)
        assert flashed(bench, board, folder).ok
        bench.work(time.sleep, 0.5)
        assert board.rom is None and board.hub.alive  # MicroPython's prompt, and no loader
        board.hub.flash.cells["journal"].program(0, bytes(range(16)))  # what a hub keeps
        again = flashed(bench, board, folder)
        assert again.ok, again.text
        bench.work(time.sleep, 0.5)
        assert board.rom is None and board.hub.alive
        assert board.hub.flash.cells["journal"].octets(0, 16) == bytes(range(16))  # and is not written over


def test_several_boards_at_once_and_json(folder, capsys):
    with Workbench() as bench:
        boards = [*bench.add(2, fitted=Fitted()), *bench.add(fitted=Fitted(flash_mb=4))]
        ports = [part for board in boards for part in ("--port", board.path)]
        assert bench.work(cli.run, ["flash", str(folder), "--list", *ports, "--json"]) == 1
        looked = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["ok"] for line in looked[:-1]] == [True, True, False]
        assert [board.rom.written_octets for board in boards] == [0, 0, 0]
        assert bench.work(cli.run, ["flash", str(folder), *ports, "--json"]) == 1
        captured = capsys.readouterr()
        lines = [json.loads(line) for line in captured.out.splitlines()]
    assert [line["ok"] for line in lines] == [True, True, False, False]
    assert lines[2]["hint"] and lines[-1]["micropython_sha256"] == DIGEST and lines[-1]["done"] == 2
    assert captured.err == ""


def test_only_the_image_of_the_digest_is_taken(tmp_path, folder):
    path = tmp_path / "other.bin"
    path.write_bytes(IMAGE[:-1] + b"x")
    with pytest.raises(CommandError, match="SHA-256"):
        micropython.pinned(folder, str(path), DIGEST)
    (folder / "micropython.bin").write_bytes(path.read_bytes())  # changed after it was pinned
    with pytest.raises(CommandError, match="SHA-256"):
        micropython.pinned(folder)
    with pytest.raises(WrongUse, match="--sha256"):
        micropython.pinned(folder, str(path))
    made.programme(tmp_path / "q")
    with pytest.raises(MissingPart):
        micropython.pinned(tmp_path / "q")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"\xff" * 0x20000, "no bootloader"),
        (esp_image(b"x" * 99).ljust(0x20000, b"\xff"), "no interpreter"),
        (esp_image(b"x" * 99, chip=5).ljust(0x10000, b"\xff") + INTERPRETER, "esp32c3"),
        (IMAGE + bytes(0x1F0000), "there is room for"),
    ],
)
def test_a_file_that_is_no_image_for_these_boards_is_refused(tmp_path, octets, reason):
    path = tmp_path / "file.bin"
    path.write_bytes(octets)
    with pytest.raises(CommandError, match=reason):
        micropython.pinned(tmp_path, str(path), hashlib.sha256(octets).hexdigest())


def test_the_partitions_do_not_overlap_and_end_inside_the_smallest_flash():
    end = 0x9000
    for part in layout.PARTS:
        assert part.at == end or part.label in ("app_a",), part
        assert part.octets % 4096 == 0
        end = part.at + part.octets
    assert end <= layout.FLASH_OCTETS_MIN


def test_no_efuse_is_ever_burnt():
    texts = [path.read_text() for path in Path(layout.__file__).parent.glob("*.py")]
    assert len(texts) > 10 and not [text for text in texts if "espefuse" in text or "burn_" in text]
