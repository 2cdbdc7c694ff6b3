"""The hub's Bluetooth host as MicroPython shows it: what NimBLE was measured to do, on a Bumble controller.

Two hosts are in use and differ in a few places: "esp" (Espressif's, the board's) and "fork" (MicroPython's own line).
The parts: gap.py (scanning, links, advertising), gatt.py (client), gatts.py (server), pairing.py (security, secrets).
Error numbers are the board's, newlib's; `errno="linux"` gives those of the bench on which NimBLE was measured.
"""

import random
import struct
from dataclasses import dataclass, field
from typing import Any

from bumble import att, hci
from bumble.device import Connection, Device
from bumble.host import Host
from bumble.transport.common import AsyncPipeSink

from tools.simulator.air.controller import Controller
from tools.simulator.air.hub import Busy, Hub, Steps
from tools.simulator.air.link import Link

EIO, ENOENT, ENOMEM, EBUSY, ENODEV, EINVAL = 5, 2, 12, 16, 19, 22
_NUMBERS = {
    "newlib": {"EALREADY": 120, "ENOTCONN": 128, "ETIMEDOUT": 116},
    "linux": {"EALREADY": 114, "ENOTCONN": 107, "ETIMEDOUT": 110},
}

# NimBLE's own codes (host/ble_hs.h), told in the status of DONE events.
HS_ENOTCONN, HS_EBADDATA, HS_ETIMEOUT = 7, 10, 13
HS_ATT_BASE = 0x100

LINKS_MAX = 4  # CONFIG_BT_NIMBLE_MAX_CONNECTIONS of the stock image
MTU_DEFAULT = 23
_MTU_PREFERRED = 256
_START_MS = 120.0  # estimated: controller and host start on the ESP32

_ACTIVE, _CONFIG_GET, _CONFIG_SET = 1, 2, 3


@dataclass
class Security:
    """What IRQ 28 tells."""

    encrypted: bool = False
    authenticated: bool = False
    bonded: bool = False
    key_size: int = 0

    def fields(self) -> bytes:
        """As the event carries it."""
        return bytes((self.encrypted, self.authenticated, self.bonded, self.key_size))


@dataclass(eq=False)
class HubLink:
    """One connection of the hub."""

    number: int
    connection: Connection
    central: bool
    address_type: int
    address: bytes  # big-endian, as Python sees it
    security: Security = field(default_factory=Security)
    alive: bool = True
    terminating: bool = False
    mtu: int = MTU_DEFAULT
    mtu_told: bool = False
    procedures: list = field(default_factory=list)
    buffers_free_at: list = field(default_factory=list)
    stored: Any = None
    """The secret that a central encrypted with (bonds.Secret)."""

    def handle(self) -> bytes:
        """conn_handle, as events begin."""
        return struct.pack("<H", self.number)


def octets_field(octets: bytes | None) -> bytes:
    """Octets with their length, or None."""
    return b"\xff\xff" if octets is None else struct.pack("<H", len(octets)) + octets


