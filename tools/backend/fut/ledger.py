"""received → mapped → submitted → confirmed, or held: where each reading stands on its way to FUT.

The store's own transaction that keeps a reading makes it received (a trigger). Each step is one transaction, on
disk when it returns, and is taken only from the state that it leaves, so that of two processes one takes it.
`submitted` is written before the call is made: after a kill -9 whatever may have reached FUT is in that state, and
is looked up before it is ever sent again. Every step is an event that stays.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.backend.exports import model_of
from tools.backend.fut.mapping import Mapped
from tools.backend.fut.reasons import Held
from tools.backend.store import Store

MAPPED, SUBMITTED, CONFIRMED, HELD = "mapped", "submitted", "confirmed", "held"
RECEIVED = "received"  # in fut_received, without a row yet

# (state, event) → the next state. What is not here cannot happen.
NEXT = {
    (RECEIVED, "mapped"): MAPPED,
    (RECEIVED, "held"): HELD,
    (MAPPED, "send"): SUBMITTED,  # before the call
    (SUBMITTED, "unsent"): MAPPED,  # the call was never made, or FUT says that it did not look at it
    (SUBMITTED, "created"): CONFIRMED,
    (SUBMITTED, "found"): CONFIRMED,
    (SUBMITTED, "absent"): MAPPED,  # looked up, and FUT does not have it
    (SUBMITTED, "unknown"): SUBMITTED,  # no answer; look it up later
    (SUBMITTED, "refused"): HELD,
    (HELD, "again"): RECEIVED,  # a person says so
}
_SCHEMA_VERSION = 1
_PLACE = ("hub", "chain", "sequence", "position")  # of a reading, as its name has them
_FILLED = f"INSERT INTO fut_received SELECT {', '.join(_PLACE)} FROM reading"
# The few new ones first, and then each by its key: the store's size costs nothing.
_RECEIVED_FIRST = (
    "SELECT reading.content, reading.held, description.octets FROM"
    f" (SELECT * FROM fut_received ORDER BY {', '.join(_PLACE)} LIMIT ?) AS new"
    f" JOIN reading ON {' AND '.join(f'reading.{name} = new.{name}' for name in _PLACE)}"
    " LEFT JOIN description ON description.hub = reading.hub AND description.chain = reading.chain"
    f" AND description.number = reading.description ORDER BY {', '.join(f'new.{name}' for name in _PLACE)}"
)
_NEW = ", ".join(f"NEW.{name}" for name in _PLACE)
_TRIGGERS = {
    True: (f"CREATE TRIGGER fut_receives AFTER INSERT ON reading BEGIN INSERT INTO fut_received VALUES ({_NEW}); END",),
    False: (
        "CREATE FUNCTION fut_receives() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fut_received"
        f" SELECT {', '.join(_PLACE)} FROM added; RETURN NULL; END $$",
        "CREATE TRIGGER fut_receives AFTER INSERT ON reading REFERENCING NEW TABLE AS added"
        " FOR EACH STATEMENT EXECUTE FUNCTION fut_receives()",
    ),
}
_SWITCH = 7235812  # of the advisory lock under which one process switches the road on


class OutOfTurn(Exception):
    """A step that the table above does not have, or that another process has taken. args: reading, event."""


@dataclass(frozen=True)
class Entry:
    """One reading's row."""

    reading: str
    state: str
    reason: str
    detail: str
    body: str | None
    patient: str | None
    taken: str | None
    attempts: int
    due_s: float
    sent_s: float | None
    locations: tuple[str, ...]


