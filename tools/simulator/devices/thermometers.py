"""Thermometers by the standard (service 1809)."""

import struct

from tools.simulator.devices import encode, readings
from tools.simulator.devices.and_family import AndDevice
from tools.simulator.devices.base import Held
from tools.simulator.devices.readings import Reading
from tools.simulator.devices.standard import Standard

BODY, AXILLA, EAR, ORAL = 150364, 188452, 188428, 188424  # MDC_TEMP_ BODY, AXILLA, EAR, ORAL
CELSIUS, FAHRENHEIT = 268192, 266560
_SITES = {AXILLA: 1, EAR: 3, ORAL: 6}  # Temperature Type
_TYPE = 0x2A1D
_FAHRENHEIT, _HAS_TIME, _HAS_TYPE = 0x01, 0x02, 0x04


def temperature(value: str, site: int = BODY, *, fahrenheit: bool = False) -> Reading:
    """What a thermometer shows."""
    return readings.made("body_temperature", (site, value, FAHRENHEIT if fahrenheit else CELSIUS))


def float32(value: encode.Number) -> bytes:
    """FLOAT: exponent in the high octet, mantissa in the low three, both two's complement (IEEE 11073-20601)."""
    if isinstance(value, str):
        return {"NaN": b"\xff\xff\x7f\x00", "NRes": b"\x00\x00\x80\x00"}[value]
    mantissa, exponent = value
    return struct.pack("<I", (exponent & 0xFF) << 24 | mantissa & 0xFFFFFF)


class Temperature(Standard):
    """2A1C with time and place."""

    SERVICE, MEASUREMENT, FEATURE = 0x1809, 0x2A1C, (_TYPE, b"\x02")
    STAMPS = True

    def encode(self, held: Held) -> bytes:
        """Temperature Measurement."""
        (value,) = held.reading.quantities
        site = _SITES.get(value.code)
        flags = (value.unit == FAHRENHEIT) | (_HAS_TIME if self.STAMPS else 0) | (_HAS_TYPE if site else 0)
        octets = bytes((flags,)) + float32(value.number())
        if self.STAMPS:
            octets += encode.date_time(held.time)
        return octets + (bytes((site,)) if site else b"")


class Thermometer(Temperature):
    """A thermometer of nobody's make that does what the service says."""

    MODEL = "Thermometer"


class Ut201ble(Temperature, AndDevice):
    """A&D UT-201BLE, in the ear... of the same family as its maker's cuffs."""

    MODEL = "UT201BLE"
    NAME = "UT201BLE_{tail}"


class TaiDoc(Temperature):
    """TaiDoc's NT-100B: cannot bond, has no clock, sends its one value and switches itself off."""

    MODEL = "NT-100B"
    MANUFACTURER = "TaiDoc"
    BONDS = False
    CLOCK = None
    STAMPS = False
    MEMORY_MAX = 1
    LINGER_S = 0.3

    def __init__(self, world, address: str, **options):
        super().__init__(world, address, **{"clock_is_set": False, **options})
