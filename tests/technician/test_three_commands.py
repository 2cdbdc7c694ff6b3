"""Box to labelled hub in three commands for any number of boards, and then a reading: README's road, literally."""

import asyncio
import json

import pytest

from tests.technician import made
from tests.technician.test_flash import DIGEST, IMAGE
from tools import cli
from tools.host import library
from tools.simulator.board.board import Board
from tools.simulator.board.rom import Fitted
from tools.simulator.board.workbench import PACE
from tools.simulator.devices import readings
from tools.simulator.house import CONNECTED_S, CUFF, PAIRED_S, WINDOW_S, House
from tools.technician import programme as programmes

pytestmark = pytest.mark.needs("micropython32", "library", "mpy-cross")


@pytest.mark.promise("P2")
def test_from_a_blank_board_to_a_delivered_reading(tmp_path, monkeypatch, capsys):
    folder = made.programme(tmp_path / "p").folder
    monkeypatch.setenv(programmes.PASSPHRASE, made.PASSPHRASE)
    (tmp_path / "image.bin").write_bytes(IMAGE)
    programme = programmes.open_folder(folder, made.PASSPHRASE)
    with House(7, (CUFF,), authority=programme.authority, keyring=programme.keyring) as house:
        usual = house.settings()
        made.fill(folder, wifi=usual["wifi"], devices=usual["devices"])
        board = Board(house.hub, Fitted())
        port = ["--port", board.plug()]
        house.loop.pace = PACE
        image = ["--image", str(tmp_path / "image.bin"), "--sha256", DIGEST]
        for command in (
            ["flash", str(folder), *image, *port],
            ["provision", str(folder), "--library", str(library.find()[0]), *port],
            ["label", str(folder)],
        ):
            assert house.world.run(asyncio.to_thread(cli.run, [*command, "--json"])) == 0, capsys.readouterr()
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["labels"] == 1
        board.pull()
        house.loop.pace = 0

        async def story():
            await house.start()
            house.power_on()  # at the patient's: no cable to a computer any more
            await house.until(house.connected, CONNECTED_S, "the hub reaches its platform")
            house.press_button()
            await house.pair(house.devices[0], PAIRED_S)
            await asyncio.sleep(WINDOW_S)
            house.devices[0].press(readings.blood_pressure(128, 82, 97, 71))
            await house.read(house.devices[0])
            await house.until_delivered()

        house.world.run(story())
        assert house.delivered_total() == house.taken() == 1
        board.close()
