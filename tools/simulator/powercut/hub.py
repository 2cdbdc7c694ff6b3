"""A hub as far as its flash goes: the production journal, sealing and receipts, driven without a radio or a network.

The order of calls is that of firmware/visiting.py, listening.py and delivery.py. Each is told before and after, so that
whoever listens knows what was promised when the power went.
"""

import hashlib
import random
import struct
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import drivers
from firmware.contracts import Full
from firmware.journal import records
from firmware.journal.journal import Journal
from firmware.seal.batch import BUFFER_OCTETS
from firmware.sealing import Sealing
from firmware.timekeeping import Timekeeper
from firmware.uplink import receipt
from tools.inspect.envelope import Numbered, make_receipt
from tools.simulator.powercut.model import CAPTURE, DESCRIBE, FIX, PLAN, RECEIPT, SESSION, Broken, Model, digest, need

HUB_ID = bytes.fromhex("24d7eb0a1b2c")
START_S = 1_767_600_000
_TIDY_MAX = 400  # erases and copies that one idle moment may take: more is a loop that never ends
_PLANS_MAX = 200

# The key is never used: a payload is judged before it is signed. The platform's answers carry a real MAC.
_Keys = namedtuple("_Keys", ("hub_id", "signing_kid", "receipts"))
_Receipts = namedtuple("_Receipts", ("hub", "kid", "key"))
_KID = b"platform"
_MAC_KEY = hashlib.sha256(b"a key of this proof alone").digest()
KEYS = _Keys(HUB_ID, b"hub kid.", _Receipts(HUB_ID, _KID, _MAC_KEY))

# device -> (row, address, {handle: characteristic})
DEVICES: dict[int, tuple[str, bytes, tuple[tuple[int, bytes], ...]]] = {
    0: ("ad_ua651ble", bytes.fromhex("c0a1b2c3d401"), ((18, b"\x35\x2a"), (21, b"\x49\x2a"), (30, b"\x08\x2a"))),
    1: ("ad_uc352ble", bytes.fromhex("c0a1b2c3d402"), ((18, b"\x9d\x2a"), (30, b"\x08\x2a"))),
    2: ("pulse_oximeter_continuous", bytes.fromhex("c0a1b2c3d403"), ((33, b"\x5f\x2a"),)),
}


class _Health:
    """Counts, as firmware/health.py does."""

    def __init__(self) -> None:
        self.counters: dict[str, int] = {}

    def count(self, name: str) -> None:
        """Something happened."""
        self.counters[name] = self.counters.get(name, 0) + 1


