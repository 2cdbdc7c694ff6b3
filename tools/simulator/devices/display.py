"""What every medical device does for its user, whatever carries its octets: measure, show, store, keep time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from tools.simulator.devices.clock import DeviceClock
from tools.simulator.devices.readings import Reading

_DRIFT_PPM_MAX = 40  # watch crystals of cheap devices: 20 ppm at 25 degrees, more in a cold bathroom
_CLOCK_ERROR_S_MAX = 20  # a clock set by hand or by an app long ago


@dataclass
class Held:
    """A reading in the device's memory."""

    reading: Reading
    time: datetime | None  # by the device's clock
    clock_was_set: bool
    taken: dict
    number: int  # among all that this device ever measured, in 16 bits
    user: int | None = None  # the slot of who used it
    sent: bool = False  # a collector has had it


class Display:
    """What was shown, and what is still only here."""

    MODEL = ""  # as its label and the platform call it
    MEMORY_MAX = 30  # readings; a newer one then overwrites the oldest
    CLOCK_COUNTS_FROM: datetime | None = None  # after a battery change; None: no date is shown

    def set_up_display(
        self,
        world,
        address: str,
        chance: Random,
        *,
        clock_start: datetime | None = None,
        utc_offset_min: int = 60,
        clock_is_set: bool = True,
    ) -> None:
        """Put the battery in for the first time."""
        self.world = world
        self.address = address
        self.impostor = False
        self.taken: list[dict] = []
        self.forged: list[dict] = []  # what an impostor under this address showed
        self.overwritten: list[dict] = []  # shown once, lost by the device itself
        self.memory: list[Held] = []
        self.sequence = 0
        drift_ppm = chance.uniform(-_DRIFT_PPM_MAX, _DRIFT_PPM_MAX)
        error_s = chance.randint(-_CLOCK_ERROR_S_MAX, _CLOCK_ERROR_S_MAX)
        local = utc(world) + timedelta(minutes=utc_offset_min, seconds=error_s)
        start = (clock_start or local) if clock_is_set else None
        self.clock = DeviceClock(world.loop, start, drift_ppm, self.CLOCK_COUNTS_FROM)

    def show(self, reading: Reading, user: int | None = None) -> dict:
        """Show a result and store it; returns what the display says, as a line of taken.jsonl has it."""
        time = self.clock.now()
        shown_at = utc(self.world).replace(microsecond=0)
        shown = self.forged if self.impostor else self.taken
        entry = {
            "taken": len(shown) + 1,
            "device": self.address,
            "model": self.MODEL,
            "kind": reading.kind,
            "shown_at": shown_at.isoformat() + "Z",
            "device_time": time.isoformat() if time else None,
            "for_patient": reading.for_patient and not self.impostor,
            "quantities": [quantity.shown() for quantity in reading.quantities],
            "status": list(reading.status),
        }
        shown.append(entry)
        self.sequence = self.sequence + 1 & 0xFFFF
        self.memory.append(Held(reading, time, self.clock.is_set, entry, self.sequence, user))
        if len(self.memory) > self.MEMORY_MAX:
            oldest = self.memory.pop(0)
            if not oldest.sent:
                self.overwritten.append(oldest.taken)
        return entry

    def unsent(self) -> list[dict]:
        """What the display showed and only this device's memory holds."""
        return [held.taken for held in self.memory if not held.sent]


def utc(world) -> datetime:
    """The world's time, without a zone."""
    return datetime.fromtimestamp(world.time(), UTC).replace(tzinfo=None)
