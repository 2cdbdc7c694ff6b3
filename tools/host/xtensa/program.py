"""Runs on the chip's instruction set in QEMU: counts instructions of the hub's P-256, one JSON line each."""

import gc
import json
import os

import xt

from firmware.seal import p256

INSTRUCTIONS_A_TICK = 25
TICKS = (1 << 29) - 1  # they wrap
SIGNATURES = 1000


def ticks(work, *args):
    """(result, ticks of one call), nothing to be collected before it or in it."""
    gc.collect()
    gc.disable()
    begun = xt.ticks()
    result = work(*args)
    taken = xt.ticks() - begun & TICKS
    gc.enable()
    return result, taken


def counted(work, *args):
    """(result, instructions of one call)."""
    result, taken = ticks(work, *args)
    return result, taken * INSTRUCTIONS_A_TICK


def tell(**what):
    print(json.dumps(what))


def main():
    # A loop of three instructions says what a tick is; the call around it is 1 in 10 000 of it.
    begun = xt.ticks()
    xt.loop(1_000_000)
    taken = xt.ticks() - begun & TICKS
    tell(a_tick=(3_000_000 + taken // 2) // taken)  # rounded

    # RFC 6979, A.2.5
    key = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
    digest = bytes.fromhex("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf")
    signature, first = counted(p256.sign, key, digest)
    tell(signature=signature.hex(), native=p256.Road.native, tabled=p256.Road.tabled, first=first)
    public, count = counted(p256.public_key, key)
    tell(public_key=count)
    valid, count = counted(p256.verify, public, digest, signature)
    tell(valid=valid, verify=count)
    _, count = counted(p256.ecdh, key, public)
    tell(ecdh=count, code_octets=xt.code_octets())

    # All small numbers, and the heap the same before each: looking for room takes instructions too.
    least, most, total, garbage = TICKS, 0, 0, 0
    for _ in range(SIGNATURES):
        gc.collect()
        key, digest = os.urandom(32), os.urandom(32)
        before = gc.mem_alloc()
        _, taken = ticks(p256.sign, key, digest)
        garbage = max(garbage, gc.mem_alloc() - before)
        least, most, total = min(least, taken), max(most, taken), total + taken
    each = INSTRUCTIONS_A_TICK
    tell(least=least * each, most=most * each, mean=total // SIGNATURES * each, signatures=SIGNATURES, garbage=garbage)


main()