class Hub:
    """One boot of a hub on a chip. `tell(word, facts)` hears of everything that anybody may rely on."""

    keys = KEYS

    def __init__(self, flash: Any, tell: Callable[[str, Any], None]):
        self.tell = tell
        self.health = _Health()
        self.ms = 0
        self.visit = 0
        # Random octets as the chip's are: never the same again, since a new journal's salt tells it from an old one.
        self.journal = Journal(flash, random.Random(digest(flash.image())).randbytes)
        self.timekeeper = Timekeeper(lambda: self.ms, START_S, self.journal.boot)
        self._buffer = bytearray(BUFFER_OCTETS)
        tell("booted", (self.journal.boot, self.journal.chain))

    # -- visits

    def visited(self, device: int, values: list[bytes], early: int = 0) -> None:
        """A device is visited and sends; the first `early` values come before its session is written."""
        row, address, characteristics = DEVICES[device]
        journal = self.journal
        facts = drivers.row(row)
        needed = journal.needed(max(facts.burst, len(values)), facts.value_octets_max)
        for _step in range(_TIDY_MAX):
            if journal.room() >= needed or not journal.tidy():
                break
        if journal.room() < needed:
            raise Broken("stuck", "there is no room for a visit")
        self.visit += 1
        for value in values[:early]:
            self.captured(device, characteristics[0][0], value)
        last = journal.last_session(device)
        session = records.Session(
            self.visit, journal.boot, device, address, 1, row, 10, self.ms,
            b"\xea\x07\x01\x05\x09\x00\x00", self.ms, True, 60, characteristics, last.description if last else 0,
        )  # fmt: skip
        self._session(session)
        if not session.description:
            number = self._describe(b"\xa1\x65model\x66" + row[:6].encode())
            self._session(session._replace(description=number))
        for value in values[early:]:
            self.captured(device, characteristics[0][0], value)
        self.tidied()

    def captured(self, device: int, handle: int, value: bytes) -> None:
        """A value comes in the Bluetooth callback; when this returns, the device is told that it was taken."""
        self.ms += 400
        journal, clock = self.journal, self.timekeeper
        facts = journal.next_capture, (journal.boot, self.visit, device, handle, value)
        with self._doing(CAPTURE, facts):
            journal.capture(self.visit, device, handle, 11, self.ms, clock.time_s(), clock.quality, value)

    def _session(self, session: records.Session) -> None:
        with self._doing(SESSION, session):
            self.journal.session(session)

    def _describe(self, octets: bytes) -> int:
        self.tell("doing", (DESCRIBE, octets))
        number = self.journal.describe(octets)
        self.tell(DESCRIBE, (number, octets))
        return number

    # -- the line

    def fixed(self, time_s: int) -> None:
        """The network told the time."""
        self.timekeeper.ntp(time_s, 1040)
        fix = self.timekeeper.new_fix()
        if fix is not None:
            with self._doing(FIX, fix):
                self.journal.fix(fix)

    def sealed(self) -> int | None:
        """Make one plan of what waits; its sequence, or None."""
        journal = self.journal
        self.tell("doing", (PLAN, None))
        try:
            if not self._sealing().seal():
                self.tell("not", None)
                return None
        except Full:  # 24 plans are open, or as many ranges as there may be: counted, gone on
            self.tell("not", None)
            return None
        plan = journal.read_plan(journal.next_sequence - 1)
        self.tell(PLAN, (plan.sequence, plan.captures, plan.hash))
        return plan.sequence

    def payload(self, sequence: int) -> bytes:
        """Of an open plan's envelope. Another one than the first time is a broken promise."""
        at, length, _header = self._sealing().payload(sequence)
        need("plan replaced" not in self.health.counters, "changed", f"envelope {sequence} cannot be made again")
        return bytes(self._buffer[at : at + length])

    def sent(self, sequence: int, known: dict[int, bytes]) -> None:
        """Give an envelope to the broker: the same octets as every time before."""
        payload = digest(self.payload(sequence))
        need(known.get(sequence, payload) == payload, "changed", f"envelope {sequence} travels with another payload")
        self.tell("sent", (sequence, payload))

    def answered(self, sequence: int, reason: int | None = None) -> None:
        """The platform's receipt comes: authenticated, then kept."""
        plan = self.journal.read_plan(sequence)
        numbered = Numbered(HUB_ID.hex(), self.journal.chain.hex(), sequence, plan.hash)
        answer = receipt.open_message(make_receipt(numbered, reason, _KID, _MAC_KEY), KEYS.receipts, self.journal, None)
        with self._doing(RECEIPT, sequence):
            self.journal.receipt(answer)

    def tidied(self) -> None:
        """An idle moment."""
        for _step in range(_TIDY_MAX):
            if not self.journal.tidy():
                return
        raise Broken("stuck", "tidying never ends")

    def _sealing(self) -> Sealing:
        return Sealing(self, self._buffer)

    @contextmanager
    def _doing(self, word: str, facts: Any) -> Iterator[None]:
        self.tell("doing", (word, facts))
        yield
        self.tell(word, facts)


def aftermath(hub: Hub, model: Model) -> None:
    """What must work at once when the power is back: a reading, its envelope, a receipt, and sending the rest again."""
    hub.visited(0, [blood_pressure(hub.journal.boot, 7)])
    hub.fixed(START_S + 86_400 * 31 + hub.ms // 1000)
    hub.sealed()
    opened = hub.journal.open_plans()
    need(bool(opened), "stuck", "nothing is to be sent")
    for sequence in opened:
        hub.sent(sequence, model.sent)
    hub.answered(opened[0])


def blood_pressure(day: int, minute: int, systolic: int = 128) -> bytes:
    """A UA-651BLE's value: 19 octets with time, pulse and status (GATT 2A35)."""
    time = struct.pack("<HBBBBB", 2026, 1 + day // 28 % 12, 1 + day % 28, 9, minute % 60, 0)
    return struct.pack("<BHHH", 0x16, systolic, 82, 97) + time + struct.pack("<HH", 71, 0)


def weight(day: int, raw: int) -> bytes:
    """A UC-352BLE's value: 10 octets with time (GATT 2A9D)."""
    return struct.pack("<BH", 0x02, raw) + struct.pack("<HBBBBB", 2026, 1 + day // 28 % 12, 1 + day % 28, 8, 0, 0)


def oximetry(saturation: int, pulse: int) -> bytes:
    """A continuous oximeter's value: 5 octets (GATT 2A5F)."""
    return struct.pack("<BHH", 0, saturation, pulse)
