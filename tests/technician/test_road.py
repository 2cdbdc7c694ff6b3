"""From the box to a reading: a board that was provisioned over its cable delivers, from its own flash."""

import asyncio

import pytest

from tests.technician import made
from tools.host import library
from tools.simulator.board.board import TABLE, Board
from tools.simulator.board.workbench import PACE
from tools.simulator.devices import readings
from tools.simulator.house import CONNECTED_S, CUFF, PAIRED_S, WINDOW_S, House
from tools.technician import programme as programmes
from tools.technician import provision

pytestmark = pytest.mark.needs("micropython32", "library", "mpy-cross")


@pytest.mark.promise("P2")
def test_a_provisioned_board_delivers_a_reading(tmp_path):
    folder = made.programme(tmp_path / "p").folder
    programme = programmes.open_folder(folder, made.PASSPHRASE)
    with House(7, (CUFF,), authority=programme.authority, keyring=programme.keyring, hub={"table": TABLE}) as house:
        usual = house.settings()
        programme.settings.update(wifi=usual["wifi"], devices=usual["devices"])
        board = Board(house.hub)
        path = board.plug()
        house.loop.pace = PACE
        work = asyncio.to_thread(
            provision.one, path, programme, made.WHO, made.NOW, lambda _step, _share: None, library.find()[0]
        )
        outcome = house.world.run(work)
        assert outcome.ok, outcome.text
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
