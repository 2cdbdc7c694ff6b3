"""Run by a MicroPython: settings and bonds on the real LittleFS, the plug pulled in each program and erase.

Arguments: the seed, the step between octets that are tried (1: all), how many first cuts get second ones, then one
point (`A` or `A:B`) or nothing. Prints a JSON line for each cut that broke something and one with the counts.
"""

import json
import os
import sys

import vfs

from firmware import config
from firmware.ble.pairing import Bonds

_BLOCK = 4096
_BLOCKS = 24
_FOLDER = "/lfs/hub"
_UNIT = 16
_EIO = -5
_SECRET = 80  # octets of a NimBLE bond


class PowerCut(Exception):
    """The plug was pulled."""


class Chance:
    """A sequence that is the same everywhere (Numerical Recipes' generator)."""

    def __init__(self, seed):
        self.state = seed * 2654435761 % 0x100000000

    def octet(self):
        self.state = (self.state * 1664525 + 1013904223) % 0x100000000
        return self.state >> 16 & 255

    def octets(self, count):
        return bytes([self.octet() for _index in range(count)])


class Chip:
    """A partition whose power can be cut in its n-th operation."""

    def __init__(self, cells, cut=None, seed=1):
        self.cells = bytearray(cells)
        self.dead = False  # files that a cut left open are closed when they are collected: nothing may come of it
        self.ops = []  # octets of each program, 0 for an erase
        self.cut = cut  # (operation, how, octets)
        self.chance = Chance(seed)

    def readblocks(self, block, into, offset=0):
        if self.dead:
            return _EIO
        at = block * _BLOCK + offset
        into[:] = memoryview(self.cells)[at : at + len(into)]

    def writeblocks(self, block, octets, offset=0):
        if self.dead:
            return _EIO
        at, octets = block * _BLOCK + offset, bytes(octets)
        for index in range(0, len(octets), 8):  # a spot check is enough: a program only clears bits
            assert self.cells[at + index] & octets[index] == octets[index], "a program sets a bit"
        self._do(at, octets)

    def ioctl(self, command, argument):
        if self.dead:
            return _EIO
        if command == 4:
            return _BLOCKS
        if command == 5:
            return _BLOCK
        if command == 6:
            self._do(argument * _BLOCK, None)
        return 0

    def _do(self, at, octets):
        number = len(self.ops)
        self.ops.append(0 if octets is None else len(octets))
        if self.cut is not None and self.cut[0] == number:
            self._tear(at, octets, self.cut[1], self.cut[2])
            raise PowerCut
        if self.cut is not None and number > self.cut[0]:
            raise PowerCut  # nothing answers any more
        self.cells[at : at + (len(octets) if octets is not None else _BLOCK)] = (
            b"\xff" * _BLOCK if octets is None else octets
        )

    def _tear(self, at, octets, how, count):
        if how == "before":
            return
        if octets is None:
            whole = _BLOCK if how == "after" else count
            self.cells[at : at + whole] = b"\xff" * whole
            if how == "half_cleared":
                for index in range(at + whole, at + _BLOCK):
                    self.cells[index] |= self.chance.octet()
            return
        whole = len(octets) if how == "after" else count
        self.cells[at : at + whole] = octets[:whole]
        if how == "half_cleared":
            for index in range(whole, min(len(octets), whole + _UNIT)):
                self.cells[at + index] = octets[index] | self.chance.octet()


def ways(octets, step):
    """Every way to cut an operation: all of them with step 1."""
    if octets == 0:
        torn = [("prefix", 512 * index) for index in range(1, 8, step if step < 8 else 7)]
        torn += [("half_cleared", 1024 * index) for index in range(0, 4, step if step < 4 else 3)]
    else:
        torn = [("prefix", octet) for octet in range(1, octets, step)]
        torn += [("half_cleared", octet) for octet in range(0, octets, step)]
    return [("before", 0)] + torn + [("after", 0)]


# --- what a hub does to its files


class Hub:
    """One boot: what it reads of its files."""

    def __init__(self, chip):
        vfs.mount(vfs.VfsLfs2(chip), "/lfs")
        self.settings = config.Store(_FOLDER, "settings")
        self.store = config.Store(_FOLDER, "bonds")
        self.bonds = Bonds(self.store.load() or {}, self.store.save)

    def knows(self):
        """(settings, bonds) as they are on flash."""
        return self.settings.load(), self.store.load()


def power_off(chip):
    """Whatever LittleFS had in mind is gone."""
    chip.dead = True
    try:
        vfs.umount("/lfs")
    except OSError:
        pass


def address(number):
    """A device's identity."""
    return bytes((1, number)) + b"\xee\xdd\xcc\xbb\xc0"


def settings(number):
    """Settings that differ from all others, as long as real ones are."""
    devices = [{"address": f"c0:bb:cc:dd:ee:0{index}", "address_type": 1, "row": "ad_ua651ble"} for index in range(3)]
    return {
        "format": 1, "number": number, "devices": devices, "zone": "CET-1CEST,M3.5.0,M10.5.0/3",
        "wifi": {"ssid": "home", "key": f"a pass phrase of number {number}"},
        "broker": {"host": "broker.test", "port": 8883}, "platform": {"agreement": "04" * 65}, "time": {"ntp": "t"},
    }  # fmt: skip


