"""Heart-rate straps by the standard (service 180D)."""

import struct

from tools.simulator.devices import readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.streams import Stream

_RATE, _ENERGY = 147842, 8454263  # MDC_ECG_HEART_RATE, MDC_HF_ENERGY
_KILOJOULE = 266115
_ON_SKIN, _OFF_SKIN = 0x06, 0x04
_HAS_ENERGY, _HAS_INTERVALS = 0x08, 0x10
_INTERVALS_PER_S = 1024


def heart_rate(rate: str, energy: str | None = None) -> Reading:
    """What the watch beside a strap shows; "no_reading" off the skin."""
    quantities = [(_RATE, rate, readings.BPM)] + ([(_ENERGY, energy, _KILOJOULE)] if energy else [])
    return readings.made("heart_rate", *quantities, status=("detected",) if rate != "no_reading" else ())


class HeartRateStrap(Stream):
    """Cannot bond; a rate with the time between beats, and now and then the energy spent."""

    MODEL, NAME = "Heart rate strap", "HR {tail}"
    BONDS = False
    SERVICE, MEASUREMENT, FEATURE = 0x180D, 0x2A37, (0x2A38, b"\x01")  # chest

    def encode(self, held: Held) -> bytes:
        """Heart Rate Measurement: two intervals of the rate's own length behind it."""
        rate = held.reading.quantity(_RATE)
        energy = held.reading.find(_ENERGY)
        beats = int(rate.value) if rate.value else 0
        flags = (_ON_SKIN if beats else _OFF_SKIN) | (_HAS_ENERGY if energy else 0) | (_HAS_INTERVALS if beats else 0)
        octets = bytes((flags, beats))
        if energy:
            octets += struct.pack("<H", int(energy.value or 0))
        return octets + (struct.pack("<H", 60 * _INTERVALS_PER_S // beats) * 2 if beats else b"")
