"""The kinds of device in these homes, as data: habits and encoders are those of tools/simulator/devices."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import drivers
from tools.simulator.devices import Nonin3230, Oximeter, Ua651ble, Uc352ble, encode, readings
from tools.simulator.devices.display import Held

READ, WRITE_SILENTLY, WRITE, NOTIFY, INDICATE = 0x02, 0x04, 0x08, 0x10, 0x20  # characteristic properties
DATE_TIME, CURRENT_TIME, RACP = 0x2A08, 0x2A2B, 0x2A52
_DEVICE_INFORMATION, _BATTERY = 0x180A, 0x180F
_TEXTS = (0x2A29, 0x2A24, 0x2A25, 0x2A26)  # manufacturer, model, serial, firmware


@dataclass(frozen=True)
class Kind:
    """One model: its row in the hub's list, its database, how it sends."""

    row: str
    habits: Any  # a class of tools/simulator/devices: MODEL, WINDOW_S, MEMORY_MAX, LINGER_S, …
    measurement: int  # the characteristic that carries readings
    services: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    measures: str  # what of a Patient's
    by_request: bool = False  # sends when asked by its control point, else when subscribed to
    timeless: bool = False  # its values carry no time
    encoder: Callable[[Held], bytes] | None = None

    @property
    def bonds(self) -> bool:
        """Whether its row says that it bonds."""
        return bool(drivers.row(self.row).bonds)

    @property
    def pairing_flags(self) -> int:
        """What it advertises while it takes a new bond."""
        return int(self.habits.PAIRING_FLAGS)

    def encode(self, held: Held) -> bytes:
        """A reading as its characteristic carries it."""
        if self.encoder is not None:
            return self.encoder(held)
        octets: bytes = self.habits.encode(None, held)  # these encoders ask nothing of their device
        return octets

    def handles(self) -> dict[int, tuple[int, int, int]]:
        """uuid -> (value handle, properties, end handle); every characteristic has three attributes, a service one."""
        found: dict[int, tuple[int, int, int]] = {}
        handle = 1
        for _, characteristics in self.services:
            handle += 1
            for uuid, properties in characteristics:
                found.setdefault(uuid, (handle + 1, properties, handle + 2))
                handle += 3
        return found


def _timeless_weight(held: Held) -> bytes:
    mantissa, exponent = held.reading.quantity(readings.BODY_MASS).numeral()
    assert exponent == -3
    return encode.weight(mantissa // 5)


class _PlainScale(Uc352ble):
    """A standard scale without a clock: nothing but the octets tells one reading from another."""

    MODEL = "Plain scale"
    MEMORY_MAX = 20
    PAIRING_FLAGS = Oximeter.PAIRING_FLAGS


def _health(service: int, measurement: int, feature: int) -> tuple:
    clock = (DATE_TIME, READ | WRITE)
    return (
        (service, ((measurement, INDICATE), (feature, READ), clock)),
        (_DEVICE_INFORMATION, tuple((uuid, READ) for uuid in _TEXTS)),
        (_BATTERY, ((0x2A19, READ),)),
    )


_OXIMETER = (
    (0x1822, ((0x2A5E, INDICATE), (0x2A60, READ), (RACP, WRITE | INDICATE))),
    (0x1805, ((CURRENT_TIME, READ | WRITE),)),
    (_DEVICE_INFORMATION, tuple((uuid, READ) for uuid in _TEXTS)),
)

CUFF = Kind("ad_ua651ble", Ua651ble, 0x2A35, _health(0x1810, 0x2A35, 0x2A49), "blood_pressure")
SCALE = Kind("ad_uc352ble", Uc352ble, 0x2A9D, _health(0x181D, 0x2A9D, 0x2A9E), "weight")
NONIN = Kind("nonin_3230", Nonin3230, 0x2A5E, _OXIMETER, "oximetry", by_request=True)
OXIMETER = Kind("pulse_oximeter_unbonded", Oximeter, 0x2A5E, _OXIMETER, "oximetry", by_request=True)
PLAIN_SCALE = Kind(
    "weight_scale",
    _PlainScale,
    0x2A9D,
    ((0x181D, ((0x2A9D, INDICATE), (0x2A9E, READ))), (_DEVICE_INFORMATION, ((0x2A24, READ),))),
    "weight",
    timeless=True,
    encoder=_timeless_weight,
)
KINDS = {
    "cuff": CUFF,
    "scale": SCALE,
    "nonin": NONIN,
    "oximeter": OXIMETER,
    "plain_scale": PLAIN_SCALE,
}


def constant(uuid: int, kind: Kind, serial: str) -> bytes:
    """What reading a characteristic that never changes gives."""
    texts = {0x2A29: "Virtual", 0x2A24: kind.habits.MODEL, 0x2A25: serial, 0x2A26: kind.habits.FIRMWARE}
    if uuid in texts:
        return texts[uuid].encode()
    return {0x2A19: b"\x64", 0x2A49: struct.pack("<H", 0x17), 0x2A9E: struct.pack("<I", 1)}.get(uuid, b"\0\0")
