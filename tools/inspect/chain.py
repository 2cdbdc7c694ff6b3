"""Do envelopes join into one unbroken row? The answer per envelope and for each hub's chain.

An envelope that is not authentic stands at the number that it claims only where no authentic one does: it
cannot fork a chain, nor make it seem longer. A number that a later envelope names as replaced is no gap.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tools.inspect.envelope import FIRST_PREVIOUS, PREVIOUS_OCTETS, Envelope

OK, GAP, FORK, BROKEN = "ok", "gap", "fork", "broken"
_LISTED_MAX = 10_000  # missing numbers that are named of one gap


@dataclass
class Kept:
    """One envelope file, and what was found."""

    file: Path
    hub: str | None = None
    chain: str | None = None
    sequence: int | None = None
    hash: bytes = b""
    authentic: bool = False
    envelope: Envelope | None = None  # None where it could not be read
    chained: str = BROKEN
    receipt: str = "absent"
    errors: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Signed, readable and in its place."""
        return self.authentic and self.envelope is not None and self.chained == OK and not self.errors


@dataclass
class Chain:
    """One chain of one hub."""

    hub: str
    chain: str
    first: int
    last: int
    missing: list[int] = field(default_factory=list)
    forked: list[int] = field(default_factory=list)
    replaced: list[int] = field(default_factory=list)
    captures_missing: list[tuple[int, int]] = field(default_factory=list)


def judge(
    kept: list[Kept], start: int = 1, answered: "list[tuple[str, str, int]] | None" = None
) -> list[Chain]:
    """Set `chained` of each envelope, and return the chains, in the order in which they first appear.

    `answered` are (hub, chain, sequence) of authentic receipts whose envelopes are not here.
    """
    rows: dict[tuple[str, str], list[Kept]] = {}
    for one in kept:
        if one.hub is not None and one.chain is not None and one.sequence is not None:
            rows.setdefault((one.hub, one.chain), []).append(one)
    judged = {where: _judge_row(*where, row, start) for where, row in rows.items()}
    # What nobody proved to be of a hub makes no chain of it, and so nothing that could be missing there.
    proved = [found for where, found in judged.items() if any(one.authentic for one in rows[where])]
    chains = proved or list(judged.values())
    for found in chains:
        for hub, chain, sequence in answered or []:
            known = sequence in found.missing or sequence in found.replaced
            if (hub, chain) == (found.hub, found.chain) and sequence >= start and not known:
                found.missing.append(sequence)
        found.missing.sort()
    return chains


def _judge_row(hub: str, chain: str, row: list[Kept], start: int) -> Chain:
    at: dict[int, list[Kept]] = {}
    for one in row:
        assert one.sequence is not None
        at.setdefault(one.sequence, []).append(one)
    for sequence, here in at.items():
        true = [one for one in here if one.authentic]
        at[sequence] = true or here
    replaced = {
        one.envelope.replaces for one in row if one.authentic and one.envelope and one.envelope.replaces
    }
    forked = {sequence for sequence, here in at.items() if len({one.hash for one in here}) > 1}
    for one in row:
        one.chained = _chained(one, at, forked, replaced, start)
    numbers = sorted(number for number, here in at.items() if here[0].authentic) or sorted(at)
    found = Chain(
        hub, chain, numbers[0], numbers[-1], forked=sorted(forked), replaced=sorted(replaced - set(at))
    )
    for before, after in pairwise([start - 1, *(number for number in numbers if number >= start)]):
        # Ranges, because a gap may be as long as a number is wide; what is listed of one has a bound.
        for number in range(before + 1, min(after, before + 1 + _LISTED_MAX)):
            if number not in at and number not in replaced:
                found.missing.append(number)
    _judge_captures(row, found)
    return found


def _chained(one: Kept, at: dict[int, list[Kept]], forked: set[int], replaced: set[int], start: int) -> str:
    assert one.sequence is not None
    if one.sequence in forked:
        return FORK
    if one.envelope is None:
        return BROKEN
    previous = one.envelope.previous
    if one.sequence == 1:
        return OK if previous == FIRST_PREVIOUS else BROKEN
    before = at.get(one.sequence - 1)
    if before:
        return OK if any(previous == other.hash[:PREVIOUS_OCTETS] for other in before) else BROKEN
    return OK if one.sequence <= start or one.sequence - 1 in replaced else GAP


def _judge_captures(row: list[Kept], found: Chain) -> None:
    """A capture stands in one envelope alone, but for an envelope that replaces another."""
    owner: dict[int, Kept] = {}
    for one in sorted(
        (one for one in row if one.authentic and one.envelope), key=lambda one: one.sequence or 0
    ):
        assert one.envelope is not None
        twice = []
        for first, count in one.envelope.captures:
            for number in range(first, first + count):
                other = owner.setdefault(number, one)
                if other.hash != one.hash and other.sequence != one.envelope.replaces:
                    twice.append(number)
        if twice and one.chained != FORK:
            other = owner[twice[0]]
            one.errors.append(f"captures: {twice[0]} is in envelope {other.sequence} too")
    numbers = sorted(owner)
    for before, after in pairwise(numbers):
        if after > before + 1:
            found.captures_missing.append((before + 1, after - before - 1))
