"""A&D UA-651BLE, a blood-pressure cuff."""

import struct

from tools.simulator.devices import encode, readings
from tools.simulator.devices.and_family import AndDevice
from tools.simulator.devices.base import Held

_FEATURES = 0x0017  # body movement, cuff fit, irregular pulse, measurement position


class Ua651ble(AndDevice):
    """Stores 30 readings; after a measurement it advertises for half a minute."""

    MODEL = "UA-651BLE"
    FIRMWARE = "BLP009_02_005"
    SERVICE, MEASUREMENT, FEATURE = 0x1810, 0x2A35, 0x2A49
    WINDOW_S = 30.0
    MEMORY_MAX = 30

    def feature_value(self) -> bytes:
        """Blood Pressure Feature."""
        return struct.pack("<H", _FEATURES)

    def encode(self, held: Held) -> bytes:
        """Blood Pressure Measurement with time, pulse and status; no user."""
        reading = held.reading
        pulse = reading.find(readings.PULSE_CUFF)
        systolic = reading.quantity(readings.SYSTOLIC)
        return encode.blood_pressure(
            systolic.number(),
            reading.quantity(readings.DIASTOLIC).number(),
            reading.quantity(readings.MEAN).number(),
            kpa=systolic.unit == readings.KPA,
            time=encode.date_time(held.time),
            pulse=pulse.number() if pulse else None,
            status=encode.bits(reading.status, encode.BLOOD_PRESSURE_STATUS),
        )
