"""The one place where the hub's parts are made and joined. Nothing here lasts: board/passing.py forgets it after."""

import drivers
from firmware import config, devices, enrolment
from firmware.ble.pairing import Bonds
from firmware.board import chip, passing
from firmware.board.flash import PartitionFlash
from firmware.board.light import Button, Light
from firmware.board.line import Line, set_chip_clock
from firmware.board.radio import Radio
from firmware.board.ticks import Ticks
from firmware.contracts import PeerError
from firmware.hub import Hub, load_tls, save_bonds
from firmware.journal.journal import Journal
from firmware.timekeeping import BUILT_S, CLOCK_PLATFORM, Timekeeper
from firmware.uplink.session import Session

_RESETS = {1: "power", 2: "hard", 3: "watchdog", 4: "sleep", 5: "soft"}  # machine.*_RESET on the ESP32


class Parts:
    """What the hub is made of."""

    def __init__(self, settings, slot):
        self.slots = None if slot is None else lambda: chip.slots(slot)
        self.retire_spare = lambda: chip.retire_spare(slot)
        self.ticks = Ticks()
        self.random_octets = chip.random_octets
        self.forget = passing.forget
        self.loading = passing.loading
        self.journal = Journal(PartitionFlash("journal"), chip.random_octets)
        self.timekeeper = Timekeeper(self.ticks.now_ms, _floor_s(self.journal), self.journal.boot)
        self.bonds = Bonds(config.Store(config.FOLDER, "bonds").load() or {}, save_bonds)
        self.radio = Radio(self.bonds)
        self.session = Session(
            Line(settings["wifi"], load_tls), self.ticks, self.timekeeper, settings["broker"], chip.hub_id().hex()
        )
        pins = settings.get("pins", {})
        self.light = Light(pins.get("light"))
        self.button = Button(pins.get("button"))
        self.set_chip_clock = set_chip_clock
        self.start_watchdog = chip.watchdog
        self.secure_element = chip.secure_element
        self.aes = chip.aes
        self.listed = devices.listed
        self.hub_id = chip.hub_id()
        self.reset_cause = _RESETS.get(chip.reset_cause(), "other")


def _floor_s(journal) -> int:
    """The earliest that it can be: when this was built, or the last capture that the platform's time stamped."""
    try:
        last = journal.read(journal.next_capture - 1)
    except ValueError:
        return BUILT_S
    return max(BUILT_S, last.time_s) if last.quality == CLOCK_PLATFORM else BUILT_S


def enrolled() -> "tuple | None":
    """(settings, keys) of a hub that is somebody's; one that lost either is blank, and waits to be enrolled again."""
    if config.to_be_wiped():
        from firmware import order_wipe

        order_wipe.finish(PartitionFlash("journal"))
        return None
    settings = config.Store(config.FOLDER, "settings").load()
    if settings is None:
        return None
    if "trial" in settings:
        from firmware import order_trial

        settings = order_trial.began(settings)
    set_chip_clock(BUILT_S)
    try:
        return settings, enrolment.load_keys(chip.hub_id())
    except PeerError as error:
        print("telehub:", *error.args)
        return None


def _intern(entries) -> None:
    """Load once what is loaded for moments: its names stay on the heap for ever, and so come to lie low, all together,
    out of the way of what needs room in one piece later.
    """
    for name in ("reporting", "sealing", "meeting", "visiting", "board.steps", "uplink.receipt", "uplink.dns"):
        __import__("firmware." + name)
        passing.forget()
    for entry in entries:
        if entry and entry["row"] in drivers.ROWS:
            drivers.row(entry["row"])
            passing.forget()


def joined(settings: dict, keys, slot=None) -> Hub:
    """The hub, ready to run. `slot`: which one the application runs from (boot.py); None: from the board's root."""
    _intern(settings["devices"])
    return Hub(Parts(settings, slot), settings, keys)
