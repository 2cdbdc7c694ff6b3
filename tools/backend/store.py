"""The platform's store: a database in which a committed row survives a power cut.

SQLAlchemy Core over SQLite (one file, the default) or PostgreSQL (several workers, several machines); what is written
for one letter or for a hundred is a handful of statements (batch.py). Questions of people's pages are plain SQL that
both engines know. What keeps a promise is a constraint (schema.py).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Table, case, null, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from tools.backend import engine, statements
from tools.backend.engine import SQLITE, StoreProblem
from tools.backend.migrations import NEWEST, migrate, revision
from tools.backend.rows import HELD, QUARANTINED, STORED, Envelope, Reading, envelope_of, reading_name
from tools.backend.schema import CHAIN, ENVELOPE, HEALTH, HUB, READING
from tools.backend.statements import Prepared

__all__ = ["HELD", "QUARANTINED", "STORED", "Envelope", "Reading", "Row", "Store", "StoreProblem", "reading_name"]

# A report an hour for three weeks; what a chain needs of older ones (its highest numbers) is kept apart.
HEALTH_REPORTS_PER_HUB_MAX = 512
_TRIES = 5  # of a transaction that lost against another one; the winner is through meanwhile
_MIGRATION = 7235810  # of the advisory lock under which one process makes the tables

Row = RowMapping
_T = TypeVar("_T")


class Store:
    """One connection to the database. What `transaction` has left behind is on the disk."""

    def __init__(self, url: str | Path, readonly: bool = False) -> None:
        self._connection = engine.connect(engine.database_url(url))
        self.sqlite = self._connection.dialect.name == SQLITE
        self._begin = "BEGIN IMMEDIATE" if self.sqlite else "BEGIN"
        try:
            if revision(self._connection) != NEWEST:
                with self.transaction():
                    self.lock(_MIGRATION)
                    migrate(self._connection)
        except BaseException as error:
            self.close()
            if isinstance(error, DBAPIError) and error.connection_invalidated:
                raise StoreProblem("the database went away") from error
            raise
        if readonly:
            self.rows("PRAGMA query_only = ON" if self.sqlite else "SET default_transaction_read_only = on")

    @property
    def connection(self) -> Connection:
        """SQLAlchemy's, made anew when the server had gone away."""
        if self._connection.invalidated:
            self._connection.rollback()
        return self._connection

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self._connection.close()
        self._connection.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block is on the disk when it ends, or none of it."""
        self._command(self._begin)
        try:
            yield
        except BaseException:
            if not self._connection.invalidated:
                self._command("ROLLBACK")
            raise
        try:
            self._command("COMMIT")
        except BaseException:
            if self.sqlite and not self._connection.invalidated:
                self._command("ROLLBACK")  # a full disk leaves it open
            raise

    def transact(self, work: Callable[[], _T]) -> _T:
        """Do `work` in a transaction; again when it lost against another worker's."""
        for left in reversed(range(_TRIES)):
            try:
                with self.transaction():
                    return work()
            except DBAPIError as error:
                if not left or not engine.worth_another_try(error):
                    raise
        raise AssertionError

    def lock(self, number: int) -> None:
        """Keep others out of what `number` stands for until the transaction ends (SQLite has one writer anyway)."""
        if not self.sqlite:
            self.rows("SELECT pg_advisory_xact_lock(?)", (number,))

    def rows(self, query: str | Executable, values: Sequence[object] = ()) -> Sequence[Row]:
        """The rows of a query: SQLAlchemy's, or SQL of ours with question marks."""
        if isinstance(query, str):
            sql, parameters = engine.own_marks(self.connection, query, values)
            result = self.connection.exec_driver_sql(sql, parameters)
        else:
            result = self.connection.execute(query)
        return result.mappings().all() if result.returns_rows else ()

    def one(self, query: str | Executable, values: Sequence[object] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = self.rows(query, values)
        return rows[0] if rows else None

    def add(self, table: Table, rows: Iterable[Mapping[str, Any]], unless: Sequence[str] = ()) -> int:
        """Insert rows of one shape; one that meets another under the columns `unless` changes nothing. How many."""
        given = list(rows)
        if not given:
            return 0
        return self._write(statements.insert(self.sqlite, table, tuple(given[0]), tuple(unless)), given)

    def _write(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> int:
        return self.connection.exec_driver_sql(prepared.sql, prepared.values(rows)).rowcount

    def among(
        self, table: Table, columns: Sequence[str], keys: Sequence[str], given: Collection[Sequence[object]],
        also: str = "",
    ) -> Sequence[Row]:  # fmt: skip
        """The rows whose `keys` are among those given."""
        if not given:
            return ()
        sql = statements.question(self.sqlite, table, tuple(columns), tuple(keys), also)
        return self.rows(sql, statements.asked(self.sqlite, list(given)))

    def _command(self, sql: str) -> None:
        self.connection.exec_driver_sql(sql)

    def version(self) -> object:
        """Differs from before when somebody has committed meanwhile, whichever process it was."""
        row = self.one("PRAGMA data_version" if self.sqlite else "SELECT pg_current_wal_lsn() AS at")
        return None if row is None else next(iter(row.values()))

    # Envelopes

    def envelope(self, hub: str, hash_: str) -> Envelope | None:
        """What is kept under this hash; the authentic one where there are two."""
        query = select(ENVELOPE).where(ENVELOPE.c.hub == hub, ENVELOPE.c.hash == hash_)
        row = self.one(query.order_by(ENVELOPE.c.authentic.desc()).limit(1))
        return envelope_of(row) if row else None

    def numbered(self, hub: str, chain: str, sequence: int) -> list[Envelope]:
        """The authentic envelopes under one number, in the order of their arrival."""
        of = ENVELOPE.c
        query = select(ENVELOPE).where(of.hub == hub, of.chain == chain, of.sequence == sequence, of.authentic == 1)
        return [envelope_of(row) for row in self.rows(query.order_by(of.id))]

    # Hubs and chains

    def saw_hubs(self, hubs: Iterable[str], now_s: int) -> None:
        """Note that hubs spoke. Until the transaction ends, no other worker takes a letter of theirs."""
        rows = [{"hub": hub, "first_seen_s": now_s, "last_seen_s": now_s} for hub in sorted(hubs)]
        if rows:
            self._write(_saw_hub(self.sqlite), rows)  # in one order: two workers never wait for each other

    def saw_hub(self, hub: str, now_s: int, repeats: int = 0, refused: int = 0) -> None:
        """Note that a hub spoke, and count what was answered again or could not be answered."""
        self.saw_hubs([hub], now_s)
        self.count(hub, repeats, refused)

    def count(self, hub: str, repeats: int, refused: int) -> None:
        """Add to what a hub was answered again, and what was refused of it."""
        if repeats or refused:
            counted = {"repeats": HUB.c.repeats + repeats, "refused": HUB.c.refused + refused}
            self.rows(update(HUB).where(HUB.c.hub == hub).values(counted))

    def hub_gone(self, hub: str, now_s: int) -> None:
        """Note that the broker has lost a hub; the next word from it takes that back."""
        self.rows(update(HUB).where(HUB.c.hub == hub).values(gone_s=now_s))

    def saw_chain(self, hub: str, chain: str, now_s: int) -> None:
        """Note that a chain exists."""
        self.saw_chains([(hub, chain)], now_s)

    def saw_chains(self, chains: Iterable[tuple[str, str]], now_s: int) -> None:
        """Note that chains exist."""
        rows = [{"hub": hub, "chain": chain, "first_seen_s": now_s} for hub, chain in chains]
        self.add(CHAIN, rows, ("hub", "chain"))

    def reported(self, hub: str, chain: str, sequence: int, capture: int, now_s: int) -> None:
        """Note the last numbers that a signed health report names; they never go back."""
        self.saw_chain(hub, chain, now_s)
        of = CHAIN.c
        higher = {
            column: case((column < number, number), else_=column)
            for column, number in ((of.reported_sequence, sequence), (of.reported_capture, capture))
        }
        self.rows(update(CHAIN).where(of.hub == hub, of.chain == chain).values(higher))

    def followed(self, hub: str, chain: str, by: str, now_s: int) -> None:
        """Note that a chain has ended and which one goes on."""
        self.saw_chain(hub, chain, now_s)
        self.rows(update(CHAIN).where(CHAIN.c.hub == hub, CHAIN.c.chain == chain).values(followed_by=by))

    # Readings and reports

    def keep_reading(self, reading: Reading, now_s: int) -> bool:
        """Keep one reading. False when its identity is in the store already: then nothing is changed."""
        return self.add(READING, [reading.values(now_s)], ("identity",)) == 1

    def keep_health(self, hub: str, octets: bytes, content: str, now_s: int) -> None:
        """Keep a health report; the oldest beyond the bound goes."""
        self.add(HEALTH, [{"hub": hub, "arrived_s": now_s, "octets": octets, "content": content}])
        of = HEALTH.c
        newest = select(of.id).where(of.hub == hub).order_by(of.id.desc())
        beyond = newest.limit(1).offset(HEALTH_REPORTS_PER_HUB_MAX).scalar_subquery()
        self.rows(HEALTH.delete().where(of.hub == hub, of.id <= beyond))


@cache
def _saw_hub(is_sqlite: bool) -> Prepared:
    made = statements.new(is_sqlite, HUB)
    heard = {"last_seen_s": made.excluded.last_seen_s, "gone_s": null()}
    names = ("hub", "first_seen_s", "last_seen_s")
    return statements.prepared(is_sqlite, made.on_conflict_do_update(index_elements=("hub",), set_=heard), names)
