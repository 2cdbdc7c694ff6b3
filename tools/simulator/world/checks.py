"""What is looked at from outside, after every step: displays, flash cells, what travelled, the store, the light.

Nothing here asks the hub. A check that fails is a `Failure` with the number of the promise that it breaks.
"""

import json
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from firmware.journal.journal import Journal
from tools.backend import completeness, exports
from tools.backend.store import HELD
from tools.inspect import cose
from tools.inspect.cose import BadMessage
from tools.inspect.envelope import decode_payload
from tools.simulator.devices.display import Held
from tools.simulator.tally import Readings
from tools.simulator.world.platform import Arrival

if TYPE_CHECKING:
    from tools.simulator.world.devices import Device
    from tools.simulator.world.home import World

_REPORT_S_MAX = 900.0  # a platform hears of a living hub at least this often
_FAILURES_MAX = 3  # of one promise: the first tell most
# Envelopes are held for these reasons when a home is as the seed made it; any other says that the hub sealed nonsense.
_HELD_FOR = {"bond", "undecoded", "keys"}
_NUMBERS = {"fork", "previous"}  # and these when a whole sector of plans was ruined (`on_envelope`)
Key = tuple[str, bytes]  # a device's address, the octets that carried a reading


@dataclass(frozen=True)
class Failure:
    """A promise that was not kept."""

    promise: str
    what: str
    at_s: float


