"""A patient's home in virtual time: the hub on the real interpreter, devices, router, broker and the platform."""

import asyncio
import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import drivers
from firmware import indicator
from firmware.contracts import PeerError
from firmware.journal.journal import Journal
from tools.backend.health import HealthDesk
from tools.backend.keys import Keyring, make_platform_keys
from tools.backend.receiver import Receiver
from tools.backend.store import Store
from tools.host import budget, interpreters, library
from tools.inspect import cose
from tools.inspect.envelope import decode_receipt, peek
from tools.simulator.air.net_home import BROKER_NAME, NTP_NAME
from tools.simulator.air.world import World
from tools.simulator.brokers.embedded import PORT, EmbeddedBroker
from tools.simulator.devices import MedicalDevice, Nonin3230, Patient, Ua651ble, Uc352ble
from tools.simulator.nor import Nor
from tools.technician import ca
from tools.technician.enrol import Enrolled, enrol

HUB_ID = bytes.fromhex("24d7eb0a1b2c")  # an Espressif address block, and a number of nobody's
_LIGHT_PIN, _BUTTON_PIN = 2, 0  # firmware/board/light.py
_STEP_S = 0.5
_FINE_STEP_S = 0.01  # between a subscription and the first indication lie a few connection intervals
_PACE_BUSY = 8.0  # virtual seconds in one of a person who watches something happen
_PROGRAM_CUT_OCTETS = (1, 47)  # a cuff's capture is three units of 16 octets: the plug goes somewhere inside


@dataclass(frozen=True)
class Kit:
    """What a programme puts into a home (regional TeleKOL and TeleHjerte descriptions)."""

    condition: str
    devices: tuple[tuple[type[MedicalDevice], str, str], ...]  # model, row, what its user measures with it


KITS = {
    "telekol": Kit("copd", ((Nonin3230, "nonin_3230", "oximetry"), (Uc352ble, "ad_uc352ble", "weight"))),
    "telehjerte": Kit(
        "heart_failure", ((Ua651ble, "ad_ua651ble", "blood_pressure"), (Uc352ble, "ad_uc352ble", "weight"))
    ),
}


@dataclass
class Count:
    """One line of the table: how far a device's readings have come."""

    name: str
    taken: int
    kept: int
    delivered: int
    doing: str


class TooLate(Exception):
    """Something that the story promises did not happen in its time; args[0] says what."""


