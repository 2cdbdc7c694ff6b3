"""`telehub size`: how many octets of flash the firmware takes, per room and in all.

The bound is for what every hub has: the firmware, and the drivers of the three commonest kinds. A driver is read from
flash when a device of its kind is seen, so each further one costs flash alone and is told by itself.
"""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from tools.host import compile as build
from tools.host import p256_table
from tools.host.budget import IMAGE_OCTETS_MAX
from tools.host.figures import Figure
from tools.host.output import CommandError, Output

# The precomputed points of P-256 are data that can be left out for slower signatures: told apart.
_P256_TABLE = p256_table.NAME

# On hubs that have one.
_SECURE_ELEMENT = "firmware/board/atecc608"
# What no reading travels by: slots, updates, orders, the log of what is done to a hub, requests for certificates.
# Read from flash for their moments, as drivers are, and told apart as those are.
_SERVICE = (
    "boot", "firmware/board/crash", "firmware/board/digits", "firmware/board/spare", "firmware/enrolling",
    "firmware/events", "firmware/order", "firmware/probation", "firmware/rotation", "firmware/seal/csr",
    "firmware/seal/verify1", "firmware/update", "firmware/uplink/order",
)  # fmt: skip

_EVERY_HUB = (
    "__init__", "formats", "device_information", "blood_pressure", "weight_scale", "pulse_oximeter", "nonin",
)  # fmt: skip


def command(as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False) -> int:
    """Print the .mpy octets of every room of the firmware, against their bound."""
    output = Output(as_json)
    figures = measure()
    for figure in figures:
        output.line(figure.line(), figure.text())
    return output.summary("size", all(figure.ok for figure in figures), figures=len(figures))


def measure() -> list[Figure]:
    """Compile for the chip, in a folder of its own, and count."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = build.image(into=Path(folder), architecture=build.CHIP_ARCHITECTURE)
        except build.CompileError as error:
            raise CommandError("mpy-cross refuses the firmware", error.args[0]) from error
        rooms: Counter[str] = Counter()
        drivers: Counter[str] = Counter()
        table = further = service = element = 0
        for one in done:
            if one.target.name == _P256_TABLE:
                table = one.octets
                continue
            room = _room(one.source)
            if room == "drivers":
                drivers[one.source.stem] = one.octets
            if one.source.relative_to(build.ROOT).as_posix().startswith(_SECURE_ELEMENT):
                element += one.octets
            elif one.source.relative_to(build.ROOT).as_posix().startswith(_SERVICE):
                service += one.octets
            elif room == "drivers" and one.source.stem not in _EVERY_HUB:
                further += one.octets
            else:
                rooms[room] += one.octets
    total = Figure("size.mpy_octets", sum(rooms.values()), "octets", IMAGE_OCTETS_MAX)
    parts = [Figure(f"size.mpy_octets.{room}", octets, "octets") for room, octets in sorted(rooms.items())]
    each = [Figure(f"size.driver_octets.{name}", octets, "octets") for name, octets in sorted(drivers.items())]
    return [
        total,
        Figure("size.p256_table_octets", table, "octets", p256_table.OCTETS_MAX),
        *parts,
        Figure("size.secure_element_octets", element, "octets"),
        Figure("size.service_octets", service, "octets"),
        Figure("size.further_drivers_octets", further, "octets"),
        *each,
    ]


def _room(source: Path) -> str:
    """drivers, firmware.journal …; files of the root and of firmware/ itself go by their own name."""
    parts = source.relative_to(build.ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "drivers" else ".".join(parts[:2])