class Checks:
    """One run's."""

    def __init__(self, world: "World"):
        self._world = world
        self.failures: list[Failure] = []
        self._undelivered: Counter[Key] = Counter()  # confirmed, and not in the store as far as was looked
        self._stored: Counter[Key] = Counter()  # in the store, whatever its status
        self._stored_octets: set[bytes] = set()
        self._looked = {"reading": 0, "undecoded": 0, "envelope": 0}
        self._hashes: dict[tuple[str, int], bytes] = {}
        self._reported_lived_s: float | None = None

    def fails(self, promise: str, what: str) -> None:
        """A promise is broken."""
        if sum(known.promise == promise for known in self.failures) < _FAILURES_MAX:
            self.failures.append(Failure(promise, what, round(self._world.loop.time(), 3)))

    # -- as it happens

    def on_confirmed(self, device: "Device", held: Held, octets: bytes) -> None:
        """A device forgets a reading: its octets are on flash, or with the platform already."""
        self._look()
        if octets in self._stored_octets and not device.kind.timeless:
            return  # it came before, and the device did not hear that it was kept
        self._undelivered[device.address, octets] += 1
        if octets not in self._world.cells.image():
            self.fails("P1", f"{device.MODEL} {held.taken['taken']} was confirmed and is not on flash")

    def before_erase(self, sector: int) -> None:
        """What is erased is with the platform, or elsewhere on the chip."""
        cells = self._world.cells
        if not self._undelivered:
            return
        start, octets_count = sector * cells.sector_octets, cells.sector_octets
        image = cells.image()
        inside = image[start : start + octets_count]
        if not any(octets in inside for _, octets in self._undelivered):
            return
        self._look()
        outside = image[:start] + bytes(16) + image[start + octets_count :]
        for address, octets in self._undelivered:
            if octets in inside and octets not in outside and octets not in self._stored_octets:
                self.fails("P2", f"sector {sector} is erased with the only copy of a reading of {address}")

    def on_envelope(self, arrival: Arrival) -> None:
        """A number has one content, for ever."""
        named = arrival.named
        known = self._hashes.setdefault((named.chain, named.sequence), named.hash)
        # Seed 260: when a ruined sector held the newest plans, their numbers may come again; the platform holds what
        # comes under them, and says so. One rotten record is no excuse: its number stands on flash twice.
        if known != named.hash and not self._world.harmed("sector"):
            self.fails("P5", f"sequence {named.sequence} came with another content")

    def on_light(self, word: str) -> None:
        """What the light says is so."""
        if word == "delivered":
            self._look()
            if self._undelivered:
                self.fails("P6", f"the light says delivered, {sum(self._undelivered.values())} readings are not")

    def on_report(self) -> None:
        """A signed sign of life."""
        self._reported_lived_s = self._world.loop.lived_s()

    def expect_reports(self) -> None:
        """From now on nothing keeps the hub from telling that it lives."""
        self._reported_lived_s = self._world.loop.lived_s()

    def after_step(self) -> None:
        """Everything that can be asked at any moment."""
        if self._reported_lived_s is not None and self._world.calm:
            silent_s = self._world.loop.lived_s() - self._reported_lived_s
            if silent_s > _REPORT_S_MAX:
                self.fails("P11", f"nothing was heard of the hub for {silent_s:.0f} s")
                self._reported_lived_s = None

    # -- the store

    def _look(self) -> None:
        """Take note of what the store got since the last look."""
        store = self._world.platform.store
        for table in ("reading", "undecoded"):
            rows = store.rows(f"SELECT rowid, device, content FROM {table} WHERE rowid > ?", (self._looked[table],))
            for row in rows:
                self._looked[table] = row["rowid"]
                self._arrived(row["device"], bytes.fromhex(json.loads(row["content"])["source"][0]["hex"]))
        for row in store.rows(
            "SELECT id, octets FROM envelope"
            " WHERE status = ? AND (authentic = 0 OR reason IN ('fork', 'previous')) AND id > ?",
            (HELD, self._looked["envelope"]),
        ):
            self._looked["envelope"] = row["id"]
            for device, octets in held_sources(row["octets"]):
                self._arrived(device, octets)

    def _arrived(self, device: str, octets: bytes) -> None:
        self._stored[device, octets] += 1
        self._stored_octets.add(octets)
        if (device, octets) in self._undelivered:
            del self._undelivered[device, octets]

    # -- at the end

    def settled(self) -> bool:
        """Whether everything that displays showed is with the platform."""
        self._look()
        for device in self._world.devices:
            for carried in device.sent.values():
                if not any((device.address, octets) in self._stored for octets in carried):
                    return False
        return not self._unsent() and not self._undelivered

    def _unsent(self) -> int:
        return sum(len(device.memory) for device in self._world.devices)

    def close(self) -> Readings:
        """Close the books."""
        world, store = self._world, self._world.platform.store
        self._look()
        count = Readings()
        good: Counter[Key] = Counter()
        marked: Counter[Key] = Counter()
        for one in exports.readings(store):
            key = (one["device"], bytes.fromhex(one["source"][0]["hex"]))
            (marked if "possible_repeat" in one["flags"] else good)[key] += 1
        held = self._stored.copy()
        for key, copies in (good + marked).items():
            held[key] -= copies
        waiting = _on_flash(world)
        count.possible_repeats = sum(marked.values())
        known = set()
        for device in world.devices:
            in_memory = {one.taken["taken"] for one in device.memory}
            gone = {entry["taken"] for entry in device.overwritten}
            claims: Counter[Key] = Counter()
            for entry in device.taken:
                number = entry["taken"]
                keys = [(device.address, octets) for octets in device.sent.get(number, ())]
                known.update(keys)
                if number in gone:
                    self.fails("P2", f"{device.MODEL} had to overwrite {number}")
                count.taken += 1
                for places, name in (
                    (good, "delivered"), (marked, "delivered"), (held, "held"), (waiting, "waiting"),
                ):  # fmt: skip
                    at = next((key for key in keys if places[key] > claims[key] * (places is good)), None)
                    if at is not None:
                        if places is good:
                            claims[at] += 1
                        else:
                            places[at] -= 1
                        setattr(count, name, getattr(count, name) + 1)
                        break
                else:
                    if number in in_memory:
                        count.in_device += 1
                    else:
                        count.lost += 1
                        self.fails("P2", f"{device.MODEL} {number} is nowhere")
            for key, copies in good.items():
                if key[0] == device.address and copies > claims[key]:
                    count.doubled += copies - claims[key]
                    if key in known:
                        self.fails("P4", f"a reading of {device.MODEL} is in the store {copies} times")
        self._invented(good + marked, known)
        self._ordered()
        self._complete()
        return count

    def _invented(self, stored: Counter, known: set[Key]) -> None:
        for key in stored:
            if key not in known:
                self.fails("P3", f"the store has octets of {key[0]} that no display stands for")

    def _ordered(self) -> None:
        """Per device, readings come out in the order in which they were taken."""
        places: dict[Key, list[int]] = {}  # two true readings of a device without a time may be equal
        for device in self._world.devices:
            if not device.kind.timeless:
                for number, carried in device.sent.items():
                    for octets in carried:
                        places.setdefault((device.address, octets), []).append(number)
        last: dict[str, int] = {}
        for one in exports.readings(self._world.platform.store):
            numbers = places.get((one["device"], bytes.fromhex(one["source"][0]["hex"])))
            if numbers is None or "possible_repeat" in one["flags"]:
                continue
            before = last.get(one["device"], 0)
            at = next((number for number in sorted(numbers) if number >= before), numbers[0])
            if at < before:
                self.fails("P5", f"reading {at} of {one['device']} comes after {before}")
            last[one["device"]] = at

    def _complete(self) -> None:
        store = self._world.platform.store
        unproven = {row["sequence"] for row in store.rows("SELECT sequence FROM envelope WHERE authentic = 0")}
        for state in completeness.chains(store, self._world.identity.hub):
            missing = [n for low, high in state.missing for n in range(low, high + 1) if n not in unproven]
            if missing and not self._world.harmed("flash"):
                self.fails("P5", f"sequences {missing[:5]} are missing")
            if state.forked and not self._world.harmed("sector"):
                self.fails("P5", f"sequences {state.forked[:5]} came with two contents")
        for row in store.rows("SELECT sequence, reason, detail FROM envelope WHERE status = ?", (HELD,)):
            if row["reason"] not in _HELD_FOR | (_NUMBERS if self._world.harmed("sector") else set()):
                self.fails("P3", f"sequence {row['sequence']} is held: {row['reason']}, {row['detail']}")


def held_sources(octets: bytes) -> list[Key]:
    """(device, octets) of everything in an envelope that is held whole."""
    try:
        opened = decode_payload(cose.sign1(octets))
    except BadMessage:
        return []
    entries = (*opened.readings, *opened.undecoded)
    return [(entry["device"], bytes.fromhex(entry["source"][0]["hex"])) for entry in entries]


def _on_flash(world: Any) -> Counter:
    """Captures without receipt that the next boot would find."""
    found: Counter[Key] = Counter()
    if world.cells.off:
        world.cells.power_on()
    journal = Journal(world.cells.copy(), Random(0).randbytes)
    if not journal.waiting():
        return found
    addresses = [device.address for device in world.devices]
    for low, high in journal.index.waiting_ranges(journal.next_capture):
        for number in range(low, high):
            try:
                capture = journal.read(number)
            except ValueError:
                continue
            if capture.device < len(addresses):
                found[addresses[capture.device], bytes(capture.value)] += 1
    return found
