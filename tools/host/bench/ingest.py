"""How fast the platform takes envelopes on one core, each durable in SQLite before its receipt is made.

The peer is the same receiver with a commit for every message of one reading, in the same run: what a loop does that
has no batches. The bound is what OpenSSL's check of one signature after the other reaches, with nothing else done.
"""

import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tools.backend.desks import LETTERS_PER_COMMIT_MAX, collect_rarely
from tools.backend.keys import Keyring, load_point, make_platform_keys, point_of
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.inspect import cose
from tools.simulator.fleet.sealed import FIRST_S, READINGS_A_DAY, Home

_RUNS = 3
_HOMES, _DAYS, _TOGETHER = 50, 16, 16
_NAIVE = 400  # messages: each waits for the disk
_LOAD = 0.7  # of what it can take, come at random moments while waits are measured
_LOAD_S = 4.0

Letters = list[tuple[str, bytes]]


def measure(plan: Plan) -> Iterable[Figure]:
    """The figures, medians of three runs, each with its own peer."""
    keyring = make_platform_keys()
    homes = [Home(number, plan.seed) for number in range(_HOMES)]
    for home in homes:
        keyring.register(home.hub, point_of(home.signing.public_key()), point_of(home.agreement.public_key()))
    single = _letters(homes, 1)
    many = _letters(homes, _TOGETHER)
    collect_rarely()  # as a worker does
    with _one_core():
        runs = [_run(keyring, single, many) for _ in range(_RUNS)]
        waits = _waits(keyring, single, statistics.median(run["messages"] for run in runs) * _LOAD)
    naive, messages, readings, checks = (
        statistics.median(run[name] for run in runs) for name in ("naive", "messages", "readings", "checks")
    )

    def ratio(of: str, to: str) -> float:
        return round(statistics.median(run[of] / run[to] for run in runs), 3)

    peer = "a commit per message"
    yield Figure("ingest.messages", ratio("messages", "naive"), "x", 4.5, "min", peer, round(naive), _RUNS)
    yield Figure("ingest.readings", ratio("readings", "naive"), "x", 40, "min", peer, round(naive), _RUNS)
    share = ratio("messages", "checks")
    yield Figure("ingest.of_verification", share, "share", 0.75, "min", "signatures alone", round(checks), _RUNS)
    yield Figure("ingest.messages_per_s", round(messages), "messages/s of one reading", runs=_RUNS)
    yield Figure("ingest.readings_per_s", round(readings), f"readings/s, {_TOGETHER} a message", runs=_RUNS)
    yield Figure("ingest.receipt_p50", round(waits[len(waits) // 2] * 1000, 1), f"ms at {_LOAD:.0%} of that")
    yield Figure("ingest.receipt_p99", round(waits[int(len(waits) * 0.99)] * 1000, 1), f"ms at {_LOAD:.0%} of that")


def _letters(homes: list[Home], together: int) -> Letters:
    """Hub by turns, as they come to a platform."""
    each = [[(home.hub, octets) for octets in home.envelopes(_DAYS, together)] for home in homes]
    return [letter for turn in zip(*each, strict=True) for letter in turn]


def _run(keyring: Keyring, single: Letters, many: Letters) -> dict[str, float]:
    """Rates: messages one by one, in batches, readings in batches, signatures alone."""
    checked = [(cose.sign1(octets), load_point(_keys(keyring, hub).signing)) for hub, octets in single]
    began = time.perf_counter()
    for message, point in checked:
        cose.check_signature(message, point)
    checks = len(checked) / (time.perf_counter() - began)
    batches = _HOMES * _DAYS * READINGS_A_DAY
    return {
        "checks": checks,
        "naive": _NAIVE / _took(keyring, single[:_NAIVE], 1),
        "messages": batches / _took(keyring, single, LETTERS_PER_COMMIT_MAX),
        "readings": batches / _took(keyring, many, LETTERS_PER_COMMIT_MAX),
    }


def _keys(keyring: Keyring, hub: str):  # type: ignore[no-untyped-def]
    keys = keyring.hub(hub)
    assert keys is not None
    return keys


def _took(keyring: Keyring, letters: Letters, together: int) -> float:
    """Seconds for all of them, from octets to receipts."""
    with _receiver(keyring) as receiver:
        began = time.perf_counter()
        for at in range(0, len(letters), together):
            receipts = receiver.handle_many(letters[at : at + together], FIRST_S)
            assert all(receipts)
        return time.perf_counter() - began


def _waits(keyring: Keyring, letters: Letters, per_s: float) -> list[float]:
    """How long receipts take when letters come at random moments, in ascending order."""
    chance, due_s, arrivals = random.Random(1), 0.0, []
    for letter in letters:
        due_s += chance.expovariate(per_s)
        arrivals.append((due_s, letter))
        if due_s > _LOAD_S:
            break
    waits, at = [], 0
    with _receiver(keyring) as receiver:
        began = time.perf_counter()
        while at < len(arrivals):
            now_s = time.perf_counter() - began
            if arrivals[at][0] > now_s:
                time.sleep(arrivals[at][0] - now_s)
                continue
            come = [one for one in arrivals[at : at + LETTERS_PER_COMMIT_MAX] if one[0] <= now_s]
            receiver.handle_many([letter for _, letter in come], FIRST_S)
            done_s = time.perf_counter() - began
            waits += [done_s - came_s for came_s, _ in come]
            at += len(come)
    return sorted(waits)


@contextmanager
def _receiver(keyring: Keyring) -> Iterator[Receiver]:
    with tempfile.TemporaryDirectory(prefix="telehub-ingest-", dir=Path.cwd()) as folder:  # /tmp may be memory
        with closing(Store(Path(folder) / "store.db")) as store:
            yield Receiver(store, keyring)


@contextmanager
def _one_core() -> Iterator[None]:
    """Where the system can say so."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
