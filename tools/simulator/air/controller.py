"""Controllers of the radio space, and `make_device`: a Bumble Device on one, for anything that is not a hub."""

import asyncio
import random
import secrets
import struct
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import bumble.crypto
import bumble.link
from bumble import controller, hci, ll
from bumble.device import Device
from bumble.host import Host
from bumble.keys import KeyStore
from bumble.transport.common import AsyncPipeSink

from tools.simulator.air.link import Link

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ADVERT_DELAY_S_MAX = 0.010  # advDelay, Core Specification Vol 6 Part B 4.4.2.2.1
_INTERVAL_UNIT_S = 0.000625
_UNKNOWN_CONNECTION = 0x02

ADV_IND, ADV_DIRECT_IND, ADV_SCAN_IND, ADV_NONCONN_IND, SCAN_RSP = range(5)


class _AdvertisingPdu(ll.AdvInd):
    """An advertisement that also says its type and what a scan request would bring."""

    advertiser: "Advertiser"


def seed_bumble(chance: random.Random) -> None:
    """Let Bumble's own random choices (nonces, keys) follow the seed of the run."""
    bumble.crypto.r = lambda: chance.randbytes(16)
    secrets.token_bytes = lambda nbytes=16: chance.randbytes(nbytes or 16)
    secrets.randbelow = chance.randrange  # type: ignore[assignment]
    bumble.crypto.EccKey.generate = classmethod(  # type: ignore[assignment, method-assign]
        lambda cls: cls.from_private_key_bytes(chance.randrange(1, _P256_ORDER).to_bytes(32, "big"))
    )


@contextmanager
def running(loop):
    """Let Bumble's constructors find the loop before it runs."""
    before = asyncio._get_running_loop()
    asyncio._set_running_loop(loop)
    try:
        yield
    finally:
        asyncio._set_running_loop(before)


class Advertiser(controller.LegacyAdvertiser):
    """Bumble's legacy advertiser with all its types, the right interval, and no timers while nobody listens."""

    controller: "Controller"

    def __init__(self, owner):
        super().__init__(owner)
        self._begun_s = 0.0

    __hash__ = object.__hash__

    def start(self) -> None:
        """Advertise from now on."""
        self.stop()
        self.enabled = True
        link = self.controller.link
        self._begun_s = link.loop.time()
        link.advertisers[self] = None
        if link.listening():
            self.timer_handle = link.loop.call_soon(self._on_timer_fired)

    def stop(self) -> None:
        """Advertise no longer."""
        super().stop()
        self.controller.link.advertisers.pop(self, None)

    def resume(self) -> None:
        """Somebody listens: be heard at the next advertising event that would have come anyway."""
        if self.timer_handle is None:
            self._schedule()

    def _schedule(self) -> None:
        link = self.controller.link
        interval_s = max(self.advertising_interval_min * _INTERVAL_UNIT_S, 0.02)
        passed = int((link.loop.time() - self._begun_s) / interval_s) + 1
        at = self._begun_s + passed * interval_s + link.chance.uniform(0, _ADVERT_DELAY_S_MAX)
        self.timer_handle = link.loop.call_at(at, self._on_timer_fired)

    def _on_timer_fired(self) -> None:
        self.timer_handle = None
        self.send_advertising_data()
        if self.enabled and self.controller.link.listening():
            self._schedule()

    def send_advertising_data(self) -> None:
        """Send one advertisement."""
        if self.enabled:
            pdu = _AdvertisingPdu(advertiser_address=self.address, data=self.advertising_data)
            pdu.advertiser = self
            self.controller.send_advertising_pdu(pdu)


