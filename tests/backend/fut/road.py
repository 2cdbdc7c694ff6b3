"""A store with readings, a stand-in that answers, and a sender between them, in the tests' own time."""

import json
import random
from contextlib import contextmanager

import httpx

from tests.backend.fut import made
from tools.backend.fut import context
from tools.backend.fut.client import Client
from tools.backend.fut.ledger import Ledger
from tools.backend.fut.sender import Patience, Sender
from tools.backend.fut.standin.desk import Desk
from tools.backend.fut.standin.faults import Faults
from tools.backend.fut.standin.kept import Kept
from tools.backend.fut.standin.known import of_context
from tools.backend.fut.standin.serve import Server
from tools.backend.fut.standin.tokens import Tokens as Provided
from tools.backend.fut.token import Provider, Secret, Tokens
from tools.backend.store import Reading, Store

SECRET = "not-for-logs"  # pragma: allowlist secret - of a stand-in
SOON = Patience(settle_s=120.0, first_wait_s=1.0, wait_s_max=30.0)


def keep(store, one, held=""):
    """Put a reading into the store, as the receiver does."""
    hub, chain, sequence, position = one["reading"].split(":")
    with store.transaction():
        store.saw_hub(hub, 0)
        store.saw_chain(hub, chain, 0)
        assert store.keep_reading(
            Reading(
                hub=hub, chain=chain, sequence=int(sequence), position=int(position), capture=one["captures"][-1],
                identity=one["reading"], device=one["device"], kind=one["kind"], time_s=0, measured_s=0,
                possible_repeat=False, held=held, description=0, envelope="00", content=json.dumps(one),
            ),
            now_s=0,
        )


class Road:
    """Everything from the store to FUT."""

    def __init__(self, database, content, server, http):
        self.now_s = 1000.0
        self.server, self.desk = server, server.desk
        self.store = Store(database)
        self.ledger = Ledger(self.store)
        self.provided = self.desk.tokens
        self.tokens = Tokens(http, Provider(f"{server.url}/token", "telehub", Secret(SECRET), exchange=True))
        self.client = Client(http, server.url, self.tokens)
        self.content = content
        self.sender = self.another()

    def another(self):
        """One more worker."""
        return Sender(
            self.ledger, self.client, lambda: context.of(self.content), patience=SOON,
            clock=lambda: self.now_s, chance=random.Random(1),
        )  # fmt: skip

    def keep(self, *numbers, **changes):
        """Readings of so many mornings' minutes, each another."""
        for number in numbers:
            at = f"2026-03-02T05:{number // 60:02d}:{number % 60:02d}Z"
            keep(self.store, made.reading(number=number, at=at, **changes))

    def settle(self, rounds=200):
        """Let time pass until nothing is to be done."""
        for _ in range(rounds):
            if not self.sender.round() and self.ledger.next_due_s() is None:
                return
            due_s = self.ledger.next_due_s()
            self.now_s = max(self.now_s + 0.1, due_s or 0)
        raise AssertionError(self.ledger.counts())

    def names(self):
        """The names of the Observations in FUT, in its order."""
        return [row.content["identifier"][0]["value"] for row in self.desk.kept.all()]

    def state(self, number):
        return self.ledger.get(made.reading(number=number)["reading"]).state


@contextmanager
def road(
    folder, content=None, *, database=None, shares=None, seed=1, keeps_identifiers=True, slow_s=0.3, life_s=300.0,
    timeout=5.0,
):  # fmt: skip
    """A road whose stand-in fails in these shares of the submissions."""
    content = content or made.content(made.assignment(made.request("NPU03804", 3102, timing=[{"type": "Adhoc"}])))
    desk = Desk(
        of_context(content, context.of(content).tables), Kept(str(folder / "fut.db")),
        Provided("telehub", SECRET, life_s), keeps_identifiers,
    )  # fmt: skip
    with Server(desk, Faults(shares, seed), slow_s=slow_s) as server, httpx.Client(timeout=timeout) as http:
        made_road = Road(database or folder / "store.db", content, server, http)
        yield made_road
        made_road.store.close()
