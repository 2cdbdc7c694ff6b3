"""A peer, the link to it, and the bound that ends a wait when time or the link is over."""

import asyncio
import binascii

from micropython import const

from .core import ble, log_error, register_irq_handler

_IRQ_MTU_EXCHANGED = const(21)
_ADDRESS_OCTETS = const(6)


class DeviceDisconnectedError(Exception):
    """The link ended while something waited for an answer on it."""


class DeviceTimeout:
    """Cancels the task that made it when time or link is over, and turns the cancel into the reason."""

    def __init__(self, connection, timeout_ms):
        self._connection = connection
        self._timeout_ms = timeout_ms
        self._task = asyncio.current_task()
        self._timer = None
        self._expired = False
        if connection:
            connection._timeouts.append(self)

    async def _expire(self):
        await asyncio.sleep_ms(self._timeout_ms)
        self._expired = True
        self._timer = None
        self._task.cancel()

    def __enter__(self):
        if self._timeout_ms:
            self._timer = asyncio.create_task(self._expire())

    def __exit__(self, kind, error, trace):
        link = self._connection
        if link:
            link._timeouts.remove(self)
        timer, self._timer = self._timer, None
        if timer:
            timer.cancel()
        if kind is asyncio.CancelledError:
            if self._expired:
                raise asyncio.TimeoutError
            if link and link._conn_handle is None:
                raise DeviceDisconnectedError
        # any other error, and a cancel that somebody else sent, goes its way


class Device:
    """A peer by its address."""

    def __init__(self, addr_type, addr):
        self.addr_type = addr_type
        self.addr = addr if len(addr) == _ADDRESS_OCTETS else binascii.unhexlify(addr.replace(":", ""))
        self._connection = None

    def __eq__(self, other):
        return self.addr_type == other.addr_type and self.addr == other.addr

    def __hash__(self):
        return hash((self.addr_type, self.addr))

    def __str__(self):
        kind = "ADDR_RANDOM" if self.addr_type else "ADDR_PUBLIC"
        return "Device(%s, %s%s)" % (kind, self.addr_hex(), ", CONNECTED" if self._connection else "")

    def addr_hex(self):
        """The address as aa:bb:cc:dd:ee:ff."""
        return binascii.hexlify(self.addr, ":").decode()

    async def connect(
        self, timeout_ms=10000, scan_duration_ms=None, min_conn_interval_us=None, max_conn_interval_us=None
    ):
        """Make the link, or give back the one that this object has (a dead one too: see README)."""
        if not self._connection:
            from .central import _connect

            link = DeviceConnection(self)
            await _connect(link, timeout_ms, scan_duration_ms, min_conn_interval_us, max_conn_interval_us)
            link._run_task()
        return self._connection


class DeviceConnection:
    """A link to a peer."""

    _connected = {}  # connection handle -> link, for those who hear events

    def __init__(self, device):
        self.device = device
        self.encrypted = self.authenticated = self.bonded = self.key_size = False
        self.mtu = None
        device._connection = self
        self._conn_handle = None
        self._event = asyncio.ThreadSafeFlag()  # set once when the link is made, once when it ends
        self._task = None
        self._timeouts = []  # bounds of the waits that the link's end must cancel
        self._mtu_event = None
        self._pair_event = None
        self._discover = None  # the discovery under way: events name only the link
        self._characteristics = {}  # value handle -> who waits for events about it

    def is_connected(self):
        """Whether the link is up, as far as the cleaning task has noticed."""
        return self._conn_handle is not None

    def timeout(self, timeout_ms):
        """Bound a `with` block by time (None: no limit) and by the link's life."""
        return DeviceTimeout(self, timeout_ms)

    def _run_task(self):
        self._task = asyncio.create_task(self._clean_up())

    async def _clean_up(self):
        await self._event.wait()
        del DeviceConnection._connected[self._conn_handle]
        self._conn_handle = None
        self.device._connection = None
        for bound in self._timeouts:
            bound._task.cancel()

    async def disconnect(self, timeout_ms=2000):
        """End the link and wait until it has ended."""
        await self.disconnected(timeout_ms, disconnect=True)

    async def disconnected(self, timeout_ms=None, disconnect=False):
        """Wait for the link's end, whoever ends it."""
        if not self.is_connected():
            return
        if disconnect:
            try:
                ble.gap_disconnect(self._conn_handle)
            except OSError as error:
                log_error("Disconnect", error)
        with DeviceTimeout(None, timeout_ms):
            await self._task

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        await self.disconnect()

    def services(self, uuid=None, timeout_ms=2000):
        """Iterate over the peer's services, last one first; let the loop run to its end."""
        from .client import ClientDiscover, ClientService

        return ClientDiscover(self, ClientService, self, timeout_ms, uuid)

    async def service(self, uuid, timeout_ms=2000):
        """The peer's service of this UUID, or None."""
        from .client import only

        return await only(self.services(uuid, timeout_ms), uuid)

    async def pair(self, *args, **options):
        """Encrypt the link, pairing if there is no bond (security.pair)."""
        from .security import pair

        await pair(self, *args, **options)

    async def exchange_mtu(self, mtu=None, timeout_ms=1000):
        """Ask for a larger ATT MTU; gives the one agreed on."""
        if not self.is_connected():
            raise ValueError("Not connected")
        if mtu:
            ble.config(mtu=mtu)
        if not self._mtu_event:
            self._mtu_event = asyncio.ThreadSafeFlag()
        ble.gattc_exchange_mtu(self._conn_handle)
        with self.timeout(timeout_ms):
            await self._mtu_event.wait()
        return self.mtu


def _on_event(event, data):
    if event != _IRQ_MTU_EXCHANGED:
        return
    conn_handle, mtu = data
    link = DeviceConnection._connected.get(conn_handle)
    if link:
        link.mtu = mtu
        if link._mtu_event:
            link._mtu_event.set()


register_irq_handler(_on_event, None)
