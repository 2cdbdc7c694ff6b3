"""Is anything missing? The answer per chain, from the numbers alone: nothing is, or these are.

A sequence number is here when an authentic envelope carries it (stored or held), or when a later one names
it as replaced. What the hub's signed health report says it has sealed beyond the highest number here is
awaited, not lost: the hub still has it, unless the chain has ended and another follows. Capture numbers are
told the same way.
"""

from dataclasses import dataclass

from tools.backend.store import HELD, STORED, Row, Store

Ranges = tuple[tuple[int, int], ...]  # (first, last), both included


@dataclass(frozen=True)
class ChainState:
    """One chain as the platform knows it."""

    hub: str
    chain: str
    last: int
    stored: int
    held: int
    missing: Ranges
    awaited: Ranges
    missing_captures: Ranges
    forked: tuple[int, ...]
    replaced: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Nothing is missing of what the hub has sealed as far as the platform can know."""
        return not (self.missing or self.awaited or self.missing_captures)


def chains(store: Store, hub: str | None = None) -> list[ChainState]:
    """All chains, or a hub's, in the order in which they were first seen."""
    where, values = ("WHERE hub = ?", (hub,)) if hub else ("", ())
    rows = store.rows(f"SELECT * FROM chain {where} ORDER BY hub, first_seen_s, chain", values)
    return [_state(store, row) for row in rows]


def _state(store: Store, row: Row) -> ChainState:
    hub, chain, reported, ended = (
        row["hub"],
        row["chain"],
        row["reported_sequence"],
        row["followed_by"] is not None,
    )
    key = (hub, chain)
    counts = {
        row["status"]: row["n"]
        for row in store.rows(
            "SELECT status, COUNT(*) AS n FROM envelope WHERE hub = ? AND chain = ? GROUP BY status", key
        )
    }
    replaced = [
        row["replaces"]
        for row in store.rows(
            "SELECT DISTINCT replaces FROM envelope WHERE hub = ? AND chain = ? AND authentic = 1"
            " AND replaces IS NOT NULL ORDER BY replaces",
            key,
        )
    ]
    forked = [
        row["sequence"]
        for row in store.rows(
            "SELECT sequence FROM envelope WHERE hub = ? AND chain = ? AND authentic = 1"
            " GROUP BY sequence HAVING COUNT(*) > 1 ORDER BY sequence",
            key,
        )
    ]
    gaps, last = _gaps(
        store,
        "SELECT DISTINCT sequence AS n FROM envelope WHERE hub = ? AND chain = ? AND authentic = 1",
        key,
    )
    if reported > last and ended:  # the next chain says so: nobody has them any more
        gaps.append((last + 1, reported))
    capture_gaps, _ = _gaps(store, "SELECT number AS n FROM capture WHERE hub = ? AND chain = ?", key)
    return ChainState(
        hub=hub,
        chain=chain,
        last=last,
        stored=counts.get(STORED, 0),
        held=counts.get(HELD, 0),
        missing=_without(gaps, [(number, number) for number in replaced]),
        awaited=((last + 1, reported),) if reported > last and not ended else (),
        missing_captures=_without(capture_gaps, _held_captures(store, key)),
        forked=tuple(forked),
        replaced=tuple(replaced),
    )


def _gaps(store: Store, numbers: str, key: tuple[str, str]) -> tuple[list[tuple[int, int]], int]:
    """The ranges that lack between 1 and the highest of `numbers` (a query of ours with one column, n)."""
    rows = store.rows(
        "SELECT before + 1 AS first, n - 1 AS last FROM"
        f" (SELECT n, LAG(n, 1, 0) OVER (ORDER BY n) AS before FROM ({numbers}) AS present) AS steps"
        " WHERE n > before + 1 ORDER BY n",
        key,
    )
    highest = store.one(f"SELECT COALESCE(MAX(n), 0) AS n FROM ({numbers}) AS present", key)
    return [(row["first"], row["last"]) for row in rows], highest["n"] if highest else 0


def _held_captures(store: Store, key: tuple[str, str]) -> list[tuple[int, int]]:
    held = []
    for row in store.rows(
        "SELECT DISTINCT sequence FROM envelope WHERE hub = ? AND chain = ? AND authentic = 1 AND status = ?",
        (*key, HELD),
    ):
        for envelope in store.numbered(*key, row["sequence"]):
            held += [(first, first + count - 1) for first, count in envelope.captures]
    return held


def _without(ranges: list[tuple[int, int]], known: list[tuple[int, int]]) -> Ranges:
    """The ranges less what is known from elsewhere."""
    rest = ranges
    for low, high in known:
        cut = []
        for first, last in rest:
            if high < first or last < low:
                cut.append((first, last))
                continue
            if first < low:
                cut.append((first, low - 1))
            if high < last:
                cut.append((high + 1, last))
        rest = cut
    return tuple(rest)
