"""Run by a 32-bit MicroPython: octets that checking a receipt leaves behind: `seal_measured.py FILE`.

FILE is JSON: {"hub", "chain", "kid", "key", "receipts": [[sequence, hash, receipt], ...]}, the rest in hex.
"""

import gc
import json
import sys

from firmware.uplink import receipt

unhex = bytes.fromhex


class Plan:
    """One that waits for its receipt."""

    def __init__(self, named):
        self.hash = named


class Journal:
    """Its plans are read before: what flash costs is the journal's."""

    def __init__(self, chain, plans):
        self.chain = chain
        self._plans = plans
        self._open = list(plans)

    def open_plans(self):
        return self._open

    def read_plan(self, sequence):
        return self._plans[sequence]


class Receipts:
    """As firmware.enrolment derives it once."""

    def __init__(self, given):
        self.hub, self.kid, self.key = unhex(given["hub"]), unhex(given["kid"]), unhex(given["key"])


def main():
    with open(sys.argv[1]) as file:
        given = json.load(file)
    received = [(sequence, unhex(octets)) for sequence, _, octets in given["receipts"]]
    journal = Journal(unhex(given["chain"]), {sequence: Plan(unhex(named)) for sequence, named, _ in given["receipts"]})
    keys = Receipts(given)
    receipt.open_message(received[0][1], keys, journal, None)  # loads what it needs
    most = checked = 0
    for sequence, octets in received:
        gc.collect()
        gc.disable()
        before = gc.mem_alloc()
        checked += receipt.open_message(octets, keys, journal, None).sequence == sequence
        most = max(most, gc.mem_alloc() - before)
        gc.enable()
    print(json.dumps({"checked": checked, "garbage": most}))


main()