def act(hub, number, chance):
    """The number-th thing that happens to the files."""
    if number % 3 == 0:
        hub.settings.save(settings(number))
    elif number % 3 == 1:  # a device is paired: two keys, written down together
        hub.bonds.set(1, address(number % 5), chance.octets(_SECRET))
        hub.bonds.set(2, address(number % 5), chance.octets(_SECRET))
        hub.bonds.flush()
    else:  # another one is paired anew by a person
        hub.bonds.forget(address((number - 4) % 5))
        hub.bonds.set(2, address(number % 5), chance.octets(_SECRET))
        hub.bonds.flush()


# --- the proof


class Proof:
    """Tries cuts and counts what came of them."""

    def __init__(self, seed, step, firsts):
        self.seed, self.step, self.firsts = seed, step, firsts
        self.counts = {
            "program_points": 0, "torn_points": 0, "erase_points": 0, "single_cuts": 0, "double_cuts": 0,
            "lost": 0, "doubled": 0, "changed": 0, "stuck": 0,
        }  # fmt: skip
        self.chip = Chip(b"\xff" * (_BLOCK * _BLOCKS))
        vfs.VfsLfs2.mkfs(self.chip)
        hub = Hub(self.chip)
        os.mkdir(_FOLDER)
        for number in range(3):
            act(hub, number, Chance(seed + number))
        power_off(self.chip)

    def on(self, image, cut=None, number=0):
        """A chip with these cells, its power to be cut there."""
        self.chip = Chip(image, cut, number)
        return self.chip

    def plays(self, image, number, cut=None, seed=0):
        """Boot and do the number-th thing: (known before, known after or None when the power went)."""
        chip = self.on(image, cut, seed)
        before = after = None
        try:
            hub = Hub(chip)
            before = hub.knows()
            act(hub, number, Chance(self.seed + number))
            after = hub.knows()
        except PowerCut:
            pass
        power_off(self.chip)
        return before, after

    def known(self, image):
        """What a boot finds in this image, the cells left as they are."""
        chip = self.on(image)
        try:
            found = Hub(chip).knows()
        except Exception as error:  # noqa: BLE001 - whatever it is, a hub that does not come up is stuck
            found = None, repr(error)
        power_off(self.chip)
        return found

    def judge(self, point, image, allowed, number):
        """What a boot finds must be one of these, and saving must work; the cells after the next save."""
        found = self.known(image)
        if found not in allowed:
            kind = "stuck" if isinstance(found[1], str) else "lost" if None in found else "changed"
            self.tell(point, kind, "found neither what was there nor what was to be")
            return None
        try:
            _before, after = self.plays(image, number + 1)
        except Exception as error:  # noqa: BLE001 - the same
            power_off(self.chip)
            self.tell(point, "stuck", "saving again: " + repr(error))
            return None
        if after is None or self.known(bytes(self.chip.cells)) != after:
            self.tell(point, "lost", "what was saved after the cut is not there")
            return None
        return found, after

    def tell(self, point, kind, text):
        """A promise was broken."""
        self.counts[kind] += 1
        print(json.dumps({"point": point, "broken": kind + ": files: " + text}))

    def count(self, octets, how):
        """One single cut."""
        name = "erase" if octets == 0 else "program" if how in ("before", "after") else "torn"
        self.counts[name + "_points"] += 1
        self.counts["single_cuts"] += 1

    def points(self, image, number):
        """Play once, whole: every (operation, way) that this could be cut at, and what is known before and after."""
        before, after = self.plays(image, number)
        ops = list(self.chip.ops)
        cells = bytes(self.chip.cells)
        return before, after, cells, ops

    def run(self, steps, only=None):
        """Every point of these steps; with `only` (first, second) that one alone."""
        image, point = bytes(self.chip.cells), 0
        turn = 0
        for number in range(3, 3 + steps):
            before, after, cells, ops = self.points(image, number)
            for operation, octets in enumerate(ops):
                for way, count in ways(octets, 1):
                    point += 1
                    tried = only is None and (point + self.seed) % self.step == 0
                    if not (tried or (only and only[0] == point)):
                        continue
                    self.plays(image, number, (operation, way, count), point)
                    torn = bytes(self.chip.cells)
                    if only is None or only[1] is None:
                        self.count(octets, way)
                        self.judge(str(point), torn, (before, after), number)
                    turn += 1
                    if only or (self.firsts and turn % self.every == 0):
                        self.again(point, torn, number, only and only[1])
            image = cells

    def again(self, first, image, number, only):
        """The plug is pulled once more while the hub comes up and saves."""
        if only is None and not self.firsts:
            return
        before, after, _cells, ops = self.points(image, number + 1)
        point = 0
        for operation, octets in enumerate(ops):
            for way, count in ways(octets, 1):
                point += 1
                if only is not None and only != point:
                    continue
                if only is None and (point + first) % self.second_step:
                    continue
                self.plays(image, number + 1, (operation, way, count), point)
                torn = bytes(self.chip.cells)
                self.counts["double_cuts"] += 1
                self.judge(f"{first}:{point}", torn, (before, after), number + 1)

    every = 1
    second_step = 1


def main():
    """As the arguments say."""
    seed, step, firsts = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    proof = Proof(seed, step, firsts)
    only = None
    if len(sys.argv) > 4:
        first, _, second = sys.argv[4].partition(":")
        only = int(first), int(second) if second else None
    proof.every = max(1, 4000 // max(1, firsts * step))
    proof.second_step = 29 if step == 1 else 41
    proof.run(6, only)
    print(json.dumps(proof.counts))


main()
