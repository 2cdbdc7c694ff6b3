"""readings.jsonl: what the store holds, a line each.

In the order of taking: hub, chain, capture number, index. Sequence numbers are the order of sealing, and a
hub that was away seals what is live before its backlog.
"""

import json
from collections.abc import Iterator
from typing import Any

import cbor2

from tools.backend.store import Store


def readings(store: Store, held: bool = False) -> Iterator[dict[str, Any]]:
    """The readings that count, or those that a person must decide on, as objects."""
    mark = "<>" if held else "="
    for row in store.rows(
        "SELECT reading.content, description.octets FROM reading"
        " LEFT JOIN description ON description.hub = reading.hub AND description.chain = reading.chain"
        " AND description.number = reading.description"
        " JOIN chain ON chain.hub = reading.hub AND chain.chain = reading.chain"
        f" WHERE reading.held {mark} '' ORDER BY reading.hub, chain.first_seen_s, chain.chain,"
        " reading.capture, reading.position"
    ):
        content = json.loads(row["content"])
        content["model"] = model_of(row["octets"])
        yield content


def lines(store: Store) -> Iterator[str]:
    """The lines of readings.jsonl, each with its line end."""
    for content in readings(store):
        yield json.dumps(content, ensure_ascii=False) + "\n"


def model_of(description: bytes | None) -> str | None:
    """The model that a device description names, or None."""
    if description is None:
        return None
    try:
        fields = cbor2.loads(description)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError):
        return None  # opaque to the seal: a hub may one day write what this version cannot read
    model = fields.get("model") if isinstance(fields, dict) else None
    return model if isinstance(model, str) else None
