"""What is held, each with its reason and the one thing that a person can do about it; and the doing."""

from typing import Any

from tools.backend.fut.ledger import HELD as FUT_HELD
from tools.backend.fut.ledger import Ledger, OutOfTurn
from tools.backend.fut.reasons import READING
from tools.backend.rows import HELD
from tools.backend.store import Store
from tools.backend.web.access import Access
from tools.backend.web.view import iso

_SHOWN_MAX = 100
AGAIN, RELEASE, SEEN = "again", "release", "seen"  # the actions; words.py has what the buttons say


def held(store: Store) -> list[dict[str, Any]]:
    """Readings that FUT did not get and envelopes that a check held, the oldest first: whose turn it is longest."""
    return _envelopes(store) + _readings(store)


def _envelopes(store: Store) -> list[dict[str, Any]]:
    rows = store.rows(
        "SELECT hub, sequence, reason, detail, arrived_s, hash FROM envelope WHERE status = ? AND NOT EXISTS"
        " (SELECT 1 FROM decision WHERE decision.subject = envelope.hash) ORDER BY id LIMIT ?",
        (HELD, _SHOWN_MAX),
    )
    return [
        {
            "hub": row["hub"], "time": iso(row["arrived_s"]), "reason": "reason_" + row["reason"], "words": None,
            "detail": row["detail"], "subject": row["hash"], "name": row["sequence"],
            "action": RELEASE if row["reason"] == "bond" else SEEN,
        }
        for row in rows
    ]  # fmt: skip


def _readings(store: Store) -> list[dict[str, Any]]:
    rows = store.rows(
        "SELECT reading, hub, reason, detail, taken, due_s FROM fut WHERE state = ? AND reason <> 'bond_changed'"
        " ORDER BY due_s, reading LIMIT ?",
        (FUT_HELD, _SHOWN_MAX),
    )
    return [
        {
            "hub": row["hub"], "time": iso(int(row["due_s"])), "reason": row["reason"],
            "words": READING.get(row["reason"]), "detail": row["detail"], "subject": row["reading"],
            "name": row["reading"].split(":", 2)[2], "action": AGAIN,
        }
        for row in rows
    ]  # fmt: skip


def do(access: Access, subject: str, action: str, who: str) -> bool:
    """Do it; False when there is nothing held of this name, or somebody else has decided meanwhile."""
    store = access.store
    if action == AGAIN:
        try:
            Ledger(store).again(subject, float(access.now_s), who, lambda: access.decided(subject, AGAIN, who))
        except OutOfTurn:
            return False
        return True
    with store.transaction():
        row = store.one("SELECT hub, hash, reason FROM envelope WHERE hash = ? AND status = ?", (subject, HELD))
        if row is None or store.one("SELECT 1 AS n FROM decision WHERE subject = ?", (subject,)):
            return False
        if action != (RELEASE if row["reason"] == "bond" else SEEN):
            return False
        if action == RELEASE:
            _release(store, subject, access.now_s, who)
        access.decided(subject, action, who)
    return True


def _release(store: Store, hash_: str, now_s: int, who: str) -> None:
    """The device is the patient's after all: its readings count, and are looked at anew on their way to FUT."""
    rows = store.rows(
        "UPDATE reading SET held = '' WHERE envelope = ? AND held <> '' RETURNING hub, chain, sequence, position",
        (hash_,),
    )
    for row in rows:
        name = f"{row['hub']}:{row['chain']}:{row['sequence']}:{row['position']}"
        if store.one("SELECT 1 AS n FROM fut WHERE reading = ? AND state = ?", (name, FUT_HELD)):
            Ledger(store).let_again(name, float(now_s), who)
