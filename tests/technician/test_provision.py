"""`telehub provision` over the real mpremote on simulated boards: a cable pulled anywhere, run again, one identity."""

import hashlib
import json
import os
import shutil
import zlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from tests.technician import made
from tools import cli
from tools.host import library
from tools.simulator.board.board import TABLE
from tools.simulator.board.workbench import Workbench
from tools.simulator.nor import Nor
from tools.technician import ca
from tools.technician import programme as programmes
from tools.technician.ledger import PROVISIONED, Ledger

pytestmark = [pytest.mark.needs("micropython32", "library", "mpy-cross")]

# Every command of a whole provisioning; without it a spread of them (the exhaustive run takes some ten minutes).
EXHAUSTIVE = bool(os.environ.get("TELEHUB_EXHAUSTIVE"))


def ledger(programme):
    return Ledger(programme.ledger_path, made.WHO, made.NOW)


def state(programme, hub):
    """What must not change: the ledger's row and what the platform was told."""
    book = ledger(programme)
    row = book.hub(hub)
    events = len(book.events(hub))
    book.close()
    return row, events, (programme.folder / "hubs" / f"{hub}.json").read_bytes()


def test_a_board_becomes_a_hub_that_the_ledger_and_the_platform_know(table):
    _, programme, board = table
    row, _, registered = state(programme, board.hub.name)
    assert row.state == PROVISIONED
    certificate = x509.load_der_x509_certificate(row.certificate)
    certificate.verify_directly_issued_by(x509.load_der_x509_certificate(programme.authority_der))
    assert certificate.subject.rfc4514_string() == f"CN={board.hub.name}"
    assert json.loads(registered)["certificate_sha256"] == hashlib.sha256(row.certificate).hexdigest()
    assert row.micropython and len(row.application) == len(row.library) == 12


def test_a_second_run_changes_nothing_anywhere(table):
    bench, programme, board = table
    before = state(programme, board.hub.name)
    erased = board.hub.flash.cells["vfs"].erases
    outcome = made.provisioned(bench, board, programme)
    assert outcome.ok and not outcome.fields["new"] and outcome.fields["copied"] == 0
    assert state(programme, board.hub.name) == before
    assert board.hub.flash.cells["vfs"].erases == erased


def test_other_settings_are_taken_over_and_the_identity_stays(table):
    bench, programme, board = table
    before, _, registered = state(programme, board.hub.name)
    programme.settings["wifi"] = {"ssid": "another", "key": made.WIFI_KEY}
    outcome = made.provisioned(bench, board, programme)
    assert outcome.ok and outcome.fields["new"] and outcome.fields["copied"] == 0
    assert state(programme, board.hub.name)[0] == before
    assert state(programme, board.hub.name)[2] == registered
    assert not made.provisioned(bench, board, programme).fields["new"]


@pytest.mark.promise("P10")
def test_a_second_identity_for_one_chip_is_refused(table, copied):
    bench, programme, _ = table
    (board,) = made.with_application(bench, copied)
    assert made.provisioned(bench, board, programme).ok
    before = state(programme, board.hub.name)
    board.pull()
    enrolled = board.hub.flash.cells["vfs"]
    board.hub.flash.cells["vfs"] = copied.copy()  # somebody erased it: it makes other keys
    board.plug()
    outcome = made.provisioned(bench, board, programme)
    assert not outcome.ok and "other keys" in outcome.text
    assert state(programme, board.hub.name) == before
    (other,) = made.with_application(bench, enrolled)  # somebody copied its flash to another chip
    outcome = made.provisioned(bench, other, programme)
    assert not outcome.ok and f"keys of hub {board.hub.name}" in outcome.text
    assert [row.hub for row in ledger_hubs(programme.folder)].count(other.hub.name) == 0


def test_a_board_without_psram_or_journal_is_refused_with_the_reason(tmp_path):
    programme = made.programme(tmp_path / "p")
    with Workbench() as bench:
        (board,) = bench.add(table=TABLE[:2])
        outcome = made.provisioned(bench, board, programme)
    assert not outcome.ok and "journal partition" in outcome.text and "telehub flash" in outcome.text
    assert not (programme.folder / "hubs").exists()


class Cut:
    """A board's flash and the technician's files as a cut at one moment leaves them."""

    def __init__(self, board, folder, number, moment):
        self.label = f"{moment} command {number}"
        self.cells = {name: zlib.compress(cells.image(), 1) for name, cells in board.hub.flash.cells.items()}
        self.files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def restore(self, board, folder):
        board.pull()
        for name, image in self.cells.items():
            board.hub.flash.cells[name] = Nor(len(zlib.decompress(image)) // 4096, zlib.decompress(image))
        shutil.rmtree(folder)
        for path, content in self.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)
        board.plug()


