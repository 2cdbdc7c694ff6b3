"""Oximeters that tell their own way, or continuously: the standard's 2A5F, BerryMed, Jumper, Beurer PO60."""

import asyncio

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.oximeter import Oximeter
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.standard import Standard
from tools.simulator.devices.streams import Stream

_NO_SPO2, _NO_PULSE = 127, 255


def continuous(spo2: str, pulse: str, amplitude: str | None = None) -> Reading:
    """What an oximeter shows all the time; "no_reading" without a finger."""
    quantities = [(readings.SPO2, spo2, readings.PERCENT), (readings.PULSE_OXIMETER, pulse, readings.BPM)]
    if amplitude is not None:
        quantities.append((readings.PULSE_AMPLITUDE, amplitude, readings.PERCENT))
    return readings.made("pulse_oximetry_continuous", *quantities)


def _shown(held: Held) -> tuple[int, int]:
    spo2, pulse = (held.reading.quantity(code).value for code in (readings.SPO2, readings.PULSE_OXIMETER))
    return int(spo2) if spo2 else _NO_SPO2, int(pulse) if pulse else _NO_PULSE


class BondingOximeter(Oximeter):
    """The standard's oximeter with a memory, of a maker whose devices bond."""

    BONDS = True


class ContinuousOximeter(Stream):
    """The standard's oximeter for a night: 2A5F once a second, normal averaging only."""

    MODEL = "Continuous oximeter"
    SERVICE, MEASUREMENT, FEATURE = 0x1822, 0x2A5F, (0x2A60, b"\x00\x00")

    def encode(self, held: Held) -> bytes:
        """PLX Continuous Measurement with its pulse amplitude."""
        spo2, pulse, amplitude = held.reading.quantities
        return b"\x10" + b"".join(encode.sfloat(one.number()) for one in (spo2, pulse, amplitude))


class BerryMed(Stream):
    """BerryMed BM1000 (BCI protocol): packets of five octets, cut into values wherever a value is full."""

    MODEL, NAME = "BM1000", "BerryMed"
    BONDS = False
    SERVICE, HEALTH_SERVICE = 0, "49535343-FE7D-4AE5-8FA9-9FAFD205E455"  # its adverts do not name the service
    MEASUREMENT = "49535343-1E4D-4BD9-BA61-23C647249616"
    _VALUE_OCTETS = 17  # so that packets go over the end

    def frames(self, held: Held) -> list[bytes]:
        """Seven packets in two values, of which neither begins with a packet for long."""
        spo2, pulse = _shown(held)
        packet = bytes((0x83, 0x20, 0x05 | (pulse & 0x80) >> 1, pulse & 0x7F, spo2))
        octets = packet * 8
        cut = self._beat % 5
        return [octets[cut : cut + self._VALUE_OCTETS], octets[cut + self._VALUE_OCTETS : cut + 2 * self._VALUE_OCTETS]]


class Jumper(Stream):
    """Jumper "My Oximeter": waves, and once a second `81 pulse SpO2 index`."""

    MODEL, NAME = "JPD-500", "My Oximeter"
    BONDS = False
    SERVICE, HEALTH_SERVICE = 0, "CDEACB80-5235-4C07-8846-93A37EE6B86D"
    MEASUREMENT = "CDEACB81-5235-4C07-8846-93A37EE6B86D"

    def frames(self, held: Held) -> list[bytes]:
        """A value, then a wave."""
        spo2, pulse = _shown(held)
        index, _ = held.reading.quantity(readings.PULSE_AMPLITUDE).numeral()
        return [bytes((0x81, pulse, spo2, index)), bytes((0x80, *range(8)))]


class Po60(Standard):
    """Beurer PO60: gives all of its records when it is asked, each in two values; octets of seven bits."""

    MODEL, NAME = "PO60", "PO60"
    MANUFACTURER = "Beurer"
    BONDS = False
    FORGETS = False
    CLOCK = None
    SERVICE, MEASUREMENT, _COMMAND = 0xFF12, 0xFF02, 0xFF01
    SENDS = database.NOTIFY
    _HELLO, _DUMP = b"\x90\x05\x15", b"\x99\x00\x19"
    _CUT = 20

    def more_characteristics(self) -> list:
        """Where commands are written to."""
        return [database.characteristic(self._COMMAND, database.WRITE, (lambda _: b"", self._on_command))]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """It waits for its commands."""

    def _on_command(self, _connection, octets: bytes) -> None:
        self.note("command", octets.hex())
        if octets == self._DUMP and self.link is not None:
            self.link.sending = self._run(self._dump(self.link))

    async def _dump(self, link: CollectorLink) -> None:
        for held in list(self.memory):
            record = self.record(held)
            for part in (record[: self._CUT], record[self._CUT :]):
                await asyncio.sleep(0.05)
                link.notify(self.measurement, part)
            held.sent = True
        await asyncio.sleep(self.LINGER_S)
        self._window_until = 0.0
        await link.hang_up()

    def record(self, held: Held) -> bytes:
        """E9, number, begin and end, three octets that nobody knows, SpO2 and pulse: most, least, average; sum."""
        spo2, pulse = _shown(held)
        assert held.time is not None
        time = held.time
        stamp = bytes((time.year - 2000, time.month, time.day, time.hour, time.minute, time.second))
        body = bytes((0xE9, held.number & 0x7F)) + stamp * 2 + bytes(3)
        body += bytes((spo2, spo2, spo2, pulse, pulse, pulse))
        return body + bytes((sum(body) & 0x7F,))
