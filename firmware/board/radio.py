"""The hub's radio: aioble for what it does well, and one handler of our own in front of it.

That handler runs inside the Bluetooth host's callback. NimBLE confirms an indication when the callback returns,
whatever it returned, so the octets are kept before it returns; when they cannot be kept it hangs up, which is the one
thing that goes out before the confirmation. An exception in it would silence Bluetooth for ever: it lets none out.
"""

import asyncio

import aioble
import bluetooth
from aioble import core
from micropython import const

from firmware.board.ticks import Ticks

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_SERVICE_DONE = const(10)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_NOTIFY = const(18)
_IRQ_GATTC_INDICATE = const(19)
_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)

INDICATED = const(1)  # these are the journal's capture flags
ENCRYPTED = const(2)
AUTHENTICATED = const(4)
BONDED = const(8)
BOND_CHANGED = const(16)

_IO_NO_INPUT_NO_OUTPUT = const(3)  # steps.py knows it, too
_MTU_OCTETS = const(247)  # one full Bluetooth 4.2 link-layer packet
_SCAN_INTERVAL_US = const(50_000)
_SCAN_WINDOW_US = const(40_000)  # 80 %: a cuff advertises for seconds; the rest is left to Wi-Fi
_SCAN_MS = const(60_000)  # then the callback is set anew, should anything have silenced it
_HANG_UP_MS = const(3_000)


