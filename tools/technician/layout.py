"""How a board's 8 MB of flash are divided: MicroPython, settings, journal, two slots for the application, tables.

The places stay for ever: an update over the air cannot move a journal. Read and written by mp-image-tool-esp32.
"""

from typing import NamedTuple

from mp_image_tool_esp32.partition_table import PART_MAGIC, PART_NAME_LEN, PartitionEntry, PartitionTable

APP, DATA = 0, 1
BOOTLOADER_AT, TABLE_AT, APPLICATION_AT = 0x0, 0x8000, 0x10000  # where the ESP32-S3 looks for them
FLASH_OCTETS_MIN = 8 << 20


class Part(NamedTuple):
    """One partition."""

    label: str
    kind: int
    subtype: int
    at: int
    octets: int


PARTS = (
    Part("nvs", DATA, 0x02, 0x9000, 0x6000),
    Part("phy_init", DATA, 0x01, 0xF000, 0x1000),
    Part("factory", APP, 0x00, APPLICATION_AT, 0x1F0000),  # MicroPython itself
    Part("vfs", DATA, 0x81, 0x200000, 0x80000),  # settings, keys, bonds: LittleFS
    Part("journal", DATA, 0x40, 0x280000, 0x80000),  # 0x40: the first subtype that is free for applications
    Part("app_a", DATA, 0x81, 0x300000, 0x100000),  # boot.py's slots: LittleFS
    Part("app_b", DATA, 0x81, 0x400000, 0x100000),
    Part("romfs", DATA, 0x8F, 0x500000, 0x40000),  # tables; the label is what MicroPython looks for
)


def table() -> bytes:
    """The partition table as the bootloader reads it."""
    made = PartitionTable(PARTS[-1].at + PARTS[-1].octets)
    for part in PARTS:
        label = part.label.encode().ljust(PART_NAME_LEN, b"\0")
        made.append(PartitionEntry(PART_MAGIC, part.kind, part.subtype, part.at, part.octets, label, 0))
    made.check()
    octets: bytes = made.to_bytes()
    return octets
