"""A standard pulse oximeter (Pulse Oximeter Service 1.0.1), spot checks only, that cannot bond."""

import asyncio
import struct

from bumble import att

from tools.simulator.devices import clock, database, encode, readings
from tools.simulator.devices.base import Held, MedicalDevice, written_octets
from tools.simulator.devices.link import CollectorLink, LinkGone

_SPOT_CHECK, _FEATURES, _RACP = 0x2A5E, 0x2A60, 0x2A52
_CURRENT_TIME_OCTETS = 10

_HAS_STATUS, _HAS_SENSOR, _STORES, _HAS_TIME = 0x01, 0x02, 0x04, 0x08
_SUPPORTED_STATUS = 0xFFE0  # every bit that the service assigns
_SUPPORTED_SENSOR = 0xFFFF

_REPORT, _DELETE, _ABORT, _COUNT, _COUNT_RESPONSE, _RESPONSE = range(1, 7)
_NULL, _ALL = 0, 1
_SUCCESS, _OPCODE_UNSUPPORTED, _OPERATOR_INVALID, _OPERATOR_UNSUPPORTED, _NO_RECORDS = 1, 2, 3, 4, 6

_CCCD_IMPROPERLY_CONFIGURED, _PROCEDURE_IN_PROGRESS = 0xFD, 0xFE  # common profile error codes

_ANSWER_DELAY_S = 0.08  # between a request and the first record
_LIVE_DELAY_S = 0.3


class Oximeter(MedicalDevice):
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
        self.racp = None
        if self.stores:
            self.racp = database.characteristic(
                _RACP,
                database.WRITE | database.INDICATE,
                (lambda _: b"", self._on_request),
                encrypted=self.BONDS,
            )
            characteristics.append(self.racp)
        if self.BONDS:
            for one in (self.measurement, self.racp):
                if one is not None:
                    database.guard_subscription(self._server, one)
        time = database.characteristic(
            0x2A2B,
            database.READ | database.WRITE,
            (self._read_clock, self._write_clock),
            encrypted=self.BONDS,
        )
        return [
            database.service(self.SERVICE, *characteristics),
            database.service(0x1805, time),
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

    def _begin(self, link: CollectorLink, coroutine) -> None:
        link.sending = self._run(coroutine)

    async def _send_live(self, link: CollectorLink) -> None:
        await asyncio.sleep(_LIVE_DELAY_S)
        try:
            while self.memory:
                await self.send_held(link, self.measurement, self.memory[0])
        except LinkGone:
            return
        await self._part(link)

    async def _part(self, link: CollectorLink) -> None:
        await asyncio.sleep(self.LINGER_S)
        if not link.gone and self._heard_at + self.LINGER_S <= self.world.loop.time() + 0.001:
            self.note("hang up")
            if not self.memory:
                self._window_until = 0.0
            await link.hang_up()

    # -- record access control point

    def _subscribed(self, characteristic) -> bool:
        assert self.link is not None
        cccd = self._server.subscribers.get(self.link.connection, {}).get(characteristic.handle, b"\0\0")
        return bool(cccd[0] & 2)

    def _on_request(self, _connection, octets: bytes) -> None:
        link = self.link
        assert link is not None  # it has just asked
        if not (self._subscribed(self.racp) and self._subscribed(self.measurement)):
            raise att.ATT_Error(_CCCD_IMPROPERLY_CONFIGURED)
        if self.is_sending():
            raise att.ATT_Error(_PROCEDURE_IN_PROGRESS)
        self.note("racp", octets.hex())
        self._begin(link, self._procedure(link, octets))

    async def _procedure(self, link: CollectorLink, octets: bytes) -> None:
        await asyncio.sleep(_ANSWER_DELAY_S)
        try:
            await link.indicate(self.racp, await self._carry_out(link, octets))
        except LinkGone:
            return
        self._run(self._part(link))

    async def _carry_out(self, link: CollectorLink, octets: bytes) -> bytes:
        opcode, operator = (octets[0], octets[1]) if len(octets) >= 2 else (octets[0] if octets else 0, _NULL)
        if opcode == _COUNT and operator == _ALL:
            return struct.pack("<BBH", _COUNT_RESPONSE, _NULL, len(self.memory))
        if opcode not in (_REPORT, _COUNT):
            return bytes((_RESPONSE, _NULL, opcode, _OPCODE_UNSUPPORTED))
        if operator != _ALL:
            why = _OPERATOR_INVALID if operator == _NULL else _OPERATOR_UNSUPPORTED
            return bytes((_RESPONSE, _NULL, opcode, why))
        if not self.memory:
            return bytes((_RESPONSE, _NULL, opcode, _NO_RECORDS))
        while self.memory:
            await self.send_held(link, self.measurement, self.memory[0])
        return bytes((_RESPONSE, _NULL, opcode, _SUCCESS))

    # -- clock

    def _read_clock(self, _connection) -> bytes:
        return encode.current_time(self.clock.now())

    def _write_clock(self, _connection, octets: bytes) -> None:
        time = clock.parse(written_octets(octets, _CURRENT_TIME_OCTETS))
        if time is None:
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)
        self.note("clock", time.isoformat())
        self.clock.set(time)
