"""A small fleet on real servers, envelopes that the platform's own reader takes, and a loss that does not go unseen."""

import json
from contextlib import closing
from decimal import Decimal

import pytest

from tools.backend import completeness, exports
from tools.backend.keys import make_platform_keys
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.cli import run
from tools.host.output import Output
from tools.simulator.fleet import command
from tools.simulator.fleet.sealed import FIRST_S, Sealed
from tools.simulator.fleet.wire import Link


def stored(folder, keep=lambda number: True):
    """A database with what two homes sealed in three days."""
    keyring = make_platform_keys(folder / "keys")
    sealed = Sealed.write(folder / "envelopes", 2, 3, seed=5)
    sealed.register(keyring)
    letters = [(home.hub, letter) for home, some in sealed for letter in some]
    database = str(folder / "store.db")
    with closing(Store(database)) as store:
        Receiver(store, keyring).handle_many([one for n, one in enumerate(letters) if keep(n)], FIRST_S)
    return sealed, keyring, database


@pytest.mark.promise("P3", "P5")
def test_what_a_fleet_seals_is_stored_as_its_devices_sent_it(tmp_path):
    sealed, _, database = stored(tmp_path)
    with closing(Store(database)) as store:
        readings = list(exports.readings(store))
        assert len(readings) == 2 * 3 * 4
        assert all(state.complete for state in completeness.chains(store))
        assert {row["status"] for row in store.rows("SELECT status FROM envelope")} == {"stored"}
    first = [one for one in readings if one["hub"] == "24d700000000"][:4]
    assert [one["kind"] for one in first] == ["blood_pressure", "body_weight", "pulse_oximetry", "blood_pressure"]
    # By hand from sealed.py's table: home 0, envelope 1 and 2: spread 13 and 26, an hour ahead of UTC.
    assert [one["value"] for one in first[0]["quantities"]] == ["123", "71", "86", "73"]
    assert first[0]["device_time"] == "2026-03-02T07:30:00"
    assert Decimal(first[1]["quantities"][0]["value"]) == Decimal("71.300")
    assert {tuple(one["flags"]) for one in readings} == {()}
    assert len(sealed.path.read_bytes()) < 2 * 3 * 4 * 220


def test_a_loss_and_a_gap_are_told(tmp_path):
    sealed, keyring, database = stored(tmp_path, keep=lambda number: number != 5)
    fleet = command._Fleet(command.Run(2, 3, 2, 1, 0, 1), sealed, keyring, Output(True))
    fleet._check(database, whole=True)
    told = {figure.figure: figure for figure in fleet.figures(None)}
    assert (told["fleet.lost"].value, told["fleet.lost"].ok) == (1, False)
    assert (told["fleet.incomplete"].value, told["fleet.doubled"].value) == (1, 0)


@pytest.mark.needs("mosquitto")
@pytest.mark.promise("P2", "P4", "P6")
def test_a_fleet_comes_through_a_peak_and_an_outage_whole(capsys):
    asked = ["fleet", "--hubs", "5", "--days", "3", "--broker", "mosquitto", "--database", "sqlite", "--few", "0"]
    assert run([*asked, "--outage", "0.2", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = {line["figure"]: line["value"] for line in lines[:-1]}
    assert (told["fleet.lost"], told["fleet.doubled"], told["fleet.incomplete"], told["fleet.held"]) == (0, 0, 0, 0)
    assert told["fleet.receipt_p99.storm"] > told["fleet.receipt_p50.peak"] > 0
    assert lines[-1]["readings"] == 60


def test_what_a_fleet_cannot_run_upon_is_wrong_use(capsys):
    assert run(["fleet", "--broker", "embedded", "--json"]) == 2
    assert run(["fleet", "--hubs", "501", "--connections", "501", "--json"]) == 2


def test_octets_may_come_in_any_pieces():
    """Two PUBLISHes of MQTT 3.1.1, section 3.3, written by hand: QoS 0, and QoS 1 with a length of two octets."""
    one = bytes.fromhex("3005 0001 74 6869".replace(" ", ""))
    two = bytes.fromhex("32 8c01 0001 74 0007".replace(" ", "")) + b"x" * 135
    for step in (1, 2, 3, 150):
        heard, sent = [], []

        class Transport:
            def write(self, octets, sent=sent):
                sent.append(octets)

        link = Link(heard.append, lambda: None)
        link._transport = Transport()
        octets = one + two + one
        for at in range(0, len(octets), step):
            link.data_received(octets[at : at + step])
        assert heard == [b"hi", b"x" * 135, b"hi"]
        assert sent == [bytes.fromhex("40020007")]
