"""What the chip itself is and can do: its number, randomness, reset, watchdog, and whether it is fit to be a hub."""

import os
import sys

import esp32
import machine

# A file could stand in the place of each of these built-in modules, so every import of one looks into every folder of
# the path, until it has an entry here: a file that is loaded for a moment shall not cost a dozen reads of flash more.
for _name in ("binascii", "collections", "errno", "hashlib", "os", "socket", "struct"):
    sys.modules[_name] = __import__(_name)

RAM_OCTETS_MIN = 1_500_000  # a hub needs PSRAM: without it Wi-Fi, Bluetooth and TLS leave no internal RAM
random_octets = os.urandom


def hub_id() -> bytes:
    """Six octets, burnt in by the chip's maker."""
    return machine.unique_id()


def aes(key: bytes):
    """What encrypts one block of 16 octets by AES under this key."""
    from cryptolib import aes as cipher

    return cipher(key, 1).encrypt  # ECB: the one mode that every build has


def ram_octets() -> int:
    """All data RAM that the chip's system manages, PSRAM included."""
    return sum([region[0] for region in esp32.idf_heap_info(esp32.HEAP_DATA)])


def reset_cause() -> int:
    """Why the chip started (machine.*_RESET)."""
    return machine.reset_cause()


def reset() -> None:
    """Start over; never returns."""
    machine.reset()


def slots(running):
    """What is known of the application's slots (boot.py), `running` being the one that runs."""
    import boot

    return boot.Slots(running)


def retire_spare(running) -> None:
    """Let nobody start what lies in the slot that does not run."""
    from firmware.board import spare

    spare.retire(slots(running).spare)


def watchdog(limit_ms: int):
    """Start the watchdog; the object's feed() is its only verb, and nothing stops it."""
    return machine.WDT(timeout=limit_ms)


def secure_element(place: tuple):
    """What signs a digest with the key that lies there: (pin of the clock, pin of the data, slot)."""
    from firmware.board.atecc608 import SecureElement

    return SecureElement(*place).sign
