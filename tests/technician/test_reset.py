"""`telehub reset`: nothing of the hub's former life is left in its flash, and undelivered readings are asked about."""

import json

import pytest

from tests.technician import made
from tests.technician.test_doctor import Home, _measure
from tools import cli
from tools.host import library
from tools.technician import provision
from tools.technician.ledger import PROVISIONED, RETIRED, Ledger
from tools.technician.line import Line
from tools.technician.reset import BEGUN

pytestmark = [pytest.mark.needs("micropython32", "library", "mpy-cross"), pytest.mark.promise("P2", "P12")]


@pytest.fixture
def home(tmp_path):
    made_home = Home(tmp_path / "p")
    yield made_home
    made_home.board.close()
    made_home.house.close()


def row(home):
    book = Ledger(home.programme.ledger_path, made.WHO, made.NOW)
    found, events = book.hubs()[0], book.events(book.hubs()[0].hub)
    book.close()
    return found, [what for _, _, what in events]


def reset(home, capsys, *arguments):
    """(exit code, last JSON object)"""
    line = ["reset", str(home.programme.folder), *arguments, "--json"]
    capsys.readouterr()
    code = home.on_cable(lambda path: cli.run([*line, "--port", path]))
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def secrets(path):
    with Line(path) as line:
        read = "print('\\x22' + open('hub/{}', 'rb').read(32).hex() + '\\x22')"
        names = ("tls.key", "signing.key", "agreement.key")
        return [bytes.fromhex(line.answer(read.format(name))) for name in names]


def cells(home):
    return {name: bytes(one.image()) for name, one in home.house.hub.flash.cells.items()}


def test_what_was_delivered_goes_without_a_word_and_nothing_is_left(home, capsys):
    home.house.world.run(_measure(home.house))
    keys = home.on_cable(secrets)
    before = cells(home)
    assert all(key in before["vfs"] for key in keys)  # the scan can find them
    device = bytes.fromhex(home.house.devices[0].address.replace(":", ""))
    code, said = reset(home, capsys)
    assert code == 0, said
    assert said["sectors_read_back"] == 384 + 128
    after = cells(home)
    assert set(after["journal"]) == {0xFF}
    for secret in [*keys, home.house.router.key.encode(), row(home)[0].setup_code.encode(), device]:
        assert secret not in after["vfs"]
    assert row(home)[0].state == RETIRED
    hub = home.house.hub.name
    assert not (home.programme.folder / "hubs" / f"{hub}.json").exists()
    assert len(list((home.programme.folder / "hubs" / "retired").iterdir())) == 1
    again = home.on_cable(
        provision.one, home.programme, made.WHO, made.NOW, lambda _step, _share: None, library.find()[0]
    )
    assert again.ok, again.text  # the next life is no second identity
    assert row(home)[0].state == PROVISIONED
    assert not set(home.on_cable(secrets)) & set(keys)


def test_what_was_not_delivered_stays_until_it_is_exported_or_somebody_types_its_number(home, capsys, tmp_path):
    home.house.world.run(_measure(home.house, deliver=False))
    before = cells(home)
    code, said = reset(home, capsys)
    assert code == 1 and "not delivered" in said["error"]
    assert cells(home)["vfs"] == before["vfs"] and row(home)[1][-1] != BEGUN
    serial = row(home)[0].serial
    assert reset(home, capsys, "--discard", "TH999999")[0] == 1
    journal = home.house.hub.flash.cells["journal"]
    code, said = reset(home, capsys, "--export", str(tmp_path / "journal.bin"))
    assert code == 0
    assert set(journal.image()) == {0xFF}
    kept = tmp_path / "readings.jsonl"
    assert cli.run(["journal", str(tmp_path / "journal.bin"), "--export", str(kept)]) == 0
    assert len(kept.read_text().splitlines()) == 1  # the reading is in the file
    assert serial == row(home)[0].serial


def test_a_cable_pulled_in_the_midst_and_the_next_run_ends_it(home, capsys):
    home.house.world.run(_measure(home.house, deliver=False))
    serial = row(home)[0].serial
    keys = home.on_cable(secrets)
    home.board.cut_at_command(9, "after")
    code, said = reset(home, capsys, "--discard", serial)
    assert code == 1 and "goes on" in said["hint"]
    assert row(home)[1][-1] == BEGUN and row(home)[0].state == PROVISIONED
    assert not all(key in cells(home)["vfs"] for key in keys)  # keys went first
    code, said = reset(home, capsys)  # it was asked once
    assert code == 0 and row(home)[0].state == RETIRED
    assert set(cells(home)["journal"]) == {0xFF}
