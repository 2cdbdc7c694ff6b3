"""The hub's settings on its file system: two copies, each checked, replaced one at a time and atomically.

A file is one line with the CRC-32 and the generation, then JSON. The copy with the higher generation that is
whole wins; writing goes to the other one through a temporary name. No copy whole: the hub is blank, keeps what
it can hear of nothing, and waits to be enrolled; it never falls back to open settings.
"""

import binascii
import json
import os

from micropython import const

from firmware.contracts import PeerError

FORMAT = const(1)
_FILE_OCTETS_MAX = const(8192)  # eight devices, names and keys take under 2 kB
_NAMES = ("settings.a", "settings.b")
DEVICES_MAX = const(8)  # a home's devices; each costs the radio a line in its list

# What must be there, and of what type, before a hub works with it.
_REQUIRED = (
    ("devices", list),
    ("zone", str),
    ("wifi", dict),
    ("broker", dict),
    ("platform", dict),
    ("time", dict),
)


def check(settings: dict) -> dict:
    """Return the settings when they are usable. PeerError names the first field that is not."""
    if settings.get("format") != FORMAT:
        raise PeerError("settings: format", settings.get("format"))
    for name, kind in _REQUIRED:
        if not isinstance(settings.get(name), kind):
            raise PeerError("settings: " + name)
    if len(settings["devices"]) > DEVICES_MAX:
        raise PeerError("settings: devices", len(settings["devices"]))
    for device in settings["devices"]:
        address = device.get("address", "")
        if len(address) != 17 or device.get("address_type") not in (0, 1) or not device.get("row"):
            raise PeerError("settings: device", address)
    for name, field in (("wifi", "ssid"), ("broker", "host"), ("platform", "agreement"), ("time", "ntp")):
        if not settings[name].get(field):
            raise PeerError("settings: " + name + "." + field)
    return settings


def _read(path: str) -> "tuple[int, dict] | None":
    try:
        with open(path, "rb") as file:
            octets = file.read(_FILE_OCTETS_MAX)
    except OSError:
        return None
    head, _, body = octets.partition(b"\n")
    try:
        crc, generation = head.split(b" ")
        if int(crc, 16) != binascii.crc32(generation + body):
            return None
        return int(generation), json.loads(body)
    except ValueError:
        return None


def load(folder: str) -> "dict | None":
    """The newest whole copy, or None: this hub is blank."""
    best = None
    for name in _NAMES:
        found = _read(folder + "/" + name)
        if found and (best is None or found[0] > best[0]):
            best = found
    return best[1] if best else None


def save(folder: str, settings: dict) -> None:
    """Replace the older copy. The newer one stays until this one is whole."""
    body = json.dumps(check(settings)).encode()
    if len(body) > _FILE_OCTETS_MAX - 32:
        raise PeerError("settings: too long", len(body))
    ranked = [(found[0] if found else 0, name) for name in _NAMES for found in (_read(folder + "/" + name),)]
    ranked.sort()
    generation = b"%d" % (ranked[1][0] + 1)
    path = folder + "/" + ranked[0][1]
    write_whole(path, b"%08x %s\n" % (binascii.crc32(generation + body), generation) + body)


def write_whole(path: str, octets: bytes) -> None:
    """Write a file so that a power cut leaves the old one or the new one (littlefs renames atomically)."""
    with open(path + ".new", "wb") as file:
        file.write(octets)
    try:
        os.rename(path + ".new", path)
    except OSError:  # a FAT or host file system that does not replace
        os.remove(path)
        os.rename(path + ".new", path)


def address_octets(text: str) -> bytes:
    """Six octets, most significant first, of "aa:bb:cc:dd:ee:ff"."""
    return binascii.unhexlify(text.replace(":", ""))
