"""The same story on brokers with a real socket, where the platform is the backend's own service."""

import json
import subprocess
from contextlib import contextmanager

import pytest

from tests.simulator.demo.demo import RUN_S_MAX, demo, run_json
from tools.backend.servers.ports import free_port
from tools.backend.servers.rabbitmq import RabbitMQ
from tools.host import parts
from tools.simulator.brokers import kit, mosquitto
from tools.simulator.brokers.rabbitmq import PLUGINS, QUEUE_PORT
from tools.simulator.demo import choice
from tools.simulator.demo.home import Home
from tools.simulator.demo.screen import Screen

PARTS = pytest.mark.needs("micropython", "library", "mosquitto")
LONG = pytest.mark.timeout(2 * RUN_S_MAX)
_CONNECTED_S = 120


@PARTS
@LONG
@pytest.mark.promise("P2", "P4", "P6")
def test_the_story_ends_well_on_a_real_mosquitto(tmp_path):
    ran = demo("--seed", 5, "--scenario", "telekol", "--broker", "mosquitto", "--out", tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    run = run_json(tmp_path)
    assert (run["ok"], run["broker"]) == (True, "mosquitto")
    assert run["taken"] == run["kept"] == run["delivered"] == run["verified"] > 0
    assert "the broker restarts" in ran.stdout
    assert max(map(len, ran.stdout.splitlines())) <= 80


class Silent(Screen):
    """Remembers what was said."""

    live = False

    def __init__(self):
        self.said = []

    def say(self, when_s, what, style=""):
        self.said.append(what)

    def draw(self, now=False):
        pass


async def a_morning(home):
    """Enrolment, one reading, a broken connection, one more reading."""
    await home.start()
    await home.set_up()
    home.power_on()
    await home.until(home.connected, _CONNECTED_S, "the hub reaches its platform")
    home.press_button()
    for device in home.devices:
        await home.pair(device, 180)
    await home.sleep(400)
    for _ in range(2):
        for device in home.devices:
            await home.measure(device, 60)
        await home.until(home.all_delivered, 900, "everything is delivered")
        await home.restart_broker()
    await home.until(home.connected, 900, "the hub is back")


@contextmanager
def mosquitto_of(folder, _port):
    """As its owner would start it: with the kit's mosquitto.conf and nothing else."""
    command = [parts.need("mosquitto"), "-c", str(folder / "mosquitto.conf")]
    broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        broker.terminate()
        assert broker.wait(10) is not None


@contextmanager
def rabbitmq_of(folder, port):
    """With the kit's rabbitmq.conf, and a door for AMQP on loopback."""

    class OfKit(RabbitMQ):
        plugins = PLUGINS

        def configure(self, own):
            self.ports["mqtt"] = port
            told = (folder / "rabbitmq.conf").read_text().replace("listeners.tcp = none\n", "", 1)
            # Not the same one for all tests.
            told = told.replace(f"= {QUEUE_PORT}\n", f"= 127.0.0.1:{free_port()}\n", 1)
            (own / "rabbitmq.conf").write_text(f"listeners.tcp.1 = 127.0.0.1:{self.ports['amqp']}\n{told}")

    with OfKit():
        yield


@pytest.mark.needs("micropython", "library")
@LONG
@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    "owners",
    [
        pytest.param(mosquitto_of, marks=pytest.mark.needs("mosquitto")),
        pytest.param(rabbitmq_of, marks=pytest.mark.needs("rabbitmq")),
    ],
)
def test_a_broker_of_ones_own_is_served_by_the_kit_that_was_made_for_it(tmp_path, owners):
    port = mosquitto.free_port()
    url = f"mqtts://127.0.0.1:{port}"
    kit.prepare(tmp_path, url)
    screen = Silent()
    with owners(tmp_path, port):
        with choice.chosen(url, tmp_path, 3) as chosen:
            home = Home(3, "telehjerte", screen, chosen)
            try:
                home.world.run(a_morning(home))
                counts = home.counts()
            finally:
                home.close()
    assert [(row.taken, row.kept, row.delivered) for row in counts] == [(2, 2, 2), (2, 2, 2)]
    assert screen.said.count("the hub is cut off from the broker, which is not ours to restart") == 2


