"""An envelope's payload, written capture by capture into one fixed buffer (FORMAT.md, section 2).

    batch = Batch(buffer)
    batch.begin(Head(...))
    while batch.add(capture, session, fix, outcome): ...    # False: no room, and nothing of it was written
    batch.describe(number, octets)                          # descriptions that this chain has not carried yet
    length = batch.finish()                                 # the payload is buffer[batch.start:][:length]

A new envelope takes captures, by ascending number, until one has no room; `batch.ranges` then says which,
for the plan. A retry adds the captures of its plan. Same arguments, same octets, so the caller gives what
the plan names. That binds `fix` above all: for captures of the boot that sealed the plan it is the plan's
fix, for those of an earlier boot that boot's best; never a fix that came after the plan.

One capture always has room in an empty batch: when its readings have none, it travels undecoded, as "too
long".
"""

from collections import namedtuple

from micropython import const

from firmware.contracts import Full, OutOfTurn
from firmware.seal.cbor import Writer, head_octets
from firmware.seal.cose import ENVELOPE_OCTETS_MAX, HEAD_OCTETS, SIGNATURE_OCTETS
from firmware.seal.entry import Reference, open_session, write_capture
from firmware.seal.head import write_clock

# fix: the last one of the boot that seals, or None. replaces: a sequence, or 0. chain_start: None, or, in a
# chain's first envelope, what is known of the chain before it: (chain or None, last sequence, last capture
# number).
Head = namedtuple(
    "Head", ("hub", "chain", "sequence", "previous", "sealed_s", "quality", "fix", "replaces", "chain_start")
)

BUFFER_OCTETS = ENVELOPE_OCTETS_MAX
DESCRIPTION_OCTETS_MAX = const(200)
RANGES_MAX = const(8)  # a plan's record holds no more

_VERSION = const(2)
_PREVIOUS_OCTETS = const(16)  # of the hash before: second preimages stay out of reach (FORMAT.md, section 2)
_ARRAY = const(4)
_FIELDS = const(8)
_ARRAY_HEAD = const(0x80)
_SESSION_FIELDS = const(8)