@pytest.mark.timeout(7200 if EXHAUSTIVE else 600)
def test_a_cable_pulled_at_any_command_and_the_next_run_gives_one_identity(tmp_path):
    programme = made.programme(tmp_path / "p")
    folder = programme.folder
    cuts, steps = [], []
    with Workbench() as bench:
        (board,) = bench.add()
        step = [""]

        def watching(number, moment):
            cuts.append(Cut(board, folder, number, moment))
            steps.append(step[0])

        board.console.watching = watching
        assert made.provisioned(bench, board, programme, lambda name, _share: step.__setitem__(0, name)).ok
        board.console.watching = lambda _number, _moment: None
        copying = [at for at, name in enumerate(steps) if name in ("", "looking", "copying")]
        rest = [at for at in range(len(steps)) if at not in copying]
        assert len(rest) >= 6 and len(copying) >= 200
        for at in range(len(steps)) if EXHAUSTIVE else [*copying[5 :: len(copying) // 2], *rest[::3], rest[-1]]:
            cuts[at].restore(board, folder)
            again = programmes.open_folder(folder, made.PASSPHRASE)
            outcome = made.provisioned(bench, board, again)
            assert outcome.ok, f"{cuts[at].label}: {outcome.text}"
            book = ledger(again)
            assert [row.hub for row in book.hubs()] == [board.hub.name], cuts[at].label
            assert book.hub(board.hub.name).state == PROVISIONED
            done = [what.split()[0] for _, _, what in book.events(board.hub.name)]
            assert done == ["asked", "signed", "provisioned"], cuts[at].label
            book.close()
            assert [path.stem for path in (folder / "hubs").iterdir()] == [board.hub.name]
            assert not made.provisioned(bench, board, again).fields["new"] or at % 8


def test_the_cable_itself_is_pulled_and_the_run_says_what_to_do(tmp_path):
    programme = made.programme(tmp_path / "p")
    with Workbench() as bench:
        (board,) = bench.add()
        for pull in (
            lambda: board.cut_at_command(9),
            lambda: board.cut_at_command(9, "after"),
            lambda: board.cut_at_octet(9000),
            lambda: board.cut_at_octet(1),
        ):
            pull()
            outcome = made.provisioned(bench, board, programme)
            assert not outcome.ok and "put the cable in" in outcome.text
            assert not board.cable.plugged
            board.plug()
        assert made.provisioned(bench, board, programme).ok


def test_another_authority_signs_what_comes_out_and_goes_in_as_files(tmp_path, copied):
    programme = made.programme(tmp_path / "p")
    elsewhere, programme.authority = programme.authority, None
    (programme.folder / "certificates").mkdir()
    with Workbench() as bench:
        (board,) = made.with_application(bench, copied)
        hub = board.hub.name
        waiting = made.provisioned(bench, board, programme)
        assert not waiting.ok and waiting.fields["waiting"]
        request = x509.load_pem_x509_csr((programme.folder / "requests" / f"{hub}.pem").read_bytes())
        der = request.public_bytes(serialization.Encoding.DER)
        place = programme.folder / "certificates" / f"{hub}.pem"
        place.write_bytes(elsewhere.client(hub).certificate_pem)
        refused = made.provisioned(bench, board, programme)
        assert not refused.ok and "another key" in refused.text
        place.write_bytes(ca.Authority().client(hub).certificate_pem)
        assert "not signed by ca.pem" in made.provisioned(bench, board, programme).text
        certificate = x509.load_der_x509_certificate(elsewhere.sign_request(der, hub))
        place.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        outcome = made.provisioned(bench, board, programme)
    assert outcome.ok and outcome.fields["certificate_sha256"] == certificate.fingerprint(hashes.SHA256()).hex()


def test_the_command_takes_several_boards_and_speaks_json(tmp_path, copied, capsys, monkeypatch):
    folder = made.programme(tmp_path / "p").folder
    monkeypatch.setenv(programmes.PASSPHRASE, made.PASSPHRASE)
    with Workbench() as bench:
        made.with_application(bench, copied, 2)
        ports = [part for path in bench.paths() for part in ("--port", path)]
        arguments = ["provision", str(folder), *ports, "--library", str(library.find()[0]), "--json"]
        code = bench.work(cli.run, arguments)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert code == 0 and lines[-1]["summary"] == "provision" and lines[-1]["done"] == 2
        assert [line["hub"] for line in lines[:-1]] == [board.hub.name for board in bench.boards]
        assert sorted(line["serial"] for line in lines[:-1]) == ["TH000001", "TH000002"]
        table = (folder / "ledger.csv").read_text().splitlines()
        assert len(table) == 3 and table[1].split(",")[0] == ledger_hubs(folder)[0].hub
    made.fill(folder, wifi={"ssid": "", "key": ""})
    assert cli.run([*arguments[:-1]]) == 2
    assert "wifi.ssid" in capsys.readouterr().err


def ledger_hubs(folder):
    book = Ledger(folder / "ledger.sqlite", made.WHO, made.NOW)
    return book.hubs()
