"""`telehub doctor` on a provisioned board: what is well, what is not and what to do; nothing secret in what it says."""

import asyncio
import json

import pytest

from tests.technician import made
from tools import cli
from tools.host import library
from tools.simulator.air.flash import DATA, PartitionRow
from tools.simulator.air.net_home import BROKER_NAME
from tools.simulator.board.board import TABLE, Board
from tools.simulator.board.workbench import PACE
from tools.simulator.devices import readings
from tools.simulator.house import CONNECTED_S, CUFF, PAIRED_S, WINDOW_S, House
from tools.technician import doctor, provision
from tools.technician import programme as programmes
from tools.technician.ledger import Ledger

pytestmark = pytest.mark.needs("micropython32", "library", "mpy-cross")

_TABLE = (*TABLE, PartitionRow("romfs", DATA, 0x8F, 0x500000, 4))


class Home:
    """A house whose hub was provisioned over its cable, paired its cuff, and delivered a reading."""

    def __init__(self, folder):
        self.programme = made.programme(folder)
        self.house = House(
            7, (CUFF,), authority=self.programme.authority, keyring=self.programme.keyring, hub={"table": _TABLE}
        )
        usual = self.house.settings()
        self.programme.settings.update(wifi=usual["wifi"], devices=usual["devices"])
        made.fill(folder, wifi=usual["wifi"], devices=usual["devices"])
        self.board = Board(self.house.hub)
        self.house.world.run(self.house.start())
        self.on_cable(provision.one, self.programme, made.WHO, made.NOW, lambda _step, _share: None, library.find()[0])

    def on_cable(self, work, *args, **kwargs):
        """The cable in, some work, the cable out."""
        self.house.power_off()
        path = self.board.plug()
        self.house.loop.pace = PACE
        try:
            return self.house.world.run(asyncio.to_thread(work, path, *args, **kwargs))
        finally:
            self.board.pull()
            self.house.loop.pace = 0

    def page(self, uplink=True, board=False):
        """What the doctor says, by the checks' names."""
        return {check.name: check for check in self.on_cable(self._page, uplink, board)}

    def _page(self, path, uplink, board):
        book = Ledger(self.programme.ledger_path, made.WHO, made.NOW)
        try:
            return doctor.page(path, self.programme, book, library.find()[0], uplink, board)
        finally:
            book.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One for all tests that may find what the ones before left."""
    yield from _lived_in(tmp_path_factory.mktemp("doctor") / "p")


@pytest.fixture
def new_home(tmp_path):
    """One in which nothing has happened yet."""
    yield from _lived_in(tmp_path / "p")


def _lived_in(folder):
    made_home = Home(folder)
    yield made_home
    made_home.board.close()
    made_home.house.close()


async def _measure(house, deliver=True):
    house.power_on()
    await house.until(house.connected, CONNECTED_S, "the hub reaches its platform")
    if not house.devices[0].is_bonded():
        house.press_button()
        await house.pair(house.devices[0], PAIRED_S)
        await asyncio.sleep(WINDOW_S)
    house.network(deliver)
    house.devices[0].press(readings.blood_pressure(128, 82, 97, 71))
    await house.read(house.devices[0])
    if deliver:
        await house.until_delivered()


def test_a_hub_that_works_is_well_in_every_line(home):
    home.house.world.run(_measure(home.house))
    page = home.page()
    assert [check for check in page.values() if not check.ok] == []
    assert set(page) >= {
        "board", "partitions", "versions", "keys", "ledger", "certificate", "authority", "settings", "receipts",
        "journal", "flash wear", "devices", "wifi", "time", "broker's address", "broker's port", "tls and broker",
    }  # fmt: skip
    assert "ad_ua651ble" in page["devices"].said


def test_each_fault_is_named_with_what_to_do(home):
    house = home.house
    house.network(False)
    page = home.page()
    assert not page["wifi"].ok and "router" in page["wifi"].do
    house.network(True)
    home.programme.settings["broker"] = {"host": "elsewhere.example", "port": 8883}
    assert home.page(uplink=False)["settings"].said == "differ: broker"
    home.programme.settings["broker"] = {"host": BROKER_NAME, "port": 8883}


def test_what_only_a_board_can_answer_is_measured_and_told(new_home):
    new_home.house.devices[0].WINDOW_S = 900.0  # the checks before it take their time on a busy machine
    new_home.house.devices[0].press(readings.blood_pressure(131, 84, 99, 70))  # so that there is something to hear
    page = new_home.page(uplink=False, board=True)
    for name in ("radio", "internal RAM", "random", "signatures", "light"):
        assert page[name].ok, page[name]
    # The twin's own costs (tools/simulator/costs.py) and what this computer took, twenty times as fast.
    assert int(page["signatures"].said.split()[1]) >= 39
    assert page["flash units"].ok and "erase" in page["flash times"].said
    rhythms = [row[1:] for row in new_home.house.hub.board.pin(2).shown if row[1]]
    assert rhythms[-2:] == [(5, 50), (1, 50)]


@pytest.mark.promise("P12")
def test_the_support_file_holds_no_secret_no_address_and_no_value(home, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv(programmes.PASSPHRASE, raising=False)  # the doctor needs no key of ours
    support = tmp_path / "support.json"
    arguments = ["doctor", str(home.programme.folder), "--support", str(support), "--json"]
    given = ["--library", str(library.find()[0])]
    code = home.on_cable(lambda path: cli.run([*arguments, *given, "--port", path]))
    out = capsys.readouterr().out
    assert code == 0, out
    book = Ledger(home.programme.ledger_path, made.WHO, made.NOW)
    row = book.hubs()[0]
    book.close()
    house = home.house
    device = house.devices[0].address
    forbidden = [
        row.setup_code, house.router.key, house.router.ssid + '"', device, device.replace(":", ""), made.PASSPHRASE,
        '"128"', "128/82", " 128 ", "mmHg",
    ]  # fmt: skip
    flash = bytes(house.hub.flash.cells["vfs"].image())
    assert house.router.key.encode() in flash  # the scanner's own needle is a true one
    for text in (support.read_text(), out):
        assert [word for word in forbidden if word in text] == []
    assert json.loads(support.read_text())["checks"]
