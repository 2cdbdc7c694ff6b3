"""Blood pressure monitors by the standard (service 1810), and their kin that keep to its layout."""

import struct

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.and_family import AndDevice
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.standard import Standard

_FEATURES = struct.pack("<H", 0x0017)  # body movement, cuff fit, irregular pulse, measurement position


class BloodPressure(Standard):
    """2A35 with time, pulse and status, and the user's slot where somebody chose one."""

    SERVICE, MEASUREMENT, FEATURE = 0x1810, 0x2A35, (0x2A49, _FEATURES)

    def encode(self, held: Held) -> bytes:
        """Blood Pressure Measurement."""
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
            user=held.user,
            status=encode.bits(reading.status, encode.BLOOD_PRESSURE_STATUS),
        )


class Cuff(BloodPressure):
    """A cuff of nobody's make that does what the service says."""

    MODEL = "Blood pressure monitor"


class Ua651ble(BloodPressure, AndDevice):
    """A&D UA-651BLE: stores 30 readings; after a measurement it advertises for half a minute."""

    MODEL = "UA-651BLE"
    FIRMWARE = "BLP009_02_005"
    WINDOW_S = 30.0
    MEMORY_MAX = 30


class Ua656ble(Ua651ble):
    """A&D UA-656BLE; taken to be like the UA-651BLE."""

    MODEL = "UA-656BLE"


class Ua1200ble(Ua651ble):
    """A&D UA-1200BLE; taken to be like the UA-651BLE."""

    MODEL = "UA-1200BLE"
    NAME = "UA-1200BLE_{tail}"


class OmronCuff(BloodPressure):
    """Omron "BLEsmart_": says in each advert what it wants; a collector that writes its clock breaks it."""

    MODEL = "HEM-7322T"
    NAME = "BLEsmart_{tail}"
    MANUFACTURER = "OMRON HEALTHCARE"
    COMPANY = 0x020E
    BOND_FIRST = True
    _FORMAT, _PAIRING, _CLOCK_INVALID, _PENDING = 0x01, 0x08, 0x04, 0x40

    def more_services(self) -> list:
        """Generic Attribute; nothing is sent before Service Changed was subscribed to."""
        self.changed = self.carrying(0x2A05, database.INDICATE)
        return [database.service(0x1801, self.changed)]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Begin to send when both are wanted."""
        if self.subscribed(self.changed) and self.subscribed(self.measurement):
            super().on_subscribed(link, self.measurement, notify, indicate)

    def event(self) -> bytes:
        """Format 1: users, clock invalid, pairing mode, data pending."""
        bits = (self._PAIRING if self._pairing_mode else 0) | (self._PENDING if self.has_more() else 0)
        return bytes((self._FORMAT, bits | (0 if self.clock.is_set else self._CLOCK_INVALID)))

    def clock_characteristic(self, uuid: int):
        """Readable; written to, the cuff is confused and gives no more readings."""
        one = super().clock_characteristic(uuid)
        read, write = one.value.read, one.value.write

        def confused(connection, octets):
            write(connection, octets)
            self.display = "Err"
            self.memory.clear()

        one.value = type(one.value)(read=read, write=confused)
        return one


class NewerCuff(Cuff):
    """Of a revision yet to come: a flag that nobody knows; `grows`: with two octets that it announces."""

    def __init__(self, world, address: str, *, grows: bool = False, **options):
        self._grows = grows
        super().__init__(world, address, **options)

    def encode(self, held: Held) -> bytes:
        """Bit 5."""
        value = super().encode(held)
        return bytes((value[0] | 0x20,)) + value[1:] + (b"\x01\x02" if self._grows else b"")


class BusyCuff(Cuff):
    """Says in its features that it knows no movement and no irregular pulse and tells both; its battery is at 255 %."""

    FEATURE = (0x2A49, b"\0\0")
    BATTERY_PERCENT = 255


class Bm57(BloodPressure):
    """Beurer BM57: all of its memory each time, oldest first, and gone a second after the last."""

    MODEL = "BM57"
    MANUFACTURER = "Beurer"
    FORGETS = False
    LINGER_S = 1.0
    MEMORY_MAX = 120


class MedisanaBu5(Bm57):
    """Medisana BU 5xx, of the same kin."""

    MODEL, NAME, MANUFACTURER = "BU 575", "1490BS", "Medisana"


class SanitasSbm(Bm57):
    """Sanitas SBM, of the same kin."""

    MODEL, NAME, MANUFACTURER = "SBM69", "SBM69", "Sanitas"


class Bm85(Bm57):
    """Beurer BM85, as one owner recorded it: slot without its flag, pulse and status swapped, reserved bit 6."""

    MODEL = "BM85"

    def encode(self, held: Held) -> bytes:
        """Bits 6, 4, 2 and 1; no mean pressure is sent as 0 mmHg."""
        reading = held.reading
        value = bytearray(super().encode(held))
        assert held.user is None and value[0] & 0x04
        pulse, status = bytes(value[14:16]), bytes(value[16:18])
        flags = 0x40 | value[0]
        slot = bytes((1,))
        assert len(reading.quantities) == 4
        return bytes((flags,)) + bytes(value[1:14]) + pulse[::-1] + slot + status[::-1]
