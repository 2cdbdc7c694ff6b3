"""Who did what on the pages: a log that is only added to, each entry's hash over the one before.

`python -m tools.backend.web.audit --database URL` checks it and tells the last hash, which somebody keeps elsewhere:
whoever owns the whole database could write the whole log anew, but not so that it ends in a hash that was told before.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tools.backend.schema import AUDIT
from tools.backend.store import Store, StoreProblem

FIRST = "0" * 64
_LOCK = 7235813  # of the advisory lock under which one entry follows another
_TEXT_MAX = 300
_AT_ONCE = 1000


@dataclass(frozen=True)
class Verdict:
    """Whether the log is whole: how many entries, the last hash, and what is wrong."""

    entries: int
    head: str
    problem: str = ""


def note(store: Store, at_s: int, who: str, action: str, subject: str = "", detail: str = "") -> None:
    """Add an entry, inside the transaction of what it tells."""
    store.lock(_LOCK)
    last = store.one("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
    facts = {
        "id": last["id"] + 1 if last else 1, "at_s": at_s, "who": _plain(who), "action": action,
        "subject": _plain(subject), "detail": _plain(detail), "previous": last["hash"] if last else FIRST,
    }  # fmt: skip
    store.add(AUDIT, [facts | {"hash": _hash(facts)}])


def verify(store: Store) -> Verdict:
    """Walk the whole chain."""
    number, head = 0, FIRST
    while True:
        rows = store.rows("SELECT * FROM audit WHERE id > ? ORDER BY id LIMIT ?", (number, _AT_ONCE))
        if not rows:
            return Verdict(number, head)
        for row in rows:
            facts = {name: row[name] for name in row if name != "hash"}
            if row["id"] != number + 1:
                return Verdict(number, head, f"entry {number + 1} is missing")
            if row["previous"] != head or row["hash"] != _hash(facts):
                return Verdict(number, head, f"entry {row['id']} is not as it was written")
            number, head = row["id"], row["hash"]


def _hash(facts: dict[str, Any]) -> str:
    names = ("id", "at_s", "who", "action", "subject", "detail", "previous")
    return hashlib.sha256(json.dumps([facts[name] for name in names], ensure_ascii=False).encode()).hexdigest()


def _plain(text: str) -> str:
    return text[:_TEXT_MAX].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Check; 1 when an entry was changed or is missing, or the log ends in another hash than `--head`."""
    parser = argparse.ArgumentParser(description="Is the audit log as it was written?")
    parser.add_argument("--database", required=True)
    parser.add_argument("--head", default="", help="a hash that was told before: it must be in the log")
    given = parser.parse_args(arguments)
    try:
        store = Store(given.database)
    except StoreProblem as problem:
        parser.error(str(problem))
    with closing(store):
        verdict = verify(store)
        known = not given.head or store.one("SELECT id FROM audit WHERE hash = ?", (given.head,)) is not None
    wrong = verdict.problem or ("" if known else "the hash that was told before is not in it")
    print(json.dumps({"summary": "audit", "ok": not wrong, "entries": verdict.entries, "head": verdict.head,
                      "problem": wrong}))  # fmt: skip
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
