"""Scanning, advertising, making and ending links, with NimBLE's refusals."""

import asyncio
import struct
from collections.abc import Generator
from types import SimpleNamespace

from bumble import hci
from bumble.device import AdvertisingType, Connection, Device

from tools.simulator.air.hub import Event, Steps
from tools.simulator.air.nimble import EBUSY, EIO, ENOMEM, LINKS_MAX, HubLink, Nimble, octets_field

_SCAN, _CONNECT, _CONNECT_CANCEL, _DISCONNECT, _ADVERTISE = 4, 5, 6, 7, 20

_CENTRAL_CONNECT, _CENTRAL_DISCONNECT, _SCAN_RESULT, _SCAN_DONE = 1, 2, 5, 6
_PERIPHERAL_CONNECT, _PERIPHERAL_DISCONNECT, _CONNECTION_UPDATE = 7, 8, 27

_RESOLVED = 2  # in an address's type: an identity, heard under a private address (Core 5.4, 4.E.7.7.65.2)
_SCAN_UNIT_US = 625
_INTERVAL_UNIT_US = 1250
_FAILED = struct.pack("<HB6s", 0xFFFF, 0xFF, bytes(6))
_REMOTE_USER_TERMINATED = 0x13
# Defaults of a link that NimBLE makes: 30-50 ms, no latency, 2.56 s.
_INTERVAL_MIN_US, _INTERVAL_MAX_US, _SUPERVISION_10MS = 30_000, 50_000, 256
_REMADE_S = 0.2  # six lost connection events (0x3E), then the host connects again


