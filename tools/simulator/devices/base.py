"""What every medical device does for its user: measure, show, store, keep time, send what is stored."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from bumble import att

from tools.simulator.devices.clock import DeviceClock
from tools.simulator.devices.link import CollectorLink, LinkGone
from tools.simulator.devices.radio import Peripheral
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


class MedicalDevice(Peripheral):
    """A device in a home; `press` is what its user does."""

    MODEL = ""  # as its label and the platform call it
    WINDOW_S = 30.0  # advertises so long after a press
    PAIRING_WINDOW_S = 60.0
    MEMORY_MAX = 30  # readings; a newer one then overwrites the oldest
    LINGER_S = 1.5  # hangs up so long after the last confirmation
    CLOCK_COUNTS_FROM: datetime | None = None  # after a battery change; None: no date is shown

    def __init__(
        self,
        world,
        address: str,
        *,
        clock_start: datetime | None = None,
        utc_offset_min: int = 60,
        clock_is_set: bool = True,
        **options,
    ):
        super().__init__(world, address, **options)
        self.impostor = False
        self.taken: list[dict] = []
        self.forged: list[dict] = []  # what an impostor under this address showed
        self.overwritten: list[dict] = []  # shown once, lost by the device itself
        self.memory: list[Held] = []
        drift_ppm = self.chance.uniform(-_DRIFT_PPM_MAX, _DRIFT_PPM_MAX)
        error_s = self.chance.randint(-_CLOCK_ERROR_S_MAX, _CLOCK_ERROR_S_MAX)
        local = _utc(world) + timedelta(minutes=utc_offset_min, seconds=error_s)
        start = (clock_start or local) if clock_is_set else None
        self.clock = DeviceClock(world.loop, start, drift_ppm, self.CLOCK_COUNTS_FROM)

    def encode(self, held: Held) -> bytes:
        """A reading as its characteristic carries it."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """Whether something unsent is left."""
        return bool(self.memory)

    # -- what its user does

    def press(self, reading: Reading) -> dict:
        """Measure: the display shows a result, which is stored; then advertise."""
        time = self.clock.now()
        shown_at = _utc(self.world).replace(microsecond=0)
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
        self.memory.append(Held(reading, time, self.clock.is_set, entry))
        if len(self.memory) > self.MEMORY_MAX:
            self.overwritten.append(self.memory.pop(0).taken)
        self.note("press", entry["taken"])
        self._pairing_mode = False
        self._wake(self.WINDOW_S)
        return entry

    def pairing_mode(self) -> None:
        """Hold the button: advertise for pairing."""
        self.note("pairing_mode")
        self._pairing_mode = True
        self._wake(self.PAIRING_WINDOW_S)

    def remove_battery(self) -> None:
        """Take the battery out and put it back: the link and the clock are lost, stored readings are not."""
        self.note("battery")
        self.clock.lose()
        self._window_until = 0.0
        if self.link is not None:
            self.drop_link()
        self._run(self._advertise())

    def become_impostor(self) -> None:
        """From here on be somebody else under this address: no keys, other readings."""
        self.impostor = True
        self.forget_bonds()

    def unsent(self) -> list[dict]:
        """What the display showed and only this device's memory holds."""
        return [held.taken for held in self.memory]

    async def send_held(self, link: CollectorLink, characteristic, held: Held) -> None:
        """Indicate one stored reading; its confirmation deletes it. LinkGone when none came."""
        if self.faults.silent:
            await asyncio.sleep(self.PATIENCE_S)
            raise LinkGone
        octets = self.encode(held)
        octets = octets[: len(octets) - self.faults.cut_octets] + bytes(self.faults.extra_octets)
        self._sent_count += 1
        self.note("indicate", held.taken["taken"])
        if self._sent_count == self.faults.drop_at:
            self.faults.drop_at = None
            self.drop_link()
            raise LinkGone

        def confirmed() -> None:
            self.note("confirmed", held.taken["taken"])
            if held in self.memory:
                self.memory.remove(held)

        await link.indicate(characteristic, octets, confirmed)


def _utc(world) -> datetime:
    return datetime.fromtimestamp(world.time(), UTC).replace(tzinfo=None)


def joined_taken(devices) -> list[dict]:
    """Every device's readings in the order in which they were shown, numbered from 1."""
    entries = [entry for device in devices for entry in device.taken]
    entries.sort(key=lambda entry: entry["shown_at"])  # stable: devices keep their order within a second
    return [{**entry, "taken": number} for number, entry in enumerate(entries, 1)]


def written_octets(octets: bytes, length: int) -> bytes:
    """A value of exactly this length, else ATT error 0x0D."""
    if len(octets) != length:
        raise att.ATT_Error(att.ErrorCode.INVALID_ATTRIBUTE_LENGTH)
    return octets


def random_address(chance: Random) -> str:
    """A static random address."""
    octets = (chance.randrange(0xC0, 0x100), *(chance.randrange(256) for _ in range(5)))
    return ":".join(f"{octet:02x}" for octet in octets)
