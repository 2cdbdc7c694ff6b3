"""The GATT server of the hub. The product is a central; this serves MicroPython's own conformance tests."""

import asyncio
import struct
from dataclasses import dataclass
from typing import Any

from bumble import att, gatt
from bumble.core import UUID
from bumble.device import Device

from tools.simulator.air.nimble import EINVAL, HS_ETIMEOUT, HubLink, Nimble

_REGISTER, _WRITE, _READ, _SEND, _BUFFER = 21, 22, 23, 24, 25
_GATTS_WRITE, _GATTS_READ_REQUEST, _INDICATE_DONE = 3, 4, 20

_MTU_REQUEST, _CONFIRMATION, _NOTIFICATION, _INDICATION = 0x02, 0x1E, 0x1B, 0x1D
_READ_ENCRYPTED, _READ_AUTHENTICATED = 0x0200, 0x0400
_WRITE_ENCRYPTED, _WRITE_AUTHENTICATED = 0x1000, 0x2000
_VALUE_OCTETS_DEFAULT = 20
_CONFIRM_S_MAX = 30.0
_DEVICE_NAME = UUID.from_16_bits(0x2A00)


@dataclass(eq=False)
class Local:
    """One local value."""

    attribute: Any
    value: bytes = b""
    octets_max: int = _VALUE_OCTETS_DEFAULT
    append: bool = False


