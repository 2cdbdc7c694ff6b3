"""The GATT client of the hub: requests go out at once and unqueued, answers are matched as NimBLE matches them."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bumble import att
from bumble.device import Device

from tools.simulator.air.nimble import (
    EBUSY,
    EINVAL,
    ENOMEM,
    HS_ATT_BASE,
    HS_EBADDATA,
    HS_ENOTCONN,
    HS_ETIMEOUT,
    MTU_DEFAULT,
    HubLink,
    Nimble,
    octets_field,
)

_DISCOVER_SERVICES, _DISCOVER_CHARACTERISTICS, _DISCOVER_DESCRIPTORS = 10, 11, 12
_READ, _WRITE, _EXCHANGE_MTU = 13, 14, 15

_SERVICE_RESULT, _SERVICE_DONE = 9, 10
_CHARACTERISTIC_RESULT, _CHARACTERISTIC_DONE = 11, 12
_DESCRIPTOR_RESULT, _DESCRIPTOR_DONE = 13, 14
_READ_RESULT, _READ_DONE, _WRITE_DONE, _NOTIFY, _INDICATE, _MTU = 15, 16, 17, 18, 19, 21

# ATT op codes (Core Specification, Vol 3 Part F 3.4.8)
_ERROR, _MTU_REQUEST, _MTU_RESPONSE = 0x01, 0x02, 0x03
_FIND_INFORMATION, _FIND_BY_TYPE_VALUE, _READ_BY_TYPE = 0x04, 0x06, 0x08
_READ_REQUEST, _READ_BY_GROUP_TYPE, _WRITE_REQUEST, _WRITE_COMMAND = 0x0A, 0x10, 0x12, 0x52
_NOTIFICATION, _INDICATION, _CONFIRMATION = 0x1B, 0x1D, 0x1E
_ATTRIBUTE_NOT_FOUND = 0x0A

_PRIMARY_SERVICE, _CHARACTERISTIC = b"\x00\x28", b"\x03\x28"
_REQUEST_S_MAX = 30.0  # Core Specification, Vol 3 Part F 3.3.3
_WRITE_HEADER_OCTETS = 3

# Measured: 18-23 quick writes without response, then ENOMEM; the controller takes four in a connection interval.
WRITE_BUFFERS = 20
_PACKETS_PER_INTERVAL = 4


@dataclass(eq=False)
class Procedure:
    """One thing asked of a peer: how answers are taken, and what is told when it ends."""

    link: HubLink
    request: int
    on_answer: Callable[[bytes], None]
    on_end: Callable[[int, int], None]
    """Called with (status, attribute handle of an error)."""
    characteristics: bool = False
    timer: Any = None


class GattClient:
    """Requests of the hub, and what peers send unasked."""

    def __init__(self, nimble: Nimble):
        self.nimble = nimble
        self._discovering: Procedure | None = None  # characteristics: one at a time over all links

    def services(self) -> dict:
        """What the hub may call."""
        return {
            _DISCOVER_SERVICES: self._discover_services,
            _DISCOVER_CHARACTERISTICS: self._discover_characteristics,
            _DISCOVER_DESCRIPTORS: self._discover_descriptors,
            _READ: self._read,
            _WRITE: self._write,
            _EXCHANGE_MTU: self._exchange_mtu,
        }

    def on(self, device: Device) -> None:
        """The radio is on."""

    def off(self) -> None:
        """The radio is off: what ran ends unseen."""
        for link in self.nimble.links.values():
            self.forget(link)
        self._discovering = None

    def forget(self, link: HubLink) -> None:
        """Let everything asked over this link end without a word."""
        for procedure in list(link.procedures):
            self._finish(procedure)

    def on_gone(self, link: HubLink) -> None:
        """The link is lost: everything asked over it ends, in order."""
        for procedure in list(link.procedures):
            self._end(procedure, HS_ENOTCONN, 0)

    # -- procedures

    def _send(self, link: HubLink, pdu: bytes) -> None:
        if link.alive:
            link.connection.send_l2cap_pdu(att.ATT_CID, pdu)

    def _begin(self, procedure: Procedure, pdu: bytes) -> None:
        procedure.link.procedures.append(procedure)
        self._ask(procedure, pdu)

    def _ask(self, procedure: Procedure, pdu: bytes) -> None:
        if procedure.timer is not None:
            procedure.timer.cancel()
        procedure.timer = self.nimble.loop.call_later(_REQUEST_S_MAX, self._timed_out, procedure)
        self._send(procedure.link, pdu)

    def _finish(self, procedure: Procedure) -> None:
        procedure.timer.cancel()
        procedure.link.procedures.remove(procedure)
        if self._discovering is procedure:
            self._discovering = None

    def _end(self, procedure: Procedure, status: int, handle: int) -> None:
        self._finish(procedure)
        procedure.on_end(status, handle)

    def _timed_out(self, procedure: Procedure) -> None:
        link = procedure.link
        for waiting in list(link.procedures):
            self._end(waiting, HS_ETIMEOUT, 0)
        if link.alive and not link.terminating:
            self.nimble.gap.terminate(link)

    # -- what comes from the peer's server

    def on_pdu(self, link: HubLink, pdu: bytes) -> None:
        """An answer, a notification or an indication."""
        op = pdu[0]
        if op in (_NOTIFICATION, _INDICATION):
            self._on_value(link, op, pdu)
        elif op == _ERROR and len(pdu) == 5:
            request, handle, code = struct.unpack("<BHB", pdu[1:])
            procedure = self._waiting(link, request)
            if procedure is not None:
                ended = code == _ATTRIBUTE_NOT_FOUND and request in (
                    _FIND_INFORMATION,
                    _FIND_BY_TYPE_VALUE,
                    _READ_BY_TYPE,
                    _READ_BY_GROUP_TYPE,
                )
                self._end(procedure, 0 if ended else HS_ATT_BASE + code, handle)
        else:
            procedure = self._waiting(link, op - 1)
            if procedure is not None:
                try:
                    procedure.on_answer(pdu)
                except (IndexError, ValueError, struct.error):
                    self._end(procedure, HS_EBADDATA, 0)

    def _waiting(self, link: HubLink, request: int) -> Procedure | None:
        return next((one for one in link.procedures if one.request == request), None)

    def _on_value(self, link: HubLink, op: int, pdu: bytes) -> None:
        if len(pdu) < _WRITE_HEADER_OCTETS or not pdu[1] | pdu[2]:
            return  # malformed: neither told nor confirmed
        payload = link.handle() + pdu[1:3] + octets_field(pdu[3:])
        if op == _NOTIFICATION:
            self.nimble.post(_NOTIFY, payload)
        else:
            # The confirmation leaves when the callback has returned, whatever it returned or raised.
            self.nimble.post(_INDICATE, payload, lambda _: self._send(link, bytes([_CONFIRMATION])))

    # -- discovery

    def _discover_services(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        uuid = payload[3:]

        def request(start):
            if uuid:
                return struct.pack("<BHH", _FIND_BY_TYPE_VALUE, start, 0xFFFF) + _PRIMARY_SERVICE + uuid
            return struct.pack("<BHH", _READ_BY_GROUP_TYPE, start, 0xFFFF) + _PRIMARY_SERVICE

        def answer(pdu):
            found = list(_groups(pdu) if uuid else _service_groups(pdu))
            for start, end, of in found:
                self.nimble.post(
                    _SERVICE_RESULT, link.handle() + struct.pack("<HH", start, end) + _uuid_field(of or uuid)
                )
            self._next(procedure, found[-1][1], 0xFFFF, request)

        procedure = Procedure(
            link,
            _FIND_BY_TYPE_VALUE if uuid else _READ_BY_GROUP_TYPE,
            answer,
            lambda status, _: self.nimble.post(_SERVICE_DONE, link.handle() + struct.pack("<H", status)),
        )
        self._begin(procedure, request(1))

    def _next(self, procedure: Procedure, last: int, end: int, request: Callable[[int], bytes]) -> None:
        if last >= end:
            self._end(procedure, 0, 0)
        else:
            self._ask(procedure, request(last + 1))

    def _discover_characteristics(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        start, end = struct.unpack_from("<HH", payload, 2)
        uuid = payload[7:]
        if self._discovering is not None:
            raise OSError(EBUSY)
        if not start or start > end:
            raise OSError(EINVAL)
        pending: list[tuple[int, int, int, bytes]] = []

        def request(at):
            return struct.pack("<BHH", _READ_BY_TYPE, at, end) + _CHARACTERISTIC

        def tell(end_handle):
            # A characteristic is told when the next is known, because its end is told with it.
            if pending:
                _, properties, value_handle, of = pending.pop()
                if not uuid or of == uuid:
                    self.nimble.post(
                        _CHARACTERISTIC_RESULT,
                        link.handle() + struct.pack("<HHB", end_handle, value_handle, properties) + _uuid_field(of),
                    )

        def answer(pdu):
            last = 0
            for handle, value in _attributes(pdu):
                if len(value) not in (5, 19) or handle <= last or handle < start:
                    raise ValueError
                last = handle
                tell(handle - 1)
                pending.append((handle, value[0], struct.unpack_from("<H", value, 1)[0], value[3:]))
            self._next(procedure, last, end, request)

        def ended(status, _):
            tell(end)
            self.nimble.post(_CHARACTERISTIC_DONE, link.handle() + struct.pack("<H", status))

        procedure = self._discovering = Procedure(link, _READ_BY_TYPE, answer, ended)
        self._begin(procedure, request(start))

    def _discover_descriptors(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        start, end = struct.unpack_from("<HH", payload, 2)
        if not start or start >= end:
            raise OSError(EINVAL)

        def request(at):
            return struct.pack("<BHH", _FIND_INFORMATION, at, end)

        def answer(pdu):
            size = {1: 2, 2: 16}[pdu[1]] if pdu[1] in (1, 2) else None
            if size is None or (len(pdu) - 2) % (2 + size) or len(pdu) == 2:
                raise ValueError
            handle = 0
            for at in range(2, len(pdu), 2 + size):
                handle = struct.unpack_from("<H", pdu, at)[0]
                self.nimble.post(
                    _DESCRIPTOR_RESULT,
                    link.handle() + struct.pack("<H", handle) + _uuid_field(pdu[at + 2 : at + 2 + size]),
                )
            self._next(procedure, handle, end, request)

        procedure = Procedure(
            link,
            _FIND_INFORMATION,
            answer,
            lambda status, _: self.nimble.post(_DESCRIPTOR_DONE, link.handle() + struct.pack("<H", status)),
        )
        self._begin(procedure, request(start + 1))

    # -- values

    def _read(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        handle = struct.unpack_from("<H", payload, 2)[0]

        def answer(pdu):
            self.nimble.post(_READ_RESULT, link.handle() + struct.pack("<H", handle) + octets_field(pdu[1:]))
            self._end(procedure, 0, handle)

        procedure = self._value_procedure(link, _READ_REQUEST, _READ_DONE, answer)
        self._begin(procedure, struct.pack("<BH", _READ_REQUEST, handle))

    def _write(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        handle, mode = struct.unpack_from("<HB", payload, 2)
        octets = payload[5 : 5 + link.mtu - _WRITE_HEADER_OCTETS]  # cut silently, as measured
        if not mode:
            self._take_buffer(link)
            self._send(link, struct.pack("<BH", _WRITE_COMMAND, handle) + octets)
            return
        procedure: Procedure = self._value_procedure(
            link, _WRITE_REQUEST, _WRITE_DONE, lambda pdu: self._end(procedure, 0, handle)
        )
        self._begin(procedure, struct.pack("<BH", _WRITE_REQUEST, handle) + octets)

    def _value_procedure(self, link, request, done, answer) -> Procedure:
        def ended(status, handle):
            self.nimble.post(done, link.handle() + struct.pack("<HH", handle, status))

        return Procedure(link, request, answer, ended)

    def _take_buffer(self, link: HubLink) -> None:
        now = self.nimble.loop.time()
        taken = link.buffers_free_at = [at for at in link.buffers_free_at if at > now]
        if len(taken) >= WRITE_BUFFERS:
            raise OSError(ENOMEM)
        last = taken[-1] if taken else now
        taken.append(last + 2 * self.nimble.link.hop_s / _PACKETS_PER_INTERVAL)

    # -- MTU

    def _exchange_mtu(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        if link.mtu_told:
            raise self.nimble.error("EALREADY")
        link.mtu_told = True
        preferred = self.nimble.config["mtu"]

        def answer(pdu):
            if len(pdu) != 3:
                raise ValueError
            self._finish(procedure)
            self.set_mtu(link, struct.unpack_from("<H", pdu, 1)[0])

        procedure = Procedure(link, _MTU_REQUEST, answer, lambda status, handle: None)
        self._begin(procedure, struct.pack("<BH", _MTU_REQUEST, preferred))

    def set_mtu(self, link: HubLink, peer_mtu: int) -> None:
        """Both sides have said what they can: the lower counts."""
        link.mtu = max(MTU_DEFAULT, min(peer_mtu, self.nimble.config["mtu"]))
        link.connection.att_mtu = link.mtu
        self.nimble.post(_MTU, link.handle() + struct.pack("<H", link.mtu))


def _uuid_field(octets: bytes) -> bytes:
    return bytes([len(octets)]) + octets


def _service_groups(pdu: bytes):
    """Read By Group Type Response: (start, end, uuid)."""
    size = pdu[1]
    if size not in (6, 20) or (len(pdu) - 2) % size or len(pdu) == 2:
        raise ValueError
    for at in range(2, len(pdu), size):
        start, end = struct.unpack_from("<HH", pdu, at)
        yield start, end, pdu[at + 4 : at + size]


def _groups(pdu: bytes):
    """Find By Type Value Response: (start, end, None)."""
    if (len(pdu) - 1) % 4 or len(pdu) == 1:
        raise ValueError
    for at in range(1, len(pdu), 4):
        start, end = struct.unpack_from("<HH", pdu, at)
        yield start, end, None


def _attributes(pdu: bytes):
    """Read By Type Response: (handle, value)."""
    size = pdu[1]
    if size < 3 or (len(pdu) - 2) % size or len(pdu) == 2:
        raise ValueError
    for at in range(2, len(pdu), size):
        yield struct.unpack_from("<H", pdu, at)[0], pdu[at + 2 : at + size]
