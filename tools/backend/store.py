"""The platform's store: one SQLite database in which a committed row survives a power cut.

Plain `sqlite3`, not an object mapper: the road of an envelope is a dozen statements, and a mapper's time
per row would cost more than the signature check. The SQL keeps to what PostgreSQL has too (ON CONFLICT DO
NOTHING, window functions, no rowid, hashes as hex text), so that another engine is another connection and
another parameter mark.

What keeps a promise is a constraint here and not a habit of the caller: a reading's identity is UNIQUE, a
capture's (hub, chain, number) is a PRIMARY KEY, an envelope is UNIQUE by hub, hash and authenticity.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from tools.backend.readings import Octets

SCHEMA_VERSION = 1
_BUSY_MS = 5_000  # a page's read or a second process's commit is over long before

STORED = "stored"  # every check passed, the readings are in the store
HELD = "held"  # kept whole, a person must decide
QUARANTINED = "quarantined"  # from a hub that nobody registered

# A registered hub that sends nothing but rubbish may fill this much and no more: about 70 000 envelopes, two
# years of a hub whose every envelope fails. Beyond it nothing is kept and therefore nothing is answered.
HELD_OCTETS_PER_HUB_MAX = 16 << 20
# Evidence for the technician who forgot a registration, not a store: a few envelopes per name, a few names.
QUARANTINED_PER_HUB_MAX = 16
QUARANTINED_MAX = 1024
# A report an hour for three weeks; what a chain needs of older ones (its highest numbers) is kept apart.
HEALTH_REPORTS_PER_HUB_MAX = 512

_SCHEMA = Path(__file__).with_name("schema.sql")


class StoreProblem(Exception):
    """The database is not one of ours, or of a version that this program does not know."""


@dataclass(frozen=True)
class Envelope:
    """One envelope as it is kept: the facts that its receipt is made of."""

    hub: str
    hash: str
    authentic: bool
    chain: str | None
    sequence: int | None
    previous: str | None
    status: str
    reason: str
    detail: str = ""
    replaces: int | None = None
    captures: tuple[tuple[int, int], ...] = ()  # (first, count)
    arrived_s: int = 0


@dataclass(frozen=True)
class Reading:
    """One reading as it is kept. `content` is its JSON as exported; the model comes from its description."""

    hub: str
    chain: str
    sequence: int
    position: int
    capture: int
    identity: str
    device: str
    kind: str
    time_s: int  # when the hub had it
    measured_s: int  # when it was measured, as far as the device's clock tells
    possible_repeat: bool
    held: str
    description: int
    envelope: str
    content: str


def database_path(url: str) -> str:
    """The file of a database URL: a plain path, `:memory:`, or sqlite:///path."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    if scheme != "sqlite" or not rest.startswith("/"):
        raise StoreProblem("the database is a path or sqlite:///path")
    return rest[1:] or ":memory:"