class GattServer:
    """The database that the firmware registered, on Bumble's server."""

    def __init__(self, nimble: Nimble):
        self.nimble = nimble
        self._values: dict[int, Local] = {}
        self._confirming: dict[HubLink, tuple[int, asyncio.TimerHandle]] = {}
        self._writing = asyncio.Lock()

    def services(self) -> dict:
        """What the hub may call."""
        return {
            _REGISTER: self._register,
            _WRITE: self._write,
            _READ: self._read,
            _SEND: self._send,
            _BUFFER: self._set_buffer,
        }

    def on(self, device: Device) -> None:
        """The radio is on."""
        self._values.clear()
        self._writing = asyncio.Lock()
        self.set_mtu(self.nimble.config["mtu"])
        self.set_name(self.nimble.name)

    def off(self) -> None:
        """The radio is off."""
        for _, timer in self._confirming.values():
            timer.cancel()
        self._confirming.clear()

    def on_link(self, link: HubLink) -> None:
        """A link was made."""

    def set_mtu(self, mtu: int) -> None:
        """What this side can take."""
        if self.nimble.powered:
            self.nimble.device.gatt_server.max_mtu = mtu

    def set_name(self, name: bytes) -> None:
        """The GAP service's device name."""
        if self.nimble.powered:
            for attribute in self.nimble.device.gatt_server.attributes:
                if getattr(attribute, "uuid", None) == _DEVICE_NAME:
                    attribute.value = name

    def on_pdu(self, link: HubLink, pdu: bytes) -> None:
        """A request, a command or a confirmation from the peer's client."""
        if pdu[0] == _CONFIRMATION:
            self._confirmed(link, 0)
            return
        self.nimble.device.on_gatt_pdu(link.connection.handle, pdu)
        if pdu[0] == _MTU_REQUEST and len(pdu) == 3:
            link.mtu_told = True
            self.nimble.gatt.set_mtu(link, struct.unpack_from("<H", pdu, 1)[0])

    # -- the database

    def _register(self, payload: bytes) -> bytes:
        services: list[tuple[UUID, list]] = []
        characteristics: list[tuple[gatt.Characteristic, list]] = []
        at = 0
        while at < len(payload):
            kind, size = payload[at : at + 1], payload[at + 1]
            uuid = UUID.from_bytes(payload[at + 2 : at + 2 + size])
            at += 2 + size
            if kind == b"S":
                services.append((uuid, []))
                continue
            flags = struct.unpack_from("<H", payload, at)[0]
            at += 2
            made: Any
            if kind == b"C":
                made = gatt.Characteristic(uuid, gatt.Characteristic.Properties(flags & 0xFF), _permissions(flags))
                services[-1][1].append(made)
                characteristics.append((made, []))
            else:
                made = gatt.Descriptor(uuid, _permissions(flags))
                characteristics[-1][1].append(made)
                characteristics[-1][0].descriptors = [*characteristics[-1][0].descriptors, made]
            self._bind(made)
        for uuid, of_service in services:
            self.nimble.device.add_service(gatt.Service(uuid, of_service))
        handles = []
        for characteristic, descriptors in characteristics:
            attributes: list[Any] = [characteristic, *descriptors]
            for attribute in attributes:
                handles.append(attribute.handle)
                self._values[attribute.handle] = attribute.local
        return struct.pack(f"<{len(handles)}H", *handles)

    def _bind(self, attribute) -> None:
        local = attribute.local = Local(attribute)

        def link_of(connection) -> HubLink:
            return next(link for link in self.nimble.links.values() if link.connection is connection)

        async def read(connection):
            link = link_of(connection)
            answered = self.nimble.loop.create_future()
            self.nimble.post(
                _GATTS_READ_REQUEST,
                link.handle() + struct.pack("<H", attribute.handle),
                lambda result: None if answered.done() else answered.set_result(result),
            )
            result = await answered
            status = struct.unpack("<i", result)[0] if result else 0
            if status:
                raise att.ATT_Error(att.ErrorCode(status))
            return local.value

        async def write(connection, octets):
            # The next write is taken when the callback has seen this one, as on the host's single task.
            async with self._writing:
                kept = (local.value if local.append else b"") + bytes(octets)
                local.value = kept[: local.octets_max]
                link = link_of(connection)
                seen = self.nimble.loop.create_future()
                self.nimble.post(
                    _GATTS_WRITE,
                    link.handle() + struct.pack("<H", attribute.handle),
                    lambda _: None if seen.done() else seen.set_result(None),
                )
                await seen

        attribute.value = gatt.CharacteristicValue(read=read, write=write)

    def _local(self, payload: bytes) -> Local:
        local = self._values.get(struct.unpack_from("<H", payload)[0])
        if local is None:
            raise OSError(EINVAL)
        return local

    def _write(self, payload: bytes) -> None:
        local = self._local(payload)
        local.value = payload[3:]
        local.octets_max = max(local.octets_max, len(local.value))
        if payload[2]:
            for link in self.nimble.links.values():
                self._update(link, local)

    def _update(self, link: HubLink, local: Local) -> None:
        subscribers = self.nimble.device.gatt_server.subscribers.get(link.connection, {})
        wanted = subscribers.get(local.attribute.handle, b"\0\0")
        if wanted[0] & 1:
            self._pdu(link, _NOTIFICATION, local.attribute.handle, local.value)
        elif wanted[0] & 2:
            self._indicate(link, local.attribute.handle, local.value)

    def _read(self, payload: bytes) -> bytes:
        local = self._local(payload)
        value = local.value
        if local.append:
            local.value = b""
        return value

    def _set_buffer(self, payload: bytes) -> None:
        local = self._local(payload)
        _, local.octets_max, append = struct.unpack("<HHB", payload)
        local.append = bool(append)
        local.value = b""

    # -- telling

    def _send(self, payload: bytes) -> None:
        link = self.nimble.link_of(payload)
        _, handle, indicate, size = struct.unpack_from("<HHBH", payload)
        octets = self._values[handle].value if size == 0xFFFF else payload[7 : 7 + size]
        if indicate:
            self._indicate(link, handle, octets)
        else:
            self._pdu(link, _NOTIFICATION, handle, octets)

    def _pdu(self, link: HubLink, op: int, handle: int, octets: bytes) -> None:
        link.connection.send_l2cap_pdu(att.ATT_CID, struct.pack("<BH", op, handle) + octets[: link.mtu - 3])

    def _indicate(self, link: HubLink, handle: int, octets: bytes) -> None:
        if link in self._confirming:
            raise self.nimble.error("EALREADY")
        timer: asyncio.TimerHandle = self.nimble.loop.call_later(_CONFIRM_S_MAX, self._confirmed, link, HS_ETIMEOUT)
        self._confirming[link] = (handle, timer)
        self._pdu(link, _INDICATION, handle, octets)

    def _confirmed(self, link: HubLink, status: int) -> None:
        if link in self._confirming:
            handle, timer = self._confirming.pop(link)
            timer.cancel()
            self.nimble.post(_INDICATE_DONE, link.handle() + struct.pack("<HB", handle, status))


def _permissions(flags: int):
    permissions = gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE
    if flags & _READ_ENCRYPTED:
        permissions |= gatt.Characteristic.READ_REQUIRES_ENCRYPTION
    if flags & _READ_AUTHENTICATED:
        permissions |= gatt.Characteristic.READ_REQUIRES_AUTHENTICATION
    if flags & _WRITE_ENCRYPTED:
        permissions |= gatt.Characteristic.WRITE_REQUIRES_ENCRYPTION
    if flags & _WRITE_AUTHENTICATED:
        permissions |= gatt.Characteristic.WRITE_REQUIRES_AUTHENTICATION
    return permissions
