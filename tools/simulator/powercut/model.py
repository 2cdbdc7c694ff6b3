"""What was promised to whom, as seen from outside: told event by event, and what a journal is then held to."""

import hashlib
from collections.abc import Callable
from typing import Any

from firmware.journal.journal import Journal

CAPTURE, SESSION, FIX, DESCRIBE, PLAN, RECEIPT = "capture", "session", "fix", "describe", "plan", "receipt"
# How a promise may be broken: the summary's words.
KINDS = ("lost", "doubled", "changed", "stuck")
_DAMAGE = {"chain", "lost", "record", "unreadable", "sector"}


class Broken(Exception):
    """A promise was broken; args are one of KINDS and a sentence."""


def need(what: bool, kind: str, text: str) -> None:
    """Broken, unless `what` holds."""
    if not what:
        raise Broken(kind, text)


def digest(octets: Any) -> bytes:
    """What stands for long octets."""
    return hashlib.sha256(octets).digest()


class Model:
    """All that devices, broker and platform were told, and what the hub is in the midst of."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple] = {}  # capture number -> (boot, visit, device, handle, value)
        self.sessions: dict[tuple[int, int], Any] = {}
        self.last_sessions: dict[int, Any] = {}
        self.fixes: dict[int, Any] = {}
        self.plans: dict[int, tuple] = {}  # sequence -> (ranges, hash), without receipt
        self.sent: dict[int, bytes] = {}  # sequence -> digest of the payload that the broker got
        self.done: set[int] = set()
        self.descriptions: dict[int, bytes] = {}
        self.sequence = 0
        self.hash = bytes(32)
        self.chain: bytes | None = None
        self.boot = 0
        self.doing: tuple[str, Any] | None = None

    def copy(self) -> "Model":
        """The same, to go another way."""
        other = Model()
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, dict | set) else value)
        return other

    def tell(self, word: str, facts: Any) -> None:
        """Something is begun ("doing"), came to nothing ("not"), or is true from now on."""
        if word == "doing":
            self.doing = facts
            return
        self.doing = None
        if word == CAPTURE:
            number, rest = facts
            self.kept[number] = rest
        elif word == SESSION:
            self.sessions[facts.boot, facts.visit] = facts
            self.last_sessions[facts.device] = facts
        elif word == FIX:
            self.fixes[facts.boot] = facts
        elif word == DESCRIBE:
            self.descriptions[facts[0]] = facts[1]
        elif word == PLAN:
            sequence, ranges, envelope_hash = facts
            self.plans[sequence] = ranges, envelope_hash
            self.sequence, self.hash = sequence, envelope_hash
        elif word == "sent":
            self.sent[facts[0]] = facts[1]
        elif word == RECEIPT:
            for first, count in self.plans.pop(facts)[0]:
                self.done.update(range(first, first + count))
        elif word == "booted":
            self.boot, chain = facts
            self.chain = self.chain or chain

    # -- after a cut

    def settle(self, journal: Journal, tell: Callable[[str, Any], None]) -> None:
        """What the cut fell into is on flash wholly or not at all; whichever it is, it stays so: it is told."""
        doing, self.doing = self.doing, None
        if doing is None:
            return
        word, facts = doing
        if word == CAPTURE and journal.next_capture == facts[0] + 1:
            tell(CAPTURE, facts)
        elif word == SESSION and journal.last_session(facts.device) == facts:
            tell(SESSION, facts)
        elif word == FIX and journal.fix_at(facts.boot, facts.mono_ms) == facts:
            tell(FIX, facts)
        elif word == DESCRIBE:
            number = max(self.descriptions, default=0) + 1
            if _description(journal, number) == facts:
                tell(DESCRIBE, (number, facts))
        elif word == PLAN and journal.next_sequence == self.sequence + 2:
            plan = journal.read_plan(self.sequence + 1)
            need(plan.previous == self.hash, "changed", "a plan does not follow the one before")
            tell(PLAN, (plan.sequence, plan.captures, plan.hash))
        elif word == RECEIPT and facts not in journal.open_plans():
            tell(RECEIPT, facts)

    def check(self, journal: Journal) -> None:
        """Broken, unless the journal knows all that was promised, and nothing beside it."""
        need(self.chain in (None, journal.chain), "changed", "another chain")
        need(not _DAMAGE & set(journal.notes), "lost", f"the journal says {journal.notes}")
        need(journal.boot > self.boot, "doubled", "a boot's number came twice")
        self.check_numbers(journal)
        self._check_captures(journal)
        for number, octets in self.descriptions.items():
            need(_description(journal, number) == octets, "lost", f"description {number}")

    def check_numbers(self, journal: Journal) -> None:
        """What a boot knows without reading what was kept: numbers, plans, and how much waits."""
        last = max(self.kept, default=0)
        need(journal.next_capture >= last + 1, "doubled", f"capture {last} is kept, the next is {journal.next_capture}")
        need(journal.next_capture == last + 1, "stuck", f"capture numbers go from {last} to {journal.next_capture}")
        need(journal.next_sequence == self.sequence + 1, "doubled", f"sequence {journal.next_sequence} comes next")
        need(journal.last_hash == self.hash, "changed", "the last hash is another")
        self._check_plans(journal)
        waiting = len(self.kept) - len(self.done)
        need(journal.waiting() == waiting, "doubled", f"{journal.waiting()} captures wait, not {waiting}")

    def _check_plans(self, journal: Journal) -> None:
        opened = journal.open_plans()
        back = set(opened) - set(self.plans)
        need(not back, "doubled", f"plans {sorted(back)} are open again")
        need(set(self.plans) == set(opened), "lost", f"plans {sorted(set(self.plans) - set(opened))} are gone")
        for sequence, (ranges, envelope_hash) in self.plans.items():
            plan = journal.read_plan(sequence)
            need((plan.captures, plan.hash) == (ranges, envelope_hash), "changed", f"plan {sequence}")

    def _check_captures(self, journal: Journal) -> None:
        planned = {
            number for ranges, _hash in self.plans.values() for first, count in ranges
            for number in range(first, first + count)
        }  # fmt: skip
        waiting = sorted(set(self.kept) - self.done)
        pending = journal.pending(len(self.kept) + 1)
        for number in waiting:
            try:
                capture = journal.read(number)
            except ValueError:
                raise Broken("lost", f"capture {number}") from None
            found = (capture.boot, capture.visit, capture.device, capture.handle, capture.value)
            need(found == self.kept[number], "changed", f"capture {number}")
            session = self.sessions.get(found[:2])
            if session is not None:
                need(journal.session_of(capture) == session, "lost", f"the session of capture {number}")
            if capture.boot in self.fixes:
                fix = journal.fix_for(capture.boot)
                need(fix == self.fixes[capture.boot], "lost", f"the clock's fix of boot {capture.boot}")
        need(not self.done & set(pending), "doubled", f"captures {sorted(self.done & set(pending))} wait again")
        left = [number for number in waiting if number not in planned]
        need(set(pending) == set(left), "lost", f"captures {sorted(set(left) ^ set(pending))} are to be sealed")
        for device, session in self.last_sessions.items():
            need(journal.last_session(device) == session, "lost", f"the last session of device {device}")


def _description(journal: Journal, number: int) -> bytes | None:
    found = journal.description(number)
    return bytes(found) if found else None