class Home:
    """Made from one seed; `await start()` before anything else."""

    def __init__(
        self,
        seed: int,
        scenario: str,
        screen,
        *,
        heap_octets: int = budget.HUB_HEAP_OCTETS,
        costs_scale: float = 1.0,
    ):
        kit = KITS[scenario]
        self._seed = seed
        self._screen = screen
        self._folder = tempfile.TemporaryDirectory(prefix="telehub-demo-")
        self.world = World(seed, costs_scale=costs_scale)
        self._chance = random.Random(f"home {seed}")
        self.hub = self.world.add_hub(HUB_ID, heap_octets=heap_octets)
        self._authority = ca.Authority(ca.seeded(seed, "authority"))
        identity = self._authority.broker(BROKER_NAME)
        self.broker = EmbeddedBroker(self.world.net, identity, self._authority)
        self.keyring: Keyring = make_platform_keys(random_octets=ca.seeded(seed, "platform"))
        self.database = str(Path(self._folder.name) / "platform.sqlite")
        self.store = Store(self.database)
        self._receiver = Receiver(self.store, self.keyring)
        self._desk = HealthDesk(self.store, self.keyring)
        self.envelopes: dict[int, bytes] = {}
        self.receipts: dict[int, bytes] = {}
        self.enrolled: Enrolled
        self._kit = kit
        self._measure: dict[MedicalDevice, Callable] = {}
        self._rows: dict[MedicalDevice, str] = {}
        self.devices: list[MedicalDevice] = []
        self.broker.backend.subscribe(self._arrived)

    async def start(self) -> None:
        """Switch on what is not the hub."""
        await self.broker.start()
        patient = Patient(self._kit.condition, random.Random(f"patient {self._seed}"))
        for number, (model, row, what) in enumerate(self._kit.devices):
            octets = (0xC0 | self._chance.randrange(64), *(self._chance.randrange(256) for _ in range(4)), number)
            device = model(self.world, ":".join(f"{octet:02x}" for octet in octets))
            await device.start()
            self.devices.append(device)
            self._measure[device] = getattr(patient, what)
            self._rows[device] = row

    def close(self) -> None:
        """End every process and file."""
        self.world.close()
        self.store.close()
        self._folder.cleanup()

    # -- the platform

    def _arrived(self, topic: str, payload: bytes) -> None:
        hub, name = topic.split("/")[2:4]
        now_ms = int(self.time() * 1000)
        answer = None
        if name == "up":
            answer = self._receiver.handle(hub, payload, now_ms // 1000)
            self._keep_envelope(payload, answer)
        elif name == "health":
            answer = self._desk.handle(hub, payload, now_ms)
        if answer is not None:
            self.broker.backend.publish(f"telehub/1/{hub}/receipt", answer)

    def _keep_envelope(self, envelope: bytes, receipt: bytes | None) -> None:
        named = peek(cose.sign1(envelope))
        assert named is not None
        if named.sequence not in self.envelopes:
            self._say(f"envelope {named.sequence} arrives, {len(envelope)} octets; signature and chain are checked")
        self.envelopes[named.sequence] = envelope
        if receipt is not None:
            status = decode_receipt(receipt, self.enrolled.receipt_key).status
            if named.sequence not in self.receipts:
                self._say(f"receipt {named.sequence}: {'held' if status else 'stored'}", "red" if status else "green")
            self.receipts[named.sequence] = receipt

    # -- what people do

    async def enrol(self) -> None:
        """Give the blank hub its identity and settings, over the cable."""
        settings = {
            "format": 1,
            "devices": [
                {"address": device.address, "address_type": 1, "row": self._rows[device]} for device in self.devices
            ],
            "zone": "CET-1CEST,M3.5.0,M10.5.0/3",
            "wifi": {"ssid": self.world.router.ssid, "key": self.world.router.key},
            "broker": {"host": BROKER_NAME, "port": PORT},
            "time": {"ntp": NTP_NAME},
        }
        self.enrolled = await enrol(self._run_on_hub, self._authority, self.keyring, settings)
        self._say(f"hub {self.enrolled.hub} made three keys and has its certificate")

    async def _run_on_hub(self, program: str) -> str:
        path = Path(self._folder.name) / "program.py"
        path.write_text(program)
        return await self.world.run_program(self.hub, path)

    async def power_on(self) -> None:
        """Put the plug in."""
        self.world.boot(self.hub)
        self._say("the hub has power")

    def press_button(self) -> None:
        """Open the pairing window."""
        self.hub.board.press(_BUTTON_PIN)
        self._say("someone presses the hub's button: devices may be paired for five minutes")

    async def pair(self, device: MedicalDevice, limit_s: float) -> None:
        """Hold the device's button until it and the hub have bonded."""
        self._say(f"{device.MODEL}: its button is held, it looks for a partner")
        device.pairing_mode()
        await self.until(lambda: device.is_bonded() and device.link is None, limit_s, f"{device.MODEL} is paired")
        self._say(f"{device.MODEL}: paired", "green")

    async def measure(self, device: MedicalDevice, limit_s: float) -> None:
        """Measure, and wait until the device has gone back to sleep."""
        entry = device.press(self._measure[device]())
        shown = ", ".join(quantity.get("value", quantity.get("reason")) for quantity in entry["quantities"])
        self._say(f"{device.MODEL} shows {shown}", "bold")
        self._watched(True)
        await self.until(lambda: not device.unsent() and device.link is None, limit_s, f"{device.MODEL} is read")
        self._say(f"{device.MODEL}: kept on the hub's flash, and the device was told so", "yellow")
        self._watched(False)

    async def measure_and_pull_the_plug(self, device: MedicalDevice, limit_s: float) -> None:
        """Measure, and lose power inside the program that would keep the reading."""
        octet = self._chance.randint(*_PROGRAM_CUT_OCTETS)
        entry = device.press(self._measure[device]())
        shown = ", ".join(quantity.get("value", quantity.get("reason")) for quantity in entry["quantities"])
        self._say(f"{device.MODEL} shows {shown}", "bold")
        self._watched(True)
        # The session record is programmed before the device is subscribed to; what follows is the reading.
        await self.until(device.is_sending, limit_s, f"{device.MODEL} sends", _FINE_STEP_S)
        self._journal_cells().cut_at(octet=octet, tear=self._chance.choice(("prefix", "half_cleared")))
        await self.until(lambda: not self.hub.alive, limit_s, "the power is cut")
        self._say(f"the plug is pulled after octet {octet} of that reading", "bold red")
        self._watched(False)

    def network(self, up: bool) -> None:
        """Let the router work or not."""
        self.world.router.up = up
        self.world.net.up = up
        self._say("the router works again" if up else "the router goes dark", "green" if up else "red")

    async def restart_broker(self) -> None:
        """Lose every connection, sessions included."""
        self._say("the broker restarts", "red")
        await self.broker.restart(20.0, keep_sessions=False)
        self._say("the broker is back", "green")

    async def sleep(self, seconds: float) -> None:
        """Let time pass, unwatched when it is long."""
        await asyncio.sleep(seconds)
        self._screen.draw()

    async def until(self, condition: Callable[[], bool], limit_s: float, what: str, step_s: float = _STEP_S) -> None:
        """Let time pass until it is so; TooLate when it is not in time."""
        ends_s = self.world.loop.time() + limit_s
        while not condition():
            if self.world.loop.time() >= ends_s:
                raise TooLate(what)
            await asyncio.sleep(step_s)
            self._screen.draw()

    def facts(self) -> dict:
        """What run.json says of this run's parts."""
        probe = interpreters.micropython32().probe
        assert probe is not None  # one that did not answer would not have been chosen
        return {
            "hub": HUB_ID.hex(),
            "micropython": probe.version,
            "bits": probe.bits,
            "aioble": library.find()[1],
            "broker": "embedded",
            "heap_octets": self.hub.heap_octets,
        }

    # -- what can be seen

    def time(self) -> float:
        """Unix seconds of virtual time."""
        return self.world.time()

    def connected(self) -> bool:
        """Whether the hub has a session with the broker."""
        return HUB_ID.hex() in self.broker.connected

    def delivering(self) -> bool:
        """Whether the platform got something that it has not all got yet."""
        return self._delivered_total() > self._delivered_before or self.all_delivered()

    def mark(self) -> None:
        """Note how much is delivered now."""
        self._delivered_before = self._delivered_total()

    def all_delivered(self) -> bool:
        """Whether the store holds every reading that a display showed."""
        return self._delivered_total() >= sum(len(device.taken) for device in self.devices)

    def light(self) -> str:
        """The word for what the hub's light shows."""
        shown = self.hub.board.pin(_LIGHT_PIN).shown
        if not shown or not self.hub.alive:
            return "off"
        rhythm = shown[-1][1:]
        return next((row[0] for row in indicator.TABLE if row[1:3] == rhythm), "off")

    def hub_words(self) -> str:
        """What the hub is doing, in a few words."""
        if not self.hub.alive:
            return "no power"
        return "connected to its platform" if self.connected() else "on its own"

    def network_words(self) -> str:
        """How the network is."""
        return "works" if self.world.net.up else "down"

    def counts(self) -> list[Count]:
        """The table's lines."""
        delivered = self._delivered()
        kept = self._kept()
        return [
            Count(
                device.MODEL,
                len(device.taken),
                max(kept.get(number, 0), delivered.get(device.address, 0)),
                delivered.get(device.address, 0),
                "" if device.link is None else "talks to the hub",
            )
            for number, device in enumerate(self.devices)
        ]

    def kept(self) -> int:
        """Distinct readings that the hub's flash holds or held."""
        return sum(count.kept for count in self.counts())

    def programmed_octets(self) -> int:
        """Octets programmed in the journal."""
        return self._journal_cells().programmed_octets

    def erases(self) -> int:
        """Sectors erased in the journal."""
        return self._journal_cells().erases

    def heap_peak_octets(self) -> int:
        """The most that the firmware's heap held, the twin's own share taken off."""
        return self.world.heap_peak(self.hub)

    def _delivered(self) -> dict[str, int]:
        rows = self.store.rows("SELECT device, COUNT(*) AS readings FROM reading WHERE held = '' GROUP BY device")
        return {row["device"]: row["readings"] for row in rows}

    def _delivered_total(self) -> int:
        return sum(self._delivered().values())

    def _kept(self) -> dict[int, int]:
        """Per slot of the device list, distinct readings on the flash; read from a copy of it."""
        cells = self._journal_cells()
        copy = Nor(cells.sector_count, image=cells.image(), erased=cells.erased)
        journal = Journal(copy, random.Random(0).randbytes)
        values: dict[int, set[bytes]] = {}
        for number in range(1, journal.next_capture):
            try:
                capture = journal.read(number)
            except ValueError:
                continue
            if _is_reading(journal, capture):
                values.setdefault(capture.device, set()).add(capture.value)
        return {slot: len(found) for slot, found in values.items()}

    def _journal_cells(self) -> Nor:
        return self.hub.flash.cells["journal"]

    # -- telling

    def _say(self, what: str, style: str = "") -> None:
        self._screen.say(self.time(), what, style)

    def _watched(self, busy: bool) -> None:
        """Something worth watching happens: take time for it, when somebody looks."""
        self.world.loop.pace = _PACE_BUSY if busy and self._screen.live else 0


def _is_reading(journal: Journal, capture) -> bool:
    """Whether there is a measurement in a capture: a control point's answer is kept too, and is none."""
    session = journal.session_of(capture) or journal.last_session(capture.device)
    uuids = dict(session.characteristics) if session else {}
    try:
        return capture.handle in uuids and bool(drivers.decode(session.row, uuids[capture.handle], capture.value))
    except PeerError:
        return True  # octets that nobody understands are kept and delivered as that