class Batch:
    """Builds one payload at a time; all that it holds beside the buffer is what the next entry refers to."""

    def __init__(self, buffer: bytearray, start: int = HEAD_OCTETS):
        self.start = start
        self.ranges: tuple = ()  # ((first, count), ...) of what was added
        self._writer = Writer(buffer, start, len(buffer) - SIGNATURE_OCTETS)

    def begin(self, head: Head) -> None:
        """Begin a payload; what the buffer held before is gone."""
        writer = self._writer
        writer.at = self.start
        self.ranges = ()
        self._descriptions: list = []
        self._description_octets = 0
        self._sessions = 0  # opened so far
        self._entries = 0  # in the last of them
        self._session_at = 0  # where its head is
        self._visit: "tuple | None" = None
        self._reference = Reference(head.sealed_s, head.quality)
        self._replaces, self._chain_start = head.replaces, head.chain_start
        self._more_octets = 1  # what the optional fields take at most
        if head.replaces:
            self._more_octets += 1 + head_octets(head.replaces)
        if head.chain_start is not None:
            chain, sequence, capture = head.chain_start
            self._more_octets += 3 + len(chain or b"") + head_octets(sequence) + head_octets(capture)
        writer.array(_FIELDS)
        writer.uint(_VERSION)
        writer.bytes(head.hub)
        writer.bytes(head.chain)
        writer.uint(head.sequence)
        writer.bytes(head.previous[:_PREVIOUS_OCTETS])
        write_clock(writer, head.sealed_s, head.quality, head.fix)
        self._sessions_at = writer.at
        writer.array(0)

    def add(self, capture, session, fix, outcome, repeat: bool = False, parts: tuple = ()) -> bool:
        """Add one capture, or tell that it has no room. `outcome`: measurements, or why there are none.

        `parts`: the earlier captures of its visit of which the measurements are made too, as distances back.
        """
        if self._written(capture, session, fix, outcome, repeat, parts):
            return True
        if self.ranges or isinstance(outcome, str):
            return False
        return self._written(capture, session, fix, "too long", repeat, ())

    def describe(self, number: int, octets) -> bool:
        """Add a device's description, by ascending number, or tell that it has no room."""
        if not 0 < len(octets) <= DESCRIPTION_OCTETS_MAX:
            raise ValueError(number)
        more = head_octets(number) + head_octets(len(octets)) + len(octets)
        more += 0 if self._descriptions else 2
        if self._writer.at + self._reserve(self.ranges) + more > self._writer.end:
            return False
        self._description_octets += more
        self._descriptions.append((number, octets))
        return True

    def finish(self) -> int:
        """Close the payload and return its length."""
        writer = self._writer
        if not self.ranges:
            raise OutOfTurn
        writer.widen(self._session_at, _ARRAY, _SESSION_FIELDS + self._entries)
        writer.widen(self._sessions_at, _ARRAY, self._sessions)
        writer.array(2 * len(self.ranges))
        for first, count in self.ranges:
            writer.uint(first)
            writer.uint(count)
        more = (1 if self._replaces else 0) + (1 if self._chain_start else 0) + (1 if self._descriptions else 0)
        if more:
            writer.buffer[self.start] = _ARRAY_HEAD | _FIELDS + 1
            self._write_more(more)
        return writer.at - self.start

    def _write_more(self, count):
        writer = self._writer
        writer.map(count)
        if self._replaces:
            writer.uint(1)
            writer.uint(self._replaces)
        if self._chain_start:
            chain, sequence, capture = self._chain_start
            writer.uint(2)
            writer.array(3)
            if chain is None:
                writer.null()
            else:
                writer.bytes(chain)
            writer.uint(sequence)
            writer.uint(capture)
        if self._descriptions:
            writer.uint(3)
            writer.map(len(self._descriptions))
            for number, octets in self._descriptions:
                writer.uint(number)
                writer.bytes(octets)

    def _written(self, capture, session, fix, outcome, repeat, parts):
        """Write a capture whole, or nothing of it."""
        writer = self._writer
        start = writer.at
        reference = self._reference.copy()
        ranges = _with(self.ranges, capture.number)
        if len(ranges) > RANGES_MAX:
            return False
        visit = capture.boot, capture.visit, capture.device
        opens = visit != self._visit
        try:
            if opens:
                writer.array(0)
                open_session(writer, reference, capture, session, fix)
            write_capture(writer, reference, capture, session, fix, outcome, repeat, parts)
            fits = writer.at + self._reserve(ranges, opens) <= writer.end
        except Full:
            fits = False
        if not fits:
            writer.at = start
            return False
        if opens:
            if self._sessions:
                before = writer.at
                writer.widen(self._session_at, _ARRAY, _SESSION_FIELDS + self._entries)
                start += writer.at - before
            self._session_at = start
            self._sessions += 1
            self._entries = 0
            self._visit = visit
        self._entries += 1 if isinstance(outcome, str) else max(1, len(outcome))
        self._reference = reference
        self.ranges = ranges
        return True

    def _reserve(self, ranges, opens=False):
        """Return the octets that `finish` can add at most, after one more capture."""
        octets = head_octets(2 * len(ranges)) + self._more_octets + self._description_octets
        for first, count in ranges:
            octets += head_octets(first) + head_octets(count)
        octets += head_octets(self._sessions + 1) - 1
        # The heads of the last session and of the one that a new visit opens, for up to 65535 entries each.
        return octets + 4 if opens else octets + 2


def _with(ranges, number):
    """Return the ranges with one more capture number."""
    if not ranges:
        return ((number, 1),)
    first, count = ranges[-1]
    if number < first + count:
        raise OutOfTurn  # captures are added by ascending number
    if number == first + count:
        return ranges[:-1] + ((first, count + 1),)
    return ranges + ((number, 1),)
