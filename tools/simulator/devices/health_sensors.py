"""Generic health sensors (service 1840): the standard's road for spirometry, and for what has no profile."""

import struct
from datetime import datetime, timedelta

from bumble import att

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.base import Held, written_octets
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.readings import Quantity, Reading
from tools.simulator.devices.record_server import ALL, GREATER_OR_EQUAL, LAST, RecordServer
from tools.simulator.devices.standard import Standard
from tools.simulator.devices.thermometers import float32

# MDC_FLOW_AWAY_EXP_FORCED_PEAK, MDC_VOL_AWAY_EXP_FORCED_1S, and the capacity that is forced
PEF, FEV1, FVC = 152584, 152586, 188928
LITRE, LITRE_PER_MINUTE = 263744, 265216
_NUMERIC, _COMPOUND = 1, 7
_HAS_TYPE, _HAS_TIME = 0x0001, 0x0002
_UTC, _ZONE_TOLD, _CURRENT = 0x02, 0x10, 0x20
_TIME_FLAGS = _UTC | _ZONE_TOLD | _CURRENT
_NETWORK_TIME = 1
_QUARTER_S = 900
_START_LIVE, _TAKEN = b"\x01", b"\x80"


def spirometry(fev1: str, fvc: str, pef: str) -> Reading:
    """The best of a patient's blows."""
    return readings.made("spirometry", (FEV1, fev1, LITRE), (FVC, fvc, LITRE), (PEF, pef, LITRE_PER_MINUTE))


def single(code: int, value: str, unit: int) -> Reading:
    """One number of a sensor that has no profile of its own."""
    return readings.made("observation", (code, value, unit))


class HealthSensor(RecordServer, Standard):
    """Stored observations by RACP, numbered in 32 bits, in segments."""

    MODEL = "Health sensor"
    SERVICE, MEASUREMENT, FEATURE = 0x1840, 0x2BDD, (0x2BF3, b"\x00\x00")
    CLOCK = None
    FORGETS = False
    NUMBER_OCTETS = 4
    OPERATORS = (ALL, GREATER_OR_EQUAL, LAST)
    SEGMENT_OCTETS = 20
    ZONE_QUARTERS = 4

    def more_characteristics(self) -> list:
        """Live observations, their control point, and that of the records."""
        self.live = self.carrying(0x2B8B, database.INDICATE)
        both = database.WRITE | database.INDICATE
        self.control = database.characteristic(0x2BF4, both, (lambda _: b"", self._on_control), encrypted=self.BONDS)
        return [self.live, self.control, self.record_access_point()]

    def more_services(self) -> list:
        """Elapsed time."""
        clock = (self._read_clock, self._write_clock)
        both = database.READ | database.WRITE
        return [database.service(0x183F, database.characteristic(0x2BF2, both, clock, encrypted=self.BONDS))]

    def record_carriers(self) -> list:
        """Stored observations."""
        return [self.measurement]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """Nothing comes without a request."""

    def encode(self, held: Held) -> bytes:
        """A stored observation: its number, then the observation."""
        return struct.pack("<I", held.number) + self.observation(held)

    def observation(self, held: Held) -> bytes:
        """A number by itself, or all that belongs together as one compound."""
        quantities = held.reading.quantities
        time = self._elapsed(held.time)
        if len(quantities) == 1:
            kind, flags = _NUMERIC, _HAS_TYPE | _HAS_TIME
            body = struct.pack("<I", quantities[0].code) + time + _number(quantities[0])
        else:
            kind, flags = _COMPOUND, _HAS_TIME
            body = time + bytes((len(quantities),))
            for one in quantities:
                body += struct.pack("<IB", one.code, _NUMERIC) + _number(one)
        return struct.pack("<BHH", kind, len(body) + 2, flags) + body

    async def send_record(self, link: CollectorLink, held: Held) -> None:
        """Segments, each confirmed."""
        segments = encode.segments(self.encode(held), self.SEGMENT_OCTETS, first_count=held.number)
        for segment in segments:
            await link.indicate(self.measurement, segment)

    def _on_control(self, _connection, octets: bytes) -> None:
        assert self.link is not None
        self.note("control", octets.hex())
        if octets != _START_LIVE:
            raise att.ATT_Error(att.ErrorCode.VALUE_NOT_ALLOWED)

    # -- clock: seconds of UTC since 2000, with its zone

    def _elapsed(self, local: datetime | None) -> bytes:
        assert local is not None
        seconds = int((local - datetime(2000, 1, 1)).total_seconds()) - self.ZONE_QUARTERS * _QUARTER_S
        return bytes((_TIME_FLAGS,)) + seconds.to_bytes(6, "little") + bytes((_NETWORK_TIME, self.ZONE_QUARTERS))

    def _read_clock(self, _connection) -> bytes:
        return self._elapsed(self.clock.now()) + bytes((0 if self.clock.is_set else 1, 0x03))

    def _write_clock(self, _connection, octets: bytes) -> None:
        written_octets(octets, 9)
        if octets[0] != _TIME_FLAGS:
            raise att.ATT_Error(0x81)  # Elapsed Time Service: not in the format that this device has
        self.ZONE_QUARTERS = struct.unpack("b", octets[8:])[0]
        seconds = int.from_bytes(octets[1:7], "little") + self.ZONE_QUARTERS * _QUARTER_S
        self.clock.set(datetime(2000, 1, 1) + timedelta(seconds=seconds))
        self.note("clock", str(self.clock.now()))


def _number(one: Quantity) -> bytes:
    assert one.unit is not None
    return struct.pack("<H", one.unit & 0xFFFF) + float32(one.number())


class Spirometer(HealthSensor):
    """Forced expiration as one compound."""

    MODEL = "Spirometer"
