"""Many hubs in a morning: no two share a secret, and none of them is written where others read."""

import base64
import json
import os

import pytest

from tests.technician import made
from tools import cli
from tools.host import library
from tools.simulator.board.workbench import Workbench
from tools.technician import programme as programmes
from tools.technician import provisioning
from tools.technician.ledger import Ledger

pytestmark = [pytest.mark.needs("micropython32", "library", "mpy-cross"), pytest.mark.promise("P12")]

# Fifty take some minutes: TELEHUB_EXHAUSTIVE=1. What every run of all tests can afford is two tables full.
HUBS = 50 if os.environ.get("TELEHUB_EXHAUSTIVE") else 10
AT_ONCE = 5
_KEYS = ("tls", "signing", "agreement")


def private_keys(line):
    """A hub's three keys, read off its flash as a thief would."""
    read = "print('\\x22' + open('hub/%s.key', 'rb').read(32).hex() + '\\x22')"
    return [bytes.fromhex(line.answer(read % name)) for name in _KEYS]


def forms(secret):
    """How a secret might stand in a text."""
    return {secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret).rstrip(b"=")}


@pytest.mark.timeout(1800)
def test_hubs_of_a_morning_share_no_secret_and_none_is_in_a_log(tmp_path, copied, capfd, monkeypatch):
    folder = made.programme(tmp_path / "p").folder
    monkeypatch.setenv(programmes.PASSPHRASE, made.PASSPHRASE)
    keys, said = {}, []
    provision = provisioning.provision

    def and_read(line, *given):
        done = provision(line, *given)
        said.append((bench.world.folder / f"{done.hub}.log").read_bytes())  # all that it ever said
        keys[done.hub] = private_keys(line)
        return done

    monkeypatch.setattr(provisioning, "provision", and_read)
    with Workbench() as bench:
        for _ in range(HUBS // AT_ONCE):
            boards = made.with_application(bench, copied, AT_ONCE)
            ports = [part for board in boards for part in ("--port", board.path)]
            arguments = ["provision", str(folder), *ports, "--library", str(library.find()[0])]
            assert bench.work(cli.run, [*arguments, *(["--json"] if not keys else [])]) == 0
            for board in boards:
                board.pull()
                board.hub.flash.cells.clear()
    captured = capfd.readouterr()
    said += [captured.out.encode(), captured.err.encode(), (folder / "ledger.csv").read_bytes()]
    said += [path.read_bytes() for path in (folder / "hubs").iterdir()]
    text = b"".join(said)
    book = Ledger(folder / "ledger.sqlite", made.WHO, made.NOW)
    rows = book.hubs()
    book.close()
    assert len(rows) == HUBS
    every = [key for three in keys.values() for key in three]
    assert len(every) == 3 * HUBS and len(set(every)) == 3 * HUBS
    for column in ("setup_code", "serial", "certificate_sha256", "tls", "signing", "agreement"):
        assert len({getattr(row, column) for row in rows}) == HUBS, column
    # The keys' own public points are what was registered: these are the hubs' keys and no others.
    for row in rows:
        assert json.loads((folder / "hubs" / f"{row.hub}.json").read_text())["hub"] == row.hub
    secrets = {form for key in every for form in forms(key)} | {row.setup_code.encode() for row in rows}
    secrets |= {made.WIFI_KEY.encode(), made.PASSPHRASE.encode()}
    assert [secret for secret in secrets if secret in text] == []
    assert sum(row.hub.encode() in text for row in rows) == HUBS  # the scanner reads what was written