class Gap:
    """The hub's links."""

    def __init__(self, nimble: Nimble):
        self.nimble = nimble
        self.remake_links = 0
        """Fault: so many of the next links are lost at once (0x3E) and remade in silence: IRQ 7 twice, without 8."""
        self._scanning: asyncio.TimerHandle | bool = False
        self._connecting: asyncio.Handle | bool = False

    def services(self) -> dict:
        """What the hub may call."""
        return {
            _SCAN: self._scan,
            _CONNECT: self._connect,
            _CONNECT_CANCEL: self._connect_cancel,
            _DISCONNECT: self._disconnect,
            _ADVERTISE: self._advertise,
        }

    def on(self, device: Device) -> None:
        """The radio is on."""
        self.nimble.radio.on_report = self._on_report
        self.nimble.radio.resolve = self.nimble.pairing.resolving.identity_of
        device.on("connection_failure", lambda error: None)

    def off(self) -> None:
        """The radio is off."""
        for timer in (self._scanning, self._connecting):
            if isinstance(timer, asyncio.Handle):
                timer.cancel()
        self._scanning = self._connecting = False

    # -- scanning

    def _scan(self, payload: bytes) -> Steps:
        duration_ms, interval_us, window_us, active = struct.unpack("<iIIB", payload)
        nimble = self.nimble
        if duration_ms < 0:
            yield from self._end_scan()
            return b""
        if self._scanning:
            raise nimble.error("EALREADY")
        if self._connecting:
            raise OSError(EBUSY)
        radio = nimble.radio
        radio.le_scan_type = active
        radio.le_scan_interval = interval_us // _SCAN_UNIT_US
        radio.le_scan_window = window_us // _SCAN_UNIT_US
        radio.le_scan_enable = True
        nimble.link.start_listening()
        self._scanning = nimble.loop.call_later(duration_ms / 1000, self._scan_over) if duration_ms else True
        return b""

    def _stop_scanning(self) -> bool:
        """True when a scan ran."""
        timer, self._scanning = self._scanning, False
        if isinstance(timer, asyncio.TimerHandle):
            timer.cancel()
        if self.nimble.powered:
            self.nimble.radio.le_scan_enable = False
        return bool(timer)

    def _end_scan(self) -> Generator:
        """Stop; the end of a running scan is told inside the call."""
        if self._stop_scanning():
            yield Event(_SCAN_DONE, b"")

    def _scan_over(self) -> None:
        self._stop_scanning()
        self.nimble.post(_SCAN_DONE, b"")

    def _on_report(self, kind: int, address: hci.Address, data: bytes, rssi: int) -> None:
        if self._scanning:
            known = self.nimble.pairing.resolving.identity_of(address)
            address_type = int(address.is_random) if known is None else _RESOLVED | known[0]
            octets = bytes(address) if known is None else known[1:]
            told = struct.pack("<B6sBb", address_type, octets[::-1], kind, rssi)
            self.nimble.post(_SCAN_RESULT, told + octets_field(data))

    # -- links

    def _connect(self, payload: bytes) -> Steps:
        address_type, octets, duration_ms, min_us, max_us = struct.unpack("<B6sIII", payload)
        nimble = self.nimble
        yield from self._end_scan()
        address = hci.Address(octets[::-1], hci.AddressType(address_type & 1))
        if self._connecting:
            raise nimble.error("EALREADY")
        if len(nimble.links) >= LINKS_MAX:
            raise OSError(ENOMEM)
        if any(link.connection.peer_address == address for link in nimble.links.values()):
            raise OSError(EIO)
        nimble.radio.pending_le_connection = hci.HCI_LE_Create_Connection_Command(
            le_scan_interval=16,
            le_scan_window=16,
            initiator_filter_policy=0,
            peer_address_type=hci.AddressType(address_type),
            peer_address=address,
            own_address_type=hci.OwnAddressType.PUBLIC,
            connection_interval_min=(min_us or _INTERVAL_MIN_US) // _INTERVAL_UNIT_US,
            connection_interval_max=(max_us or _INTERVAL_MAX_US) // _INTERVAL_UNIT_US,
            max_latency=0,
            supervision_timeout=_SUPERVISION_10MS,
            min_ce_length=0,
            max_ce_length=0,
        )
        nimble.link.start_listening()
        self._connecting = nimble.loop.call_later(duration_ms / 1000, self._connect_failed)
        return b""

    def _connect_failed(self) -> None:
        self._connecting = False
        self.nimble.radio.pending_le_connection = None
        self.nimble.post(_PERIPHERAL_DISCONNECT, _FAILED)

    def _connect_cancel(self, _payload: bytes) -> None:
        if not isinstance(self._connecting, asyncio.TimerHandle):
            raise self.nimble.error("EALREADY")
        self._connecting.cancel()
        self._connecting = self.nimble.loop.call_soon(self._connect_failed)
        self.nimble.radio.pending_le_connection = None

    def on_connection(self, connection: Connection) -> None:
        """Bumble has a new connection."""
        nimble = self.nimble
        central = connection.role == hci.Role.CENTRAL
        if central and isinstance(self._connecting, asyncio.TimerHandle):
            self._connecting.cancel()
            self._connecting = False
        number = next(number for number in range(0xFFFF) if number not in nimble.links)
        address = connection.peer_address
        known = nimble.pairing.resolving.identity_of(address)
        # Told without the mark: a host's connection knows identities alone.
        address_type, octets = (int(address.is_random), bytes(address)) if known is None else (known[0], known[1:])
        link = HubLink(number, connection, central, address_type, octets[::-1])
        nimble.links[number] = link
        connection.on("disconnection", lambda reason: self._on_gone(link))
        connection.on("connection_parameters_update", lambda: self._on_parameters(link))
        for part in (nimble.pairing, nimble.gatts):
            part.on_link(link)
        told = struct.pack("<HB6s", number, link.address_type, link.address)
        nimble.post(_PERIPHERAL_CONNECT if central else _CENTRAL_CONNECT, told)
        if central and self.remake_links > 0:
            self.remake_links -= 1
            nimble.loop.call_later(_REMADE_S, self._remade, link, told)

    def _remade(self, link: HubLink, told: bytes) -> None:
        """The link was lost and made anew: what ran on the old one never ends, the new one begins unencrypted."""
        if link.alive:
            self.nimble.gatt.forget(link)
            self.nimble.post(_PERIPHERAL_CONNECT, told)

    def _on_gone(self, link: HubLink) -> None:
        if not link.alive:
            return
        link.alive = False
        self.nimble.links.pop(link.number, None)
        # In this order: pairing's end, the ends of what was asked, then the link's.
        self.nimble.pairing.on_gone(link)
        self.nimble.gatt.on_gone(link)
        self.nimble.post(
            _PERIPHERAL_DISCONNECT if link.central else _CENTRAL_DISCONNECT,
            struct.pack("<HB6s", link.number, link.address_type, link.address),
        )

    def _disconnect(self, payload: bytes) -> bytes:
        link = self.nimble.links.get(struct.unpack("<H", payload)[0])
        if link is None:
            return b"\x00"
        if link.terminating:
            raise self.nimble.error("EALREADY")
        self.terminate(link)
        return b"\x01"

    def terminate(self, link: HubLink) -> None:
        """Hang up: it goes out at once, before anything that is sent later, and IRQ 8 comes a round trip after."""
        link.terminating = True
        self.nimble.radio.terminate(link.connection.handle, _REMOTE_USER_TERMINATED)

    def hang_up_unseen(self, link: HubLink) -> None:
        """The host shuts down: peers are told, the firmware is not."""
        if not link.terminating:
            self.nimble.radio.terminate(link.connection.handle, _REMOTE_USER_TERMINATED)
        link.alive = False

    def _on_parameters(self, link: HubLink) -> None:
        parameters = link.connection.parameters
        self.nimble.post(
            _CONNECTION_UPDATE,
            struct.pack(
                "<HHHHH",
                link.number,
                round(parameters.connection_interval / 1.25),
                parameters.peripheral_latency,
                round(parameters.supervision_timeout / 10),
                0,
            ),
        )

    # -- advertising

    def _advertise(self, payload: bytes) -> None:
        interval_us, connectable = struct.unpack_from("<iB", payload)
        values = []
        at = 5
        for _ in range(2):
            size = struct.unpack_from("<H", payload, at)[0]
            at += 2
            values.append(None if size == 0xFFFF else payload[at : at + size])
            at += 0 if size == 0xFFFF else size
        advertiser = self.nimble.radio.le_legacy_advertiser
        advertiser.stop()
        if interval_us < 0:
            return
        # None keeps what was set before.
        if values[0] is not None:
            advertiser.advertising_data = values[0]
        if values[1] is not None:
            advertiser.scan_response_data = values[1]
        scannable = AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE
        advertiser.advertising_type = int(scannable if connectable else AdvertisingType.UNDIRECTED_SCANNABLE)
        advertiser.own_address_type = hci.OwnAddressType.PUBLIC
        advertiser.advertising_interval_min = max(interval_us // _SCAN_UNIT_US, 0x20)
        # Bumble's Device asks its advertiser for the address that the peer connected to.
        self.nimble.device.legacy_advertiser = SimpleNamespace(  # type: ignore[assignment]
            own_address_type=hci.OwnAddressType.PUBLIC, auto_restart=False, advertising_type=scannable
        )
        advertiser.start()
