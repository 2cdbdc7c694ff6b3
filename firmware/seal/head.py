"""How health reports begin, and the clock in them and in envelopes (FORMAT.md, 2 and 4)."""

from micropython import const

from firmware.seal.cbor import Writer

VERSION = const(1)


def write_identity(writer: Writer, hub, chain, sequence: int) -> None:
    """Write what a health report begins with."""
    writer.uint(1)
    writer.uint(VERSION)
    writer.uint(2)
    writer.bytes(hub)
    writer.uint(3)
    writer.bytes(chain)
    writer.uint(4)
    writer.uint(sequence)


def write_clock(writer: Writer, time_s: int, quality: int, fix) -> None:
    """Write the hub's clock (`sealed`): now, how good, and how long since which fix."""
    if fix is None:
        writer.array(2)
        writer.int(time_s)
        writer.uint(quality)
        return
    writer.array(4 if fix.source == quality else 5)
    writer.int(time_s)
    writer.uint(quality)
    writer.int(time_s - fix.time_s)
    writer.uint((fix.uncertainty_ms + 9) // 10)
    if fix.source != quality:
        writer.uint(fix.source)
