"""`python -m tools.backend.fut.phd --database FILE --hub HUB --patient REFERENCE`: a Bundle a line, of each reading."""

import argparse
import json
import sys
from contextlib import closing
from typing import Any

import cbor2
import simplejson

from tools.backend.fut.phd import Gateway, bundle
from tools.backend.store import Store, StoreProblem


def main(arguments: list[str] | None = None) -> int:
    """Write the Bundles of a hub's readings, what is held and what is test data included; 2 when there is no store."""
    parser = argparse.ArgumentParser(description="Readings as HL7 Personal Health Device bundles")
    parser.add_argument("--database", required=True)
    parser.add_argument("--hub", required=True)
    parser.add_argument("--patient", required=True, help="a reference, or the logical id given to the gateway")
    given = parser.parse_args(arguments)
    try:
        store = Store(given.database, readonly=True)
    except StoreProblem as problem:
        parser.error(str(problem))
    with closing(store):
        gateway = Gateway(given.hub, _firmware(store, given.hub))
        for row in store.rows(
            "SELECT reading.content, description.octets FROM reading LEFT JOIN description"
            " ON description.hub = reading.hub AND description.chain = reading.chain"
            " AND description.number = reading.description WHERE reading.hub = ?"
            " ORDER BY reading.chain, reading.sequence, reading.position",
            (given.hub,),
        ):
            made = bundle(json.loads(row["content"]), _description(row["octets"]), gateway, given.patient)
            print(simplejson.dumps(made, use_decimal=True, ensure_ascii=False))
    return 0


def _firmware(store: Store, hub: str) -> str | None:
    row = store.one("SELECT content FROM health WHERE hub = ? ORDER BY id DESC LIMIT 1", (hub,))
    version = json.loads(row["content"]).get("firmware") if row else None
    return version if isinstance(version, str) else None


def _description(octets: bytes | None) -> dict[str, Any]:
    """What a device told of itself; opaque to the seal, so anything that is no map is nothing."""
    try:
        found = cbor2.loads(octets or b"")
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