class Store:
    """One connection to the database. What `transaction` has left behind is on the disk."""

    def __init__(self, url: str | Path, readonly: bool = False) -> None:
        path = database_path(str(url))
        # check_same_thread: the service commits from a worker thread, one call at a time.
        self.connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000
        )
        self.connection.row_factory = sqlite3.Row
        self._execute("PRAGMA journal_mode = WAL")
        self._execute("PRAGMA synchronous = FULL")
        self._migrate()
        if readonly:
            self._execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the connection; an open transaction is rolled back."""
        self.connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the block is on the disk when it ends, or none of it."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        return self._execute(sql, values).fetchall()

    def one(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        row: sqlite3.Row | None = self._execute(sql, values).fetchone()
        return row

    # Envelopes

    def envelope(self, hub: str, hash_: str) -> Envelope | None:
        """What is kept under this hash; the authentic one where there are two."""
        sql = "SELECT * FROM envelope WHERE hub = ? AND hash = ? ORDER BY authentic DESC LIMIT 1"
        row = self.one(sql, (hub, hash_))
        return _envelope(row) if row else None

    def numbered(self, hub: str, chain: str, sequence: int) -> list[Envelope]:
        """The authentic envelopes under one number, in the order of their arrival."""
        rows = self.rows(
            "SELECT * FROM envelope WHERE hub = ? AND chain = ? AND sequence = ? AND authentic = 1"
            " ORDER BY id",
            (hub, chain, sequence),
        )
        return [_envelope(row) for row in rows]

    def keep_envelope(self, envelope: Envelope, octets: bytes) -> bool:
        """Keep an envelope whole. False when what failed has reached its bound: nothing may be answered."""
        if envelope.status == HELD and not self._room_for_held(envelope.hub, len(octets)):
            return False
        if envelope.status == QUARANTINED and not self._room_for_quarantined(envelope.hub):
            return False
        values = vars(envelope) | {"octets": octets, "captures": json.dumps(envelope.captures)}
        self._add("envelope", "(hub, hash, authentic) DO NOTHING", values)
        return True

    def _room_for_held(self, hub: str, octets: int) -> bool:
        row = self.one(
            "SELECT COALESCE(SUM(LENGTH(octets)), 0) AS total FROM envelope WHERE status = ? AND hub = ?",
            (HELD, hub),
        )
        return row is not None and row["total"] + octets <= HELD_OCTETS_PER_HUB_MAX

    def _room_for_quarantined(self, hub: str) -> bool:
        total = self.one("SELECT COUNT(*) AS n FROM envelope WHERE status = ?", (QUARANTINED,))
        own = self.one("SELECT COUNT(*) AS n FROM envelope WHERE status = ? AND hub = ?", (QUARANTINED, hub))
        assert total is not None and own is not None
        return bool(total["n"] < QUARANTINED_MAX and own["n"] < QUARANTINED_PER_HUB_MAX)

    # Chains and hubs

    def saw_hub(self, hub: str, now_s: int, repeats: int = 0, refused: int = 0) -> None:
        """Note that a hub spoke, and count what was answered again or could not be answered."""
        self._execute(
            "INSERT INTO hub (hub, first_seen_s, last_seen_s, repeats, refused) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (hub) DO UPDATE SET last_seen_s = excluded.last_seen_s, gone_s = NULL,"
            " repeats = hub.repeats + excluded.repeats, refused = hub.refused + excluded.refused",
            (hub, now_s, now_s, repeats, refused),
        )

    def hub_gone(self, hub: str, now_s: int) -> None:
        """Note that the broker has lost a hub; the next word from it takes that back."""
        self._execute("UPDATE hub SET gone_s = ? WHERE hub = ?", (now_s, hub))

    def saw_chain(self, hub: str, chain: str, now_s: int) -> None:
        """Note that a chain exists."""
        values = {"hub": hub, "chain": chain, "first_seen_s": now_s}
        self._add("chain", "(hub, chain) DO NOTHING", values)

    def reported(self, hub: str, chain: str, sequence: int, capture: int, now_s: int) -> None:
        """Note the last numbers that a signed health report names; they never go back."""
        self.saw_chain(hub, chain, now_s)
        self._execute(
            "UPDATE chain SET reported_sequence = MAX(reported_sequence, ?), reported_capture ="
            " MAX(reported_capture, ?) WHERE hub = ? AND chain = ?",
            (sequence, capture, hub, chain),
        )

    def followed(self, hub: str, chain: str, by: str, now_s: int) -> None:
        """Note that a chain has ended and which one goes on."""
        self.saw_chain(hub, chain, now_s)
        self._execute("UPDATE chain SET followed_by = ? WHERE hub = ? AND chain = ?", (by, hub, chain))

    # Readings

    def captured(self, hub: str, chain: str, ranges: Iterable[tuple[int, int]]) -> dict[int, tuple[str, str]]:
        """Which of these (first, count) are in the store: the envelope that brought each, its digest."""
        known = {}
        for first, count in ranges:
            for row in self.rows(
                "SELECT number, envelope, digest FROM capture WHERE hub = ? AND chain = ? AND number >= ?"
                " AND number < ?",
                (hub, chain, first, first + count),
            ):
                known[row["number"]] = row["envelope"], row["digest"]
        return known

    def keep_captures(self, hub: str, chain: str, digests: dict[int, str], hash_: str) -> None:
        """Claim capture numbers for an envelope; a number claimed before stays with its first."""
        self.connection.executemany(
            "INSERT INTO capture (hub, chain, number, envelope, digest) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (hub, chain, number) DO NOTHING",
            [(hub, chain, number, hash_, digest) for number, digest in digests.items()],
        )

    def keep_undecoded(self, hub: str, chain: str, octets: Octets, hash_: str, now_s: int) -> None:
        """Keep octets that no driver understood."""
        values = vars(octets) | {"content": json.dumps(octets.content)}
        values |= {"hub": hub, "chain": chain, "envelope": hash_, "arrived_s": now_s}
        self._add("undecoded", "(hub, chain, capture) DO NOTHING", values)

    def keep_descriptions(self, hub: str, chain: str, descriptions: dict[int, bytes]) -> None:
        """Keep device descriptions; the first under a number stays."""
        for number, octets in descriptions.items():
            values = {"hub": hub, "chain": chain, "number": number, "octets": octets}
            self._add("description", "(hub, chain, number) DO NOTHING", values)

    def reading_of(self, identity: str) -> str | None:
        """The reading's name that has this identity, or None."""
        row = self.one("SELECT hub, chain, sequence, position FROM reading WHERE identity = ?", (identity,))
        return reading_name(row["hub"], row["chain"], row["sequence"], row["position"]) if row else None

    def keep_reading(self, reading: Reading, now_s: int) -> bool:
        """Keep one reading. False when its identity is in the store already: then nothing is changed."""
        return self._add("reading", "(identity) DO NOTHING", vars(reading) | {"arrived_s": now_s})

    def keep_repeat(self, hub: str, chain: str, sequence: int, position: int, of_reading: str) -> None:
        """Note that a measurement is a reading which the store has already."""
        values = {"hub": hub, "chain": chain, "sequence": sequence, "position": position}
        self._add(
            "repeated", "(hub, chain, sequence, position) DO NOTHING", values | {"of_reading": of_reading}
        )

    # Health

    def keep_health(self, hub: str, octets: bytes, content: str, now_s: int) -> None:
        """Keep a health report; the oldest beyond the bound goes."""
        self._add("health", "", {"hub": hub, "arrived_s": now_s, "octets": octets, "content": content})
        self._execute(
            "DELETE FROM health WHERE hub = ? AND id <= (SELECT id FROM health WHERE hub = ? ORDER BY id DESC"
            " LIMIT 1 OFFSET ?)",
            (hub, hub, HEALTH_REPORTS_PER_HUB_MAX),
        )

    def _add(self, table: str, conflict: str, values: dict[str, object]) -> bool:
        """Insert a row; False when it met another. Table and columns are words of ours alone."""
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        on_conflict = f" ON CONFLICT {conflict}" if conflict else ""
        sql = f"INSERT INTO {table} ({names}) VALUES ({marks}){on_conflict}"
        return self._execute(sql, tuple(values.values())).rowcount == 1

    def _execute(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self.connection.execute(sql, values)

    def _migrate(self) -> None:
        version = self._version()
        if version == SCHEMA_VERSION:
            return
        if version is not None:
            raise StoreProblem(f"database version {version}; this program knows {SCHEMA_VERSION}")
        with self.transaction():
            if self._version() is None:  # another process may have been first
                for statement in _SCHEMA.read_text().split(";")[:-1]:
                    self._execute(statement)
                self._execute("INSERT INTO schema_version (version) VALUES (?)", (SCHEMA_VERSION,))

    def _version(self) -> int | None:
        tables = {row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if "schema_version" not in tables:
            raise StoreProblem("the database belongs to another program")
        row = self.one("SELECT version FROM schema_version")
        return int(row["version"]) if row else None


def reading_name(hub: str, chain: str, sequence: int, position: int) -> str:
    """A reading's name: <hub>:<chain>:<sequence>:<index>."""
    return f"{hub}:{chain}:{sequence}:{position}"


def _envelope(row: sqlite3.Row) -> Envelope:
    values = {field.name: row[field.name] for field in fields(Envelope)}
    values["authentic"] = bool(values["authentic"])
    values["captures"] = tuple((first, count) for first, count in json.loads(values["captures"]))
    return Envelope(**values)
