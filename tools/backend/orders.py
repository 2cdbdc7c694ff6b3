"""Orders that wait for their hubs: signed elsewhere, kept here until a hub's own report says what came of them.

A hub that is away gets several, one after the other: sent is the oldest that is not over and has no outcome, when it is
new and with each report of the hub's, never retained (firmware/seal/FORMAT.md, section 6). Sending twice harms nothing,
since a hub uses each number up once; so nothing about sending is stored, and a killed service sends again.
"""

from tools.backend.schema import ORDER
from tools.backend.store import Store
from tools.inspect.order import NUMBER_MAX, RESULTS, Order

WAITING = ""
OVERTAKEN = "overtaken"  # a later number was used up: this one can come no more
WAITING_PER_HUB_MAX = 64
_ON_TRIAL = RESULTS[7]


class QueueFull(Exception):
    """So many wait for this hub that one more would hardly be what somebody wants."""


class OrderQueue:
    """The orders of all hubs, in the platform's store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def next_number(self, hub: str) -> int:
        """The number that the next order for this hub must have at least."""
        row = self._store.one("SELECT MAX(number) AS number FROM hub_order WHERE hub = ?", (hub,))
        return ((row["number"] if row else None) or 0) + 1

    def add(self, order: Order, octets: bytes, now_s: int) -> None:
        """Keep an order. ValueError when its number was given before or is no number; QueueFull."""
        if not 0 < order.number <= NUMBER_MAX or order.number < self.next_number(order.hub):
            raise ValueError(f"{order.hub}: number {order.number} was used")

        def keep() -> None:
            waiting = "SELECT COUNT(*) AS n FROM hub_order WHERE hub = ? AND result = '' AND expires_s > ?"
            row = self._store.one(waiting, (order.hub, now_s))
            if row is not None and row["n"] >= WAITING_PER_HUB_MAX:
                raise QueueFull(order.hub)
            values = {
                "hub": order.hub, "number": order.number, "octets": octets, "made_s": now_s,
                "expires_s": order.expires_s, "action": order.action, "result": WAITING, "detail": "",
            }  # fmt: skip
            if not self._store.add(ORDER, [values], unless=("hub", "number")):
                raise ValueError(f"{order.hub}: number {order.number} was used")

        self._store.transact(keep)

    def due(self, now_s: int, hub: str | None = None) -> list[tuple[str, int, bytes]]:
        """(hub, number, octets) of the oldest order that waits for each hub, or for this one."""
        only = " AND hub = ?" if hub else ""
        rows = self._store.rows(
            "SELECT hub, number, octets FROM hub_order AS o WHERE result IN ('', ?) AND expires_s > ?" + only
            + " AND number = (SELECT MIN(number) FROM hub_order WHERE hub = o.hub AND result IN ('', ?)"
            " AND expires_s > ?) ORDER BY hub",
            (_ON_TRIAL, now_s, *((hub,) if hub else ()), _ON_TRIAL, now_s),
        )
        return [(row["hub"], row["number"], bytes(row["octets"])) for row in rows]

    def told(self, hub: str, number: int, result: str, detail: str) -> None:
        """A signed report says what came of an order. Inside a transaction."""
        self._store.rows(
            "UPDATE hub_order SET result = ?, detail = ? WHERE hub = ? AND number = ? AND result IN ('', ?)",
            (result, detail, hub, number, _ON_TRIAL),
        )
        self._store.rows(
            "UPDATE hub_order SET result = ? WHERE hub = ? AND number < ? AND result IN ('', ?)",
            (OVERTAKEN, hub, number, _ON_TRIAL),
        )

    def of(self, hub: str) -> list[dict[str, object]]:
        """All orders of a hub, for people."""
        rows = self._store.rows(
            "SELECT number, action, made_s, expires_s, result, detail FROM hub_order WHERE hub = ? ORDER BY number",
            (hub,),
        )
        return [dict(row) for row in rows]
