"""Run by a MicroPython: what the real LittleFS programs and erases for readings that must survive a power cut.

Prints one JSON object: {"append": [octets programmed, erases], "files": […]} for COUNT readings of OCTETS octets.
"""

import json
import os
import sys

import vfs

_BLOCK = 4096
_BLOCKS = 192


class Counting:
    """A partition in memory, as ESP-IDF's flash driver offers it; it counts."""

    def __init__(self):
        self.cells = bytearray(b"\xff" * (_BLOCK * _BLOCKS))
        self.programmed = self.erases = 0

    def readblocks(self, block, into, offset=0):
        at = block * _BLOCK + offset
        into[:] = memoryview(self.cells)[at : at + len(into)]

    def writeblocks(self, block, octets, offset=0):
        at = block * _BLOCK + offset
        self.cells[at : at + len(octets)] = octets
        self.programmed += len(octets)

    def ioctl(self, command, argument):
        if command == 4:
            return _BLOCKS
        if command == 5:
            return _BLOCK
        if command == 6:
            self.cells[argument * _BLOCK : (argument + 1) * _BLOCK] = b"\xff" * _BLOCK
            self.erases += 1
        return 0


def mounted():
    """A new file system, its counters at zero."""
    device = Counting()
    vfs.VfsLfs2.mkfs(device)
    vfs.mount(vfs.VfsLfs2(device), "/lfs")
    device.programmed = device.erases = 0
    return device


def append(count, reading):
    """One log file, flushed after each reading: what "kept" asks for."""
    device = mounted()
    with open("/lfs/log", "ab") as file:
        for _number in range(count):
            file.write(reading)
            file.flush()
    vfs.umount("/lfs")
    return device.programmed, device.erases


def files(count, reading):
    """A file per reading, removed when twenty younger ones are there."""
    device = mounted()
    for number in range(count):
        with open(f"/lfs/{number}", "wb") as file:
            file.write(reading)
        if number >= 20:
            os.remove(f"/lfs/{number - 20}")
    vfs.umount("/lfs")
    return device.programmed, device.erases


count, octets = int(sys.argv[1]), int(sys.argv[2])
print(json.dumps({"append": append(count, bytes(octets)), "files": files(count, bytes(octets))}))
