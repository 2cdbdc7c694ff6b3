"""The chip's `bluetooth`: the interface that MicroPython documents, over the seam to a NimBLE-like host (air/nimble).

As on the chip: what an event carries is valid only until its handler returns (here the octets are then overwritten),
and an exception in the handler silences it for good.
"""

import struct
import sys

import _seam
from micropython import const

FLAG_BROADCAST = const(0x0001)
FLAG_READ = const(0x0002)
FLAG_WRITE_NO_RESPONSE = const(0x0004)
FLAG_WRITE = const(0x0008)
FLAG_NOTIFY = const(0x0010)
FLAG_INDICATE = const(0x0020)
FLAG_AUTHENTICATED_SIGNED_WRITE = const(0x0040)
FLAG_AUX_WRITE = const(0x0100)
FLAG_READ_ENCRYPTED = const(0x0200)
FLAG_READ_AUTHENTICATED = const(0x0400)
FLAG_READ_AUTHORIZED = const(0x0800)
FLAG_WRITE_ENCRYPTED = const(0x1000)
FLAG_WRITE_AUTHENTICATED = const(0x2000)
FLAG_WRITE_AUTHORIZED = const(0x4000)

_ACTIVE = const(1)
_CONFIG_GET = const(2)
_CONFIG_SET = const(3)
_SCAN = const(4)
_CONNECT = const(5)
_CONNECT_CANCEL = const(6)
_DISCONNECT = const(7)
_PAIR = const(8)
_PASSKEY = const(9)
_DISCOVER_SERVICES = const(10)
_DISCOVER_CHARACTERISTICS = const(11)
_DISCOVER_DESCRIPTORS = const(12)
_READ = const(13)
_WRITE = const(14)
_EXCHANGE_MTU = const(15)
_ADVERTISE = const(20)
_REGISTER = const(21)
_GATTS_WRITE = const(22)
_GATTS_READ = const(23)
_GATTS_SEND = const(24)
_GATTS_BUFFER = const(25)

_ENODEV = const(19)
_IRQ_GET_SECRET = const(29)
_POISON = const(0xDD)

# A letter per field: struct's, A address, U UUID, D octets or None.
_FIELDS = {
    1: "HBA",
    2: "HBA",
    3: "HH",
    4: "HH",
    5: "BABbD",
    6: "",
    7: "HBA",
    8: "HBA",
    9: "HHHU",
    10: "HH",
    11: "HHHBU",
    12: "HH",
    13: "HHU",
    14: "HH",
    15: "HHD",
    16: "HHH",
    17: "HHH",
    18: "HHD",
    19: "HHD",
    20: "HHB",
    21: "HH",
    27: "HHHHH",
    28: "HBBBB",
    29: "BBD",
    30: "BDD",
    31: "HBI",
}


class UUID:
    """A 16-, 32- or 128-bit UUID; `bytes(uuid)` is little-endian."""

    def __init__(self, value):
        if isinstance(value, UUID):
            octets = value._octets
        elif isinstance(value, int):
            if not 0 <= value <= 0xFFFF:
                raise ValueError("invalid UUID")
            octets = struct.pack("<H", value)
        elif isinstance(value, str):
            digits = value.replace("-", "")
            if len(digits) != 32:
                raise ValueError("invalid UUID")
            octets = bytes([int(digits[at : at + 2], 16) for at in range(30, -2, -2)])
        else:
            octets = bytes(value)
        if len(octets) not in (2, 4, 16):
            raise ValueError("invalid UUID")
        self._octets = octets

    def __eq__(self, other):
        return isinstance(other, UUID) and other._octets == self._octets

    def __lt__(self, other):
        return self._octets < other._octets

    def __gt__(self, other):
        return self._octets > other._octets

    def __hash__(self):
        return hash(self._octets)

    def __iter__(self):
        return iter(self._octets)

    def __len__(self):
        return len(self._octets)

    def __repr__(self):
        octets = self._octets
        if len(octets) == 2:
            return "UUID(0x%04x)" % struct.unpack("<H", octets)
        if len(octets) == 4:
            return "UUID(0x%08x)" % struct.unpack("<I", octets)
        text = "".join(["%02x" % octets[at] for at in range(15, -1, -1)])
        return "UUID('%s-%s-%s-%s-%s')" % (text[:8], text[8:12], text[12:16], text[16:20], text[20:])


