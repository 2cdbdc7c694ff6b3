"""Run by a MicroPython: compares the hub's P-256 with records of another maker, and says how many differ.

`p256_check.py FILE FULL`: records of 32 octets key, 32 digest, 65 public point, 64 signature, 32 agreement with the key
of the record before. The first FULL records are verified and agreed on too, which takes longer.
"""

import json
import sys

from firmware.seal import p256

_OCTETS = 225


def differs(record, before, full):
    """Whether any result is not the record's."""
    key, digest, public = record[:32], record[32:64], record[64:129]
    if p256.public_key(key) != public or p256.sign(key, digest) != record[129:193]:
        return True
    return full and not (
        p256.verify(public, digest, record[129:193]) and p256.ecdh(key, before[64:129]) == record[193:]
    )


def main():
    """Read record after record."""
    full = int(sys.argv[2])
    compared = different = 0
    before = b""
    with open(sys.argv[1], "rb") as file:
        while len(record := file.read(_OCTETS)) == _OCTETS:
            different += bool(differs(record, before or record, compared < full))
            compared += 1
            before = record
    road = p256.Road
    print(json.dumps({"compared": compared, "different": different, "native": road.native, "tabled": road.tabled}))


main()
