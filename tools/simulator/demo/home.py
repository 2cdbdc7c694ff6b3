"""The demo's house: a programme's kit and patient, and a screen that is told what happens."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from firmware.measurement import codes
from firmware.measurement.names import NAMES
from tools.host import interpreters, library
from tools.inspect import cose
from tools.inspect.envelope import decode_receipt, peek
from tools.simulator.air import launch
from tools.simulator.demo.choice import DEFAULT, Choice
from tools.simulator.devices import MedicalDevice, Patient
from tools.simulator.house import CUFF, HUB, NONIN, SCALE, House, Model
from tools.simulator.platform import Arrival

_FINE_STEP_S = 0.01  # between a subscription and the first indication lie a few connection intervals
_PACE_BUSY = 8.0  # virtual seconds in one of a person who watches something happen
_PROGRAM_CUT_OCTETS = (1, 47)  # a cuff's capture is three units of 16 octets: the plug goes somewhere inside
_BROKER_DOWN_S = 20.0


@dataclass(frozen=True)
class Kit:
    """What a programme puts into a home (regional TeleKOL and TeleHjerte descriptions)."""

    condition: str
    devices: tuple[tuple[Model, str], ...]  # and what its user measures with it


KITS = {
    "telekol": Kit("copd", ((NONIN, "oximetry"), (SCALE, "weight"))),
    "telehjerte": Kit("heart_failure", ((CUFF, "blood_pressure"), (SCALE, "weight"))),
}


@dataclass
class Count:
    """One line of the table: how far a device's readings have come."""

    name: str
    taken: int
    kept: int
    delivered: int
    doing: str


