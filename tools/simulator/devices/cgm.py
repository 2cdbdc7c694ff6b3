"""Continuous glucose monitors by the standard (service 181F)."""

import struct

from tools.simulator.devices import encode, readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.streams import Stream

_GLUCOSE, _TREND = 160020, 8418008  # MDC_CONC_GLU_GEN, MDC_CONC_GLU_TREND
_MG_PER_DL, _MG_PER_DL_MIN = 264274, 266868
_HAS_TREND, _HAS_STATUS = 0x01, 0x80
_FEATURES = (1 << 12).to_bytes(3, "little") + b"\x69"  # E2E-CRC; ISF, subcutaneous tissue


def sensor_glucose(value: str, trend: str) -> Reading:
    """What a sensor's reader shows, and by how much it changes a minute."""
    return readings.made("glucose_continuous", (_GLUCOSE, value, _MG_PER_DL), (_TREND, trend, _MG_PER_DL_MIN))


class Cgm(Stream):
    """One record in a value, with its status octet, its trend and its CRC. Real ones tell every five minutes."""

    MODEL = "Glucose sensor"
    SERVICE, MEASUREMENT = 0x181F, 0x2AA7
    FEATURE = (0x2AA8, _FEATURES + encode.crc16(_FEATURES))
    PERIOD_S = 5.0

    def encode(self, held: Held) -> bytes:
        """CGM Measurement: size, flags, glucose, minutes since the start, status, trend, CRC."""
        glucose, trend = held.reading.quantities
        body = bytes((_HAS_TREND | _HAS_STATUS,)) + encode.sfloat(glucose.number()) + struct.pack("<HB", self._beat, 0)
        body += encode.sfloat(trend.number())
        record = bytes((len(body) + 3,)) + body
        return record + encode.crc16(record)