@PARTS
def test_a_broker_that_is_not_there_is_a_missing_part_and_its_kit_is_made(tmp_path):
    keys = tmp_path / "kit"
    url = f"mqtts://localhost:{mosquitto.free_port()}"
    ran = demo("--broker", url, "--broker-keys", keys, "--json")
    assert ran.returncode == 3, ran.stdout + ran.stderr
    said = json.loads(ran.stdout)
    assert url in said["error"]
    assert f"{keys}/mosquitto.conf" in said["hint"]
    made = {"ca.pem", "ca.key", "broker.pem", "broker.key", "backend.pem", "backend.key", "acl", "mosquitto.conf"}
    made |= {"rabbitmq.conf", "definitions.json", "rabbitmq-add-hub"}
    assert {path.name for path in keys.iterdir()} == made
    assert all((keys / f"{name}.key").stat().st_mode & 0o077 == 0 for name in ("ca", "broker", "backend"))
    before = {path.name: path.read_bytes() for path in keys.iterdir()}
    kit.prepare(keys, url)
    assert {path.name: path.read_bytes() for path in keys.iterdir()} == before


@PARTS
@pytest.mark.promise("P10")
def test_a_broker_of_another_authority_is_told_nothing(tmp_path):
    port = mosquitto.free_port()
    url = f"mqtts://127.0.0.1:{port}"
    kit.prepare(tmp_path / "theirs", url)
    command = [parts.need("mosquitto"), "-c", str(tmp_path / "theirs" / "mosquitto.conf")]
    broker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        ran = demo("--broker", url, "--broker-keys", tmp_path / "ours", "--json")
    finally:
        broker.terminate()
        broker.wait(10)
    assert ran.returncode == 3, ran.stdout + ran.stderr
    assert "backend" in json.loads(ran.stdout)["error"]


@pytest.mark.parametrize("lacking", ["ca.key", "ca.pem"])
def test_half_an_authority_is_refused(tmp_path, lacking):
    kit.prepare(tmp_path, "mqtts://localhost")
    (tmp_path / lacking).unlink()
    with pytest.raises(kit.WrongUse, match="ca"):
        kit.prepare(tmp_path, "mqtts://localhost")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--broker", "rabbit"), 2, "mqtts://"),
        (("--broker", "mqtt://localhost"), 2, "mqtts://"),
        (("--broker", "mqtts://"), 2, "mqtts://"),
        (("--broker", "mqtts://localhost"), 2, "--broker-keys"),
        (("--broker-keys", "x"), 2, "broker of your own"),
        (("--broker", "mqtts://localhost", "--broker-keys", "/proc/no"), 2, "/proc/no"),
        (("--seed", "-1"), 2, "--seed"),
        (("--seed", "one"), 2, "--seed"),
        (("--scenario", "telemoon"), 2, "telehjerte"),
        (("--out", "/proc/no"), 2, "/proc/no"),
        (("--out", "/dev/null"), 2, "/dev/null"),
        (("--picture", "/proc/no/x.svg"), 2, "/proc/no/x.svg"),
    ],
)
@pytest.mark.needs("micropython", "library")
def test_what_cannot_be_is_said_at_once_with_a_way_out(arguments, code, said):
    ran = demo(*arguments, "--json")
    assert ran.returncode == code, ran.stdout + ran.stderr
    [line] = ran.stdout.splitlines()
    error = json.loads(line)
    assert set(error) == {"error", "hint"}
    assert said in error["error"] + error["hint"]
    assert error["hint"]
    assert ran.stderr == ""


def test_without_mosquitto_the_command_that_gets_it_is_named(capsys, monkeypatch):
    from tools.cli import run

    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(parts.shutil, "which", lambda *_, **__: None)
    assert run(["demo", "--broker", "mosquitto", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["error"] == "mosquitto is missing"
    assert said["hint"].endswith("install mosquitto")
