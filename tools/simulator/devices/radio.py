"""A device on the air: its window of advertisements, its bonds, its one link, and what is wrong with it."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from bumble import att, crypto, hci
from bumble.core import AdvertisingData
from bumble.pairing import PairingConfig, PairingDelegate

from tools.simulator.air.controller import make_device
from tools.simulator.devices import database
from tools.simulator.devices.faults import Faults
from tools.simulator.devices.link import CollectorLink

_PAIRING_S = 30.0  # SMP's own limit (Core 5.4, 3.H.3.4)
_PRIVATE_ADDRESS_S = 900.0  # T_GAP(private_addr_int)
LIMITED_DISCOVERABLE, GENERAL_DISCOVERABLE = 0x05, 0x06  # advertising flags, BR/EDR not supported in both


class _Pairing(PairingDelegate):
    """No keys, and a display only where digits are shown; pairs only when the device is in the mood for it."""

    def __init__(self, device: "Peripheral"):
        shows = PairingDelegate.DISPLAY_OUTPUT_ONLY if device.DIGITS else PairingDelegate.NO_OUTPUT_NO_INPUT
        super().__init__(io_capability=shows)
        self._device = device

    async def generate_passkey(self) -> int:
        return self._device.make_digits()

    async def display_number(self, number: int, digits: int) -> None:
        self._device.note("digits", number)

    async def accept(self) -> bool:
        return self._device.accepts_pairing()


class Peripheral:
    """A battery-driven peripheral: silent until it is woken, then one collector at a time."""

    SERVICE = 0  # advertised; 0: none is
    COMPANY: int | None = None  # advertised, with event()
    INTERVAL_MS = 100.0  # of advertisements
    PATIENCE_S = 15.0  # hangs up on a collector that asks nothing for so long
    BONDS = True
    PAIRING_FLAGS = GENERAL_DISCOVERABLE  # advertised while it takes a new bond
    DIGITS = False  # pairs by six digits alone
    PRIVATE = False  # advertises under a private address, another every quarter of an hour
    BOND_FIRST = False  # shows E10 and hangs up on a collector that looks around before it has bonded

    def __init__(self, world, address: str, serial: str | None = None, faults: Faults | None = None):
        self.world = world
        self.address = address.lower()
        self.chance = Random(f"{world.seed}/{self.address}")
        self.serial = serial or f"{self.chance.randrange(10**9):09d}"
        self.faults = faults or Faults()
        self.display = ""
        self.label: int | None = None  # digits that never change; without them each pairing shows others
        self.log: list[tuple] = []  # (virtual ms, what, details)
        self.listeners: list[Callable[..., None]] = []  # called with each note as it is made
        self.link: CollectorLink | None = None
        self._pairing_mode = False
        self._in_pairing_visit = False
        self._woken_again = False  # somebody pressed it while a collector was connected
        self._window_until = 0.0
        self._heard_at = 0.0
        self._sent_count = 0
        self._cccds: dict[str, dict[int, bytes]] = {}  # of bonded collectors, by address
        self._tasks: list[asyncio.Task] = []
        self._advertising = asyncio.Lock()
        self._address_made = 0.0
        self._build()
        if self.PRIVATE:
            self.bumble.irk = self.chance.randbytes(16)
            self._make_address()
            self.address = bytes(self._private)[::-1].hex(":")  # under which it is found, and listed

    # -- what a model adds

    def name(self) -> str:
        """The advertised name."""
        raise NotImplementedError

    def event(self) -> bytes:
        """The maker's own part of an advertisement."""
        return b""

    def services(self) -> list:
        """The GATT database; called once."""
        raise NotImplementedError

    def on_subscribed(self, link: CollectorLink, characteristic, notify: bool, indicate: bool) -> None:
        """A collector wrote a CCCD."""

    def on_bonded_return(self, link: CollectorLink) -> None:
        """A collector whose CCCDs were kept has encrypted the link."""

    def has_more(self) -> bool:
        """Whether there is a reason to advertise again after a lost link."""
        return False

    # -- bonds

    def accepts_pairing(self) -> bool:
        """Whether a new bond is taken now."""
        return self.BONDS and (self._pairing_mode or self._in_pairing_visit or self.faults.repairs_always)

    def is_bonded(self) -> bool:
        """Whether some collector holds a bond that this device honours."""
        return bool(self.bumble.keystore.bonds)

    def is_sending(self) -> bool:
        """Whether a collector has asked for readings and they are on their way."""
        return self.link is not None and self.link.sending is not None and not self.link.sending.done()

    def forget_bonds(self) -> None:
        """Lose every bond, as after a reset or a pairing with another host; new ones are taken at once."""
        self.faults.repairs_always = True
        self.delete_bonds()

    def delete_bonds(self) -> None:
        """Forget every collector."""
        self._cccds.clear()
        self.bumble.keystore.clear()

    def make_digits(self) -> int:
        """What the collector must be told by a person who reads it here: it has as long as SMP gives it."""
        self._heard_at = self.world.loop.time() + _PAIRING_S
        return self.chance.randrange(1_000_000) if self.label is None else self.label

    # -- making

    def note(self, *words) -> None:
        """Keep what happened, with its virtual millisecond."""
        self.log.append((round(self.world.loop.time() * 1000), *words))
        for listener in self.listeners:
            listener(*words)

    def _build(self) -> None:
        self.bumble: Any = make_device(self.world.link, self.name(), self.address)
        self._server: Any = self.bumble.gatt_server
        self.bumble.pairing_config_factory = lambda connection: PairingConfig(
            sc=True,
            mitm=self.DIGITS,
            bonding=self.BONDS,
            identity_address_type=PairingConfig.AddressType.RANDOM,
            delegate=_Pairing(self),
        )
        for service in self.services():
            self.bumble.add_service(service)
        self._on_pdu = self._server.on_gatt_pdu
        self._respond = self._server.send_response
        hooks = {
            "on_gatt_pdu": self._hear,
            "send_response": self._answer,
            "on_att_handle_value_confirmation": self._on_confirmation,
        }
        for name, hook in hooks.items():
            setattr(self._server, name, hook)
        self._server.on(self._server.EVENT_CHARACTERISTIC_SUBSCRIPTION, self._on_subscription)
        self.bumble.on("connection", self._on_connection)

    async def start(self) -> None:
        """Put the battery in; the device sleeps until somebody presses it."""
        await self.bumble.power_on()

    def _run(self, coroutine) -> asyncio.Task:
        self._tasks = [task for task in self._tasks if not task.done()]
        task = self.world.loop.create_task(coroutine)
        self._tasks.append(task)
        return task

    # -- advertising

    def _make_address(self) -> None:
        """Take the next private address (Core 5.4, 6.B.1.3.2.2)."""
        prand = self.chance.randrange(1 << 22) | 1 << 22
        octets = prand.to_bytes(3, "little")
        octets = crypto.ah(self.bumble.irk, octets) + octets
        self._private = hci.Address(octets, hci.Address.RANDOM_DEVICE_ADDRESS)
        self._address_made = self.world.loop.time()

    def _wake(self, window_s: float) -> None:
        self._window_until = self.world.loop.time() + window_s
        if self.link is None:
            self._run(self._advertise())
        else:
            self._woken_again = True

    async def _advertise(self) -> None:
        """Advertise what is true now, until the window closes."""
        async with self._advertising:
            if self.bumble.is_advertising:
                await self.bumble.stop_advertising()
            if self.link is not None or self._window_until <= self.world.loop.time():
                return
            if self.PRIVATE:
                if self.world.loop.time() - self._address_made > _PRIVATE_ADDRESS_S:
                    self._make_address()
                self.bumble.random_address = self._private
                command = hci.HCI_LE_Set_Random_Address_Command(random_address=self._private)
                await self.bumble.host.send_command(command)
            flags = self.PAIRING_FLAGS if self._pairing_mode else GENERAL_DISCOVERABLE
            fields = [(AdvertisingData.FLAGS, bytes((flags,)))]
            if self.SERVICE:
                service = self.SERVICE.to_bytes(2, "little")
                fields.append((AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, service))
            if self.COMPANY is not None:
                company = self.COMPANY.to_bytes(2, "little")
                fields.append((AdvertisingData.MANUFACTURER_SPECIFIC_DATA, company + self.event()))
            await self.bumble.start_advertising(
                advertising_data=bytes(AdvertisingData(fields)),
                scan_response_data=bytes(
                    AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, self.name().encode())])
                ),
                auto_restart=False,
                advertising_interval_min=self.INTERVAL_MS,
                advertising_interval_max=self.INTERVAL_MS,
            )
            self.note("advertise", flags)
            self.world.loop.call_at(self._window_until, self._close_window)

    def _close_window(self) -> None:
        if self._window_until <= self.world.loop.time() and self.link is None:
            self._pairing_mode = False
            self._run(self._advertise())

    # -- the link

    def _on_connection(self, connection) -> None:
        link = self.link = CollectorLink(self.bumble, connection)
        self._in_pairing_visit = self._pairing_mode
        self._heard_at = self.world.loop.time()
        self.note("connected")
        connection.on("disconnection", lambda reason: self._on_disconnection(link, int(reason)))
        connection.on("connection_encryption_change", lambda: self._on_encryption(link))
        self._run(self._lose_patience(link))

    def _on_disconnection(self, link: CollectorLink, reason: int) -> None:
        self.note("gone", reason)
        link.on_gone()
        if self.link is link:
            self.link = None
        if self._pairing_mode and self._in_pairing_visit and link.encrypted:
            self._pairing_mode = False
            self._window_until = 0.0
        self._in_pairing_visit = False
        if not (self.has_more() or self._pairing_mode or self._woken_again):
            self._window_until = 0.0
        self._woken_again = False
        self._run(self._advertise())  # for what is left of its window

    def _on_encryption(self, link: CollectorLink) -> None:
        if link.encrypted or not link.connection.is_encrypted:
            return
        link.encrypted = True
        self.note("encrypted")
        kept = self._cccds.get(link.collector)
        if kept and not self._in_pairing_visit:
            self._server.subscribers[link.connection] = dict(kept)
            self.on_bonded_return(link)

    def _on_subscription(self, connection, characteristic, notify: bool, indicate: bool) -> None:
        link = self.link
        if link is None or link.connection is not connection:
            return
        self.note("subscribed", str(characteristic.uuid), int(notify) | int(indicate) << 1)
        if link.encrypted and self.BONDS:
            self._cccds[link.collector] = dict(self._server.subscribers[connection])
        self.on_subscribed(link, characteristic, notify, indicate)

    async def _lose_patience(self, link: CollectorLink) -> None:
        while not link.gone:
            left_s = self._heard_at + self.PATIENCE_S - self.world.loop.time()
            if left_s > 0 or self.is_sending():
                await asyncio.sleep(max(left_s, 1.0))
            else:
                self.note("impatient")
                await link.hang_up()
                return

    def drop_link(self) -> None:
        """Lose the link as by distance: both sides notice by supervision timeout."""
        assert self.link is not None
        self.note("drop")
        collector = self.world.link.find_le_controller(self.link.connection.peer_address)
        self.world.loop.call_soon(self.world.link.drop, self.bumble.radio, collector)

    # -- GATT traffic

    def _hear(self, connection, pdu) -> None:
        self._heard_at = self.world.loop.time()
        link = self.link
        if link is not None and not link.encrypted and self._offended_by(pdu):
            if self.display != "E10":
                self.display = "E10"
                self.note("E10")
                self._window_until = 0.0
                self._run(link.hang_up())
            return
        if not self._refuses(connection, pdu):
            self._on_pdu(connection, pdu)

    def _refuses(self, connection, pdu) -> bool:
        if self.faults.refuse_at is None or self.link is None or pdu.op_code not in database.REQUESTS:
            return False
        self.link.requests += 1
        if self.link.requests != self.faults.refuse_at:
            return False
        self.note("refused", pdu.name)
        self._respond(
            connection,
            att.ATT_Error_Response(
                request_opcode_in_error=pdu.op_code,
                attribute_handle_in_error=getattr(pdu, "attribute_handle", 0),
                error_code=att.ErrorCode.UNLIKELY_ERROR,
            ),
        )
        return True

    def _offended_by(self, pdu) -> bool:
        return self.BOND_FIRST and pdu.op_code in database.DISCOVERIES

    def _answer(self, connection, response) -> None:
        if self.faults.answer_delay_ms:
            delay_s = self.faults.answer_delay_ms / 1000
            self.world.loop.call_later(delay_s, self._answer_late, connection, response)
        else:
            self._respond(connection, response)

    def _answer_late(self, connection, response) -> None:
        if self.link is not None and self.link.connection is connection:
            self._respond(connection, response)

    def _on_confirmation(self, _connection, _pdu) -> None:
        if self.link is None:
            return
        if self._sent_count == self.faults.lose_confirmation_at:
            self.faults.lose_confirmation_at = None
            self.note("confirmation lost")
            self.drop_link()  # the link layer repeats until it gives up: it is lost with its link
            return
        self.link.on_confirmation()
