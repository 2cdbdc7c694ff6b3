"""A connection to the store's database: SQLite or PostgreSQL, by URL, so set that a commit survives a power cut."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import NullPool

_BUSY_MS = 10_000  # all workers of a large batch commit one after the other within this
_CONNECT_S_MAX = 10
SQLITE, POSTGRESQL = "sqlite", "postgresql"
# What another try may mend: PostgreSQL's serialization_failure and deadlock_detected.
_AGAIN = ("40001", "40P01")


class StoreProblem(Exception):
    """The database is not one of ours, or of a version that this program does not know, or cannot be reached."""


def database_url(text: str | Path) -> URL:
    """A plain path, `:memory:`, sqlite:///path or postgresql://…; anything else is a StoreProblem."""
    if isinstance(text, Path) or "://" not in text:
        return URL.create("sqlite", database=str(text))
    try:
        url = make_url(text)
    except ArgumentError as bad:
        raise StoreProblem("the database's URL cannot be read") from bad
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite" or url.host:
        raise StoreProblem("the database is a path, sqlite:///path or postgresql://host/name")
    return url if url.database else url.set(database=":memory:")


def connect(url: URL) -> Connection:
    """One connection, statements outside of a transaction taking effect at once."""
    if url.get_backend_name() == SQLITE:
        # check_same_thread: the service commits from a worker thread, one call at a time.
        more: dict[str, Any] = {"check_same_thread": False, "timeout": _BUSY_MS / 1000}
    else:
        more = {"connect_timeout": _CONNECT_S_MAX, "application_name": "telehub"}
    engine = create_engine(
        url, poolclass=NullPool, connect_args=more, isolation_level="AUTOCOMMIT", hide_parameters=True
    )
    event.listen(engine, "connect", _durable_sqlite if engine.name == SQLITE else _durable_postgresql)
    try:
        return engine.connect()
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.DatabaseError) and "not a database" in str(error.orig):
            raise StoreProblem("the file is no database") from error
        raise StoreProblem(f"the database cannot be opened: {type(error.orig).__name__}") from error


def _durable_sqlite(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # the log is synced at each commit


def _durable_postgresql(connection: Any, _record: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")  # whatever the server's configuration says
        cursor.execute("SET lock_timeout = '10s'")  # P11: nobody waits for ever for another worker


def own_marks(connection: Connection, sql: str, values: Sequence[object]) -> tuple[str, tuple[object, ...]]:
    """SQL of ours with question marks, as the engine's driver wants it."""
    if connection.dialect.name == SQLITE:
        return sql, tuple(values)
    return sql.replace("%", "%%").replace("?", "%s"), tuple(values)


def worth_another_try(error: DBAPIError) -> bool:
    """Whether the transaction only lost against another one."""
    return getattr(error.orig, "sqlstate", None) in _AGAIN
