"""`telehub backend` as people run it: a process on a real broker, killed, stopped and left alone by it."""

import json
import os
import queue
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.backend.envelopes import MORNING_S, Chain, Pressure, keyring_with
from tests.backend.test_health import report
from tests.simulator.brokers.running import AUTHORITY, BROKER, CLIENTS, HUB, Client
from tools.backend.health import HealthDesk
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.service import BadBroker, Service, parse_broker
from tools.backend.store import Store
from tools.inspect.envelope import decode_receipt
from tools.simulator.brokers import access
from tools.simulator.brokers.mosquitto import Mosquitto
from tools.technician.ca import Authority

ROOT = Path(__file__).parents[2]
WAIT_S = 15


def keys_in(folder, authority=AUTHORITY):
    """The directory that --keys names."""
    keyring = keyring_with(HUB, directory=folder)
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    CLIENTS[access.BACKEND].save(folder, "backend")
    return keyring


class Process:
    """`telehub backend --json`."""

    def __init__(self, broker, folder, *more, database=None):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tools/host/cpython")))}
        options = [
            "--broker",
            broker,
            "--database",
            database or str(folder / "store.db"),
            "--keys",
            str(folder),
            "--json",
        ]
        self._log = (folder / "log").open("a")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tools.cli", "backend", *options, *more],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._log_path = folder / "log"

    def says(self, text, times=1):
        """Wait until the log says it."""
        end = time.monotonic() + WAIT_S
        while self._log_path.read_text().count(text) < times:
            assert time.monotonic() < end, self._log_path.read_text()
            time.sleep(0.02)

    def stop(self):
        """SIGTERM; the exit code and what it printed."""
        self.process.terminate()
        out, _ = self.process.communicate(timeout=WAIT_S)
        self._log.close()
        return self.process.returncode, [json.loads(line) for line in out.splitlines()]

    def kill(self):
        self.process.kill()
        self.process.communicate()
        self._log.close()


@pytest.mark.needs("mosquitto")
@pytest.mark.promise("P2", "P4", "P6", "P11")
def test_a_hub_is_answered_through_kills_and_restarts_of_either_side(tmp_path):
    keyring = keys_in(tmp_path)
    key = receipt_key(keyring, keyring.hub(HUB))
    hub = Chain(HUB)
    letters = [hub.seal(Pressure(minute=n, after_s=60 * n)) for n in range(4)]
    with Mosquitto(BROKER, AUTHORITY) as broker:
        client = Client(tmp_path, CLIENTS[HUB], HUB).connect(broker.port)
        client.subscribe(access.topic(HUB, "receipt"))

        def answered(letter, sequence):
            client.publish(access.topic(HUB, "up"), letter)
            topic, octets = client.heard.get(timeout=WAIT_S)
            receipt = decode_receipt(octets, key)
            assert (topic, receipt.sequence, receipt.status) == (access.topic(HUB, "receipt"), sequence, 0)
            return octets

        first = Process(broker.url, tmp_path)
        first.says(": connected")
        receipt = answered(letters[0], 1)
        first.kill()
        client.publish(
            access.topic(HUB, "up"), letters[1]
        )  # to nobody: the broker acknowledges, no receipt comes
        with pytest.raises(queue.Empty):
            client.heard.get(timeout=0.3)
        second = Process(broker.url, tmp_path)
        second.says(": connected", 2)
        client.heard.get(timeout=WAIT_S)  # the broker had kept it
        assert answered(letters[0], 1) == receipt
        answered(letters[2], 3)
        client.close()
        broker.stop()
        broker.start()
        second.says(": connected", 3)
        client = Client(tmp_path, CLIENTS[HUB], HUB).connect(broker.port)
        client.subscribe(access.topic(HUB, "receipt"))
        answered(letters[3], 4)
        client.publish(access.topic(HUB, "up"), b"rubbish")
        answered(letters[3], 4)
        code, lines = second.stop()
        client.close()
    assert code == 0
    assert lines[-1]["summary"] == "backend"
    assert (lines[-1]["stored"], lines[-1]["repeats"], lines[-1]["unanswered"], lines[-1]["held"]) == (
        3,
        2,
        0,
        1,
    )
    store = Store(tmp_path / "store.db")
    assert [row["sequence"] for row in store.rows("SELECT sequence FROM reading ORDER BY sequence")] == [
        1,
        2,
        3,
        4,
    ]


