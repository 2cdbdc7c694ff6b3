"""Several workers on one database: whichever gets a letter, and whatever becomes of it, each reading is there once."""

import os
import queue
import random
import signal
import ssl
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pika
import pika.exceptions
import pytest

from tests.backend.envelopes import HUB, MORNING_S, Chain, Pressure, keyring_with
from tests.backend.test_service import WAIT_S, Process, keys_in
from tests.simulator.brokers.running import AUTHORITY, BROKER, CLIENTS, Client
from tests.simulator.brokers.running import HUB as HOME
from tools.backend import completeness, exports
from tools.backend.amqp import QUEUE, BadQueue, QueueService, _parameters
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.inspect.envelope import decode_receipt
from tools.simulator.brokers import access
from tools.simulator.brokers.mosquitto import Mosquitto
from tools.simulator.brokers.rabbitmq import Rabbit

OTHER = "240ac4aabbcc"
CUFF = bytes.fromhex("c4be84000001")


def letters_of(hub, count, systolic=100):
    """Envelopes of a hub; minute by minute another reading."""
    chain = Chain(hub)
    return [chain.seal(Pressure(systolic=systolic + n, minute=n % 60, after_s=60 * n)) for n in range(count)]


@pytest.mark.promise("P4", "P5")
def test_two_workers_with_the_same_letters_at_once_store_each_reading_once(database):
    """Both have all letters of two hubs that heard the same device, in another order each, in small batches."""
    keyring = keyring_with(HUB, OTHER)
    letters = [(hub, octets) for hub in (HUB, OTHER) for octets in letters_of(hub, 24)]
    Store(database).close()
    receipts, problems, ready = {}, [], threading.Barrier(3)

    def work(seed):
        try:
            with closing(Store(database)) as store:
                receiver, mine = Receiver(store, keyring), list(letters)
                random.Random(seed).shuffle(mine)
                ready.wait(WAIT_S)
                for at in range(0, len(mine), 5):
                    for letter, receipt in zip(
                        mine[at : at + 5], receiver.handle_many(mine[at : at + 5], MORNING_S), strict=True
                    ):
                        receipts.setdefault(letter, set()).add(receipt)
        except Exception as problem:  # noqa: BLE001 - told below
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {len(given) for given in receipts.values()} == {1}  # every repeat has the same answer
    assert None not in set().union(*receipts.values())
    with closing(Store(database)) as store:
        assert len(list(exports.readings(store))) == 24  # the device's, whoever brought it
        assert len(store.rows("SELECT * FROM repeated")) == 24
        assert {row["status"] for row in store.rows("SELECT status FROM envelope")} == {"stored"}
        assert len(store.rows("SELECT * FROM envelope")) == 48
        assert all(state.complete for state in completeness.chains(store))
        assert sum(row["repeats"] for row in store.rows("SELECT repeats FROM hub")) == 96


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.needs("mosquitto")
@pytest.mark.promise("P2", "P4", "P6")
def test_workers_behind_mosquitto_share_the_letters_and_a_killed_one_loses_nothing(tmp_path):
    keyring = keys_in(tmp_path)
    AUTHORITY.client("backend-2").save(tmp_path, "backend-2")
    key = receipt_key(keyring, keyring.hub(HOME))
    waiting = dict(enumerate(letters_of(HOME, 40), 1))
    chance = random.Random(3)
    with Mosquitto(BROKER, AUTHORITY) as broker:
        backend = Process(broker.url, tmp_path, "--workers", "2")
        backend.says(": connected", 2)
        client = Client(tmp_path, CLIENTS[HOME], HOME).connect(broker.port)
        client.subscribe(access.topic(HOME, "receipt"))
        killed, ends = 0, time.monotonic() + 60
        while waiting:
            assert time.monotonic() < ends
            for number in list(waiting)[:8]:  # a hub sends again until it has a receipt
                client.publish(access.topic(HOME, "up"), waiting[number])
            if killed < 4:
                time.sleep(chance.uniform(0, 0.02))
                workers = children(backend.process.pid)
                if workers:
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    killed += 1
            while True:
                try:
                    octets = client.heard.get(timeout=0.5)[1]
                except queue.Empty:
                    break
                waiting.pop(decode_receipt(octets, key).sequence, None)
        client.close()
        code, lines = backend.stop()
    assert code == 0
    assert lines[-1]["summary"] == "backend"
    with closing(Store(tmp_path / "store.db")) as store:
        assert sorted(reading["sequence"] for reading in exports.readings(store)) == list(range(1, 41))
        assert all(state.complete for state in completeness.chains(store))


