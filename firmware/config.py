"""What the hub keeps on its file system: settings and bonds, each in two copies, replaced one at a time and atomically.

A file is one line with the CRC-32 and the generation, then JSON. The whole copy with the higher generation wins;
writing goes to the other one first, through a temporary name, and then to that one. No copy whole: the hub is blank and
waits to be enrolled; it never falls back to open settings.
"""

import binascii
import json
import os

from micropython import const

from firmware.contracts import PeerError

FORMAT = const(1)
FOLDER = "hub"
_FILE_OCTETS_MAX = const(12_288)  # 24 bonds of 88 octets in hex are the most there is; settings take under 2 kB
_HEAD_OCTETS_MAX = const(32)
DEVICES_MAX = const(8)  # a home's devices; each costs the radio a line in its list

# What settings must have before a hub works with them: field, type, what must be in it.
_REQUIRED = (
    ("devices", list, None),
    ("zone", str, None),
    ("wifi", dict, "ssid"),
    ("broker", dict, "host"),
    ("platform", dict, "agreement"),
    ("time", dict, "ntp"),
)


def check(settings: dict) -> dict:
    """Return the settings when they are usable. PeerError names the first field that is not."""
    if settings.get("format") != FORMAT:
        raise PeerError("settings: format", settings.get("format"))
    for name, kind, inside in _REQUIRED:
        if not isinstance(settings.get(name), kind) or (inside and not settings[name].get(inside)):
            raise PeerError("settings: " + name + ("." + inside if inside else ""))
    if not isinstance(settings["broker"].get("port"), int):
        raise PeerError("settings: broker.port")
    pins = settings.get("pins", {})
    if not isinstance(pins, dict) or not all([isinstance(pin, int) for pin in pins.values()]):
        raise PeerError("settings: pins")
    if len(settings["devices"]) > DEVICES_MAX:
        raise PeerError("settings: devices", len(settings["devices"]))
    for device in settings["devices"]:
        if len(address_octets(device.get("address", ""))) != 6 or device.get("address_type") not in (0, 1):
            raise PeerError("settings: device address", device.get("address"))
        if not device.get("row"):
            raise PeerError("settings: device row", device.get("address"))
    return settings


def address_octets(text: str) -> bytes:
    """The octets of "aa:bb:cc:dd:ee:ff", most significant first; b"" when it is no address."""
    try:
        return binascii.unhexlify(text.replace(":", ""))
    except ValueError:
        return b""


class Store:
    """One JSON object in two files, <folder>/<name>.a and .b."""

    def __init__(self, folder: str, name: str):
        self._paths = (folder + "/" + name + ".a", folder + "/" + name + ".b")

    def load(self) -> "dict | None":
        """The newest whole copy, or None."""
        best = None
        for path in self._paths:
            found = _read(path)
            if found and (best is None or found[0] > best[0]):
                best = found
        return best[1] if best else None

    def save(self, content: dict) -> None:
        """Replace the older copy, and when that is whole the other one, so that what is new is there twice too."""
        generations = []
        for path in self._paths:
            found = _read(path)
            generations.append(found[0] if found else 0)
        older = 0 if generations[0] <= generations[1] else 1
        generation = b"%d" % (max(generations) + 1)
        body = json.dumps(content).encode()
        if len(body) > _FILE_OCTETS_MAX - _HEAD_OCTETS_MAX:
            raise PeerError("store: too long", len(body))
        head = b"%08x %s\n" % (binascii.crc32(generation + body), generation)
        for index in (older, 1 - older):
            write_whole(self._paths[index], head + body)


def _read(path):
    """(generation, content) of a whole copy, else None."""
    try:
        with open(path, "rb") as file:
            length = file.seek(0, 2)  # asking for the most would allocate the most
            file.seek(0)
            octets = file.read(min(length, _FILE_OCTETS_MAX))
        head, _, body = octets.partition(b"\n")
        crc, generation = head.split(b" ")
        if int(crc, 16) == binascii.crc32(generation + body):
            return int(generation), json.loads(body)
    except (OSError, ValueError):
        pass
    return None


def write_whole(path: str, octets: bytes) -> None:
    """Write a file so that a power cut leaves the old one or the new one (littlefs renames atomically)."""
    with open(path + ".new", "wb") as file:
        file.write(octets)
    os.rename(path + ".new", path)
