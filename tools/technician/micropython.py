"""The MicroPython that a programme's boards get: one image, known by its SHA-256, kept in the programme's folder.

The digest comes from whoever chose the image (MicroPython's own pages name it); from then on every board gets these
octets or none. An image is a bootloader, a partition table that ours replaces, and the interpreter at 0x10000.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from mp_image_tool_esp32.image_header import ImageHeader

from tools.host.output import CommandError, MissingPart, WrongUse
from tools.technician import layout

_PIN = "micropython.json"
_CHIP = "esp32s3"
_IMAGE_OCTETS_MAX = 16 << 20  # the largest flash that a board has
_FETCH_S_MAX = 120.0
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Image:
    """What is written, by its place; `sha256` is the whole file's."""

    sha256: str
    pieces: tuple[tuple[int, bytes], ...] = field(repr=False)

    @property
    def octets(self) -> int:
        return sum(len(octets) for _, octets in self.pieces)


def pinned(folder: Path, image: str = "", sha256: str = "") -> Image:
    """The programme's image; `image` (a file or an https address) and its digest make it so."""
    if image:
        if not _SHA256.fullmatch(sha256.lower()):
            raise WrongUse("--image goes with --sha256", "64 hex digits, from where the image is published")
        octets = _fetched(image)
        _checked(octets, sha256.lower(), image)
        made = _divided(octets, sha256.lower())
        (folder / "micropython.bin").write_bytes(octets)
        (folder / _PIN).write_text(json.dumps({"format": 1, "from": image, "sha256": sha256.lower()}) + "\n")
        return made
    try:
        known = json.loads((folder / _PIN).read_text())["sha256"]
        octets = (folder / "micropython.bin").read_bytes()
    except OSError:
        raise MissingPart(
            "the programme's MicroPython image",
            "--image FILE --sha256 DIGEST, once: ESP32_GENERIC_S3-SPIRAM_OCT from micropython.org/download",
        ) from None
    _checked(octets, known, str(folder / "micropython.bin"))
    return _divided(octets, known)


def _fetched(image: str) -> bytes:
    if not image.startswith("https://"):
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise WrongUse(f"{image}: {error.strerror}") from None
    try:
        with httpx.stream("GET", image, timeout=_FETCH_S_MAX, follow_redirects=True) as answer:
            answer.raise_for_status()
            octets = bytearray()
            for piece in answer.iter_bytes():
                octets += piece
                if len(octets) > _IMAGE_OCTETS_MAX:
                    raise CommandError(f"{image}: larger than any board's flash")
    except httpx.HTTPError as error:
        raise CommandError(f"{image}: {error}", "fetch it by other means, and name the file") from None
    return bytes(octets)


def _checked(octets: bytes, sha256: str, name: str) -> None:
    found = hashlib.sha256(octets).hexdigest()
    if found != sha256:
        raise CommandError(f"{name}: SHA-256 is {found}, not {sha256}", "it is another file, or a damaged one")


def _divided(octets: bytes, sha256: str) -> Image:
    """Bootloader and interpreter as they are, and our table between them."""
    interpreter = octets[layout.APPLICATION_AT :]
    room = next(part.octets for part in layout.PARTS if part.label == "factory")
    for at, name in ((layout.BOOTLOADER_AT, "bootloader"), (layout.APPLICATION_AT, "interpreter")):
        try:
            header = ImageHeader.from_bytes(octets[at:])
            header.validate()
        except ValueError:
            raise CommandError(f"there is no {name} in this image", "one for address 0, not for an update") from None
        if header.chip_name != _CHIP:
            raise CommandError(f"this image is for {header.chip_name}", "ESP32_GENERIC_S3-SPIRAM_OCT")
    if len(interpreter) > room:
        raise CommandError(f"the interpreter has {len(interpreter)} octets; there is room for {room}")
    bootloader = octets[: layout.TABLE_AT].rstrip(b"\xff")
    bootloader += b"\xff" * (-len(bootloader) % 16)
    pieces = (
        (layout.BOOTLOADER_AT, bootloader), (layout.TABLE_AT, layout.table()), (layout.APPLICATION_AT, interpreter)
    )  # fmt: skip
    return Image(sha256, pieces)
