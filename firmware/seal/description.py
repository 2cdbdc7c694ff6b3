"""A device's description, as the journal keeps it and an envelope tells it once (FORMAT.md, section 3)."""

from firmware.contracts import Full
from firmware.seal.cbor import Writer


def description(facts: dict, octets_max: int) -> bytes:
    """What a device says of itself, as deterministic CBOR; what does not fit is left out."""
    names = sorted(facts, key=lambda name: (len(name), name))
    buffer = bytearray(octets_max)
    while True:
        writer = Writer(buffer)
        try:
            writer.map(len(names))
            for name in names:
                writer.text(name)
                value = facts[name]
                if isinstance(value, int):
                    writer.uint(value)
                elif isinstance(value, str):
                    writer.text(value)
                else:
                    writer.bytes(value)
        except Full:
            names.pop()
            continue
        return bytes(memoryview(buffer)[: writer.at])
