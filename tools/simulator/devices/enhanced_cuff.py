"""Blood pressure monitors by the service's version 1.1: stored records with numbers, in segments, with a CRC."""

import asyncio
import struct
from datetime import datetime

from tools.simulator.devices import database, encode, readings
from tools.simulator.devices.base import Held
from tools.simulator.devices.link import CollectorLink
from tools.simulator.devices.record_server import ALL, GREATER_OR_EQUAL, LAST, RecordServer
from tools.simulator.devices.standard import Standard

_ENHANCED, _RECORD = 0x2B34, 0x2B36
_HAS_TIME, _HAS_PULSE, _HAS_STATUS, _HAS_USER_FACING, _SINCE_2000 = 0x02, 0x04, 0x10, 0x20, 0x40
_FEATURES = struct.pack("<H", 0x0140)  # E2E-CRC, user-facing time
_UTC_OFFSET_S = 3600


class EnhancedCuff(RecordServer, Standard):
    """Gives its memory by RACP as records of 2B34; keeps them."""

    MODEL = "Blood pressure monitor 1.1"
    # Label, device identifier, issuer's OID (GS1) and authority's (the FDA); the identifier is an example number.
    UDI = b"\x0f(01)04012345678901(21)B7\x0004012345678901\x002.51.1.1\x002.16.840.1.113883.3.24\x00"
    SERVICE, MEASUREMENT, FEATURE = 0x1810, _ENHANCED, (0x2A49, _FEATURES)
    CLOCK = None
    FORGETS = False
    OPERATORS = (ALL, GREATER_OR_EQUAL, LAST)
    SEGMENT_OCTETS = 20

    def more_characteristics(self) -> list:
        """Records and their control point."""
        self.record = self.carrying(_RECORD, database.NOTIFY)
        return [self.record, self.record_access_point()]

    def record_carriers(self) -> list:
        """The record."""
        return [self.record]

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """What was measured before is a record."""

    def encode(self, held: Held) -> bytes:
        """Enhanced Blood Pressure Measurement: the clock that counts, and behind it what the display said."""
        reading = held.reading
        assert held.time is not None
        shown_s = int((held.time - datetime(2000, 1, 1)).total_seconds())
        octets = bytes((_HAS_TIME | _HAS_PULSE | _HAS_STATUS | _HAS_USER_FACING | _SINCE_2000,))
        octets += b"".join(encode.sfloat(one.number()) for one in reading.quantities[:3])
        octets += struct.pack("<I", shown_s - _UTC_OFFSET_S)
        octets += encode.sfloat(reading.quantity(readings.PULSE_CUFF).number())
        status = encode.bits(reading.status, encode.BLOOD_PRESSURE_STATUS)
        return octets + struct.pack("<HI", status, shown_s)

    async def send_record(self, link: CollectorLink, held: Held) -> None:
        """A record in segments; the last two octets are the CRC over all of them."""
        value = self.encode(held)
        head = struct.pack("<HH", held.number, _ENHANCED)
        covered = encode.segments(value + b"\0\0", self.SEGMENT_OCTETS, head, held.number)
        crc = encode.crc16(b"".join(covered)[:-2])
        segments = encode.segments(value + crc, self.SEGMENT_OCTETS, head, held.number)
        for segment in segments:
            link.notify(self.record, segment)
        while self.faults.endless and not link.gone:  # the last is never the last
            await asyncio.sleep(0.2)
            link.notify(self.record, bytes((segments[1][0] & 0xFC,)) + segments[1][1:])
