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
WIPE = "hub/reset"  # this file says that everything else is to be erased
_FILE_OCTETS_MAX = const(12_288)  # 24 bonds of 88 octets in hex are the most there is; settings take under 2 kB
_HEAD_OCTETS_MAX = const(32)
_CHUNK_OCTETS = const(128)
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
    signer = settings.get("signer", {"scl": 0, "sda": 0, "slot": 0})
    if not isinstance(signer, dict) or not all([isinstance(signer.get(name), int) for name in ("scl", "sda", "slot")]):
        raise PeerError("settings: signer")
    pins = settings.get("pins", {})
    if not isinstance(pins, dict) or not all([isinstance(pin, int) for pin in pins.values()]):
        raise PeerError("settings: pins")
    if len(settings.get("operator", {"key": "00" * 65}).get("key", "")) != 130:
        raise PeerError("settings: operator.key")
    if len(settings["devices"]) > DEVICES_MAX:
        raise PeerError("settings: devices", len(settings["devices"]))
    for device in settings["devices"]:
        if device is None:
            continue  # an empty slot
        if len(address_octets(device.get("address", ""))) != 6 or device.get("address_type") not in (0, 1):
            raise PeerError("settings: device address", device.get("address"))
        if not device.get("row"):
            raise PeerError("settings: device row", device.get("address"))
    return settings


def to_be_wiped() -> bool:
    """Whether a reset was begun: the hub is nobody's, and what it holds is to be erased."""
    try:
        os.stat(WIPE)
    except OSError:
        return False
    return True


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
        generations = [_generation(path) or 0 for path in self._paths]
        older = 0 if generations[0] <= generations[1] else 1
        generation = b"%d" % (max(generations) + 1)
        length, crc = _HEAD_OCTETS_MAX, binascii.crc32(generation)
        for piece in _pieces(content):
            length += len(piece)
            crc = binascii.crc32(piece, crc)
        if length > _FILE_OCTETS_MAX:
            raise PeerError("store: too long", length)
        head = b"%08x %s\n" % (crc, generation)
        for index in (older, 1 - older):
            write_whole(self._paths[index], head, content)


def _pieces(content):
    """The JSON of a dict, a little at a time: bonds are saved in the midst of a visit, when the heap is in pieces."""
    before = b"{"
    for name in content:
        yield before + json.dumps(name).encode() + b": "
        yield json.dumps(content[name]).encode()
        before = b", "
    yield b"}" if content else b"{}"


def _generation(path):
    """The generation of a whole copy, else None."""
    try:
        with open(path, "rb") as file:
            crc, generation = file.readline(_HEAD_OCTETS_MAX)[:-1].split(b" ")
            found = binascii.crc32(generation)
            while True:
                octets = file.read(_CHUNK_OCTETS)
                if not octets:
                    return int(generation) if int(crc, 16) == found else None
                found = binascii.crc32(octets, found)
    except (OSError, ValueError):
        return None


def _read(path):
    """(generation, content) of a whole copy, else None."""
    generation = _generation(path)
    if generation is None:
        return None
    try:
        with open(path, "rb") as file:
            file.readline(_HEAD_OCTETS_MAX)
            return generation, json.load(file)
    except (OSError, ValueError):
        return None


def write_whole(path: str, octets: bytes, content: "dict | None" = None) -> None:
    """Write a file so that a power cut leaves the old one or the new one (littlefs renames atomically)."""
    with open(path + ".new", "wb") as file:
        file.write(octets)
        if content is not None:
            for piece in _pieces(content):
                file.write(piece)
    os.rename(path + ".new", path)