class Nimble:
    """The host of one hub; made anew by `active(True)`, gone with the power."""

    def __init__(
        self,
        hub: Hub,
        link: Link,
        public_address: bytes,
        chance: random.Random,
        host: str = "esp",
        errno: str = "newlib",
    ):
        from tools.simulator.air.gap import Gap
        from tools.simulator.air.gatt import GattClient
        from tools.simulator.air.gatts import GattServer
        from tools.simulator.air.pairing import Pairing

        assert host in ("esp", "fork")
        self.hub = hub
        self.link = link
        self.loop = hub.loop
        self.chance = chance
        self.host = host
        self.errno = _NUMBERS[errno]
        self.public_address = hci.Address(public_address[::-1], hci.Address.PUBLIC_DEVICE_ADDRESS)
        self.active = False
        self._device: Device | None = None
        self._radio: Controller | None = None
        self.links: dict[int, HubLink] = {}
        self.config: dict[str, int] = {}
        self.name = b"MPY ESP32"
        self.gap = Gap(self)
        self.gatt = GattClient(self)
        self.gatts = GattServer(self)
        self.pairing = Pairing(self)
        self.parts = (self.gap, self.gatt, self.gatts, self.pairing)
        self._reset_config()
        hub.services.update({_ACTIVE: self._set_active, _CONFIG_GET: self._get, _CONFIG_SET: self._set})
        for part in self.parts:
            hub.services.update(part.services())
        hub.on_power.append(self._power)

    # -- for the parts

    @property
    def device(self) -> Device:
        """Bumble's host; there while the radio is on."""
        assert self._device is not None
        return self._device

    @property
    def radio(self) -> Controller:
        """The controller; there while the radio is on."""
        assert self._radio is not None
        return self._radio

    @property
    def powered(self) -> bool:
        """Whether the radio is on or starting."""
        return self._radio is not None

    def post(self, code: int, payload: bytes, then=None) -> None:
        """Queue an event for the firmware."""
        if self.active:
            self.hub.post(code, payload, then)

    def error(self, name: str) -> OSError:
        """An OSError with the chosen numbers."""
        return OSError(self.errno[name])

    def link_of(self, payload: bytes) -> HubLink:
        """The live link that a call is about."""
        found = self.links.get(struct.unpack_from("<H", payload)[0])
        if found is None:
            raise self.error("ENOTCONN")
        return found

    # -- power

    def _reset_config(self) -> None:
        self.config = {"mtu": _MTU_PREFERRED, "bond": 0, "mitm": 0, "le_secure": 1, "io": 3, "rxbuf": 0, "addr_mode": 0}
        self.name = b"MPY ESP32"

    def _power(self, on: bool) -> None:
        self._off()
        self._reset_config()

    def _off(self) -> None:
        self.active = False
        for part in self.parts:
            part.off()
        for link in self.links.values():
            link.alive = False
        self.links.clear()
        if self._radio is not None:
            self.link.silence(self._radio)
            self._radio = self._device = None

    def _set_active(self, payload: bytes) -> Steps:
        if not payload[0]:
            # Links end without IRQ 8; their peers are told, as the host's shutdown does.
            for link in list(self.links.values()):
                self.gap.hang_up_unseen(link)
            self._off()
            return b""
        radio = self._radio = Controller(self.hub.name, self.link, self.public_address)
        random_address = hci.Address(bytes(self.public_address)[:5] + b"\xc0", hci.Address.RANDOM_DEVICE_ADDRESS)
        device = self._device = Device(
            name=self.name.decode(), address=random_address, host=Host(radio, AsyncPipeSink(radio))
        )
        device.connect_own_address_type = hci.OwnAddressType.PUBLIC
        device.l2cap_channel_manager.register_fixed_channel(att.ATT_CID, self._on_att)
        task = self.loop.create_task(device.power_on())
        yield Busy(max(_START_MS, 1.0))
        if self._radio is not radio:
            return b""
        task.result()
        self.active = True
        device.on("connection", self.gap.on_connection)
        for part in self.parts:
            part.on(device)
        yield from self.pairing.walk_secrets()
        return b""

    def _on_att(self, connection_handle: int, pdu: bytes) -> None:
        for link in self.links.values():
            if link.connection.handle == connection_handle and link.alive and pdu:
                # Even op codes come from a client, odd ones from a server.
                if pdu[0] & 1:
                    self.gatt.on_pdu(link, pdu)
                else:
                    self.gatts.on_pdu(link, pdu)
                return

    # -- configuration

    def _get(self, payload: bytes) -> bytes:
        name = payload.decode()
        if name == "mac":
            return b"\x00" + bytes(self.public_address)[::-1]
        if name == "gap_name":
            return b"\x01" + self.name
        if name in ("mtu", "rxbuf"):
            return b"\x01" + struct.pack("<i", self.config[name])
        return b""

    def _set(self, payload: bytes) -> bytes:
        name, _, value = payload.partition(b"=")
        key = name.decode()
        if key == "gap_name":
            self.name = value
            self.gatts.set_name(value)
        elif key in self.config:
            self.config[key] = struct.unpack("<i", value)[0]
            if key == "mtu":
                self.gatts.set_mtu(self.config[key])
        else:
            return b""
        return b"\x01"
