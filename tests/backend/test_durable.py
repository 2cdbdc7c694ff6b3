"""What a receipt has freed is in the store, whatever happens to the process that made the receipt."""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.backend.envelopes import HUB, MORNING_S, Chain, Pressure, keyring_with
from tools.backend import completeness, exports
from tools.backend.receipt import receipt_key
from tools.backend.receiver import Receiver
from tools.backend.servers.postgresql import PostgreSQL
from tools.backend.store import Store, StoreProblem
from tools.inspect.envelope import decode_receipt

ROOT = Path(__file__).parents[2]
KILLS = 8
ENVELOPES = 240


class Backend:
    """The piped backend as a process, killed at a moment that the test draws."""

    def __init__(self, database):
        env = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tools/host/cpython")))}
        command = [sys.executable, "-m", "tests.backend.piped", str(database)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._receive() == b""

    def send(self, letters, kill=None):
        """Send all at once; give the receipts. `kill` = (receipts, seconds): SIGKILL so long after them."""
        writer = threading.Thread(target=self._write, args=(letters,))
        writer.start()
        receipts = []
        while len(receipts) < len(letters) and (receipt := self._receive()) is not None:
            receipts.append(receipt)
            if kill is not None and len(receipts) == kill[0]:
                time.sleep(kill[1])
                self._process.kill()
        writer.join()
        return receipts

    def _write(self, letters):
        try:
            for letter in letters:
                self._process.stdin.write(len(letter).to_bytes(4, "big") + letter)
        except BrokenPipeError:
            pass  # killed

    def _receive(self):
        length = self._read(4)
        return None if length is None else self._read(int.from_bytes(length, "big"))

    def _read(self, count):
        octets = b""
        while len(octets) < count:
            more = self._process.stdout.read(count - len(octets))
            if not more:
                return None
            octets += more
        return octets

    def end(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()


@pytest.mark.promise("P2", "P4", "P6")
def test_killed_at_any_moment_nothing_is_lost_or_doubled_and_no_receipt_is_without_its_row(tmp_path):
    chance = random.Random(5)
    hub = Chain()
    letters = [
        hub.seal(Pressure(systolic=100 + n % 80, minute=n % 60, after_s=60 * n)) for n in range(ENVELOPES)
    ]
    waiting, kills, unanswered = dict(enumerate(letters)), 0, 0
    keyring = keyring_with(HUB)
    key = receipt_key(keyring, keyring.hub(HUB))
    while waiting:
        backend = Backend(tmp_path / "store.db")
        try:
            order, kill = list(waiting), None
            if kills < KILLS:
                # Somewhere in the next envelope or two: checking, between rows, in the commit, in the answer.
                kill = chance.randint(1, ENVELOPES // KILLS - 5), chance.uniform(0, 0.002)
                kills += 1
            receipts = backend.send([waiting[n] for n in order], kill)
        finally:
            backend.end()
        store = Store(tmp_path / "store.db")
        rows = store.one("SELECT COUNT(*) AS n FROM envelope")["n"]
        unanswered += rows > ENVELOPES - len(order) + len(receipts)
        for number, octets in zip(order, receipts, strict=False):
            receipt = decode_receipt(octets, key)
            assert (receipt.sequence, receipt.status) == (number + 1, 0)
            assert store.envelope(HUB, receipt.hash.hex()).status == "stored"
            del waiting[number]  # the hub frees it
        assert store.one("PRAGMA integrity_check")["integrity_check"] == "ok"
        store.close()
    store = Store(tmp_path / "store.db")
    assert kills == KILLS
    print(f"{unanswered} of {kills} kills fell between a commit and its receipt")
    assert [reading["sequence"] for reading in exports.readings(store)] == list(range(1, ENVELOPES + 1))
    assert all(state.complete for state in completeness.chains(store))


@pytest.mark.promise("P6")
def test_without_a_commit_there_is_no_receipt(tmp_path):
    store = Store(tmp_path / "store.db")
    store.rows("PRAGMA busy_timeout = 0")
    receiver = Receiver(store, keyring_with(HUB))
    letter = Chain().seal(Pressure())
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OperationalError):
        receiver.handle(HUB, letter, MORNING_S)
    other.execute("ROLLBACK")
    assert store.rows("SELECT * FROM envelope") == []
    assert receiver.handle(HUB, letter, MORNING_S) is not None


@pytest.mark.promise("P6")
def test_a_receipt_is_made_only_after_the_commit(tmp_path):
    done = []

    class Watched(Store):
        def _command(self, sql):
            super()._command(sql)
            done.append(sql)

        def _write(self, statement, rows):
            done.append("written")
            return super()._write(statement, rows)

    receiver = Receiver(
        Watched(tmp_path / "store.db"), keyring_with(HUB), lambda _outcomes: done.append("answered")
    )
    receiver.handle(HUB, Chain().seal(Pressure()), MORNING_S)
    assert done[-3:] == ["written", "COMMIT", "answered"]


@pytest.mark.promise("P2")
def test_a_commit_waits_for_the_disk(tmp_path):
    store = Store(tmp_path / "store.db")
    assert store.one("PRAGMA journal_mode")["journal_mode"] == "wal"
    assert store.one("PRAGMA synchronous")["synchronous"] == 2  # FULL: the log is synced at each commit


def test_a_full_disk_costs_a_receipt_and_nothing_else(tmp_path):
    store = Store(tmp_path / "store.db")
    receiver = Receiver(store, keyring_with(HUB))
    hub = Chain()
    letters = [hub.seal(Pressure(minute=n, after_s=n)) for n in range(40)]
    receiver.handle(HUB, letters[0], MORNING_S)
    pages = store.one("PRAGMA page_count")["page_count"]
    store.rows(f"PRAGMA max_page_count = {pages}")
    answered = []
    for letter in letters[1:]:
        try:
            answered.append(receiver.handle(HUB, letter, MORNING_S))
        except OperationalError:
            break
    assert len(answered) < 39
    store.rows("PRAGMA max_page_count = 1000000")
    assert all(receiver.handle(HUB, letter, MORNING_S) for letter in letters)
    assert len(list(exports.readings(store))) == 40


@pytest.mark.needs("postgresql")
def test_postgresqls_commit_waits_for_the_disk_whatever_its_configuration_says(cluster):
    url = cluster.new()
    with closing(Store(url)) as store:
        store.rows("ALTER ROLE telehub SET synchronous_commit = off")
    with closing(Store(url)) as store:
        assert store.one("SHOW synchronous_commit")["synchronous_commit"] == "on"
        store.rows("ALTER ROLE telehub RESET synchronous_commit")


@pytest.mark.needs("postgresql")
@pytest.mark.promise("P2", "P6", "P11")
def test_a_database_that_was_killed_costs_no_receipt_and_is_found_again():
    keyring, hub = keyring_with(HUB), Chain()
    first, second, third = (hub.seal(Pressure(minute=n, after_s=n)) for n in range(3))
    with PostgreSQL() as server:
        store = Store(server.new())
        receiver = Receiver(store, keyring)
        assert receiver.handle(HUB, first, MORNING_S)
        server.kill()
        with pytest.raises(OperationalError):
            receiver.handle(HUB, second, MORNING_S)  # no commit, no receipt
        with pytest.raises(StoreProblem):
            Store(server.url())
        server.start()
        assert all(receiver.handle(HUB, letter, MORNING_S) for letter in (second, third, first))
        assert [reading["sequence"] for reading in exports.readings(store)] == [1, 2, 3]
        store.close()


def test_many_letters_share_a_commit(tmp_path):
    """A batch is much faster than letters alone; the figure itself belongs to `telehub bench`."""
    store = Store(tmp_path / "store.db")
    receiver = Receiver(store, keyring_with(HUB))
    hub = Chain()
    letters = [(HUB, hub.seal(Pressure(minute=n % 60, after_s=60 * n))) for n in range(64)]
    began = time.perf_counter()
    receipts = receiver.handle_many(letters, MORNING_S)
    print(f"{64 / (time.perf_counter() - began):.0f} envelopes/s")
    assert all(receipts)
