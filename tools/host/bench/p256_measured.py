"""Run by a 32-bit MicroPython: time and garbage of signing, here and with a peer: `p256_measured.py ROMFS PEER`.

The firmware and its table lie in a ROMFS, read by copying as flash is: on a host every read of a file is a system call,
and 64 of them would be a third of a signature.
"""

import gc
import json
import sys
import time

import vfs

with open(sys.argv[1], "rb") as image:
    vfs.mount(vfs.VfsRom(image.read()), "/rom")
sys.path.insert(0, "/rom")

from firmware.seal import p256

ROUNDS = 60
SECRET = 0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721
MESSAGE = "m" * 160  # an envelope's Sig_structure is about as long


def fastest(*works):
    """Microseconds of each in the fastest of its rounds, taken in turns: what disturbs only makes them slower."""
    best = [1 << 29] * len(works)
    for _ in range(ROUNDS):
        for at, work in enumerate(works):
            gc.collect()
            begun = time.ticks_us()
            work()
            best[at] = min(best[at], time.ticks_diff(time.ticks_us(), begun))
    return best


def garbage(work):
    """Octets that one call leaves behind."""
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work()
    left = gc.mem_alloc() - before
    gc.enable()
    return left


def main():
    import hashlib

    key = SECRET.to_bytes(32, "big")
    public = p256.public_key(key)
    digest = hashlib.sha256(MESSAGE.encode()).digest()
    signature = p256.sign(key, digest)

    def sign():
        p256.sign(key, hashlib.sha256(MESSAGE.encode()).digest())

    sys.path.insert(0, sys.argv[2])
    from ellipticcurve.curve import prime256v1
    from ellipticcurve.ecdsa import Ecdsa
    from ellipticcurve.privateKey import PrivateKey

    other = PrivateKey(prime256v1, SECRET)

    def peer_sign():
        return Ecdsa.sign(MESSAGE, other)

    made = peer_sign()
    own = other.publicKey()
    peer_signature = made.r.to_bytes(32, "big") + made.s.to_bytes(32, "big")
    told = {
        "native": p256.Road.native,
        "tabled": p256.Road.tabled,
        # Each believes the other's: the same work is measured.
        "peer_is_right": p256.verify(public, digest, peer_signature),
        "garbage": garbage(lambda: p256.sign(key, digest)),
        "garbage_with_hash": garbage(sign),
        # Its nonces differ from run to run: the middle one of several.
        "peer_garbage": sorted([garbage(peer_sign) for _ in range(9)])[4],
    }
    told["sign_us"], told["peer_sign_us"] = fastest(sign, peer_sign)
    told["verify_us"], told["peer_verify_us"] = fastest(
        lambda: p256.verify(public, digest, signature), lambda: Ecdsa.verify(MESSAGE, made, own)
    )
    told["ecdh_us"] = fastest(lambda: p256.ecdh(key, public))[0]
    print(json.dumps(told))


main()
