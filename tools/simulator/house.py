"""A house in virtual time: one hub on the real interpreter, devices, router, broker, and the platform that receives.

The demo tells a story in it, the tests and the figures are taken in it. Nothing here decides whether a run was good:
that is judged from outside, by displays, flash cells, what travelled, the store and the light.
"""

import asyncio
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import drivers
from firmware import indicator
from firmware.contracts import PeerError
from firmware.journal.journal import Journal
from firmware.measurement.names import LIGHTS
from tools.backend.keys import Keyring, make_platform_keys
from tools.backend.store import Store
from tools.host import budget
from tools.simulator.air.net import Net
from tools.simulator.air.net_home import BROKER_NAME, NTP_NAME
from tools.simulator.air.world import World
from tools.simulator.brokers.embedded import PORT, EmbeddedBroker
from tools.simulator.devices import MedicalDevice, Nonin3230, Oximeter, Ua651ble, Uc352ble
from tools.simulator.devices.twins import TWINS
from tools.simulator.nor import Nor
from tools.simulator.platform import Platform
from tools.technician import ca
from tools.technician.enrol import Enrolled, enrol
from tools.technician.order import Operator, Recipient

HUB_ID = bytes.fromhex("24d7eb0a1b2c")  # an Espressif address block, and a number of nobody's
HUB = HUB_ID.hex()
LIGHT_PIN, BUTTON_PIN = 2, 0  # firmware/board/light.py
ZONE = "CET-1CEST,M3.5.0,M10.5.0/3"
CONNECTED_S = 180
PAIRED_S = 180
READ_S = 60  # from a press to the device's hanging up
DELIVERED_S = 900  # a handshake waits for a minute of quiet, a backoff for up to five
WINDOW_S = 310  # after this a pairing window has lapsed (firmware/hub.py)
_WORDS = {rhythm: words[0] for rhythm, words in zip(indicator.RHYTHMS, LIGHTS, strict=True)}
_SETTLED_S = 30
_STEP_S = 0.5
_POWER_CYCLE_S = 1.0


class TooLate(Exception):
    """Something did not happen in its time; args[0] says what."""


@dataclass(frozen=True)
class Model:
    """A device as a hub's list has it: what it is, its row, its address (None: drawn from the seed), its options."""

    make: type[MedicalDevice]
    row: str
    address: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)  # what the hub is told of it beside these


def twin(row: str, **options: Any) -> Model:
    """The virtual twin of a row of drivers/."""
    one = TWINS[row]
    return Model(one.make, row, options={**one.options, **options}, settings=one.settings)


CUFF = Model(Ua651ble, "ad_ua651ble")
SCALE = Model(Uc352ble, "ad_uc352ble")
NONIN = Model(Nonin3230, "nonin_3230")
OXIMETER = Model(Oximeter, "pulse_oximeter_unbonded")


