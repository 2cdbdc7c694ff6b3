"""Which chip is which hub: one SQLite file per programme, and the same as a table for people (CSV).

A row is made when a chip first asks for its certificate and grows step by step, so that a run that was cut off goes on
where it was. What was signed is kept before the hub gets it: asked again, the same key has the same certificate.
Serial number and set-up code are given once per chip.
"""

import csv
import io
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.technician import ca

ASKED, SIGNED, PROVISIONED, RETIRED = "asked", "signed", "provisioned", "retired"
# Crockford's base 32 leaves out I, L, O and U: nothing is mistaken when it is read aloud.
_CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 8  # 40 bits; whoever tries them one by one is told to wait by the hub
_BUSY_S_MAX = 30.0  # a table of ports writes in turn

_SCHEMA = """
CREATE TABLE IF NOT EXISTS hub (
    number INTEGER PRIMARY KEY,
    hub TEXT NOT NULL UNIQUE,
    serial TEXT NOT NULL UNIQUE,
    setup_code TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    tls TEXT NOT NULL DEFAULT '',
    signing TEXT NOT NULL DEFAULT '',
    agreement TEXT NOT NULL DEFAULT '',
    certificate BLOB,
    certificate_sha256 TEXT NOT NULL DEFAULT '',
    application TEXT NOT NULL DEFAULT '',
    library TEXT NOT NULL DEFAULT '',
    micropython TEXT NOT NULL DEFAULT '',
    labelled TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    who TEXT NOT NULL,
    hub TEXT NOT NULL,
    what TEXT NOT NULL
);
"""
# What leaves in a table: neither the set-up code nor the certificate itself.
_COLUMNS = (
    "hub", "serial", "state", "certificate_sha256", "application", "library", "micropython", "labelled",
)  # fmt: skip


class SecondIdentity(Exception):
    """This chip has keys already, other ones; args[0] is the hub."""


class SharedKeys(Exception):
    """Another chip has one of these keys: flash was copied from hub to hub; args[0] is that other hub."""


@dataclass(frozen=True)
class Row:
    """One hub."""

    hub: str
    serial: str
    setup_code: str
    state: str
    tls: str
    signing: str
    agreement: str
    certificate: bytes | None
    certificate_sha256: str
    application: str
    library: str
    micropython: str
    labelled: str


class Ledger:
    """An open ledger; each thread opens its own."""

    def __init__(self, path: Path, who: str, now: str, serial_prefix: str = "TH"):
        """`now`: the time that entries bear, as ISO 8601; `who`: the person at the table."""
        if not path.exists():
            ca.write_secret(path, b"")  # it holds set-up codes
        self._database = sqlite3.connect(path, timeout=_BUSY_S_MAX, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        self._who, self._now, self._prefix = who, now, serial_prefix

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def hub(self, hub: str) -> Row | None:
        """One hub's row."""
        found = self._database.execute("SELECT * FROM hub WHERE hub = ?", (hub,)).fetchone()
        return _row(found) if found else None

    def hubs(self) -> list[Row]:
        """All of them, in the order of their serial numbers."""
        return [_row(found) for found in self._database.execute("SELECT * FROM hub ORDER BY number")]

    def asked(self, hub: str, tls: str, signing: str, agreement: str) -> Row:
        """A chip shows its public keys (hex). SecondIdentity when it had others, SharedKeys when they are another's."""
        with self._writing():
            twin = self._database.execute(
                "SELECT hub FROM hub WHERE hub != ?1 AND (tls IN (?2, ?3, ?4) OR signing IN (?2, ?3, ?4)"
                " OR agreement IN (?2, ?3, ?4))",
                (hub, tls, signing, agreement),
            ).fetchone()
            if twin is not None:
                raise SharedKeys(twin["hub"])
            known = self.hub(hub)
            if known is None:
                number = self._database.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM hub").fetchone()[0]
                self._database.execute(
                    "INSERT INTO hub (number, hub, serial, setup_code, state) VALUES (?, ?, ?, ?, ?)",
                    (number, hub, f"{self._prefix}{number:06d}", _code(), RETIRED),
                )
                known = self.hub(hub)
            assert known is not None
            if known.state == RETIRED:
                self._database.execute(
                    "UPDATE hub SET state = ?, tls = ?, signing = ?, agreement = ?, certificate = NULL,"
                    " certificate_sha256 = '' WHERE hub = ?",
                    (ASKED, tls, signing, agreement, hub),
                )
                self._note(hub, ASKED)
            elif (known.tls, known.signing, known.agreement) != (tls, signing, agreement):
                raise SecondIdentity(hub)
        return self._known(hub)

    def signed(self, hub: str, certificate: bytes, sha256: str) -> Row:
        """Keep its certificate, before the hub gets it."""
        with self._writing():
            self._database.execute(
                "UPDATE hub SET state = ?, certificate = ?, certificate_sha256 = ? WHERE hub = ?",
                (SIGNED, certificate, sha256, hub),
            )
            self._note(hub, f"{SIGNED} {sha256}")
        return self._known(hub)

    def provisioned(self, hub: str, application: str, library: str, micropython: str) -> Row:
        """It proved itself and has its settings; nothing is written when nothing is new."""
        known = self._known(hub)
        versions = (application, library, micropython)
        if (known.state, known.application, known.library, known.micropython) != (PROVISIONED, *versions):
            with self._writing():
                self._database.execute(
                    "UPDATE hub SET state = ?, application = ?, library = ?, micropython = ? WHERE hub = ?",
                    (PROVISIONED, *versions, hub),
                )
                self._note(hub, f"{PROVISIONED} {application} {library} {micropython}")
        return self._known(hub)

    def labelled(self, hub: str) -> None:
        """Its label was made."""
        with self._writing():
            self._database.execute("UPDATE hub SET labelled = ? WHERE hub = ?", (self._now, hub))
            self._note(hub, "labelled")

    def renewed(self, hub: str, signing: str) -> None:
        """Its signing key was changed by an order, and the platform has taken the new one."""
        with self._writing():
            self._database.execute("UPDATE hub SET signing = ? WHERE hub = ?", (signing, hub))
            self._note(hub, "signing key renewed")

    def note(self, hub: str, what: str) -> None:
        """Something else that happened to it."""
        with self._writing():
            self._note(hub, what)

    def retired(self, hub: str) -> None:
        """Its keys were wiped: the next ones are no second identity."""
        with self._writing():
            self._database.execute("UPDATE hub SET state = ? WHERE hub = ?", (RETIRED, hub))
            self._note(hub, RETIRED)

    def events(self, hub: str) -> list[tuple[str, str, str]]:
        """(when, who, what) of one hub, in order."""
        rows = self._database.execute("SELECT at, who, what FROM event WHERE hub = ? ORDER BY id", (hub,))
        return [tuple(row) for row in rows]

    def as_csv(self) -> str:
        """The table for people; what a label's code opens is not in it."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*_COLUMNS, "when", "who"])
        for row in self.hubs():
            when, who, _ = self.events(row.hub)[-1]
            table.writerow([*(getattr(row, column) for column in _COLUMNS), when, who])
        return text.getvalue()

    def _known(self, hub: str) -> Row:
        found = self.hub(hub)
        assert found is not None
        return found

    def _note(self, hub: str, what: str) -> None:
        self._database.execute(
            "INSERT INTO event (at, who, hub, what) VALUES (?, ?, ?, ?)", (self._now, self._who, hub, what)
        )


def _row(found: sqlite3.Row) -> Row:
    return Row(**{name: found[name] for name in Row.__dataclass_fields__})


def _code() -> str:
    return "".join(secrets.SystemRandom().choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH))
