"""From captures to signed envelopes: plan first, on flash, then as often as needed the same octets again."""

from micropython import const

import drivers
from firmware.contracts import OutOfTurn, PeerError
from firmware.journal.records import BOND_CHANGED, Capture, Plan
from firmware.measurement.codes import KINDS
from firmware.seal import cose
from firmware.seal.batch import Batch, Head

_CAPTURES_MAX = const(64)  # more never fit into one envelope: a capture takes 25 octets and more
_JOINT_CAPTURES_MAX = const(16)  # other devices' captures between two visits of one
_FLAGS = const(5)  # in a Capture
FORMAT = 2


class Sealing:
    """Made for a moment (Hub.sealing); `buffer`, in which envelopes are made, stays."""

    def __init__(self, hub, buffer: bytearray):
        self._hub = hub
        self._journal = hub.journal
        self._timekeeper = hub.timekeeper
        self._hub_id = hub.keys.hub_id
        self._kid = hub.keys.signing_kid
        self._count = hub.health.count
        self._buffer = buffer
        self._batch = Batch(buffer)

    def seal(self, live_from: int = 1) -> bool:
        """Make one plan of what waits for one, captures from `live_from` on before older ones; False: nothing does."""
        journal = self._journal
        numbers = journal.pending(_CAPTURES_MAX, live_from) or journal.pending(_CAPTURES_MAX)
        if not numbers:
            return False
        self._make_plan(numbers, 0)
        return True

    def payload(self, sequence: int) -> tuple:
        """Make the payload of an open plan's envelope in the buffer; return (at, length, protected header) to sign.

        When this firmware makes another payload of the plan than the one that was sealed, or flash lost what it was
        made of, its captures go under a new number that names the old one. PeerError when none of them is left.
        """
        length = self._build(sequence)
        if length is None:
            self._count("plan replaced")
            numbers = self._journal.still_holds(sequence)
            if not numbers:
                raise PeerError("plan lost")
            sequence = self._make_plan(numbers, sequence)
            length = self._build(sequence)
            if length is None:
                raise OutOfTurn
        return self._batch.start, length, cose.protected(cose.ENVELOPE, self._journal.read_plan(sequence).kid)

    def _make_plan(self, numbers, replaces) -> int:
        journal, timekeeper = self._journal, self._timekeeper
        sequence = journal.next_sequence
        quality = timekeeper.quality
        fix = journal.fix_for(journal.boot) if quality else None
        draft = Plan(
            sequence=sequence,
            previous=journal.last_hash,
            captures=(),
            sealed_s=timekeeper.time_s(),
            quality=quality,
            fix_boot=journal.boot,
            fix_mono_ms=fix.mono_ms if fix else 0,
            kid=self._kid,
            format=FORMAT,
            hash=b"",
            replaces=replaces,
        )
        length = self._fill(draft, numbers, fix)
        journal.plan(
            Plan(
                draft.sequence,
                draft.previous,
                self._batch.ranges,
                draft.sealed_s,
                draft.quality,
                draft.fix_boot,
                draft.fix_mono_ms,
                draft.kid,
                draft.format,
                self._hash(length, draft.kid),
                draft.replaces,
            )
        )
        return sequence

    def _build(self, sequence):
        """The length of the payload that was sealed under this number, or None when it cannot be made again."""
        journal = self._journal
        try:
            plan = journal.read_plan(sequence)
            if plan.kid != self._kid and not self._hub.old_key(plan.kid):
                return None  # its key is gone
            fix = journal.fix_at(plan.fix_boot, plan.fix_mono_ms) if plan.quality else None
            numbers: "list[int]" = []
            for first, count in plan.captures:
                numbers.extend(range(first, first + count))
            length = self._fill(plan, numbers, fix)
        except (PeerError, ValueError):  # flash lost some of it, or this firmware does not understand it
            return None
        same = self._batch.ranges == tuple(plan.captures) and self._hash(length, plan.kid) == plan.hash
        return length if same else None

    def _fill(self, plan, numbers, fix, apart=0):
        """Write the payload: as many of these captures as fit, and the descriptions that this chain has not told.

        `apart`: the number of a capture that is not joined to others.
        """
        journal = self._journal
        batch = self._batch
        batch.begin(
            Head(
                self._hub_id,
                journal.chain,
                plan.sequence,
                plan.previous,
                plan.sealed_s,
                plan.quality,
                fix,
                plan.replaces,
                journal.chain_start if plan.sequence == 1 else None,
            )
        )
        described = {}
        joined: dict = {}  # capture number -> its outcome, distances back to the others of it, place of their first
        for place, number in enumerate(numbers):
            capture = journal.read(number)
            session = journal.session_of(capture) or journal.last_session(capture.device)
            if session is not None and session.visit == capture.visit and session.security & BOND_CHANGED:
                facts = list(capture)  # MicroPython's named tuples have no _replace
                facts[_FLAGS] |= BOND_CHANGED
                capture = Capture(*facts)
            # A later fix of the sealing boot must not change what was sealed before it.
            timing = fix if capture.boot == plan.fix_boot else journal.fix_for(capture.boot)
            fits = number in joined or self._join(joined, numbers, place, capture, session, number != apart)
            if fits:
                outcome, parts, first = joined.pop(number)
                repeat = self._repeats(capture, session, outcome)
                fits = batch.add(capture, session, timing, outcome, repeat, parts)
                if not fits and parts:
                    joined[number] = outcome, parts, first
            if not fits:
                if not joined:
                    break
                # What belongs together goes together: end before its first, or leave it apart when it fits nowhere.
                first = min([begun for _, _, begun in joined.values()])
                if first:
                    return self._fill(plan, numbers[:first], fix)
                return self._fill(plan, numbers, fix, numbers[0])
            if session is not None and session.description and journal.described_in(session.description, plan.sequence):
                described[session.description] = True
        for number in sorted(described):
            octets = journal.description(number)
            if octets:
                batch.describe(number, octets)
        return batch.finish()

    def _join(self, joined, numbers, place, capture, session, may) -> bool:
        """Decode a capture, with those that belong to it where there are any; False: leave it for the next envelope."""
        number = numbers[place]
        group = None
        if may and session is not None:
            ahead = _Ahead(self._journal, numbers, place, capture, session)
            try:
                group = drivers.join(session.row, ahead)
            except KeyError:
                pass  # no such row: told when it is decoded
            except PeerError as error:
                joined[number] = error.args[0], (), place
                return True
            if group is None and ahead.open_ended and len(numbers) == _CAPTURES_MAX and self._batch.ranges:
                return False  # what it begins may end beyond these: it comes first in the next envelope
        if group is None:
            joined[number] = _decoded(capture, session), (), place
            return True
        places, measurements = group
        last = places[-1]
        for at in places:
            joined[numbers[place + at]] = [], (), place
        joined[numbers[place + last]] = measurements, tuple([last - at for at in places[:-1]]), place
        return True

    def _repeats(self, capture, session, outcome) -> bool:
        """Whether this may be a reading that was kept before and not confirmed, sent again without a time of its own.

        The host does not tell why a link ended, so equal octets at the joint of two visits have to do: the last value
        of a device's earlier visit and the next one that it sent, from a device that keeps what is unconfirmed.
        """
        if session is None or isinstance(outcome, str) or drivers.row(session.row).memory == "none":
            return False
        for measurement in outcome:
            if measurement.device_time_state == "ok" or measurement.numbered:
                return False
        for number in range(capture.number - 1, max(0, capture.number - 1 - _JOINT_CAPTURES_MAX), -1):
            try:
                before = self._journal.read(number)
            except ValueError:
                return False
            if before.device == capture.device:
                apart = (before.boot, before.visit) != (capture.boot, capture.visit)
                return bool(outcome) and apart and before.handle == capture.handle and before.value == capture.value
        return False

    def _hash(self, length, kid):
        start, header = self._batch.start, cose.protected(cose.ENVELOPE, kid)
        return cose.sig_structure_hash(header, memoryview(self._buffer)[start : start + length])


