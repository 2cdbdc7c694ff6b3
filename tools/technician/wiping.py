"""Makes a hub nobody's: readings, bonds, settings and keys are erased from its flash, and the flash is read back.

Files that are only removed stay in flash until something else needs their place. So whole partitions are erased, sector
by sector, and each is read again: only what reads as erased counts. (With flash encryption it reads as noise that no
longer depends on what was there; then the octets must differ from what they were.)
"""

import binascii
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.host.output import CommandError
from tools.technician import ca
from tools.technician.line import Line

# The last is boot.py's memory, and what ESP-IDF keeps of networks and of Bluetooth.
PARTITIONS = ("vfs", "journal", "nvs")  # keys first: from then on it is nobody's, wherever the cable is pulled

_WAITING = """
import json, os
from firmware.board.flash import PartitionFlash
from firmware.journal.journal import Journal
_j = Journal(PartitionFlash("journal"), os.urandom)
print(json.dumps({"waiting": _j.waiting(), "captures": _j.next_capture - 1}))
"""
_READ = """
import binascii, esp32
_part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0]
_room = bytearray(2048)
def _read(at):
    _part.readblocks(at // 4096, _room, at % 4096)
    print(str(binascii.b2a_base64(_room), "ascii").strip())
"""
_ERASE = """
import esp32, json, os, vfs
_sectors = _blank = _changed = 0
_parts = esp32.Partition.find(esp32.Partition.TYPE_DATA, label={label!r})
if {label!r} == "vfs":
    os.chdir("/")
    vfs.umount("/")
_before, _after, _erased = bytearray(4096), bytearray(4096), bytearray([0xFF] * 4096)
for _part in _parts:
    for _sector in range(_part.ioctl(4, 0)):
        _part.readblocks(_sector, _before)
        _part.ioctl(6, _sector)
        _part.readblocks(_sector, _after)
        _sectors += 1
        if _after == _erased:
            _blank += 1
        elif _after != _before:
            _changed += 1
print(json.dumps({{"sectors": _sectors, "blank": _blank, "changed": _changed}}))
"""
_DIGEST = """
import hashlib
_h = hashlib.sha256()
for _at in range(0, _part.info()[3], 2048):
    _part.readblocks(_at // 4096, _room, _at % 4096)
    _h.update(_room)
print(_part.info()[3], _h.digest().hex())
"""
_FORGET = """
import esp32
_nvs = esp32.NVS("telehub")
try:
    _nvs.erase_key("boot")
    _nvs.commit()
except OSError:
    pass
"""
_FORMAT = """
import esp32, vfs
_part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="vfs")[0]
vfs.VfsLfs2.mkfs(_part)
vfs.mount(vfs.VfsLfs2(_part), "/")
"""


class NotErased(Exception):
    """Some sectors still read as they did; args[0] is the partition, args[1] how many."""


@dataclass(frozen=True)
class Waiting:
    """What a hub still holds for the platform; None where its journal cannot be read."""

    undelivered: int | None
    captures: int | None


def waiting(line: Line) -> Waiting:
    """How many readings the platform has not got."""
    found = line.answer(_WAITING)
    return Waiting(found["waiting"], found["captures"])


def export(line: Line, into: Path, told: Callable[[str, float], None]) -> None:
    """The journal's flash as a file, for `telehub journal`; CommandError unless it is octet for octet what is there."""
    line.run(_READ)
    size, digest = line.run(_DIGEST).split()
    octets = bytearray()
    while len(octets) < int(size):
        octets += binascii.a2b_base64(line.run(f"_read({len(octets)})").strip())
        told("exporting", len(octets) / int(size))
    if hashlib.sha256(octets).hexdigest() != digest:
        raise CommandError("the export is not what the flash holds", "once more")
    ca.write_secret(into, bytes(octets))


def erase(line: Line, partition: str) -> int:
    """Erase one partition and read it back; returns its sectors. NotErased when some are as they were."""
    line.afresh()
    line.run("import os\nos.chdir('/')")
    found = line.answer(_ERASE.format(label=partition))
    left = found["sectors"] - found["blank"] - found["changed"]
    if partition == "vfs":
        line.run(_FORMAT)
    elif partition == "nvs":
        line.run(_FORGET)
    if left:
        raise NotErased(partition, left)
    return int(found["sectors"])