class Controller(controller.Controller):
    """Bumble's controller as a 4.2 one, with whole scan reports, scan windows, and connections that can be cancelled.

    Bumble's own repeats the advertisement as scan response, in passive scans too, always as ADV_IND at -50 dBm.
    """

    le_features = controller.Controller.le_features & ~(
        hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )
    link: Link
    # One HCI packet per L2CAP frame: fragments would only cost time here.
    le_acl_data_packet_length = 251
    acl_data_packet_length = 251

    def __init__(self, name: str, link: Link, public_address):
        with running(link.loop):
            super().__init__(name, link=link, public_address=public_address)
        self.le_legacy_advertiser = Advertiser(self)
        self.resolve: Callable[[hci.Address], bytes | None] | None = None  # a private address to its identity
        self.on_report: Callable[[int, hci.Address, bytes, int], None] | None = (
            None  # a hub's host takes scan reports directly
        )

    def on_hci_disconnect_command(self, command):
        """End a link: the other side learns it after a hop, the host after a round trip; meanwhile data may arrive."""
        self._send_hci_command_status(hci.HCI_COMMAND_STATUS_PENDING, command.op_code)
        self.terminate(command.connection_handle, command.reason)

    def terminate(self, handle: int, reason: int) -> None:
        """See on_hci_disconnect_command."""
        connection: Any = self.find_le_connection_by_handle(handle)
        if connection is None:
            return
        connection.send_ll_control_pdu(ll.TerminateInd(reason))
        self.link.loop.call_later(2 * self.link.hop_s, self._terminated, connection)

    def _terminated(self, connection: Any) -> None:
        if connection in self.le_connections.values():
            self.on_le_disconnected(connection, hci.HCI_ErrorCode.CONNECTION_TERMINATED_BY_LOCAL_HOST_ERROR)

    def on_hci_le_set_scan_enable_command(self, command):
        """As Bumble's; wakes the advertisers."""
        result = super().on_hci_le_set_scan_enable_command(command)
        if self.le_scan_enable:
            self.link.start_listening()
        return result

    def on_hci_le_create_connection_command(self, command):
        """As Bumble's; wakes the advertisers."""
        super().on_hci_le_create_connection_command(command)
        self.link.start_listening()

    def on_hci_le_create_connection_cancel_command(self, _command):
        """Stop initiating and report it, as a controller does."""
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self._report_cancelled, pending)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def _report_cancelled(self, pending):
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=_UNKNOWN_CONNECTION,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )

    def on_hci_le_rand_command(self, _command):
        """Random octets of the seed."""
        return hci.HCI_LE_Rand_ReturnParameters(
            status=hci.HCI_ErrorCode.SUCCESS, random_number=struct.pack("<Q", self.link.chance.getrandbits(64))
        )

    def on_advertising_pdu(self, pdu):
        """Report what a scan hears; connect when this is whom the host wants."""
        advertiser = getattr(pdu, "advertiser", None)
        kind = advertiser.advertising_type if advertiser is not None else ADV_IND
        if self.le_scan_enable and self.link.heard(self):
            self._report(kind, pdu.advertiser_address, bytes(pdu.data))
            if self.le_scan_type and advertiser is not None and kind in (ADV_IND, ADV_SCAN_IND):
                self._report(SCAN_RSP, pdu.advertiser_address, bytes(advertiser.scan_response_data))
        wanted = self.pending_le_connection
        if wanted and kind in (ADV_IND, ADV_DIRECT_IND) and self._is_wanted(wanted, pdu.advertiser_address):
            if advertiser is None or advertiser.enabled:  # else another central was first
                wanted.peer_address = pdu.advertiser_address  # on the air there is no other name
                self.create_le_connection(pdu.advertiser_address)

    def _is_wanted(self, wanted, address: hci.Address) -> bool:
        if wanted.peer_address == address:
            return True
        identity = self.resolve(address) if self.resolve is not None and wanted.peer_address_type & 2 else None
        return identity is not None and identity[1:] == bytes(wanted.peer_address)

    def _report(self, kind, address, data):
        if self.on_report is not None:
            self.on_report(kind, address, data, self.link.rssi_dbm)
            return
        report = hci.HCI_LE_Advertising_Report_Event.Report(
            event_type=kind,
            address_type=address.address_type,
            address=address,
            data=data,
            rssi=self.link.rssi_dbm,
        )
        self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))


class MemoryKeyStore(KeyStore):
    """A peer's bonds: kept while the object lives, lost by `clear()` as by a battery change."""

    def __init__(self):
        self.bonds: dict = {}

    async def delete(self, name):
        """Forget one bond."""
        self.bonds.pop(name, None)

    async def update(self, name, keys):
        """Keep one bond."""
        self.bonds[name] = keys

    async def get(self, name):
        """The bond with `name`, or None."""
        return self.bonds.get(name)

    async def get_all(self):
        """All bonds."""
        return list(self.bonds.items())

    def clear(self) -> None:
        """Lose all bonds."""
        self.bonds.clear()


def make_device(link: Link, name: str, address: str, public: str | None = None) -> Device:
    """A Bumble Device with its own controller on `link`, ready for `await device.power_on()`.

    `address` is its random static address; `public` its public one when it has any. `device.keystore` is a
    MemoryKeyStore, `device.radio` its controller (for Link.drop and Link.silence).
    """
    radio = Controller(name, link, public or address)
    with running(link.loop):
        device = Device(name=name, address=hci.Address(address), host=Host(radio, AsyncPipeSink(radio)))
    device.keystore = MemoryKeyStore()
    device.radio = radio  # type: ignore[attr-defined]
    return device
