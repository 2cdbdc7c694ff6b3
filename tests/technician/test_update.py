"""`telehub update` over the real mpremote: pulled in its midst, gone on with, proved, and refused where it must be."""

import asyncio

import pytest

from tests.technician import made
from tools.backend.keys import point_of
from tools.host import library
from tools.simulator import slots, updates
from tools.simulator.board.board import TABLE, Board
from tools.simulator.board.workbench import PACE
from tools.simulator.house import CONNECTED_S, CUFF, House
from tools.technician import ca, provision, release, update
from tools.technician import programme as programmes
from tools.technician.line import CableLost, Line

pytestmark = [pytest.mark.needs("micropython32", "library", "mpy-cross"), pytest.mark.promise("P10", "P11")]


def _put(path, found):
    with Line(path) as line:
        return update.put(line, found, lambda _step, _share: None)


def test_an_update_over_a_cable_goes_on_where_it_was_pulled_and_is_kept_when_the_platform_has_answered(tmp_path):
    folder = made.programme(tmp_path / "p").folder
    programme = programmes.open_folder(folder, made.PASSPHRASE)
    programme.release_point = point_of(updates.KEY.public_key())
    hub = {"table": (*TABLE, *slots.SLOTS)}
    with House(7, (CUFF,), authority=programme.authority, keyring=programme.keyring, hub=hub) as house:
        programme.settings.update(wifi=house.settings()["wifi"], devices=house.settings()["devices"])
        board = Board(house.hub)
        house.loop.pace = PACE

        def work(function, *arguments):
            path = board.plug()
            try:
                return house.world.run(asyncio.to_thread(function, path, *arguments))
            finally:
                board.pull()

        outcome = work(
            provision.one, programme, made.WHO, made.NOW, lambda _step, _share: None, library.find()[0]
        )
        assert outcome.ok, outcome.text
        assert slots.state(house)["kept"] == 0
        found = updates.made()
        for wrong, reason in (
            (updates.made(ca.new_key(ca.seeded(2, "release"))), "update: foreign key"),
            (updates.made(board="esp32"), "update: board"),
            (updates.made(sequence=0), "update: older"),
            (updates.made(journal=(7, 8)), "update: journal"),
        ):
            with pytest.raises(update.NotTaken, match=reason):
                work(_put, wrong)
        board.cut_at_octet(60_000)
        with pytest.raises(CableLost):
            work(_put, found)
        assert slots.state(house)["trial"] == 0
        assert work(_put, found) > 10_000
        house.loop.pace = 0

        async def story():
            await house.start()
            house.power_on()
            await house.until(lambda: slots.state(house)["kept"] == 1, CONNECTED_S + 300, "the update is kept")
            assert slots.state(house)["trial"] == 0

        house.world.run(story())
        house.power_off()
        house.loop.pace = PACE
        with pytest.raises(update.NotTaken, match="update: older"):
            work(_put, found)  # it runs already
        board.close()


def test_a_release_is_made_signed_and_opened(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(programmes.PASSPHRASE, made.PASSPHRASE)
    monkeypatch.setattr(release, "chip_files", lambda: {"main.py": b"pass\n", "firmware/hub.mpy": bytes(300)})
    assert release.main(["key", str(tmp_path)]) == 0
    assert release.main(["key", str(tmp_path)]) == 2  # never another
    assert made.PASSPHRASE.encode() not in (tmp_path / "release.key").read_bytes()
    out = tmp_path / "telehub.release"
    arguments = ["make", str(tmp_path), "--sequence", "3", "--version", "1.2", "--out", str(out)]
    assert release.main(arguments) == 0
    opened = release.opened(out.read_bytes())
    assert opened.octets.endswith(bytes(300) + b"pass\n")
    for octets in (b"", b"\x80", out.read_bytes()[:-1], b"\x83\x02\x40\x40"):
        with pytest.raises(ValueError, match="no release"):
            release.opened(octets)
    monkeypatch.setenv(programmes.PASSPHRASE, "another horse battery staple")
    assert release.main(arguments) == 2
    assert "Traceback" not in capsys.readouterr().err
