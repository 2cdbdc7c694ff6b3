"""The health report's payload (FORMAT.md, section 4), by which the platform can say "nothing is missing"."""

from firmware.seal.cbor import Writer
from firmware.seal.head import write_clock, write_identity

NONCE_OCTETS = 8


class Facts:
    """What a report tells: what it is made with always, what follows unless it is None or empty."""

    def __init__(self, hub, chain, sequence: int, capture: int, time_s: int, quality: int, fix, waiting: int):
        self.hub = hub
        self.chain = chain
        self.sequence = sequence  # the last one sealed, 0 when none
        self.capture = capture  # the last number given, 0 when none
        self.time_s = time_s
        self.quality = quality
        self.fix = fix  # the last one in this boot, or None
        self.waiting = waiting  # captures kept and not delivered
        self.nonce: "bytes | None" = None
        self.counters: dict = {}  # name -> count since boot
        self.notes: tuple = ()
        self.firmware = ""
        self.jump_s = 0
        self.order: "list | None" = None  # number, result, detail
        self.events: "list" = []  # (number, time_s, kind, detail, count) each
        self.new_key: "tuple | None" = None  # public point, and the new key's proof


def health_payload(writer: Writer, facts: Facts) -> None:
    """Write the payload; Full when counters and notes are more than the buffer holds."""
    count = 7
    for optional in (
        facts.nonce, facts.counters, facts.notes, facts.firmware, facts.jump_s, facts.order, facts.events, facts.new_key
    ):  # fmt: skip
        count += 1 if optional else 0
    writer.map(count)
    write_identity(writer, facts.hub, facts.chain, facts.sequence)
    writer.uint(5)
    writer.uint(facts.capture)
    writer.uint(6)
    write_clock(writer, facts.time_s, facts.quality, facts.fix)
    writer.uint(7)
    writer.uint(facts.waiting)
    if facts.nonce:
        writer.uint(8)
        writer.bytes(facts.nonce)
    if facts.counters:
        writer.uint(9)
        writer.map(len(facts.counters))
        # RFC 8949, 4.2.1: by encoded key, so shorter names first; MicroPython's dicts have no order.
        for _, name in sorted([(len(name.encode()), name) for name in facts.counters]):
            writer.text(name)
            writer.uint(facts.counters[name])
    if facts.notes:
        writer.uint(10)
        writer.array(len(facts.notes))
        for note in facts.notes:
            writer.text(note)
    if facts.firmware:
        writer.uint(11)
        writer.text(facts.firmware)
    if facts.jump_s:
        writer.uint(12)
        writer.int(facts.jump_s)
    if facts.order:
        number, result, detail = facts.order
        writer.uint(13)
        writer.array(3 if detail else 2)
        writer.uint(number)
        writer.uint(result)
        if detail:
            writer.text(detail)
    if facts.events:
        writer.uint(14)
        writer.array(len(facts.events))
        for number, time_s, kind, detail, times in facts.events:
            writer.array(5)
            writer.uint(number)
            writer.uint(time_s)
            writer.uint(kind)
            writer.text(detail)
            writer.uint(times)
    if facts.new_key:
        writer.uint(15)
        writer.array(2)
        for part in facts.new_key:
            writer.bytes(part)