class _Ahead:
    """The values of a capture's visit, from it on, as drivers.join asks for them."""

    def __init__(self, journal, numbers, place, capture, session):
        self._journal = journal
        self._rest = numbers[place + 1 :]
        self._capture = capture
        self._session = session
        self.open_ended = False  # the visit goes on to the end of the numbers

    def __iter__(self):
        first = self._capture
        yield _uuid(first, self._session) or b"", first.value
        for number in self._rest:
            capture = self._journal.read(number)
            if (capture.boot, capture.visit) != (first.boot, first.visit):
                return
            yield _uuid(capture, self._session) or b"", capture.value
        self.open_ended = True


def _uuid(capture, session):
    """What a capture's handle meant, or None."""
    if session is not None:
        for handle, uuid in session.characteristics:
            if handle == capture.handle:
                return uuid
    return None


def _decoded(capture, session):
    """The measurements in a capture, or why there are none."""
    if session is None:
        return "no session"
    uuid = _uuid(capture, session)
    if uuid is None:
        return "no handle"
    try:
        measurements = drivers.decode(session.row, uuid, capture.value)
    except PeerError as error:
        return error.args[0]
    except KeyError:
        return "no row"
    except Exception:  # noqa: BLE001 - a driver's own fault: else these octets would end the hub at each boot
        return "driver"
    for measurement in measurements:
        if measurement.kind not in KINDS:
            return "no kind"
    return measurements