class Radio:
    """`keep(value handle, capture flags, octets)` keeps one value or raises: Full, OSError; `may_pair()` tells whether
    new keys are taken for a device that has some. The hub sets both.
    """

    def __init__(self, bonds):
        self.bonds = bonds
        self.keep = None
        self.may_pair = None
        self._wanted: "dict | tuple" = ()  # (address type, address) of the devices that are listened for
        self.identity = b""
        self.by = None  # the device whose `digits` the next link is paired by, or None
        self.heard_as = 0  # the address type with which the last wanted device was heard
        self.cut_short = False
        self.handle = None  # the open connection
        self.connecting = False
        self.connection = None
        self.characteristics = {}
        self.asked = None  # the handle that was written to last, and what it said then
        self.answer = None
        self.refused = 0  # how a discovery failed
        self.value = Ticks.flag()
        self.secured = Ticks.flag()
        self.gone = True
        self.security = 0
        self.bond_changed = False
        self.denied = False  # this link's encryption failed
        self.lost = 0  # values that could not be kept: possible_loss
        self.faults = 0  # exceptions that the handler held back
        self.heard = False  # an advert, whoever's; who asks clears it
        self.last_value_ms = None
        self.ticks = None

    def start(self, ticks) -> None:
        """Switch the radio on and put our handler first."""
        self.ticks = ticks
        ble = bluetooth.BLE()
        ble.irq(self._irq)
        ble.active(True)
        # A peer's Security Request acts with the settings of its moment: they stand from the start.
        ble.config(bond=True, le_secure=True, mitm=False, io=_IO_NO_INPUT_NO_OUTPUT, mtu=_MTU_OCTETS)

    def restart(self) -> None:
        """Switch the Bluetooth host off and on again. Not during a visit."""
        core.ble.active(False)
        core.ble_irq(_IRQ_SCAN_DONE, ())  # aioble waits for this for ever, and nobody else will say it
        self.start(self.ticks)

    # -- in the callback -----------------------------------------------------------------------------------

    def _irq(self, event, data):
        """Before aioble's: its queue of one loses the second of two indications, its secrets can be torn by a cut.

        Each call of a function takes some 350 octets of the Bluetooth task's small stack: `telehub bench callback`.
        """
        try:
            if event == _IRQ_GATTC_INDICATE or event == _IRQ_GATTC_NOTIFY:
                if data[0] == self.handle:
                    flags = self.security
                    if event == _IRQ_GATTC_INDICATE:
                        flags |= INDICATED
                    if self.bond_changed:
                        flags |= BOND_CHANGED
                    self.keep(data[1], flags, data[2])
                    if data[1] == self.asked:
                        self.answer = bytes(data[2])
                    self.last_value_ms = self.ticks.now_ms()
                    self.value.set()
                else:
                    self._hang_up(data[0])
                return None
            if event == _IRQ_SCAN_RESULT:
                self.heard = True
                if not self._is_wanted(data[0], data[1]):
                    return None  # aioble would keep every stranger that it hears until the scan ends
            elif event == _IRQ_GATTC_SERVICE_DONE or event == _IRQ_GATTC_CHARACTERISTIC_DONE:
                if data[1]:
                    self.refused = data[1]  # aioble goes on with what was found until then
            elif event == _IRQ_PERIPHERAL_DISCONNECT:
                if data[0] == self.handle:
                    self.gone = True
                    self.handle = None
                    self.value.set()
                    self.secured.set()
            elif event == _IRQ_PERIPHERAL_CONNECT:
                if self.connecting:
                    if data[1] != self.heard_as:  # the host names an identity otherwise when it has connected to it
                        data = (data[0], self.heard_as, bytes(data[2]))
                    self.handle = data[0]
                    self.gone = False
                    self.security = 0  # a link remade by itself (0x3E) begins unencrypted
                else:
                    core.ble.gap_disconnect(data[0])
            elif event == _IRQ_ENCRYPTION_UPDATE:
                if data[0] == self.handle:
                    self.denied = not data[1]
                    self.security = (
                        (ENCRYPTED if data[1] else 0) | (AUTHENTICATED if data[2] else 0) | (BONDED if data[3] else 0)
                    )
                    self.secured.set()
            elif event == _IRQ_GET_SECRET:
                return self.bonds.get(data[0], data[1], None if data[2] is None else bytes(data[2]))
            elif event == _IRQ_SET_SECRET:
                return self._set_secret(data[0], bytes(data[1]), None if data[2] is None else bytes(data[2]))
            return core.ble_irq(event, data)
        except Exception:  # noqa: BLE001 - one that got out would end all Bluetooth until the next boot
            if event == _IRQ_GATTC_INDICATE or event == _IRQ_GATTC_NOTIFY:
                self.lost += 1  # Full, OSError, MemoryError: not kept, so it must not be confirmed
            else:
                self.faults += 1
            self._refuse()
            return False if event == _IRQ_SET_SECRET else None

    def _is_wanted(self, address_type, address):
        for key in self._wanted:
            if key[0] == address_type & 1 and key[1] == address:  # 2 and 3: an identity that the host resolved
                return True
        return False

    def _set_secret(self, kind, key, value):
        answer = None
        if value is None or self.bonds.learn(self.identity, kind, key):
            answer = self.bonds.set(kind, key, value, self.may_pair())
        if answer is None:
            self.bond_changed = True
            self._refuse()
            return False
        return answer

    def _refuse(self):
        """Hang up before the callback returns: the one refusal that this host knows."""
        if self.handle is not None:
            self._hang_up(self.handle)

    def _hang_up(self, handle):
        try:
            core.ble.gap_disconnect(handle)
        except OSError:
            pass  # on its way down already

    # -- listening -----------------------------------------------------------------------------------------

    async def listen(self, wanted: dict, limit_ms: int) -> "tuple | None":
        """Scan until one of `wanted` ({(address type, address): anything}) is heard.

        Returns (key, advert octets, scan response octets) or None after about `limit_ms`.
        """
        self._wanted = wanted
        core.ble.irq(self._irq)  # revived in case anything ever silenced it
        scan = aioble.scan(
            min(limit_ms, _SCAN_MS), interval_us=_SCAN_INTERVAL_US, window_us=_SCAN_WINDOW_US, active=False
        )
        async with scan as results:
            async for result in results:
                key = (result.device.addr_type & 1, result.device.addr)
                if key in wanted and result.connectable:
                    self.heard_as = result.device.addr_type
                    return key, result.adv_data or b"", result.resp_data or b""
        return None

    # -- one visit -----------------------------------------------------------------------------------------

    async def connect(self, address: bytes, identity: bytes) -> None:
        """Open the link to the device that was heard. PeerError("gone") when it did not answer."""
        from firmware.board import steps

        await steps.connect(self, address, identity)

    async def do(self, step: tuple, limit_ms: int) -> object:
        """Do one step of firmware/ble/visit.py that needs the link; PeerError as its docstring says."""
        from firmware.board import steps

        return await steps.do(self, step, limit_ms)

    def cut(self) -> None:
        """End listening, and an open visit's waiting: what the device still has stays with it until the next time."""
        self.cut_short = True
        self.value.set()
        try:
            core.ble.gap_scan(None)
        except OSError:
            pass  # the radio is off

    async def close(self) -> None:
        """Hang up, and return when the link is gone; every end of a visit comes here."""
        connection, self.connection = self.connection, None
        if connection is None:
            self._refuse()  # the link came just when it was given up
        else:
            try:
                await connection.disconnect(timeout_ms=_HANG_UP_MS)
            except asyncio.TimeoutError:
                self.faults += 1
        self.handle = None
        self.gone = True
        self.characteristics = {}
        self.bonds.flush()
