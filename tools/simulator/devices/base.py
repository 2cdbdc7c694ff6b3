"""A medical device on the air: what it showed it sends, and deletes what is confirmed."""

import asyncio
from random import Random

from bumble import att

from tools.simulator.devices.display import Display, Held
from tools.simulator.devices.link import CollectorLink, LinkGone
from tools.simulator.devices.radio import Peripheral
from tools.simulator.devices.readings import Reading


class MedicalDevice(Display, Peripheral):
    """A device in a home; `press` is what its user does."""

    WINDOW_S = 30.0  # advertises so long after a press
    PAIRING_WINDOW_S = 60.0
    LINGER_S = 1.5  # hangs up so long after the last confirmation
    FORGETS = True  # a reading that was confirmed; some keep all and send all each time

    def __init__(self, world, address: str, *, clock_start=None, utc_offset_min=60, clock_is_set=True, **options):
        Peripheral.__init__(self, world, address, **options)
        self.set_up_display(
            world,
            self.address,
            self.chance,
            clock_start=clock_start,
            utc_offset_min=utc_offset_min,
            clock_is_set=clock_is_set,
        )

    def encode(self, held: Held) -> bytes:
        """A reading as its characteristic carries it."""
        raise NotImplementedError

    def has_more(self) -> bool:
        """Whether something unsent is left."""
        return any(not held.sent for held in self.memory)

    def packets(self, held: Held) -> list[bytes]:
        """The values that carry a reading: one, but for those that do not fit into one."""
        return [self.encode(held)]

    # -- what its user does

    def press(self, reading: Reading, user: int | None = None) -> dict:
        """Measure: the display shows a result, which is stored; then advertise."""
        entry = self.show(reading, user)
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

    def subscribed(self, characteristic) -> bool:
        """Whether the collector of the present link wants this one."""
        assert self.link is not None
        cccd = self._server.subscribers.get(self.link.connection, {}).get(characteristic.handle, b"\0\0")
        return bool(cccd[0] & 3)

    async def send_held(self, link: CollectorLink, characteristic, held: Held) -> None:
        """Indicate one stored reading; its confirmation deletes it. LinkGone when none came."""
        if self.faults.silent:
            await asyncio.sleep(self.PATIENCE_S)
            raise LinkGone
        *before, octets = self.packets(held)
        octets = octets[: len(octets) - self.faults.cut_octets] + bytes(self.faults.extra_octets)
        for one in before:
            await link.indicate(characteristic, one)
        self._sent_count += 1
        self.note("indicate", held.taken["taken"])
        if self._sent_count == self.faults.drop_at:
            self.faults.drop_at = None
            self.drop_link()
            raise LinkGone

        def confirmed() -> None:
            self.note("confirmed", held.taken["taken"])
            held.sent = True
            if self.FORGETS and held in self.memory:
                self.memory.remove(held)

        await link.indicate(characteristic, octets, confirmed)


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
