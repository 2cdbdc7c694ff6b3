"""What is held on the way to FUT, and a person's decision: python -m tools.backend.fut.held --database FILE.

Lists a line for each held reading. `--again READING --by NAME` lets one be mapped once more, by the context as it is
now: after the plan, an assignment or FUT's own refusal was mended. The ledger keeps who said so.
"""

import argparse
import json
import sys
import time
from contextlib import closing

from tools.backend.fut.ledger import HELD, Ledger, OutOfTurn
from tools.backend.fut.reasons import READING
from tools.backend.store import Store, StoreProblem


def main(arguments: list[str] | None = None) -> int:
    """List, or decide; 1 when a reading is not held, 2 when the database is none."""
    parser = argparse.ArgumentParser(description="Readings that FUT did not get, and why")
    parser.add_argument("--database", required=True)
    parser.add_argument("--again", action="append", default=[], metavar="READING")
    parser.add_argument("--by", default="", metavar="NAME", help="who decides; with --again it must be said")
    given = parser.parse_args(arguments)
    if given.again and not given.by:
        parser.error("--again needs --by NAME")
    try:
        store = Store(given.database)
    except StoreProblem as problem:
        parser.error(str(problem))
    with closing(store):
        ledger = Ledger(store)
        for reading in given.again:
            try:
                ledger.again(reading, time.time(), given.by)
            except OutOfTurn:
                print(json.dumps({"error": f"{reading} is not held"}))
                return 1
        for row in store.rows("SELECT reading, reason, detail FROM fut WHERE state = ? ORDER BY hub, capture", (HELD,)):
            print(json.dumps({**dict(row), "words": READING[row["reason"]][0]}, ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
