"""Weight scales by the standard (service 181D)."""

import struct

from tools.simulator.devices import encode, readings
from tools.simulator.devices.and_family import AndDevice
from tools.simulator.devices.base import Held
from tools.simulator.devices.standard import Standard

_HAS_TIME = 0x01
_RESOLUTION_0_1_KG = 4 << 3


def weight_octets(held: Held, time: bool = True) -> bytes:
    """Weight Measurement, with the user's slot where somebody is known to have stepped on."""
    mass = held.reading.quantity(readings.BODY_MASS)
    if mass.value is None:
        count = encode.WEIGHT_UNSUCCESSFUL
    else:
        mantissa, exponent = mass.numeral()
        count = mantissa if mass.unit == readings.LB else mantissa // 5
        assert exponent == (-2 if mass.unit == readings.LB else -3)
    stamp = encode.date_time(held.time) if time else None
    return encode.weight(count, pounds=mass.unit == readings.LB, time=stamp, user=held.user)


class Weight(Standard):
    """2A9D with time; resolution 0.1 kg or 0.2 lb."""

    SERVICE = 0x181D
    MEASUREMENT: int | str = 0x2A9D
    FEATURE = (0x2A9E, struct.pack("<I", _HAS_TIME | _RESOLUTION_0_1_KG))

    def encode(self, held: Held) -> bytes:
        """Weight Measurement."""
        return weight_octets(held)


class Scale(Weight):
    """A scale of nobody's make that does what the service says."""

    MODEL = "Weight scale"


class LiveScale(Weight):
    """Sends each number that its display shows, without a time, until one stands; keeps nothing."""

    MODEL = "Weight scale, live"
    FEATURE = (0x2A9E, struct.pack("<I", _RESOLUTION_0_1_KG))
    ON_THE_WAY = (12_300, 64_000, 79_800)  # 0.001 kg
    CLOCK: int | None = None

    def __init__(self, world, address: str, **options):
        super().__init__(world, address, **{"clock_is_set": False, **options})

    def packets(self, held: Held) -> list[bytes]:
        """The numbers on the way, then the weight."""
        final = weight_octets(held, time=False)
        on_the_way = [struct.pack("<H", grams // 5) for grams in self.ON_THE_WAY]
        return [*(final[:1] + number + final[3:] for number in on_the_way), final]


class Uc352ble(Weight, AndDevice):
    """A&D UC-352BLE: stores 90 weights."""

    MODEL = "UC-352BLE"
    FIRMWARE = "WSP002_208"
    WINDOW_S = 35.0
    MEMORY_MAX = 90


class OldUc352ble(Uc352ble):
    """With firmware from before the service had its number: the same value in a service of the maker's."""

    HEALTH_SERVICE = "23434100-1FE4-1EFF-80CB-00FF78297D8B"
    MEASUREMENT: int | str = "23434101-1FE4-1EFF-80CB-00FF78297D8B"


class Uc421ble(Uc352ble):
    """A&D UC-421BLE: five users, told in the value; 99 is a guest."""

    MODEL = "UC-421BLE"