class Home(House):
    """Made from one seed; `await start()` before anything else."""

    def __init__(self, seed: int, scenario: str, screen, choice: Choice = DEFAULT, **options):
        kit = KITS[scenario]
        options = {**choice.options, **options}
        super().__init__(seed, tuple(model for model, _ in kit.devices), **options)
        self._screen = screen
        self._broker_word = choice.word
        self._ever_kept: dict[int, set] = {}
        self.envelopes: dict[int, bytes] = {}
        self.receipts: dict[int, bytes] = {}
        patient = Patient(kit.condition, random.Random(f"patient {seed}"))
        self._measure: dict[MedicalDevice, Callable] = {
            device: getattr(patient, what) for device, (_, what) in zip(self.devices, kit.devices, strict=True)
        }
        self._delivered_before = 0
        self.forward: Callable[[], str] = str  # sends on what is stored, and says what became of it (fut.py)
        self.platform.heard.append(self._heard)

    def _heard(self, arrival: Arrival) -> None:
        if arrival.name != "up":
            return
        named = peek(cose.sign1(arrival.octets))
        assert named is not None
        number = named.sequence
        if number not in self.envelopes:
            self._say(f"envelope {number} arrives, {len(arrival.octets)} octets, and is checked")
        self.envelopes[number] = arrival.octets
        if arrival.answer is not None:
            held = decode_receipt(arrival.answer, self.enrolled.receipt_key).status
            further = self.forward()
            if number not in self.receipts:
                self._say(f"receipt {number}: {'held' if held else 'stored'}{further}", "red" if held else "green")
            self.receipts[number] = arrival.answer

    # -- what people do

    async def set_up(self) -> None:
        """Give the blank hub its identity and settings, over the cable."""
        enrolled = await self.enrol()
        self._say(f"hub {enrolled.hub} made three keys and has its certificate")

    def power_on(self) -> None:
        """Put the plug in."""
        super().power_on()
        self._say("the hub has power")

    def press_button(self) -> None:
        """Open the pairing window."""
        super().press_button()
        self._say("the hub's button is pressed: for five minutes, devices may pair")

    async def pair(self, device: MedicalDevice, limit_s: float) -> None:
        """Hold the device's button until it and the hub have bonded."""
        self._say(f"{device.MODEL}: its button is held, it looks for a partner")
        await super().pair(device, limit_s)
        self._say(f"{device.MODEL}: paired", "green")

    async def measure(self, device: MedicalDevice, limit_s: float) -> None:
        """Measure, and wait until the device has gone back to sleep."""
        self._press(device)
        await self.until(lambda: not device.unsent() and device.link is None, limit_s, f"{device.MODEL} is read")
        self._note_kept()
        self._say(f"{device.MODEL}: kept on the hub's flash, and the device was told so", "yellow")
        self._watched(False)

    async def measure_and_pull_the_plug(self, device: MedicalDevice, limit_s: float) -> None:
        """Measure, and lose power inside the program that would keep the reading."""
        octet = self.chance.randint(*_PROGRAM_CUT_OCTETS)
        self._press(device)
        # The session record is programmed before the device is subscribed to; what follows is the reading.
        await self.until(device.is_sending, limit_s, f"{device.MODEL} sends", _FINE_STEP_S)
        self.journal_cells.cut_at(octet=octet, tear=self.chance.choice(("prefix", "half_cleared")))
        await self.until(lambda: not self.hub.alive, limit_s, "the power is cut")
        self._say(f"the plug is pulled after octet {octet} of that reading", "bold red")
        self._watched(False)

    def _press(self, device: MedicalDevice) -> None:
        entry = device.press(self._measure[device]())
        self._say(f"{device.MODEL} shows {display(entry['quantities'])}", "bold")
        self._watched(True)

    def network(self, up: bool) -> None:
        """Let the router work or not."""
        super().network(up)
        self._say("the router works again" if up else "the router goes dark", "green" if up else "red")

    async def restart_broker(self) -> None:
        """Lose every connection, sessions included. A broker of somebody's own is not ours to end."""
        ours = not self.outside or self.broker.restarts
        if ours:
            self._say("the broker restarts", "red")
        else:
            self._say("the hub is cut off from the broker, which is not ours to restart", "red")
        await self.broker.restart(_BROKER_DOWN_S, keep_sessions=False)
        self._say("the broker is back" if ours else "the broker can be reached again", "green")

    async def sleep(self, seconds: float) -> None:
        """Let time pass, unwatched when it is long."""
        await asyncio.sleep(seconds)
        self._screen.draw()

    async def until(self, condition: Callable[[], bool], limit_s: float, what: str, step_s: float = 0.5) -> None:
        """Let time pass until it is so, and show it; TooLate when it is not in time."""

        def seen() -> bool:
            self._screen.draw()
            return condition()

        await super().until(seen, limit_s, what, step_s)

    def delivering(self) -> bool:
        """Whether the platform got something since `mark`, or has it all."""
        return self.delivered_total() > self._delivered_before or self.all_delivered()

    def mark(self) -> None:
        """Note how much is delivered now."""
        self._delivered_before = self.delivered_total()

    # -- what can be seen

    def facts(self) -> dict:
        """What run.json says of this run's parts."""
        [path] = launch.interpreter()
        probe = interpreters.probe(path)
        assert probe is not None  # it has just run the hub
        return {
            "hub": HUB,
            "micropython": ".".join(map(str, probe.version)),
            "bits": probe.bits,
            "aioble": library.find()[1],
            "broker": self._broker_word,
            "heap_octets": self.hub.heap_octets * launch.heap_factor(path),
        }

    def hub_words(self) -> str:
        """What the hub is doing, in a few words."""
        if not self.hub.alive:
            return "no power"
        return "connected to its platform" if self.net.up and self.connected() else "on its own"

    def network_words(self) -> str:
        """How the network is."""
        return "works" if self.net.up else "down"

    def counts(self) -> list[Count]:
        """The table's lines."""
        delivered = self.delivered()
        self._note_kept()
        return [
            Count(
                device.MODEL,
                len(device.taken),
                len(self._ever_kept.get(slot, ())),
                delivered.get(device.address, 0),
                "" if device.link is None else "talks to the hub",
            )
            for slot, device in enumerate(self.devices)
        ]

    def _note_kept(self) -> None:
        """Look at the flash: what is delivered may be erased later, and was kept all the same."""
        for slot, found in self.kept_readings().items():
            self._ever_kept.setdefault(slot, set()).update(found)

    # -- telling

    def _say(self, what: str, style: str = "") -> None:
        self._screen.say(self.time(), what, style)

    def _watched(self, busy: bool) -> None:
        """Something worth watching happens: take time for it, when somebody looks."""
        self.loop.pace = _PACE_BUSY if busy and self._screen.live else 0


def display(quantities: list[dict[str, Any]]) -> str:
    """What a display shows, in words: 126/60 mmHg (mean 82), pulse 85 bpm."""
    said = {quantity["code"]: quantity.get("value", quantity.get("reason")) for quantity in quantities}
    parts = []
    if codes.PRESS_SYS in said:
        mean = f" (mean {said.pop(codes.PRESS_MEAN)})" if codes.PRESS_MEAN in said else ""
        parts = [f"{said.pop(codes.PRESS_SYS)}/{said.pop(codes.PRESS_DIA)} {_unit(quantities[0])}{mean}"]
    parts += [
        f"{NAMES[quantity['code']][1]} {said[quantity['code']]} {_unit(quantity)}".rstrip()
        for quantity in quantities
        if quantity["code"] in said
    ]
    return ", ".join(parts)


def _unit(quantity: dict[str, Any]) -> str:
    return NAMES[quantity["unit"]][1] if "unit" in quantity else ""
