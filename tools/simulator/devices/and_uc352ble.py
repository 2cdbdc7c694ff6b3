"""A&D UC-352BLE, a weight scale."""

import struct

from tools.simulator.devices import encode, readings
from tools.simulator.devices.and_family import AndDevice
from tools.simulator.devices.base import Held

_HAS_TIME = 0x01
_RESOLUTION_0_1_KG = 4 << 3


class Uc352ble(AndDevice):
    """Stores 90 weights of 0.1 kg or 0.2 lb resolution."""

    MODEL = "UC-352BLE"
    FIRMWARE = "WSP002_208"
    SERVICE, MEASUREMENT, FEATURE = 0x181D, 0x2A9D, 0x2A9E
    WINDOW_S = 35.0
    MEMORY_MAX = 90

    def feature_value(self) -> bytes:
        """Weight Scale Feature."""
        return struct.pack("<I", _HAS_TIME | _RESOLUTION_0_1_KG)

    def encode(self, held: Held) -> bytes:
        """Weight Measurement with time; no user."""
        mass = held.reading.quantity(readings.BODY_MASS)
        if mass.value is None:
            count = encode.WEIGHT_UNSUCCESSFUL
        else:
            mantissa, exponent = mass.numeral()
            count = mantissa if mass.unit == readings.LB else mantissa // 5
            assert exponent == (-2 if mass.unit == readings.LB else -3)
        return encode.weight(count, pounds=mass.unit == readings.LB, time=encode.date_time(held.time))
