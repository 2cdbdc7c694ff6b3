"""`telehub campaign`: what it prints, and when it fails."""

import json

from firmware.seal import p256
from tools import cli
from tools.backend import readings
from tools.simulator.world import points


def _run(capsys, *arguments):
    code = cli.run(["campaign", "--json", "--processes", "1", *arguments])
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_summary_accounts_for_every_reading(capsys):
    code, lines = _run(capsys, "--seeds", "2-3", "--days", "2", "--faults", "plug_pulled,broker_restarts")
    summary = lines[-1]
    assert code == 0 and summary["summary"] == "campaign" and summary["ok"]
    assert summary["depth"] == "world" and summary["seeds"] == [2, 3] and summary["runs"] == 2
    assert summary["taken"] == summary["delivered"] + summary["held"] > 0
    for name in ("lost", "doubled", "stuck", "waiting", "in_device"):
        assert summary[name] == 0
    assert set(summary["faults"]) == {"plug_pulled", "broker_restarts"}
    assert summary["faults"]["plug_pulled"]["runs"] == 2
    assert summary["faults"]["plug_pulled"]["injected"] == summary["faults"]["plug_pulled"]["survived"] > 0
    assert summary["failed_seeds"] == [] and summary["simulated_s"] > 4 * 86_400


def test_a_class_that_strikes_nowhere_fails_the_campaign(capsys):
    code, lines = _run(capsys, "--seeds", "2", "--days", "0.1", "--faults", "nightly_off,brown_out")
    assert code == 1 and not lines[-1]["ok"] and lines[-1]["idle"] == ["nightly_off"]


def test_a_failure_says_how_to_see_it_again(capsys, monkeypatch):
    count = iter(range(10**6))
    monkeypatch.setattr(readings, "_identity", lambda *_, **__: f"{next(count)}")
    code, lines = _run(capsys, "--seeds", "2", "--days", "4", "--faults", "confirmation_lost,wifi", "--minimise")
    assert code == 1 and lines[-1]["failed_seeds"] == [2] and lines[-1]["doubled"]
    failure, least = lines[0], lines[-2]
    assert failure["failure"] and failure["seed"] == 2 and failure["promise"] == "P4"
    assert failure["faults"] == ["confirmation_lost", "wifi"]
    assert failure["replay"] == "telehub campaign --seeds 2 --days 4 --faults confirmation_lost,wifi"
    assert least["faults"] == ["confirmation_lost"]


def test_wrong_use_is_told(capsys):
    for arguments in (("--seeds", "5-2"), ("--seeds", "x"), ("--faults", "rain")):
        assert _run(capsys, *arguments)[0] == 2


def test_openssl_multiplies_as_the_firmware_does():
    key, digests = bytes(range(1, 33)), [bytes([number]) * 32 for number in range(8)]
    expected = [p256.sign(key, digest) for digest in digests]
    with points.by_openssl():
        assert [p256.sign(key, digest) for digest in digests] == expected
    assert p256.sign(key, digests[0]) == expected[0]