def _take(fields, view):
    """The event's fields, octets and addresses as views."""
    at = 0
    values = []
    for letter in fields:
        if letter == "A":
            values.append(view[at : at + 6])
            at += 6
        elif letter == "U":
            size = view[at]
            values.append(UUID(view[at + 1 : at + 1 + size]))
            at += 1 + size
        elif letter == "D":
            size = view[at] | view[at + 1] << 8
            at += 2
            if size == 0xFFFF:
                values.append(None)
            else:
                values.append(view[at : at + size])
                at += size
        else:
            values.append(struct.unpack_from("<" + letter, view, at)[0])
            at += struct.calcsize(letter)
    return tuple(values)


def _octets(value):
    return value.encode() if isinstance(value, str) else bytes(value)


def _optional(value):
    """Octets or None with their length."""
    if value is None:
        return b"\xff\xff"
    value = _octets(value)
    return struct.pack("<H", len(value)) + value


def _uuid(value):
    if value is None:
        return b"\0"
    return bytes([len(value)]) + bytes(value)


class BLE:
    """The one radio."""

    _one = None

    def __new__(cls):
        if cls._one is None:
            cls._one = object.__new__(cls)
            cls._one._handler = None
            cls._one._active = False
            for code in _FIELDS:
                _seam.on(code, cls._one._event)
        return cls._one

    def _event(self, code, view):
        if self._handler is None:
            return None
        result = None
        try:
            result = self._handler(code, _take(_FIELDS[code], view))
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the handler
            print("Unhandled exception in IRQ callback handler")
            sys.print_exception(error)
            self._handler = None
        if result is not None:
            if code == _IRQ_GET_SECRET:
                result = bytes(result)
            else:
                result = struct.pack("<i", int(result))
        for at in range(len(view)):
            view[at] = _POISON
        return result

    def irq(self, handler):
        """Have handler(event, data) called for every event."""
        if handler is not None and not callable(handler):
            raise ValueError("invalid handler")
        self._handler = handler

    def active(self, on=None):
        """Read or set whether the radio is on."""
        if on is not None and bool(on) != self._active:
            _seam.call(_ACTIVE, bytes([bool(on)]))
            self._active = bool(on)
        return self._active

    def _call(self, op, payload=b""):
        if not self._active:
            raise OSError(_ENODEV)
        return _seam.call(op, payload)

    def config(self, *names, **values):
        """Read one parameter or set some."""
        if values:
            if names:
                raise TypeError("can't specify pos and kw args")
            for name, value in values.items():
                value = _octets(value) if isinstance(value, (str, bytes, bytearray)) else struct.pack("<i", int(value))
                if not _seam.call(_CONFIG_SET, name.encode() + b"=" + value):
                    raise ValueError("unknown config param")
            return None
        if len(names) != 1:
            raise TypeError("must query one param")
        answer = _seam.call(_CONFIG_GET, names[0].encode())
        if not answer:
            raise ValueError("unknown config param")
        if names[0] == "mac":
            return (answer[0], answer[1:7])
        if names[0] == "gap_name":
            return answer[1:]
        return struct.unpack_from("<i", answer, 1)[0]

    def gap_advertise(self, interval_us, adv_data=None, *, resp_data=None, connectable=True):
        """Advertise, or stop when the interval is None."""
        interval = -1 if interval_us is None else interval_us
        self._call(
            _ADVERTISE, struct.pack("<iB", interval, bool(connectable)) + _optional(adv_data) + _optional(resp_data)
        )

    def gap_scan(self, duration_ms=0, interval_us=1280000, window_us=11250, active=False):
        """Scan for a time, for ever (0), or stop (None)."""
        duration = -1 if duration_ms is None else duration_ms
        self._call(_SCAN, struct.pack("<iIIB", duration, interval_us, window_us, bool(active)))

    def gap_connect(self, addr_type, addr=None, scan_duration_ms=2000, min_conn_interval_us=0, max_conn_interval_us=0):
        """Connect; None stops trying."""
        if addr_type is None:
            self._call(_CONNECT_CANCEL)
            return
        if len(addr) != 6:
            raise ValueError("invalid addr")
        self._call(
            _CONNECT,
            struct.pack("<B", addr_type)
            + bytes(addr)
            + struct.pack(
                "<III",
                2000 if scan_duration_ms is None else scan_duration_ms,  # each may be None, as on the chip
                min_conn_interval_us or 0,
                max_conn_interval_us or 0,
            ),
        )

    def gap_disconnect(self, conn_handle):
        """Hang up; False when there is no such link."""
        return bool(self._call(_DISCONNECT, struct.pack("<H", conn_handle))[0])

    def gap_pair(self, conn_handle):
        """Encrypt with the stored key, or pair."""
        self._call(_PAIR, struct.pack("<H", conn_handle))

    def gap_passkey(self, conn_handle, action, passkey):
        """Answer what the pairing waits for."""
        self._call(_PASSKEY, struct.pack("<HBI", conn_handle, action, int(passkey)))

    def gattc_discover_services(self, conn_handle, uuid=None):
        """IRQ 9 for each, then 10."""
        self._call(_DISCOVER_SERVICES, struct.pack("<H", conn_handle) + _uuid(uuid))

    def gattc_discover_characteristics(self, conn_handle, start_handle, end_handle, uuid=None):
        """IRQ 11 for each, then 12."""
        self._call(_DISCOVER_CHARACTERISTICS, struct.pack("<HHH", conn_handle, start_handle, end_handle) + _uuid(uuid))

    def gattc_discover_descriptors(self, conn_handle, start_handle, end_handle):
        """IRQ 13 for each, then 14."""
        self._call(_DISCOVER_DESCRIPTORS, struct.pack("<HHH", conn_handle, start_handle, end_handle))

    def gattc_read(self, conn_handle, value_handle):
        """IRQ 15, then 16."""
        self._call(_READ, struct.pack("<HH", conn_handle, value_handle))

    def gattc_write(self, conn_handle, value_handle, data, mode=0):
        """Write; with mode 1 IRQ 17 follows."""
        self._call(_WRITE, struct.pack("<HHB", conn_handle, value_handle, int(mode)) + _octets(data))

    def gattc_exchange_mtu(self, conn_handle):
        """IRQ 21 follows."""
        self._call(_EXCHANGE_MTU, struct.pack("<H", conn_handle))

    def gatts_register_services(self, services):
        """Replace the database; return the value handles in its shape."""
        database = bytearray()
        for service in services:
            database += b"S" + _uuid(service[0])
            for characteristic in service[1]:
                database += b"C" + _uuid(characteristic[0]) + struct.pack("<H", characteristic[1])
                for descriptor in characteristic[2] if len(characteristic) > 2 else ():
                    database += b"D" + _uuid(descriptor[0]) + struct.pack("<H", descriptor[1])
        answer = self._call(_REGISTER, database)
        handles = list(struct.unpack("<%dH" % (len(answer) // 2), answer))
        result = []
        for service in services:
            of_service = []
            for characteristic in service[1]:
                of_service.append(handles.pop(0))
                for _ in characteristic[2] if len(characteristic) > 2 else ():
                    of_service.append(handles.pop(0))
            result.append(tuple(of_service))
        return tuple(result)

    def gatts_read(self, value_handle):
        """The local value."""
        return self._call(_GATTS_READ, struct.pack("<H", value_handle))

    def gatts_write(self, value_handle, data, send_update=False):
        """Set the local value, and tell the subscribers if asked."""
        self._call(_GATTS_WRITE, struct.pack("<HB", value_handle, bool(send_update)) + _octets(data))

    def gatts_notify(self, conn_handle, value_handle, data=None):
        """Send a notification."""
        self._call(_GATTS_SEND, struct.pack("<HHB", conn_handle, value_handle, 0) + _optional(data))

    def gatts_indicate(self, conn_handle, value_handle, data=None):
        """Send an indication; IRQ 20 follows."""
        self._call(_GATTS_SEND, struct.pack("<HHB", conn_handle, value_handle, 1) + _optional(data))

    def gatts_set_buffer(self, value_handle, length, append=False):
        """Set how much a write may hold."""
        self._call(_GATTS_BUFFER, struct.pack("<HHB", value_handle, length, bool(append)))
