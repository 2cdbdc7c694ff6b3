"""The capture lane: what the Bluetooth callback appends to, and nobody else.

`capture` runs between any two bytecodes of the main loop. It writes `generation`, `at`, `number` and
`first`; the main loop writes `ready_end`, `start` and `prefix`, each before the generation it is about is
handed over by `ready_end`. Nothing is allocated: no whole number above 30 bits is made, no slice, no tuple;
MicroPython takes the frames of the two longer functions from the heap and gives them back on return, or
from the stack when the heap is locked.
"""

import struct
from array import array

from micropython import const

from firmware.contracts import Full
from firmware.journal.frame import CAPTURES, CRC_HIGH, CRC_LOW, SECTOR, UNIT, UNITS
from firmware.journal.records import VALUE_OCTETS_MAX

UNUSABLE = const(255)  # in `start`: this generation is left out
_HEAD = const(29)  # octets of a frame before the value
_CHUNK = const(4)  # units that are programmed at once
_ATTEMPTS = const(3)  # where it was to go, the next units, the reserve sector
_EIO = const(5)


class CaptureLane:
    """Appends captures to sectors that the main loop has prepared."""

    def __init__(self, flash, sector_count):
        self._flash = flash
        self.count = sector_count
        self.boot = 0
        self.number = 1  # of the next capture
        self.generation = 0
        self.at = UNITS
        self.ready_end = 1  # generations below it were prepared
        self.copied = (0, 0)  # generation and unit up to which everything that waits was copied (upkeep.py)
        self.first = array("I", [0] * sector_count)  # first capture number in a sector, 0: none yet
        self.start = bytearray(sector_count)
        self.prefix = array("H", [0] * (2 * sector_count))  # CRC state of a sector, high and low half
        self._head = bytearray(_HEAD + 3)
        self._chunk = bytearray(_CHUNK * UNIT)
        self._back = bytearray(_CHUNK * UNIT)
        self._chunks = [memoryview(self._chunk)[: units * UNIT] for units in range(_CHUNK + 1)]
        self._backs = [memoryview(self._back)[: units * UNIT] for units in range(_CHUNK + 1)]
        self._unsure = False  # a read failed: nobody knows whether an attempt of this capture is on flash

    # main loop

    def hand_over(self, generation, prefix, start):
        """Let the callback use one more prepared sector (or know that it cannot)."""
        index = generation % self.count
        self.first[index] = 0
        self.start[index] = start
        self.set_prefix(generation, prefix)
        self.ready_end = generation + 1

    def set_prefix(self, generation, prefix):
        """Set the CRC that the frames of a sector go on from."""
        index = 2 * (generation % self.count)
        self.prefix[index] = prefix >> 16 ^ 0xFFFF
        self.prefix[index + 1] = prefix & 0xFFFF ^ 0xFFFF

    def spare(self):
        """How many usable sectors lie ready behind the one in use."""
        count = 0
        for generation in range(self.generation + 1, self.ready_end):
            count += self.start[generation % self.count] != UNUSABLE
        return count

    def room(self):
        """Octets of erased room, the reserve sector left out."""
        while True:
            generation, at = self.generation, self.at
            if generation == self.generation and at == self.at:
                break
        octets = reserve = 0
        for ahead in range(generation + 1, self.ready_end):
            start = self.start[ahead % self.count]
            if start != UNUSABLE:
                octets += reserve
                reserve = (UNITS - start) * UNIT
        return octets + (UNITS - at) * UNIT if reserve else 0

    # Bluetooth callback

    def capture(self, visit, device, handle, flags, mono_ms, time_s, quality, value):
        """Put one value on flash and return its number. Full, OSError: it is not there; never confirm it."""
        length = len(value)
        if length > VALUE_OCTETS_MAX:
            raise ValueError(length)
        number = self.number
        self._unsure = False
        head = self._head
        head[0] = 0
        struct.pack_into("<IHBB", head, 6, number, handle, device, flags & 31 | quality << 5)
        struct.pack_into("<I", head, 14, visit)
        struct.pack_into("<I", head, 17, self.boot)
        struct.pack_into("<Q", head, 20, mono_ms)
        struct.pack_into("<I", head, 25, time_s)
        units = (length + _HEAD + UNIT - 1) // UNIT
        if self.at + units > UNITS and not self._advance():
            raise Full
        attempt = 0
        while attempt < _ATTEMPTS:
            at = self.at
            self.at = at + units  # spent, whatever comes
            index = self.generation % self.count
            self._seal(at, length, value)
            place = index * SECTOR + at * UNIT
            done = 0
            while done < units:
                count = self._fill(done, units, length, value)
                try:  # from here, and not one call deeper: the callback's stack is small
                    self._flash.program(place, self._chunks[count])
                except OSError:
                    pass  # what the flash holds decides
                if not self._stands(place, count):
                    break
                done += count
                place += count * UNIT
            else:
                if self.first[index] == 0:
                    self.first[index] = number
                self.number = number + 1
                return number
            attempt += 1
            if (attempt == _ATTEMPTS - 1 or self.at + units > UNITS) and not self._advance():
                break
        if self._unsure:  # the number may stand on flash with these octets
            self.number = number + 1
        raise OSError(_EIO)

    def _advance(self):
        """Go on to the next prepared sector: to the reserve too, since a kept reading is worth more."""
        generation = self.generation + 1
        while generation < self.ready_end:
            start = self.start[generation % self.count]
            if start != UNUSABLE:
                self.at = UNITS  # never an old place in a new sector
                self.generation = generation
                self.at = start
                return True
            generation += 1
        return False

    def _seal(self, unit, length, value):
        """Write length, check and CRC into the frame's head."""
        index = 2 * (self.generation % self.count)
        high = self.prefix[index]
        low = self.prefix[index + 1]
        head = self._head
        size = length + _HEAD - 6
        position = 3
        # unit and size first, then what follows the frame's own six octets, then zeros up to the unit's end
        head[3] = unit
        head[4] = size & 255
        head[5] = size >> 8
        end = length + _HEAD
        whole = (end + UNIT - 1) & -UNIT
        while position < whole:
            if position < _HEAD:
                octet = head[position]
            elif position < end:
                octet = value[position - _HEAD]
            else:
                octet = 0
            octet = (low ^ octet) & 255
            low = (low >> 8 | (high & 255) << 8) ^ CRC_LOW[octet]
            high = high >> 8 ^ CRC_HIGH[octet]
            position += 1
        low ^= 0xFFFF
        high ^= 0xFFFF
        head[2] = low & 255
        head[3] = low >> 8
        head[4] = high & 255
        head[5] = high >> 8
        check = (head[2] + head[3] + head[4] + head[5] + (size & 255) + (size >> 8)) & 63
        head[0] = size & 255
        head[1] = size >> 8 | check << 2

    def _fill(self, done, units, length, value):
        """Copy the frame's next units, at most a chunk, and return how many."""
        count = min(_CHUNK, units - done)
        head, chunk, end = self._head, self._chunk, length + _HEAD
        offset = done * UNIT
        index = 0
        while index < count * UNIT:
            position = offset + index
            if position < _HEAD:
                chunk[index] = head[position]
            elif position < end:
                chunk[index] = value[position - _HEAD]
            else:
                chunk[index] = 0
            index += 1
        return count

    def _stands(self, at, count):
        """Whether the flash holds the chunk here."""
        try:
            self._flash.read(at, self._backs[count])
        except OSError:
            self._unsure = True
            return False
        return self._backs[count] == self._chunks[count]


assert CAPTURES == 0  # the lane lies at the partition's beginning
