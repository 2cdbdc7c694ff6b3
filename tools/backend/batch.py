"""What the store knows of the letters at hand, and what they add to it: asked at once, written at once.

Made inside a transaction. Its first act is to take the letters' hubs (saw_hubs): of two workers with letters of one
hub the second waits there until the first has committed, and then sees all that it wrote. So a hub's order and
what makes a letter a repeat are the database's, whichever worker has the letter.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import func, select

from tools.backend.letters import Letter
from tools.backend.readings import Octets
from tools.backend.rows import HELD, QUARANTINED, Envelope, Reading, envelope_of, reading_name
from tools.backend.schema import CAPTURE, DESCRIPTION, ENVELOPE, READING, REPEATED, UNDECODED
from tools.backend.store import Store

# A registered hub that sends nothing but rubbish may fill this much and no more: about 70 000 envelopes, two
# years of a hub whose every envelope fails. Beyond it nothing is kept and therefore nothing is answered.
HELD_OCTETS_PER_HUB_MAX = 16 << 20
# Evidence for the technician who forgot a registration, not a store: a few envelopes per name, a few names.
QUARANTINED_PER_HUB_MAX = 16
QUARANTINED_MAX = 1024

_QUARANTINE = 7235811  # of the advisory lock under which strangers are counted
_FACTS = tuple(column.name for column in ENVELOPE.c if column.name != "octets")  # those are big; nobody asks for them
_PLACE = ("hub", "chain", "sequence", "position")
_of = ENVELOPE.c


class Batch:
    """Between the letters of one commit and the database."""

    def __init__(self, store: Store, letters: Sequence[Letter], now_s: int) -> None:
        self._store, self._now_s = store, now_s
        self._hashes: dict[tuple[str, str], Envelope] = {}
        self._numbers: dict[tuple[str, str, int], list[Envelope]] = {}
        self._captures: dict[tuple[str, str, int], tuple[str, str]] = {}
        self._held_octets: dict[str, int] = {}
        self._chains: dict[tuple[str, str], None] = {}
        self._envelopes: list[dict[str, Any]] = []
        self._readings: dict[str, Reading] = {}
        self._repeats: list[tuple[tuple[str, str, int, int], str]] = []  # a place, and what it repeats
        self._of_identity: list[tuple[Reading, str]] = []  # readings that one of the same batch was before
        self._new: dict[str, list[dict[str, Any]]] = {"capture": [], "undecoded": [], "description": []}
        self._counts: dict[str, list[int]] = {}
        self._load(letters)

    def _load(self, letters: Sequence[Letter]) -> None:
        self._store.saw_hubs({letter.hub for letter in letters if letter.keys}, self._now_s)
        if any(letter.keys is None for letter in letters):
            self._store.lock(_QUARANTINE)
        among = self._store.among
        hashes = {(letter.hub, letter.hash) for letter in letters if letter.hash}
        for row in among(ENVELOPE, _FACTS, ("hub", "hash"), hashes):
            self._know(envelope_of(row))
        opened = [letter.opened for letter in letters if letter.opened]
        numbers = {(one.hub, one.chain, one.sequence + step) for one in opened for step in (-1, 0, 1)}
        rows = among(ENVELOPE, _FACTS, ("hub", "chain", "sequence"), numbers, " AND found.authentic = 1")
        for row in sorted(rows, key=lambda row: int(row["id"])):
            self._numbers.setdefault((row["hub"], row["chain"], row["sequence"]), []).append(envelope_of(row))
        captures = {
            (one.hub, one.chain, number)
            for one in opened
            for first, count in one.captures
            for number in range(first, first + count)
        }
        key = ("hub", "chain", "number")
        for row in among(CAPTURE, (*key, "envelope", "digest"), key, captures):
            self._captures[row["hub"], row["chain"], row["number"]] = row["envelope"], row["digest"]

    # What is known

    def envelope(self, hub: str, hash_: str) -> Envelope | None:
        """What is kept under this hash; the authentic one where there are two."""
        return self._hashes.get((hub, hash_))

    def numbered(self, hub: str, chain: str, sequence: int) -> list[Envelope]:
        """The authentic envelopes under one number, in the order of their arrival."""
        return self._numbers.get((hub, chain, sequence), [])

    def captured(self, hub: str, chain: str, numbers: Iterable[int]) -> dict[int, tuple[str, str]]:
        """Which of these are in the store: the envelope that brought each, and its digest."""
        found = {number: self._captures.get((hub, chain, number)) for number in numbers}
        return {number: claim for number, claim in found.items() if claim}

    # What is added

    def _know(self, envelope: Envelope) -> None:
        key = envelope.hub, envelope.hash
        if envelope.authentic or key not in self._hashes:
            self._hashes[key] = envelope

    def keep_envelope(self, envelope: Envelope, octets: bytes) -> bool:
        """Keep an envelope whole. False when what failed has reached its bound: nothing may be answered."""
        if envelope.status == HELD and not self._room_for_held(envelope.hub, len(octets)):
            return False
        if envelope.status == QUARANTINED and not self._room_for_quarantined(envelope.hub):
            return False
        self._envelopes.append(envelope.values(octets) | {"detail": _plain(envelope.detail)})
        self._know(envelope)
        if envelope.authentic:
            assert envelope.chain is not None and envelope.sequence is not None
            key = envelope.hub, envelope.chain, envelope.sequence
            self._numbers[key] = [*self._numbers.get(key, []), envelope]
            self._chains[envelope.hub, envelope.chain] = None
        return True

    def _room_for_held(self, hub: str, octets: int) -> bool:
        if hub not in self._held_octets:
            total = select(func.coalesce(func.sum(func.length(_of.octets)), 0).label("total"))
            row = self._store.one(total.where(_of.status == HELD, _of.hub == hub))
            assert row is not None
            self._held_octets[hub] = int(row["total"])
        if self._held_octets[hub] + octets > HELD_OCTETS_PER_HUB_MAX:
            return False
        self._held_octets[hub] += octets
        return True

    def _room_for_quarantined(self, hub: str) -> bool:
        waiting = [row["hub"] for row in self._envelopes if row["status"] == QUARANTINED]
        counted = select(func.count().label("total"), func.count().filter(_of.hub == hub).label("own"))
        row = self._store.one(counted.where(_of.status == QUARANTINED))
        assert row is not None
        total, own = row["total"] + len(waiting), row["own"] + waiting.count(hub)
        return bool(total < QUARANTINED_MAX and own < QUARANTINED_PER_HUB_MAX)

    def keep_captures(self, hub: str, chain: str, digests: dict[int, str], hash_: str) -> None:
        """Claim capture numbers for an envelope; a number claimed before stays with its first."""
        for number, digest in digests.items():
            key = hub, chain, number
            if key not in self._captures:
                self._captures[key] = hash_, digest
                row = {"hub": hub, "chain": chain, "number": number, "envelope": hash_, "digest": digest}
                self._new["capture"].append(row)

    def keep_undecoded(self, hub: str, chain: str, octets: Octets, hash_: str) -> None:
        """Keep octets that no driver understood."""
        values = vars(octets) | {"content": json.dumps(octets.content), "reason": _plain(octets.reason)}
        row = {"hub": hub, "chain": chain, "envelope": hash_, "arrived_s": self._now_s}
        self._new["undecoded"].append(values | row)

    def keep_descriptions(self, hub: str, chain: str, descriptions: dict[int, bytes]) -> None:
        """Keep device descriptions; the first under a number stays."""
        for number, octets in descriptions.items():
            self._new["description"].append({"hub": hub, "chain": chain, "number": number, "octets": octets})

    def keep_reading(self, reading: Reading) -> None:
        """Keep a reading, unless the store has it by what the device itself tells."""
        first = self._readings.setdefault(reading.identity, reading)
        if first is not reading:
            self._of_identity.append((reading, reading.identity))

    def keep_repeat(self, place: tuple[str, str, int, int], of: str) -> None:
        """Note that a measurement is a reading which the store has already."""
        self._repeats.append((place, of))

    def count(self, hub: str, repeats: int, refused: int) -> None:
        """Count what was answered again or could not be answered."""
        if repeats or refused:
            counts = self._counts.setdefault(hub, [0, 0])
            counts[0] += repeats
            counts[1] += refused

    # Writing

    def write(self) -> set[tuple[str, str, int, int]]:
        """Write everything; the places of the readings that are new to the store."""
        store = self._store
        store.saw_chains(sorted(self._chains), self._now_s)
        store.add(ENVELOPE, self._envelopes, ("hub", "hash", "authentic"))
        store.add(CAPTURE, self._new["capture"], ("hub", "chain", "number"))
        store.add(UNDECODED, self._new["undecoded"], ("hub", "chain", "capture"))
        store.add(DESCRIPTION, self._new["description"], ("hub", "chain", "number"))
        new = self._write_readings()
        rows = [
            dict(zip(_PLACE, place, strict=True)) | {"of_reading": of}
            for place, of in self._repeats
        ]
        store.add(REPEATED, rows, _PLACE)
        for hub, (repeats, refused) in sorted(self._counts.items()):
            store.count(hub, repeats, refused)
        return new

    def _write_readings(self) -> set[tuple[str, str, int, int]]:
        """In one order, so that two hubs with the readings of one device never wait for each other."""
        if not self._readings:
            return set()
        self._store.add(
            READING, [self._readings[key].values(self._now_s) for key in sorted(self._readings)], ("identity",)
        )
        rows = self._store.among(READING, ("identity", *_PLACE), ("identity",), [(key,) for key in self._readings])
        first = {row["identity"]: (row["hub"], row["chain"], row["sequence"], row["position"]) for row in rows}
        new = {reading.place for key, reading in self._readings.items() if first[key] == reading.place}
        again = [(one, key) for key, one in self._readings.items() if one.place not in new]
        for reading, identity in (*again, *self._of_identity):
            self.keep_repeat(reading.place, reading_name(*first[identity]))
        return new


def _plain(text: str) -> str:
    """What a hub wrote, without the one character that PostgreSQL's texts cannot have."""
    return text.replace("\0", "\ufffd")