class Ledger:
    """Over the store's own database."""

    def __init__(self, store: Store) -> None:
        self.store = store
        if store.one("SELECT version FROM fut_version"):
            return
        with store.transaction():
            store.lock(_SWITCH)
            if not store.rows("SELECT version FROM fut_version"):
                if not store.sqlite:  # no worker adds a reading between the two
                    store.rows("LOCK TABLE reading IN SHARE ROW EXCLUSIVE MODE")
                for statement in (_FILLED, *_TRIGGERS[store.sqlite]):
                    store.rows(statement)
                store.rows("INSERT INTO fut_version (version) VALUES (?)", (_SCHEMA_VERSION,))

    def received(self, most: int) -> list[dict[str, Any]]:
        """Readings of the store that nobody has looked at yet, hub by hub in the order of sealing."""
        rows = self.store.rows(_RECEIVED_FIRST, (most,))
        return [
            json.loads(row["content"]) | {"model": model_of(row["octets"]), "held": row["held"]} for row in rows
        ]

    def mapped(self, reading: dict[str, Any], mapped: Mapped, now_s: float) -> None:
        """It has a body that may be sent."""
        correction = mapped.moment.correction
        facts = {
            "body": mapped.body,
            "patient": mapped.patient,
            "taken": mapped.moment.at.isoformat(),
            "correction_ms": None if correction is None else round(correction.total_seconds() * 1000),
            "stayed": json.dumps(mapped.left),
        }
        self._begin(reading, "mapped", facts, now_s, "")

    def held(self, reading: dict[str, Any], why: Held, now_s: float) -> None:
        """A person must decide."""
        self._begin(reading, "held", {"reason": why.reason, "detail": why.detail}, now_s, why.reason)

    def _begin(
        self, reading: dict[str, Any], event: str, facts: dict[str, Any], now_s: float, detail: str
    ) -> None:
        row = {
            "reading": reading["reading"], "hub": reading["hub"], "capture": reading["captures"][-1],
            "state": NEXT[RECEIVED, event], "reason": "", "detail": "", "body": None, "patient": None,
            "taken": None, "correction_ms": None, "stayed": "[]", "attempts": 0, "due_s": now_s, "sent_s": None,
            "locations": "[]", **facts,
        }  # fmt: skip
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        with self.store.transaction():
            sql = f"INSERT INTO fut ({names}) VALUES ({marks}) ON CONFLICT (reading) DO NOTHING RETURNING reading"
            if self.store.rows(sql, tuple(row.values())):  # else another worker was first
                self.store.rows(
                    f"DELETE FROM fut_received WHERE {' AND '.join(f'{name} = ?' for name in _PLACE)}",
                    reading["reading"].split(":"),
                )
                self._note(reading["reading"], event, str(row["state"]), detail, now_s)

    def claim(self, entry: Entry, due_s: float) -> None:
        """Take a submitted reading for looking it up, until `due_s`; OutOfTurn when another worker has."""
        with self.store.transaction():
            row = self.store.one(
                "UPDATE fut SET due_s = ?, attempts = attempts + 1 WHERE reading = ? AND state = ? AND due_s = ?"
                " RETURNING reading",
                (due_s, entry.reading, SUBMITTED, entry.due_s),
            )
        if row is None:
            raise OutOfTurn(entry.reading, "claim")

    def step(self, reading: str, event: str, now_s: float, said: str = "", **facts: Any) -> None:
        """Take one step of the table, setting columns; OutOfTurn when the reading is not in a state that it leaves."""
        states = [state for state, name in NEXT if name == event and state != RECEIVED]
        assert states, event
        changes = {"state": NEXT[states[0], event], **facts}
        settings = ", ".join(f"{name} = ?" for name in changes)
        marks = ", ".join("?" * len(states))
        with self.store.transaction():
            row = self.store.one(
                f"UPDATE fut SET {settings} WHERE reading = ? AND state IN ({marks}) RETURNING reading",
                (*changes.values(), reading, *states),
            )
            if row is None:
                raise OutOfTurn(reading, event)
            self._note(reading, event, str(changes["state"]), said, now_s)

    def again(self, reading: str, now_s: float, who: str, also: Callable[[], None] = lambda: None) -> None:
        """A person lets a held reading be mapped once more, by the context as it is now; `also` in its transaction."""
        with self.store.transaction():
            self.let_again(reading, now_s, who)
            also()

    def let_again(self, reading: str, now_s: float, who: str) -> None:
        """The same, inside a transaction of the caller's."""
        row = self.store.one("DELETE FROM fut WHERE reading = ? AND state = ? RETURNING reading", (reading, HELD))
        if row is None:
            raise OutOfTurn(reading, "again")
        self.store.rows("INSERT INTO fut_received VALUES (?, ?, ?, ?)", reading.split(":"))
        self._note(reading, "again", RECEIVED, who, now_s)

    def _note(self, reading: str, event: str, state: str, detail: str, now_s: float) -> None:
        last = self.store.one(
            "SELECT event, detail FROM fut_event WHERE reading = ? ORDER BY id DESC LIMIT 1", (reading,)
        )
        if last is not None and (last["event"], last["detail"]) == (event, detail):
            return  # asked again, and the same answer: a day without FUT is not a thousand events
        self.store.rows(
            "INSERT INTO fut_event (reading, at_s, event, state, detail) VALUES (?, ?, ?, ?, ?)",
            (reading, now_s, event, state, detail),
        )

    def due(self, state: str, now_s: float, most: int) -> list[Entry]:
        """What is to be done now, oldest first."""
        rows = self.store.rows(
            "SELECT * FROM fut WHERE state = ? AND due_s <= ? ORDER BY due_s, hub, capture LIMIT ?",
            (state, now_s, most),
        )
        return [_entry(row) for row in rows]

    def next_due_s(self) -> float | None:
        """When there is something to do next."""
        row = self.store.one("SELECT MIN(due_s) AS due FROM fut WHERE state IN (?, ?)", (MAPPED, SUBMITTED))
        return None if row is None or row["due"] is None else float(row["due"])

    def get(self, reading: str) -> Entry | None:
        """One reading's row, or None: it is received, or unknown."""
        row = self.store.one("SELECT * FROM fut WHERE reading = ?", (reading,))
        return _entry(row) if row else None

    def counts(self) -> dict[str, int]:
        """How many stand where."""
        rows = self.store.rows("SELECT state, COUNT(*) AS n FROM fut GROUP BY state ORDER BY state")
        return {row["state"]: row["n"] for row in rows}

    def events(self, reading: str) -> list[tuple[str, str, str]]:
        """(event, state, detail) of a reading, in order."""
        rows = self.store.rows("SELECT event, state, detail FROM fut_event WHERE reading = ? ORDER BY id", (reading,))
        return [(row["event"], row["state"], row["detail"]) for row in rows]


def _entry(row: Any) -> Entry:
    names = (
        "reading", "state", "reason", "detail", "body", "patient", "taken", "attempts", "due_s", "sent_s",
    )  # fmt: skip
    return Entry(**{name: row[name] for name in names}, locations=tuple(json.loads(row["locations"])))
