"""The one place where the hub's parts are made and joined; then the hub runs."""

import gc

# Collect often while importing: what stays then lies close together, and one large free block is left over.
gc.threshold(4096)

import asyncio  # noqa: E402
import sys  # noqa: E402

from firmware import config  # noqa: E402
from firmware.ble.pairing import Bonds  # noqa: E402
from firmware.board import chip, passing  # noqa: E402
from firmware.board.flash import PartitionFlash  # noqa: E402
from firmware.board.light import Button, Light  # noqa: E402
from firmware.board.line import Line, set_chip_clock  # noqa: E402
from firmware.board.radio import Radio  # noqa: E402
from firmware.board.ticks import Ticks  # noqa: E402
from firmware.hub import Hub  # noqa: E402
from firmware.journal.journal import Journal  # noqa: E402
from firmware.timekeeping import BUILT_S, CLOCK_PLATFORM, Timekeeper  # noqa: E402
from firmware.uplink.session import Session  # noqa: E402

_COLLECT_OCTETS = 32_768  # of garbage: a signature makes 285 kB, and short collections let the radio be heard


def floor_s(journal) -> int:
    """The earliest that it can be: when this was built, or the last capture that the platform's time stamped."""
    try:
        last = journal.read(journal.next_capture - 1)
    except ValueError:
        return BUILT_S
    return max(BUILT_S, last.time_s) if last.quality == CLOCK_PLATFORM else BUILT_S


class Parts:
    """What the hub is made of."""

    def __init__(self, settings, keys):
        self.ticks = Ticks()
        self.random_octets = chip.random_octets
        self.forget = passing.forget
        self.journal = Journal(PartitionFlash("journal"), chip.random_octets)
        self.timekeeper = Timekeeper(self.ticks.now_ms, floor_s(self.journal), self.journal.boot)
        bonds = config.Store(config.FOLDER, "bonds")
        self.bonds = Bonds(bonds.load() or {}, bonds.save)
        self.radio = Radio(self.bonds)
        self.session = Session(
            Line(settings["wifi"], keys.tls), self.ticks, self.timekeeper, settings["broker"], chip.hub_id().hex()
        )
        self.light = Light()
        self.button = Button()
        self.set_chip_clock = set_chip_clock
        self.start_watchdog = chip.watchdog
        self.hub_id = chip.hub_id()
        self.reset_cause = chip.reset_cause()


def load_keys():
    """The hub's keys, without what it takes to have them."""
    from firmware import enrolment

    keys = enrolment.load_keys(chip.hub_id())
    passing.forget()
    return keys


def main():
    """Run the hub, or say why not."""
    if chip.ram_octets() < chip.RAM_OCTETS_MIN:
        print("telehub: this board has no PSRAM; Wi-Fi, Bluetooth and TLS together need a board that has it")
        return
    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None:
        Light().show(0, 0)
        print("telehub: blank; enrol it with: telehub provision")
        return
    set_chip_clock(BUILT_S)
    keys = load_keys()
    try:
        hub = Hub(Parts(settings, keys), settings, keys)
        passing.forget()
        gc.threshold(_COLLECT_OCTETS)
        asyncio.run(hub.run())
    except Exception as error:  # noqa: BLE001 - the supervisor: whatever it is, the hub starts anew
        sys.print_exception(error)
    chip.reset()


main()
