"""Oximeters that speak in their own way and cannot bond: BerryMed, Jumper, Beurer PO60.

Layouts as public decoders of them read them (BCI protocol; obniz; one author on the PO60). None was seen here. BerryMed
and Jumper send streams. The PO60 gives its records when asked, each in two values: what its last octets but three
before the numbers mean is not known, and a pulse above 127 does not fit into its seven bits.
"""

from micropython import const

from drivers import STREAM_REST_MS, Driver, Joint, Sampling, make
from drivers.formats import need, nothing, uuid128
from drivers.joining import ALONE, BROKEN, LAST, PART
from firmware.contracts import PeerError
from firmware.measurement import codes, device_time
from firmware.measurement.measurement import Measurement

_BERRY_SERVICE = uuid128("49535343-FE7D-4AE5-8FA9-9FAFD205E455")
_BERRY = uuid128("49535343-1E4D-4BD9-BA61-23C647249616")
_JUMPER_SERVICE = uuid128("CDEACB80-5235-4C07-8846-93A37EE6B86D")
_JUMPER = uuid128("CDEACB81-5235-4C07-8846-93A37EE6B86D")
_PO60_SERVICE = const(0xFF12)
_PO60_COMMAND = const(0xFF01)
_PO60_DATA = const(0xFF02)

_NO_SPO2 = const(127)
_NO_PULSE = const(255)

_BERRY_PACKET = const(5)
_JUMPER_PACKET = const(4)
_JUMPER_HEAD = const(0x81)
_PO60_HEAD = const(0xE9)
_PO60_RECORD = const(24)
_PO60_END_AT = const(8)  # year from 2000, month, day, hour, minute, second of the end
_PO60_SPO2_AT = const(19)  # maximum, minimum, average; then the same of the pulse
_PO60_PULSE_AT = const(22)


def _pair(kind, spo2, pulse):
    return Measurement(
        kind,
        (
            (codes.SPO2, "no_reading") if spo2 == _NO_SPO2 or not spo2 else (codes.SPO2, spo2, 0, codes.PERCENT),
            (codes.PULSE_OXIMETER, "no_reading")
            if pulse == _NO_PULSE or not pulse
            else (codes.PULSE_OXIMETER, pulse, 0, codes.BPM),
        ),
    )


def decode_berry(octets) -> list:
    """Read the last whole packet of a value: bit 7 marks a packet's first octet. The stream repeats itself."""
    for at in range(len(octets) - _BERRY_PACKET, -1, -1):
        if octets[at] & 0x80 and not [True for more in range(1, _BERRY_PACKET) if octets[at + more] & 0x80]:
            measurement = _pair(
                "pulse_oximetry_continuous", octets[at + 4], octets[at + 3] | (octets[at + 2] & 0x40) << 1
            )
            measurement.status_raw = (octets[at] & 0x30) | (octets[at + 2] & 0x30) << 4
            measurement.named_by = "berrymed"
            return [measurement]
    raise PeerError("short", len(octets), _BERRY_PACKET)


def decode_jumper(octets) -> list:
    """Read one value: 81, pulse, SpO2, perfusion index in tenths. Other heads carry waves."""
    need(octets, 1)
    if octets[0] != _JUMPER_HEAD:
        return []
    need(octets, _JUMPER_PACKET)
    measurement = _pair("pulse_oximetry_continuous", octets[2], octets[1])
    measurement.quantities += ((codes.PULSE_AMPLITUDE, octets[3], -1, codes.PERCENT),)
    if len(octets) > _JUMPER_PACKET:
        measurement.extra = len(octets) - _JUMPER_PACKET
    return [measurement]


def decode_po60(octets) -> list:
    """Read one record that came in one value; answers to commands carry none."""
    need(octets, 1)
    if octets[0] != _PO60_HEAD:
        return []
    if len(octets) < _PO60_RECORD:
        raise PeerError("incomplete", len(octets))
    return _po60(octets)


def _po60(octets):
    total = 0
    for at in range(_PO60_RECORD - 1):
        total += octets[at]
    if total & 0x7F != octets[_PO60_RECORD - 1]:
        raise PeerError("checksum")
    measurement = _pair("pulse_oximetry", octets[_PO60_SPO2_AT] & 0x7F, octets[_PO60_PULSE_AT] & 0x7F)
    end = [octets[_PO60_END_AT + at] & 0x7F for at in range(6)]
    date_time = bytes(((2000 + end[0]) & 0xFF, (2000 + end[0]) >> 8, end[1], end[2], end[3], end[4], end[5]))
    measurement.device_time, measurement.device_time_state = device_time.parse(date_time)
    measurement.flags = ("from_storage",)
    if len(octets) > _PO60_RECORD:
        measurement.extra = len(octets) - _PO60_RECORD
    return [measurement]


def _takes(parts, uuid, octets):
    if not len(octets):
        return BROKEN
    if not parts:
        return PART if octets[0] == _PO60_HEAD and len(octets) < _PO60_RECORD else ALONE
    if octets[0] == _PO60_HEAD or len(parts[0][1]) + len(octets) != _PO60_RECORD:
        return BROKEN
    return LAST


def _body(parts):
    return b"".join([bytes(octets) for _, octets in parts])


_stream = make(
    "berrymed_bm1000",
    "BerryMed BM1000",
    name_prefixes=("BerryMed",),
    bonds=False,
    services=(_BERRY_SERVICE,),
    subscribe=((_BERRY, "notify"),),
    sampling=(Sampling(_BERRY, 10000, 6),),
    burst=6,
    rest_ms=STREAM_REST_MS,
)

DRIVER = Driver(
    {_BERRY: decode_berry, _JUMPER: decode_jumper, _PO60_DATA: decode_po60, _PO60_COMMAND: nothing},
    (
        _stream,
        make(
            "jumper_oximeter",
            "Jumper (My Oximeter)",
            _stream,
            name_prefixes=("My Oximeter",),
            services=(_JUMPER_SERVICE,),
            subscribe=((_JUMPER, "notify"),),
            sampling=(Sampling(_JUMPER, 10000, 6),),
        ),
        make(
            "beurer_po60",
            "Beurer PO60",
            name_prefixes=("PO60",),
            bonds=False,
            services=(_PO60_SERVICE,),
            subscribe=((_PO60_DATA, "notify"),),
            starts=((_PO60_COMMAND, b"\x90\x05\x15"), (_PO60_COMMAND, b"\x99\x00\x19")),
            memory="all",
            burst=200,
        ),
    ),
    {_PO60_DATA: Joint(_takes, lambda parts: _po60(_body(parts)), _body, False)},
)
