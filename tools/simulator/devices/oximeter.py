"""A standard pulse oximeter (Pulse Oximeter Service 1.0.1), spot checks only, that cannot bond."""

import asyncio
import struct

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink, LinkGone
from tools.simulator.devices.record_server import RecordServer
from tools.simulator.devices.standard import CURRENT_TIME, OwnClock

_SPOT_CHECK, _FEATURES = 0x2A5E, 0x2A60

_HAS_STATUS, _HAS_SENSOR, _STORES, _HAS_TIME = 0x01, 0x02, 0x04, 0x08
_SUPPORTED_STATUS = 0xFFE0  # every bit that the service assigns
_SUPPORTED_SENSOR = 0xFFFF

_LIVE_DELAY_S = 0.3


class Oximeter(OwnClock, RecordServer):
    """`stores`: keeps records and gives them to RACP only; else sends the present one when subscribed to."""

    MODEL = "Spot-check oximeter"
    MANUFACTURER = "Virtual devices"
    FIRMWARE = "1.0"
    SERVICE = 0x1822
    WINDOW_S = 40.0  # the service advises about this for spot checks
    LINGER_S = 5.0  # Pulse Oximeter Service: without an indication for 5 s a procedure is over
    PATIENCE_S = 15.0
    BONDS = False
    MEMORY_MAX = 40

    def __init__(self, world, address: str, *, stores: bool = True, **options):
        self.stores = stores
        if not stores:
            self.MEMORY_MAX = 1
        super().__init__(world, address, **options)

    def name(self) -> str:
        """A plain name."""
        return "Oximeter " + self.address.replace(":", "")[8:].upper()

    def services(self) -> list:
        """Pulse oximeter, current time, device information, battery."""
        self.measurement = database.characteristic(_SPOT_CHECK, database.INDICATE)
        flags = _HAS_STATUS | _HAS_SENSOR | _HAS_TIME | (_STORES if self.stores else 0)
        features = struct.pack("<HH", flags, _SUPPORTED_STATUS) + _SUPPORTED_SENSOR.to_bytes(3, "little")
        characteristics = [self.measurement, database.characteristic(_FEATURES, database.READ, features)]
        if self.stores:
            characteristics.append(self.record_access_point())
        if self.BONDS:
            database.guard_subscription(self._server, self.measurement)
        return [
            database.service(self.SERVICE, *characteristics),
            database.service(0x1805, self.clock_characteristic(CURRENT_TIME)),
            database.device_information(self.MANUFACTURER, self.MODEL, self.serial, self.FIRMWARE),
            database.battery(100),
        ]

    def encode(self, held: Held) -> bytes:
        """PLX Spot-check Measurement with time and both statuses."""
        reading = held.reading
        measurement = [name for name in reading.status if name in encode.MEASUREMENT_STATUS]
        sensor = [name for name in reading.status if name in encode.SENSOR_STATUS]
        amplitude = reading.find(readings.PULSE_AMPLITUDE)
        return encode.spot_check(
            reading.quantity(readings.SPO2).number(),
            reading.quantity(readings.PULSE_OXIMETER).number(),
            time=encode.date_time(held.time),
            measurement=encode.measurement_status(measurement),
            sensor=encode.sensor_status(sensor),
            amplitude=amplitude.number() if amplitude else None,
            clock_not_set=not held.clock_was_set,
        )

    # -- sending

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """A device without a memory sends its present reading."""
        if characteristic is self.measurement and indicate and not self.stores:
            self._begin(link, self._send_live(link))

    async def _send_live(self, link: CollectorLink) -> None:
        await asyncio.sleep(_LIVE_DELAY_S)
        try:
            while self.memory:
                await self.send_held(link, self.measurement, self.memory[0])
        except LinkGone:
            return
        await self.part(link)

    # -- record access control point

    def record_carriers(self) -> list:
        """The spot check."""
        return [self.measurement]

    async def send_record(self, link: CollectorLink, held: Held) -> None:
        """Each is transmitted once."""
        await self.send_held(link, self.measurement, held)
