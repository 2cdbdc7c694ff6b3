"""What the store keeps of an envelope and of a reading, and the words for what became of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

STORED = "stored"  # every check passed, the readings are in the store
HELD = "held"  # kept whole, a person must decide
QUARANTINED = "quarantined"  # from a hub that nobody registered


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

    def values(self, octets: bytes) -> dict[str, Any]:
        """Its row."""
        return vars(self) | {
            "authentic": int(self.authentic), "captures": json.dumps(self.captures), "octets": octets
        }  # fmt: skip


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

    @property
    def place(self) -> tuple[str, str, int, int]:
        """Where it stands: the parts of its name."""
        return self.hub, self.chain, self.sequence, self.position

    def values(self, now_s: int) -> dict[str, Any]:
        """Its row."""
        return vars(self) | {"possible_repeat": int(self.possible_repeat), "arrived_s": now_s}


def reading_name(hub: str, chain: str, sequence: int, position: int) -> str:
    """A reading's name: <hub>:<chain>:<sequence>:<index>."""
    return f"{hub}:{chain}:{sequence}:{position}"


_NAMES = tuple(field.name for field in fields(Envelope))


def envelope_of(row: Mapping[Any, Any]) -> Envelope:
    """An envelope from its row."""
    values = {name: row[name] for name in _NAMES}
    values["authentic"] = bool(values["authentic"])
    values["captures"] = tuple((first, count) for first, count in json.loads(values["captures"]))
    return Envelope(**values)
