"""The hub runs. Whatever ends it, it starts anew."""

import gc

# Collect often while importing: what stays then lies close together, and one large free block is left over.
gc.threshold(4096)

import asyncio  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402

os.chdir("/")  # this file was found in its slot (boot.py); what the hub keeps is in the root

from firmware.board import chip, passing  # noqa: E402
from firmware.board.light import Light  # noqa: E402


def joined():
    """The hub, None when it is blank. What it takes to make one is forgotten, its settings too."""
    passing.loading()
    from firmware import parts

    found = parts.enrolled()
    return parts.joined(*found, globals().get("slot")) if found else None  # boot.py leaves the slot


def main():
    """Run the hub, or say why not."""
    if chip.ram_octets() < chip.RAM_OCTETS_MIN:
        print("telehub: this board has no PSRAM; Wi-Fi, Bluetooth and TLS together need a board that has it")
        return
    try:
        hub = joined()
        if hub is None:
            Light().show(0, 0)
            print("telehub: blank; enrol it with: telehub provision")
            return
        passing.forget()
        asyncio.run(hub.run())
    except Exception as error:  # noqa: BLE001 - the supervisor: whatever it is, the hub starts anew
        sys.print_exception(error)
        keep(error)
    chip.reset()


def keep(error):
    """Keep why the hub ended, if there is room for that."""
    try:
        from firmware.board import crash

        crash.keep(error)
    except MemoryError:
        pass


main()
