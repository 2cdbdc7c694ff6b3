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

from firmware.board.ticks import Ticks, within
from firmware.contracts import PeerError

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

_IO_NO_INPUT_NO_OUTPUT = const(3)
_MTU_OCTETS = const(247)  # one full Bluetooth 4.2 link-layer packet
_SCAN_INTERVAL_US = const(50_000)
_SCAN_WINDOW_US = const(40_000)  # 80 %: a cuff advertises for seconds; the rest is left to Wi-Fi
_SCAN_MS = const(60_000)  # then the callback is set anew, should anything have silenced it
_CCCD = const(0x2902)
_NOTIFY = b"\1\0"
_INDICATE = b"\2\0"
_ATTRIBUTE_NOT_FOUND = const(0x0A)  # ATT error code (Core 5.4, 3.F.3.4.1.1)
_CONNECT_MS = const(4_000)
_CONNECT_MARGIN_MS = const(500)  # the host gives up first, so that no late connection is left over
_HANG_UP_MS = const(3_000)


class Radio:
    """`keep(value handle, capture flags, octets)` keeps one value or raises: Full, OSError; `may_pair()` tells whether
    new keys are taken for a device that has some. The hub sets both.
    """

    def __init__(self, bonds):
        self._bonds = bonds
        self.keep = None
        self.may_pair = None
        self._wanted: "dict | tuple" = ()  # (address type, address) of the devices that are listened for
        self._identity = b""
        self._heard_as = 0  # the address type with which the last wanted device was heard
        self._cut = False
        self._handle = None  # the open connection
        self._connecting = False
        self._connection = None
        self._characteristics = {}
        self._asked = None  # the handle that was written to last, and what it said then
        self._answer = None
        self._refused = 0  # how a discovery failed
        self._value = Ticks.flag()
        self._secured = Ticks.flag()
        self._gone = True
        self.security = 0
        self.bond_changed = False
        self.denied = False  # this link's encryption failed
        self.lost = 0  # values that could not be kept: possible_loss
        self.faults = 0  # exceptions that the handler held back
        self.heard = False  # an advert, whoever's; who asks clears it
        self.last_value_ms = None
        self._ticks = None

    def start(self, ticks) -> None:
        """Switch the radio on and put our handler first."""
        self._ticks = ticks
        ble = bluetooth.BLE()
        ble.irq(self._irq)
        ble.active(True)
        # A peer's Security Request acts with the settings of its moment: they stand from the start.
        ble.config(bond=True, le_secure=True, mitm=False, io=_IO_NO_INPUT_NO_OUTPUT, mtu=_MTU_OCTETS)

    def restart(self) -> None:
        """Switch the Bluetooth host off and on again. Not during a visit."""
        core.ble.active(False)
        core.ble_irq(_IRQ_SCAN_DONE, ())  # aioble waits for this for ever, and nobody else will say it
        self.start(self._ticks)

    # -- in the callback -----------------------------------------------------------------------------------

    def _irq(self, event, data):
        """Before aioble's: its queue of one loses the second of two indications, its secrets can be torn by a cut.

        Each call of a function takes some 350 octets of the Bluetooth task's small stack: `telehub bench callback`.
        """
        try:
            if event == _IRQ_GATTC_INDICATE or event == _IRQ_GATTC_NOTIFY:
                if data[0] == self._handle:
                    flags = self.security
                    if event == _IRQ_GATTC_INDICATE:
                        flags |= INDICATED
                    if self.bond_changed:
                        flags |= BOND_CHANGED
                    self.keep(data[1], flags, data[2])
                    if data[1] == self._asked:
                        self._answer = bytes(data[2])
                    self.last_value_ms = self._ticks.now_ms()
                    self._value.set()
                else:
                    self._hang_up(data[0])
                return None
            if event == _IRQ_SCAN_RESULT:
                self.heard = True
                if not self._is_wanted(data[0], data[1]):
                    return None  # aioble would keep every stranger that it hears until the scan ends
            elif event == _IRQ_GATTC_SERVICE_DONE or event == _IRQ_GATTC_CHARACTERISTIC_DONE:
                if data[1]:
                    self._refused = data[1]  # aioble goes on with what was found until then
            elif event == _IRQ_PERIPHERAL_DISCONNECT:
                if data[0] == self._handle:
                    self._gone = True
                    self._handle = None
                    self._value.set()
                    self._secured.set()
            elif event == _IRQ_PERIPHERAL_CONNECT:
                if self._connecting:
                    if data[1] != self._heard_as:  # the host names an identity otherwise when it has connected to it
                        data = (data[0], self._heard_as, bytes(data[2]))
                    self._handle = data[0]
                    self._gone = False
                    self.security = 0  # a link remade by itself (0x3E) begins unencrypted
                else:
                    core.ble.gap_disconnect(data[0])
            elif event == _IRQ_ENCRYPTION_UPDATE:
                if data[0] == self._handle:
                    self.denied = not data[1]
                    self.security = (
                        (ENCRYPTED if data[1] else 0) | (AUTHENTICATED if data[2] else 0) | (BONDED if data[3] else 0)
                    )
                    self._secured.set()
            elif event == _IRQ_GET_SECRET:
                return self._bonds.get(data[0], data[1], None if data[2] is None else bytes(data[2]))
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
        if value is None or self._bonds.learn(self._identity, kind, key):
            answer = self._bonds.set(kind, key, value, self.may_pair())
        if answer is None:
            self.bond_changed = True
            self._refuse()
            return False
        return answer

    def _refuse(self):
        """Hang up before the callback returns: the one refusal that this host knows."""
        if self._handle is not None:
            self._hang_up(self._handle)

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
                    self._heard_as = result.device.addr_type
                    return key, result.adv_data or b"", result.resp_data or b""
        return None

    # -- one visit -----------------------------------------------------------------------------------------

    async def connect(self, address: bytes, identity: bytes) -> None:
        """Open the link to the device that was heard. PeerError("gone") when it did not answer."""
        self._identity = identity
        self._characteristics = {}
        self._asked = None
        self._cut = False
        self.bond_changed = self.denied = False
        self.last_value_ms = None
        self._value.clear()
        self._secured.clear()
        self._connecting = True
        try:
            self._connection = await aioble.Device(self._heard_as, address).connect(
                timeout_ms=_CONNECT_MS + _CONNECT_MARGIN_MS, scan_duration_ms=_CONNECT_MS
            )
        except (asyncio.TimeoutError, OSError):
            raise PeerError("gone")
        finally:
            self._connecting = False

    async def do(self, step: tuple, limit_ms: int) -> object:
        """Do one step of firmware/ble/visit.py that needs the link; PeerError as its docstring says."""
        verb = step[0]
        if self._gone and verb != "disconnect":
            raise PeerError("gone")
        try:
            if verb == "drain":
                return await self._drain(step[1], step[2])
            if verb == "answer":
                return await self._drain(step[2], step[3], True)
            if verb == "disconnect":
                return await self.close()
            if verb == "pair":
                self._bonds.forget(self._identity)  # else its new keys would be refused
            if verb == "encrypt" or verb == "pair":
                return await self._secure(limit_ms)
            with self._connection.timeout(limit_ms):  # aioble's own discovery never ends on a dead link
                return await self._gatt(verb, step)
        except asyncio.TimeoutError:
            raise PeerError("timeout", verb)
        except aioble.DeviceDisconnectedError:
            raise PeerError("gone")
        except aioble.GattError as error:
            status = error._status  # aioble offers no other way to the ATT code
            raise PeerError("gone") if status < 256 else PeerError("att", status - 256)
        except (OSError, ValueError, AttributeError, TypeError) as error:
            # aioble meets a link that vanished between two of its lines with any of these
            if self._gone:
                raise PeerError("gone")
            raise PeerError("refused", verb, error.args[0] if error.args else 0)

    async def _gatt(self, verb, step):
        if verb == "mtu":
            return await self._connection.exchange_mtu(timeout_ms=None)
        if verb == "discover":
            return await self._discover(step[1])
        characteristic = self._characteristics[_uuid(step[1])]
        if verb == "read":
            return await characteristic.read(timeout_ms=None)
        if verb == "write":
            self._asked, self._answer = characteristic._value_handle, None
            return await characteristic.write(step[2], response=step[3], timeout_ms=None)
        configuration = await characteristic.descriptor(bluetooth.UUID(_CCCD))
        if configuration is None:
            raise PeerError("att", _ATTRIBUTE_NOT_FOUND)
        # Not aioble's subscribe(): its write gives up after one second, on a slow link too soon.
        return await configuration.write(_INDICATE if step[2] == "indicate" else _NOTIFY, timeout_ms=None)

    async def _discover(self, services):
        found = {}
        self._refused = 0
        for wanted in services:
            service = await self._connection.service(_uuid(wanted))
            if service is None:
                continue
            heard = []
            async for one in service.characteristics():
                heard.append(one)
            heard.sort(key=lambda one: one._value_handle)  # aioble gives the last first
            for one in heard:
                key = bytes(one.uuid)
                key = key[0] | key[1] << 8 if len(key) == 2 else key
                if key not in found:
                    found[key] = (one._value_handle, one.properties, one._end_handle)
                    self._characteristics[one.uuid] = one
        if self._refused:
            raise PeerError("att", self._refused - 256) if self._refused > 256 else PeerError("gone")
        return found

    async def _secure(self, limit_ms):
        self._secured.clear()
        core.ble.gap_pair(self._handle)
        if not await within(self._secured.wait(), limit_ms):
            raise PeerError("timeout", "pair")
        if self.bond_changed:
            raise PeerError("security", "bond changed")
        if self._gone:
            raise PeerError("gone")
        if not self.security & ENCRYPTED:
            raise PeerError("security", "failed")
        self._bonds.flush()

    async def _drain(self, idle_ms, cap_ms, answer=False):
        ends_ms = self._ticks.now_ms() + cap_ms
        while True:
            if answer and self._answer is not None:
                return self._answer
            left_ms = ends_ms - self._ticks.now_ms()
            if left_ms <= 0 or self._cut:
                return "cap"
            arrived = await within(self._value.wait(), min(idle_ms, left_ms))
            if self._gone:
                return "gone"
            if not arrived and left_ms > idle_ms and not self._cut:
                return "idle"

    def cut(self) -> None:
        """End listening, and an open visit's waiting: what the device still has stays with it until the next time."""
        self._cut = True
        self._value.set()
        try:
            core.ble.gap_scan(None)
        except OSError:
            pass  # the radio is off

    async def close(self) -> None:
        """Hang up, and return when the link is gone; every end of a visit comes here."""
        connection, self._connection = self._connection, None
        if connection is None:
            self._refuse()  # the link came just when it was given up
        else:
            try:
                await connection.disconnect(timeout_ms=_HANG_UP_MS)
            except asyncio.TimeoutError:
                self.faults += 1
        self._handle = None
        self._gone = True
        self._characteristics = {}
        self._bonds.flush()


def _uuid(uuid):
    return bluetooth.UUID(uuid)