class House:
    """Made from one seed; `await start()` before anything else, and `close()` at the end.

    Options for the hub: heap_octets, host ("esp" or "fork": which NimBLE), erased ("ff" or "noise"), table.
    `broker(net)` makes one on a real socket (brokers/outside.py) under `authority`; what the platform there sends is
    the backend service's business, so `platform.between` and `platform.send` are for the embedded one.
    """

    def __init__(
        self,
        seed: int,
        models: tuple[Model, ...],
        *,
        heap_octets: int = budget.HUB_HEAP_OCTETS,
        world: dict[str, Any] | None = None,
        hub: dict[str, Any] | None = None,
        authority: ca.Authority | None = None,
        keyring: Keyring | None = None,
        broker: Callable[[Net], Any] | None = None,
    ):
        self.seed = seed
        self.models = models
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-house-")
        self.world = World(seed, **(world or {}))
        self.loop = self.world.loop
        self.chance = random.Random(f"home {seed}")
        self.net, self.router = self.world.net, self.world.router
        self.hub = self.world.add_hub(HUB_ID, heap_octets=heap_octets, **(hub or {}))
        self.authority = authority or ca.Authority(ca.seeded(seed, "authority"))
        self.outside = broker is not None
        self.broker: Any = (
            broker(self.net)
            if broker is not None
            else EmbeddedBroker(self.net, self.authority.broker(BROKER_NAME), self.authority)
        )
        self.database = str(self.folder / "platform.sqlite")
        self.store = Store(self.database)
        self.keyring = keyring or make_platform_keys(random_octets=ca.seeded(seed, "platform"))
        self.operator = Operator(ca.new_key(ca.seeded(seed, "operator")))
        self.platform = Platform(self, self.store, self.keyring)
        self.devices: list[MedicalDevice] = []
        self.enrolled: Enrolled
        for number, model in enumerate(models):
            octets = (0xC0 | self.chance.randrange(64), *(self.chance.randrange(256) for _ in range(4)), number)
            address = model.address or ":".join(f"{octet:02x}" for octet in octets)
            self.devices.append(model.make(self.world, address, **model.options))

    async def start(self) -> None:
        """Switch on what is not the hub."""
        if self.outside:
            await self.broker.start(self.database, self.keyring, self.time_ms, self.platform.note, HUB)
        else:
            self.broker.backend.subscribe(self.platform.arrived)
            await self.broker.start()
        for device in self.devices:
            await device.start()

    def close(self) -> None:
        """End every process and file."""
        self.world.close()
        self.store.close()
        self._folder.cleanup()

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *_error) -> None:
        self.close()

    # -- what people do

    def settings(self) -> dict[str, Any]:
        """The hub's settings, but for the platform's key (tools/technician/enrol.py fills that in)."""
        return {
            "format": 1,
            "devices": [
                {"address": device.address, "address_type": 1, "row": model.row, **model.settings}
                for device, model in zip(self.devices, self.models, strict=True)
            ],
            "zone": ZONE,
            "wifi": {"ssid": self.router.ssid, "key": self.router.key},
            "broker": {"host": self.broker.host if self.outside else BROKER_NAME, "port": PORT},
            "time": {"ntp": NTP_NAME},
        }

    async def enrol(self) -> Enrolled:
        """Give the blank hub its identity and settings, over the cable."""
        self.enrolled = await enrol(
            self.run_on_hub, self.authority, self.keyring, self.settings(), self.operator.point
        )
        return self.enrolled

    def order(self, number: int, action: str, expires_in_s: float = 3600, **arguments: Any) -> bytes:
        """An order of the operator's for this hub."""
        to = Recipient(HUB, self.enrolled.agreement_point)
        return self.operator.order(to, number, int(self.time() + expires_in_s), action, arguments)

    async def run_on_hub(self, program: str) -> str:
        """Run a program on the hub and return what it left in `result`."""
        return await self.world.run_program(self.hub, self.program_file(program))

    def program_file(self, program: str) -> Path:
        """A program where the hub can run it."""
        path = self.folder / "program.py"
        path.write_text(program)
        return path

    @property
    def folder(self) -> Path:
        """What lies here goes with the house."""
        return Path(self._folder.name)

    def power_on(self) -> None:
        """Put the plug in."""
        self.world.boot(self.hub)

    def power_off(self) -> None:
        """Pull the plug."""
        self.hub.power_cut()

    async def power_cycle(self) -> None:
        """Pull the plug and put it in again."""
        self.power_off()
        await asyncio.sleep(_POWER_CYCLE_S)
        self.power_on()

    def press_button(self) -> None:
        """Open the pairing window."""
        self.hub.board.press(BUTTON_PIN)

    async def pair(self, device: MedicalDevice, limit_s: float) -> None:
        """Hold the device's button until it and the hub have bonded."""
        device.pairing_mode()
        await self.until(lambda: device.is_bonded() and device.link is None, limit_s, f"{device.MODEL} is paired")

    def network(self, up: bool) -> None:
        """Let the router work or not."""
        self.router.up = up
        self.net.up = up

    async def ready(self, paired: bool = True, network: bool = True) -> None:
        """Everything that a technician does, and the minutes after it. `network=False`: it is down from the start."""
        await self.start()
        await self.enrol()
        self.network(network)
        self.power_on()
        if network:
            await self.until(self.connected, CONNECTED_S, "the hub reaches its platform")
        else:
            await asyncio.sleep(_SETTLED_S)
        if not paired:
            return
        self.press_button()
        for device in self.devices:
            if device.BONDS:
                await self.pair(device, PAIRED_S)
        await asyncio.sleep(WINDOW_S)

    async def read(self, device: MedicalDevice, limit_s: float = READ_S) -> None:
        """Wait until the hub has read everything that a device holds, and the device sleeps."""
        await self.until(lambda: not device.unsent() and device.link is None, limit_s, f"{device.MODEL} is read")

    async def until_delivered(self, limit_s: float = DELIVERED_S) -> None:
        """Wait until the store holds what the displays showed."""
        await self.until(self.all_delivered, limit_s, "everything is delivered")

    async def until(self, condition: Callable[[], bool], limit_s: float, what: str, step_s: float = _STEP_S) -> None:
        """Let time pass until it is so; TooLate when it is not in time."""
        ends_s = self.loop.time() + limit_s
        while not condition():
            if self.loop.time() >= ends_s:
                raise TooLate(what)
            await asyncio.sleep(step_s)

    # -- what can be seen

    def time(self) -> float:
        """Unix seconds of virtual time."""
        return self.world.time()

    def time_ms(self) -> int:
        """The same in milliseconds."""
        return int(self.time() * 1000)

    def connected(self) -> bool:
        """Whether the hub has a session with the broker."""
        return HUB in self.broker.connected

    def taken(self) -> int:
        """How many readings displays showed."""
        return sum(len(device.taken) for device in self.devices)

    def delivered(self) -> dict[str, int]:
        """Readings in the store, per device address; those that a person must see to are not counted."""
        rows = self.store.rows("SELECT device, COUNT(*) AS readings FROM reading WHERE held = '' GROUP BY device")
        return {row["device"]: row["readings"] for row in rows}

    def delivered_total(self) -> int:
        """Readings in the store."""
        return sum(self.delivered().values())

    def all_delivered(self) -> bool:
        """Whether the store holds as many readings as displays showed."""
        return self.delivered_total() >= self.taken()

    def light(self) -> str:
        """The word for what the hub's light shows."""
        shown = self.hub.board.pin(LIGHT_PIN).shown
        if not shown or not self.hub.alive:
            return "off"
        rhythm = shown[-1][1:]
        return _WORDS.get(rhythm, "off")

    def lights(self) -> list[tuple[float, str]]:
        """Everything that the light showed: (virtual second, word)."""
        return [(at_s, _WORDS.get((hertz, share), "off")) for at_s, hertz, share in self.hub.board.pin(LIGHT_PIN).shown]

    @property
    def journal_cells(self) -> Nor:
        """The journal's flash."""
        return self.hub.flash.cells["journal"]

    def journal(self) -> Journal:
        """The journal as the next boot would find it: read from a copy of the cells."""
        return Journal(self.journal_cells.copy(), random.Random(0).randbytes)

    def kept(self) -> dict[int, int]:
        """Distinct readings on the flash, per slot of the device list."""
        return {slot: len(found) for slot, found in self.kept_readings().items()}

    def kept_readings(self) -> dict[int, set[bytes | int]]:
        """What makes each reading on the flash itself (promise P4), per slot: its octets, or its capture number."""
        journal = self.journal()
        readings: dict[int, set[bytes | int]] = {}
        for number in range(1, journal.next_capture):
            try:
                capture = journal.read(number)
            except ValueError:
                continue
            identity = _identity(journal, capture)
            if identity is not None:
                readings.setdefault(capture.device, set()).add(identity)
        return readings

    def heap_peak_octets(self) -> int:
        """The most that the firmware's heap held, the twin's own share taken off."""
        return self.world.heap_peak(self.hub)


def _identity(journal: Journal, capture) -> bytes | int | None:
    """What makes a captured reading itself; None for a control point's answer, which is kept too and is none."""
    session = journal.session_of(capture) or journal.last_session(capture.device)
    uuids = dict(session.characteristics) if session else {}
    if capture.handle not in uuids:
        return None
    try:
        found = drivers.decode(session.row, uuids[capture.handle], capture.value)
    except PeerError:
        return int(capture.number)  # octets that nobody understands are kept and delivered as that
    if not found:
        return None
    timed = all(measurement.device_time_state == "ok" for measurement in found)
    return bytes(capture.value) if timed else int(capture.number)