@pytest.mark.needs("mosquitto")
@pytest.mark.promise("P9")
def test_a_hubs_nonce_is_answered_on_its_receipt_topic(tmp_path, monkeypatch):
    keys_in(tmp_path)
    monkeypatch.setattr("tests.backend.test_health.HUB", HUB)
    with Mosquitto(BROKER, AUTHORITY) as broker:
        client = Client(tmp_path, CLIENTS[HUB], HUB).connect(broker.port)
        client.subscribe(access.topic(HUB, "receipt"))
        backend = Process(broker.url, tmp_path)
        backend.says(": connected")
        client.publish(access.topic(HUB, "health"), report({8: b"nonce..."}))
        topic, octets = client.heard.get(timeout=WAIT_S)
        assert topic == access.topic(HUB, "receipt")
        assert b"nonce..." in octets
        backend.stop()
        client.close()


@pytest.mark.needs("mosquitto")
@pytest.mark.promise("P10")
def test_a_broker_of_another_authority_is_given_nothing(tmp_path):
    keys_in(tmp_path, Authority(name="another"))
    with Mosquitto(BROKER, AUTHORITY) as broker:
        backend = Process(broker.url, tmp_path)
        backend.says("certificate verify failed")
        assert backend.stop()[0] == 0


@pytest.mark.parametrize(
    ("options", "code", "error"),
    [
        (["--broker", "http://x", "--database", "x.db", "--keys", "."], 2, "a broker is"),
        (["--broker", "mqtts://x", "--database", "x.db", "--keys", "."], 3, "receipt key"),
        (["--broker", "mqtts://x", "--database", "mysql://x", "--keys", "keys"], 2, "postgresql"),
        (["--broker", "mqtts://x", "--database", "x.db", "--keys", "keys"], 3, "TLS identity"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(tmp_path, options, code, error, capsys, monkeypatch):
    from tools.cli import run

    monkeypatch.chdir(tmp_path)
    keyring_with(HUB, directory=tmp_path / "keys")
    assert run(["backend", *options, "--json"]) == code
    assert error in json.loads(capsys.readouterr().out)["error"]


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("mqtts://broker.example", ("broker.example", 8883, True)),
        ("mqtt://127.0.0.1", ("127.0.0.1", 1883, False)),
        ("mqtts://[::1]:9883/", ("::1", 9883, True)),
    ],
)
def test_a_brokers_url_is_read(url, parts):
    assert parse_broker(url) == parts


@pytest.mark.parametrize(
    "url", ["", "x", "mqtts://", "mqtt://a:b@c", "mqtt://x:y", "mqtt://x:99999", "ws://x", "mqtt://x/y"]
)
def test_what_is_no_brokers_url_is_refused(url):
    with pytest.raises(BadBroker):
        parse_broker(url)


@pytest.mark.promise("P11")
def test_a_letter_that_finds_a_fault_of_ours_costs_its_own_answer_only():
    class Faulty(Receiver):
        def read(self, hub, octets):
            if octets == b"fault":
                raise ZeroDivisionError
            return super().read(hub, octets)

    keyring, store, log = keyring_with(HUB), Store(":memory:"), []
    service = Service(
        "mqtt://x",
        Faulty(store, keyring),
        HealthDesk(store, keyring),
        log=log.append,
        now_ms=lambda: MORNING_S * 1000,
    )
    hub = Chain(HUB)
    letters = [
        (HUB, "up", hub.seal(Pressure())),
        (HUB, "up", b"fault"),
        (HUB, "up", hub.seal(Pressure(minute=1))),
    ]
    assert len(service.desks.take([*letters, (HUB, "health", b""), (HUB, "health", b"gone")])) == 2
    assert any("ZeroDivisionError" in line for line in log)
