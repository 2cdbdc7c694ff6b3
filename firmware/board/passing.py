"""Code that is needed for moments: loaded for them, forgotten at the next quiet point; the heap is for readings.

What is named here is imported inside the functions that need it, and nothing that lasts is an instance of its classes
(an instance keeps its class, and a class its whole file). On the chip an import reads a few kB from flash.
"""

import gc
import sys

# Allocated between two collections. In quiet hours it is what minutes of waiting make. While code is loaded for a
# moment, what stays must come to lie in gaps low on the heap, or the next moment's code finds no place in one piece.
_COLLECT_OCTETS = 65_536
_COLLECT_LOADING_OCTETS = 16_384

_PASSING = (
    "boot",
    "drivers.",
    "firmware.ble.advert",
    "firmware.ble.visit",
    "firmware.board.atecc608",
    "firmware.board.crash",
    "firmware.board.digits",
    "firmware.board.mqtt",
    "firmware.board.spare",
    "firmware.board.steps",
    "firmware.config",
    "firmware.devices",
    "firmware.enrolling",
    "firmware.enrolment",
    "firmware.events",
    "firmware.journal.ends",
    "firmware.journal.heads",
    "firmware.journal.mount",
    "firmware.journal.recovery",
    "firmware.journal.upkeep",
    "firmware.measurement.",
    "firmware.meeting",
    "firmware.order",
    "firmware.parts",
    "firmware.reporting",
    "firmware.rotation",
    "firmware.seal.",
    "firmware.sealing",
    "firmware.update",
    "firmware.uplink.certificate",
    "firmware.uplink.dns",
    "firmware.uplink.order",
    "firmware.uplink.receipt",
    "firmware.visiting",
)
# An ESP32 frees machine code at its next start only, so loading p256_limbs anew would leak.
_STAYING = ("firmware.measurement.device_time", "firmware.seal.p256", "firmware.seal.p256_limbs")


def forget() -> None:
    """Forget what was loaded for a moment that is over. Whoever is in the midst of such code goes on with it."""
    loaded = [name for name in sys.modules if name.startswith(_PASSING) and name not in _STAYING]
    for name in loaded:
        folder, _, file = name.rpartition(".")
        del sys.modules[name]
        if folder and hasattr(sys.modules[folder], file):
            delattr(sys.modules[folder], file)
    if loaded:
        gc.collect()
    gc.threshold(_COLLECT_OCTETS)


def loading() -> None:
    """Code for a moment is about to be loaded: until it is forgotten the heap has room for little garbage."""
    gc.threshold(_COLLECT_LOADING_OCTETS)
