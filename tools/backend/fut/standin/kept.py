"""What was submitted: on disk before it is answered, all resources of a submission in one transaction."""

import sqlite3
import threading
from dataclasses import dataclass
from typing import Any

import simplejson

_SCHEMA = """
CREATE TABLE IF NOT EXISTS submission (id INTEGER PRIMARY KEY, at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS measurement (
  id INTEGER PRIMARY KEY AUTOINCREMENT, submission INTEGER NOT NULL, kind TEXT NOT NULL, patient TEXT NOT NULL,
  episode TEXT NOT NULL, request TEXT NOT NULL, effective TEXT NOT NULL, content TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class Row:
    """One stored resource."""

    id: int
    submission: int
    kind: str
    patient: str
    episode: str
    request: str
    effective: str
    content: dict[str, Any]


class Kept:
    """One database; several threads may ask."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def keep(self, resources: list[tuple[dict[str, Any], dict[str, str]]], at: str) -> list[int]:
        """Keep the resources of one submission, each with (patient, episode, request, effective); their ids."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                submission = self._connection.execute("INSERT INTO submission (at) VALUES (?)", (at,)).lastrowid
                numbers = [self._add(submission, resource, facts) for resource, facts in resources]
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        return numbers

    def _add(self, submission: int | None, resource: dict[str, Any], facts: dict[str, str]) -> int:
        content = simplejson.dumps(resource, use_decimal=True, ensure_ascii=False)
        row = (submission, resource["resourceType"], *facts.values(), content)
        columns = ", ".join(("submission", "kind", *facts, "content"))
        cursor = self._connection.execute(
            f"INSERT INTO measurement ({columns}) VALUES ({', '.join('?' * len(row))})", row
        )
        assert cursor.lastrowid is not None
        return cursor.lastrowid

    def all(self) -> list[Row]:
        """Everything, oldest first."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT id, submission, kind, patient, episode, request, effective, content"
                " FROM measurement ORDER BY id"
            ).fetchall()
        names = ("id", "submission", "kind", "patient", "episode", "request", "effective")
        return [
            Row(**dict(zip(names, row, strict=False)), content=simplejson.loads(row[-1], use_decimal=True))
            for row in rows
        ]


def dumps(value: Any) -> bytes:
    """JSON as it is answered, decimals with all their digits."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False).encode()


def loads(octets: bytes) -> Any:
    """JSON as it came; ValueError when it is none."""
    try:
        return simplejson.loads(octets.decode(), use_decimal=True)
    except RecursionError as error:
        raise ValueError("too deep") from error
