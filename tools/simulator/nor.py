"""A serial NOR flash chip that refuses what a careful driver never asks, and can lose power anywhere.

Programming only clears bits, in whole 16-octet units, each at most once between two erases of its sector
(as chips with on-die ECC and flash encryption demand). An erased cell reads 0xFF, or in "noise" mode what
decryption makes of 0xFF: octets fixed by address and seed. A cut tears the operation it falls into, and
nothing answers until `power_on`.
"""

import copy
import random
from pathlib import Path

UNIT_OCTETS = 16  # flash encryption of the ESP32-S3 works in blocks of 16 octets (AES-XTS)
_PAGE_OCTETS = 256
_EIO = 5
_USED, _RUINED = 1, 2  # of a unit: programmed since its erase; rubbish of the chip's own making, which nobody asked for


class PowerCut(BaseException):
    """The plug was pulled. Not an Exception: no handler of the software under test may outlive it."""


class Misuse(AssertionError):
    """The software asked what no NOR chip allows: a fault of the software, never of the chip."""


class Nor:
    """One partition of a NOR chip: the Flash contract, with cuts, faults and counters."""

    sector_octets = 4096

    def __init__(self, sector_count, image=None, erased="ff", seed=0):
        size = sector_count * self.sector_octets
        self.sector_count = sector_count
        self.erased = erased
        self.seed = seed
        self._chance = random.Random(seed)
        self._blank = b"\xff" * size if erased == "ff" else random.Random(~seed).randbytes(size)
        self._cells = bytearray(self._blank if image is None else image)
        if len(self._cells) != size or erased not in ("ff", "noise"):
            raise ValueError("image or mode")
        # one octet per unit: 0 until a program or a torn erase has touched it
        units = range(0, size, UNIT_OCTETS)
        self._used = bytearray(self._cells[at : at + 16] != self._blank[at : at + 16] for at in units)
        self.programmed_octets = self.programs = self.erases = self.reads = self.read_octets = 0
        self.erases_by_sector = [0] * sector_count
        self.off = False
        self.stuck = {}  # octet offset -> (mask, level octet): bits that nothing changes any more
        self.silent = 0  # programs that will store nothing and still report success
        self._refused_programs = self._refused_erases = 0
        self._cut_octet = self._cut_erase = None
        self._tear = "prefix"
        self._erased_units = 0

    # the Flash contract

    def read(self, at, into):
        """Fill `into` from octet offset `at`."""
        self._powered()
        if at < 0 or at + len(into) > len(self._cells):
            raise Misuse("read outside", at, len(into))
        into[:] = self._cells[at : at + len(into)]
        self.reads += 1
        self.read_octets += len(into)

    def program(self, at, octets):
        """Program whole, untouched units."""
        self._powered()
        octets = bytes(octets)
        if at % UNIT_OCTETS or len(octets) % UNIT_OCTETS or not octets:
            raise Misuse("not whole units", at, len(octets))
        if at < 0 or at + len(octets) > len(self._cells):
            raise Misuse("program outside", at, len(octets))
        for unit in range(at // UNIT_OCTETS, (at + len(octets)) // UNIT_OCTETS):
            if self._used[unit] == _USED:
                raise Misuse("unit programmed twice", unit * UNIT_OCTETS)
        if self._refused_programs:
            self._refused_programs -= 1
            raise OSError(_EIO)
        if self._cut_octet is not None and self._cut_octet < len(octets):
            self._tear_program(at, octets, self._cut_octet)
        self.programs += 1
        if self.silent:
            self.silent -= 1
            return
        if _RUINED in self._used[at // UNIT_OCTETS : (at + len(octets)) // UNIT_OCTETS]:
            octets = bytes(old & new for old, new in zip(self._cells[at : at + len(octets)], octets, strict=True))
        self._store(at, octets)
        if self._cut_octet is not None:
            self._cut_octet -= len(octets)

    def erase(self, sector):
        """Erase one sector."""
        self._powered()
        if not 0 <= sector < self.sector_count:
            raise Misuse("erase outside", sector)
        if self._refused_erases:
            self._refused_erases -= 1
            raise OSError(_EIO)
        if self._cut_erase == 0:
            self._tear_erase(sector)
        start, end = sector * self.sector_octets, (sector + 1) * self.sector_octets
        self._cells[start:end] = self._blank[start:end]
        self._used[start // UNIT_OCTETS : end // UNIT_OCTETS] = bytes(self.sector_octets // UNIT_OCTETS)
        self._hold_stuck(start, end)
        self.erases += 1
        self.erases_by_sector[sector] += 1
        if self._cut_erase is not None:
            self._cut_erase -= 1

    # power

    def cut_at(self, octet=None, erase=None, tear="prefix", erased_units=128):
        """Cut the power when `octet` more octets are programmed, or inside the erase after `erase` more.

        tear "prefix": what came before the cut is written, nothing of the rest; `erased_units` of a sector are erased.
        tear "half_cleared": the unit of the cut has some of its bits cleared; units of the sector are mixed.
        tear "page": so has any unit of the chip's page (256 octets) that the cut falls into, in any order.
        """
        if tear not in ("prefix", "half_cleared", "page"):
            raise ValueError(tear)
        self._cut_octet, self._cut_erase, self._tear, self._erased_units = octet, erase, tear, erased_units

    def power_on(self):
        """Give power again, with no cut planned."""
        self.off = False
        self._cut_octet = self._cut_erase = None

    # faults

    def refuse_program(self, count=1):
        """Let the next `count` programs fail with EIO and store nothing."""
        self._refused_programs = count

    def refuse_erase(self, count=1):
        """Let the next `count` erases fail with EIO and change nothing."""
        self._refused_erases = count

    def rot(self, at, mask=1):
        """Flip bits of one octet, as radiation or age do."""
        self._cells[at] ^= mask

    def ruin(self, sector):
        """Fill a sector with rubbish, as a worn-out block or a stray writer does."""
        start = sector * self.sector_octets
        self._cells[start : start + self.sector_octets] = self._chance.randbytes(self.sector_octets)
        count = self.sector_octets // UNIT_OCTETS
        self._used[start // UNIT_OCTETS : start // UNIT_OCTETS + count] = bytes([_RUINED]) * count

    # images

    def image(self):
        """The octets as they read now."""
        return bytes(self._cells)

    def octets(self, at, count):
        """Some of them, for who looks from outside: no read of the chip."""
        return bytes(self._cells[at : at + count])

    def copy(self):
        """The same cells on a chip without faults."""
        return Nor(self.sector_count, self.image(), self.erased, self.seed)

    def fork(self, seed=0):
        """The same chip once more, torn units and faults and all, to go another way."""
        other = copy.copy(self)
        other._cells, other._used = bytearray(self._cells), bytearray(self._used)
        other.stuck, other.erases_by_sector = dict(self.stuck), list(self.erases_by_sector)
        other._chance = random.Random(seed)
        return other

    def save(self, path):
        """Write the image to a file."""
        Path(path).write_bytes(self._cells)

    @classmethod
    def load(cls, path, erased="ff", seed=0):
        """A chip with the image of a file; units that read as erased count as erased."""
        image = Path(path).read_bytes()
        return cls(len(image) // cls.sector_octets, image, erased, seed)

    def blank(self, at, count):
        """Whether these octets were never programmed since the last erase (for tests; no chip can tell)."""
        return not any(self._used[at // UNIT_OCTETS : (at + count + UNIT_OCTETS - 1) // UNIT_OCTETS])

    # physics

    def _powered(self):
        if self.off:
            raise PowerCut

    def _store(self, at, octets):
        self._cells[at : at + len(octets)] = octets
        first, last = at // UNIT_OCTETS, (at + len(octets) + UNIT_OCTETS - 1) // UNIT_OCTETS
        self._used[first:last] = b"\1" * (last - first)
        self._hold_stuck(at, at + len(octets))
        self.programmed_octets += len(octets)

    def _hold_stuck(self, start, end):
        for at, (mask, level) in self.stuck.items():
            if start <= at < end:
                self._cells[at] = (self._cells[at] & ~mask) | (level & mask)

    def _tear_program(self, at, octets, done):
        whole = done // UNIT_OCTETS * UNIT_OCTETS
        if self._tear == "page":
            page = max(0, (at + done) // _PAGE_OCTETS * _PAGE_OCTETS - at)
            if page:
                self._store(at, octets[:page])
            end = min(len(octets), (at + done) // _PAGE_OCTETS * _PAGE_OCTETS + _PAGE_OCTETS - at)
            for unit in range(page, end, UNIT_OCTETS):
                if self._chance.random() < 0.5:
                    self._tear_unit(at + unit, octets[unit : unit + UNIT_OCTETS], 0)
            self.programmed_octets += done - page
        else:
            if whole:
                self._store(at, octets[:whole])
            if done > whole or self._tear == "half_cleared":
                self._tear_unit(at + whole, octets[whole : whole + UNIT_OCTETS], done - whole)
                self.programmed_octets += done - whole
        self._die()

    def _tear_unit(self, at, wanted, done):
        if self.erased == "noise":  # one wrong bit of a cipher block makes all its octets other ones
            torn = self._chance.randbytes(UNIT_OCTETS)
        elif self._tear == "prefix":
            torn = wanted[:done] + self._cells[at + done : at + UNIT_OCTETS]
        else:
            torn = bytes(octet | self._chance.randrange(256) for octet in wanted)
        if self._cells[at : at + UNIT_OCTETS] != torn:
            self._cells[at : at + UNIT_OCTETS] = torn
            self._used[at // UNIT_OCTETS] = 1

    def _tear_erase(self, sector):
        start = sector * self.sector_octets
        for unit in range(self.sector_octets // UNIT_OCTETS):
            at = start + unit * UNIT_OCTETS
            if self._tear == "prefix":
                fate = 0 if unit < self._erased_units else 1
            else:
                fate = self._chance.randrange(3)
            if fate == 0:
                self._cells[at : at + UNIT_OCTETS] = self._blank[at : at + UNIT_OCTETS]
            elif fate == 2:
                old = self._cells[at : at + UNIT_OCTETS]
                self._cells[at : at + UNIT_OCTETS] = (
                    self._chance.randbytes(UNIT_OCTETS)
                    if self.erased == "noise"
                    else bytes(octet | self._chance.randrange(256) for octet in old)
                )
            self._used[at // UNIT_OCTETS] = 1  # weakly erased: not to be programmed before a whole erase
        self._die()

    def _die(self):
        self.off = True
        self._cut_octet = self._cut_erase = None
        raise PowerCut
