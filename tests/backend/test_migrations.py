"""A store of release 0.1 becomes one of this, with all that it held; a new one is the same on both ways."""

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from tests.backend.envelopes import HUB, MORNING_S, Chain, Pressure, keyring_with
from tools.backend import exports, migrations
from tools.backend.fut.ledger import Ledger
from tools.backend.receiver import Receiver
from tools.backend.store import Store, StoreProblem

VECTORS = Path(__file__).parent / "vectors"  # the files that release 0.1 made its tables from


def old_store(path, *files):
    """A database as release 0.1 left it, with one envelope."""
    with closing(sqlite3.connect(path)) as old:
        for name in files:
            old.executescript((VECTORS / name).read_text())
        old.execute("INSERT INTO schema_version VALUES (1)")
        old.execute("INSERT INTO hub (hub, first_seen_s, last_seen_s) VALUES (?, 5, 6)", (HUB,))
        if len(files) > 1:
            old.execute("INSERT INTO fut_version VALUES (1)")
        old.commit()


def shape(path):
    """Tables, columns, keys and indices, as SQLite tells them."""
    told = inspect(create_engine(f"sqlite:///{path}"))
    types = {"INTEGER": "INTEGER", "BIGINT": "INTEGER", "REAL": "REAL", "DOUBLE": "REAL", "DOUBLE_PRECISION": "REAL"}
    return {
        table: (
            [
                (column["name"], types.get(str(column["type"]).replace(" ", "_"), str(column["type"])))
                for column in told.get_columns(table)
            ],
            {column["name"] for column in told.get_columns(table) if not column["nullable"]}
            | set(told.get_pk_constraint(table)["constrained_columns"]),
            told.get_pk_constraint(table)["constrained_columns"],
            sorted((index["name"], index["column_names"]) for index in told.get_indexes(table)),
            sorted(unique["column_names"] for unique in told.get_unique_constraints(table)),
        )
        for table in told.get_table_names()
    }


@pytest.mark.promise("P2")
@pytest.mark.parametrize("files", [["release_0_1.sql"], ["release_0_1.sql", "release_0_1_fut.sql"]], ids=len)
def test_a_store_of_release_0_1_becomes_as_a_new_one_and_keeps_what_it_held(tmp_path, files):
    old_store(tmp_path / "old.db", *files)
    with closing(Store(tmp_path / "old.db")) as store:
        assert store.one("SELECT first_seen_s FROM hub")["first_seen_s"] == 5
        Receiver(store, keyring_with(HUB)).handle(HUB, Chain().seal(Pressure()), MORNING_S)
        assert len(list(exports.readings(store))) == 1
    Store(tmp_path / "new.db").close()
    assert shape(tmp_path / "old.db") == shape(tmp_path / "new.db")
    with closing(Store(tmp_path / "old.db")) as store:
        assert bool(Ledger(store).received(9)) == (len(files) == 1)  # where FUT had been switched on, its trigger was


def test_the_newest_revision_is_the_one_that_new_stores_are_stamped_with():
    assert ScriptDirectory(str(Path(migrations.__file__).parent)).get_current_head() == migrations.NEWEST


def test_many_processes_may_open_a_new_store_at_once(database):
    problems = []

    def opened():
        try:
            with closing(Store(database)) as store:
                Ledger(store)
        except Exception as problem:  # noqa: BLE001 - told below
            problems.append(problem)

    threads = [threading.Thread(target=opened) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with closing(Store(database)) as store:
        assert len(store.rows("SELECT * FROM fut_version")) == 1


def test_another_programs_database_is_left_alone(tmp_path, database):
    with closing(Store(database)) as store:
        store.rows("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreProblem, match="9999"):
        Store(database)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE patients (name TEXT)")
    with pytest.raises(StoreProblem, match="another program"):
        Store(tmp_path / "other.db")
    old_store(tmp_path / "old.db", "release_0_1.sql")
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.execute("UPDATE schema_version SET version = 99")
        old.commit()
    with pytest.raises(StoreProblem, match="99"):
        Store(tmp_path / "old.db")
    (tmp_path / "text").write_text("no database, and longer than a header of SQLite's would ever be " * 9)
    with pytest.raises(StoreProblem, match="no database"):
        Store(tmp_path / "text")


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://host/x", "postgresql+nothing://x", "http://x"])
def test_what_is_no_database_url_is_refused(url):
    with pytest.raises(StoreProblem):
        Store(url)


def test_a_database_that_does_not_answer_is_said_to_be_absent():
    with pytest.raises(StoreProblem, match="cannot be opened"):
        Store("postgresql://127.0.0.1:9/telehub")
