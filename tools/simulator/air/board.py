"""The chip around the interpreter, as far as it outlives a reset: identity, RTC, watchdog, pins, randomness."""

import math
import random
import struct
from dataclasses import dataclass, field

from tools.simulator.air.hub import PWRON_RESET, Hub
from tools.simulator.secure_element import Atecc608

_URANDOM, _BOOT_FACTS, _RTC, _WATCHDOG, _PIN, _I2C = 40, 41, 42, 43, 44, 47
_I2C_HEAD = "<BBIBB"  # pins of clock and data, hertz, address, octets to read (0: what follows is written)
_PIN_EVENT = 64
_MODE, _WRITE, _READ, _PWM, _IRQ = range(5)
_OUT, _PULL_UP = 3, 2
_RISING, _FALLING = 1, 2


@dataclass
class PinState:
    """One pin: its level, and everything it showed with the virtual second at which it did."""

    level: int = 0
    triggers: int = 0
    output: bool = False
    shown: list[tuple[float, int, int]] = field(default_factory=list)
    """(virtual second, hertz, percent on): hertz 0 is steady."""


class Board:
    """What the hub's `machine` module talks to."""

    def __init__(self, hub: Hub, unique_id: bytes, chance: random.Random):
        assert len(unique_id) == 6
        self.hub = hub
        self.unique_id = unique_id
        self.chance = chance
        self.pins: dict[int, PinState] = {}
        self.bus: dict[tuple[int, int], Atecc608] = {}  # by the pins of clock and data
        self._rtc_ms: int | None = None  # milliseconds since 2000 less the world's, None: never set since power-up
        hub.services.update(
            {
                _URANDOM: self._urandom,
                _BOOT_FACTS: self._boot_facts,
                _RTC: self._set_rtc,
                _WATCHDOG: self._feed,
                _PIN: self._pin,
                _I2C: self._i2c,
            }
        )
        hub.on_power.append(self._power)

    def pin(self, number: int) -> PinState:
        """The state of one pin."""
        return self.pins.setdefault(number, PinState())

    def press(self, number: int, seconds: float = 0.2) -> None:
        """Hold a button that pulls the pin low."""
        self.drive(number, 0)
        self.hub.loop.call_later(seconds, self.drive, number, 1)

    def drive(self, number: int, level: int) -> None:
        """Drive a pin from outside; the firmware's handler is called at the edge that it asked for."""
        pin = self.pin(number)
        if pin.level == level:
            return
        pin.level = level
        if pin.triggers & (_RISING if level else _FALLING):
            self.hub.notify(_PIN_EVENT, bytes([number, level]))

    def _power(self, on: bool) -> None:
        if on and self.hub.reset_cause == PWRON_RESET:
            self._rtc_ms = None
        if not on:
            for pin in self.pins.values():
                pin.triggers = 0
                if pin.output:
                    pin.shown.append((self.hub.loop.time(), 0, 0))
                    pin.output = False

    def _urandom(self, payload: bytes) -> bytes:
        return self.chance.randbytes(int.from_bytes(payload, "little"))

    def _boot_facts(self, _payload: bytes) -> bytes:
        hub = self.hub
        # time.rtc_ms on the chip is the calendar less the chip's own counter; at power-up it stands at 2000-01-01.
        rtc_ms = -hub.ticks_start if self._rtc_ms is None else self._rtc_ms + hub.loop.time_ms() - hub.chip_ms()
        return struct.pack("<B6sq", hub.reset_cause, self.unique_id, rtc_ms)

    def _set_rtc(self, payload: bytes) -> None:
        self._rtc_ms = struct.unpack("<q", payload)[0] - self.hub.loop.time_ms()

    def _feed(self, payload: bytes) -> None:
        ms = int.from_bytes(payload, "little")
        self.hub.watchdog_due = self.hub.loop.time() + ms / 1000 if ms else math.inf

    def _i2c(self, payload: bytes) -> bytes:
        scl, sda, hertz, address, count = struct.unpack_from(_I2C_HEAD, payload)
        chip = self.bus.get((scl, sda))
        if chip is None:
            return b"\0"
        if not count:
            return bytes((chip.write(address, payload[struct.calcsize(_I2C_HEAD) :], hertz),))
        octets = chip.read(address, count)
        return b"\0" if octets is None else b"\1" + octets

    def _pin(self, payload: bytes) -> bytes | None:
        number, verb = payload[0], payload[1]
        pin = self.pin(number)
        now = self.hub.loop.time()
        if verb == _MODE:
            pin.output = payload[2] == _OUT
            if not pin.output and payload[3] == _PULL_UP:
                pin.level = 1
        elif verb == _WRITE:
            pin.output = True
            pin.level = payload[2]
            pin.shown.append((now, 0, 100 if pin.level else 0))
        elif verb == _READ:
            return bytes([pin.level])
        elif verb == _PWM:
            hertz, duty = struct.unpack_from("<IH", payload, 2)
            pin.output = True
            pin.shown.append((now, hertz, round(duty * 100 / 65535)))
        elif verb == _IRQ:
            pin.triggers = payload[2]
        return None