def refuses_a_hub(broker, folder):
    """The queue is the platform's: another certificate of the same authority gets nothing out of it, or into it."""
    CLIENTS[HOME].save(folder, "hub")
    tls = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    tls.load_cert_chain(folder / "hub.pem", folder / "hub.key")
    channel = pika.BlockingConnection(_parameters(broker.queue_url, tls)).channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
        channel.basic_consume(QUEUE, print)
    channel = pika.BlockingConnection(_parameters(broker.queue_url, tls)).channel()
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
        channel.basic_publish("amq.topic", f"telehub.1.{OTHER}.receipt", b"not the platform's")
    with pytest.raises(pika.exceptions.AMQPError):
        pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", broker.ports["amqp"]))  # guest, guest


@pytest.mark.needs("rabbitmq", "postgresql")
@pytest.mark.promise("P2", "P4", "P6", "P10")
def test_rabbitmq_gives_a_killed_workers_letters_to_another_though_the_hub_says_nothing_twice(tmp_path, cluster):
    keyring, database = keys_in(tmp_path), cluster.new()
    key = receipt_key(keyring, keyring.hub(HOME))
    answered, letters, chance = {}, letters_of(HOME, 120), random.Random(5)

    def hear(wait_s):
        with suppress(queue.Empty):
            while True:
                octets = client.heard.get(timeout=wait_s)[1]
                answered.setdefault(decode_receipt(octets, key).sequence, set()).add(octets)

    with Rabbit(BROKER, AUTHORITY, [HOME]) as broker:
        backend = Process(broker.queue_url, tmp_path, "--workers", "2", database=database)
        backend.says(": connected", 2)
        client = Client(tmp_path, CLIENTS[HOME], HOME).connect(broker.port)
        client.subscribe(access.topic(HOME, "receipt"))
        for number, octets in enumerate(letters):
            client.publish(access.topic(HOME, "up"), octets)
            if number % 20 == 10:
                time.sleep(chance.uniform(0, 0.02))
                workers = children(backend.process.pid)
                if workers:
                    os.kill(chance.choice(workers), signal.SIGKILL)
        ends = time.monotonic() + 60
        while len(answered) < len(letters) and time.monotonic() < ends:
            hear(0.3)
        client.close()
        refuses_a_hub(broker, tmp_path)
        assert backend.stop()[0] == 0
    assert sorted(answered) == list(range(1, len(letters) + 1))
    assert {len(given) for given in answered.values()} == {1}
    with closing(Store(database)) as store:
        assert sorted(reading["sequence"] for reading in exports.readings(store)) == list(range(1, 121))


def test_workers_end_with_the_process_that_started_them(tmp_path):
    keyring_with(HUB, directory=tmp_path)
    backend = Process("mqtt://127.0.0.1:9", tmp_path, "--workers", "2")
    backend.says("127.0.0.1:9", 2)
    workers = children(backend.process.pid)
    assert len(workers) == 2
    backend.kill()
    ends = time.monotonic() + WAIT_S
    while any(Path(f"/proc/{pid}/cmdline").exists() and b"backend" in Path(f"/proc/{pid}/cmdline").read_bytes()
              for pid in workers):  # fmt: skip
        assert time.monotonic() < ends
        time.sleep(0.05)


@pytest.mark.parametrize("url", ["amqp://", "amqp://a:b@c", "amqp://x:y", "amqp://x/y", "amqps://x", "mqtt://x"])
def test_what_is_no_queues_url_is_refused(url):
    with pytest.raises(BadQueue):
        QueueService(url, None, None)
