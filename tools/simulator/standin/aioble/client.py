"""What a peer offers, found and used: services, characteristics, descriptors."""

import asyncio
import struct
from collections import deque

import bluetooth
from micropython import const

from .core import GattError, ble, register_irq_handler
from .device import DeviceConnection

_IRQ_SERVICE_RESULT = const(9)
_IRQ_SERVICE_DONE = const(10)
_IRQ_CHARACTERISTIC_RESULT = const(11)
_IRQ_CHARACTERISTIC_DONE = const(12)
_IRQ_DESCRIPTOR_RESULT = const(13)
_IRQ_DESCRIPTOR_DONE = const(14)
_IRQ_READ_RESULT = const(15)
_IRQ_READ_DONE = const(16)
_IRQ_WRITE_DONE = const(17)
_IRQ_NOTIFY = const(18)
_IRQ_INDICATE = const(19)

_FLAG_READ = const(0x02)
_FLAG_WRITE_NO_RESPONSE = const(0x04)
_FLAG_WRITE = const(0x08)
_FLAG_NOTIFY = const(0x10)
_FLAG_INDICATE = const(0x20)

_CCCD_UUID = const(0x2902)
_DESCRIPTORS_GUESSED = const(2)  # where the stack gives no end handle, look this far behind the value


async def only(discovery, uuid):
    """The first result of this UUID, or None, once the discovery has ended."""
    found = None
    async for result in discovery:
        if not found and result.uuid == uuid:
            found = result
    return found


class ClientDiscover:
    """A discovery under way. Its time limit is accepted and not kept."""

    def __init__(self, link, kind, parent, timeout_ms, *arguments):
        self._link = link
        self._kind = kind  # class of the results; knows how to ask the radio
        self._parent = parent
        self._arguments = arguments
        self._queue = []
        self._status = None
        self._event = asyncio.ThreadSafeFlag()

    def _found(self, facts):
        self._queue.append(facts)
        self._event.set()

    def _done(self, status):
        self._status = status
        self._event.set()

    def __aiter__(self):
        return self

    async def __anext__(self):
        link = self._link
        if link._discover is not self:
            if link._discover:
                raise ValueError("Discovery in progress")
            link._discover = self
            self._kind._ask(self._parent, *self._arguments)
        while not self._queue:
            if self._status is not None:
                link._discover = None
                raise StopAsyncIteration
            await self._event.wait()
        return self._kind(self._parent, *self._queue.pop())  # the last one first


class ClientService:
    """A service of a peer; comes from `connection.services()`."""

    def __init__(self, connection, start_handle, end_handle, uuid):
        self.connection = connection
        self.uuid = uuid
        self._start_handle = start_handle
        self._end_handle = end_handle

    def __str__(self):
        return "Service: %d %d %s" % (self._start_handle, self._end_handle, self.uuid)

    def _ask(connection, uuid=None):
        ble.gattc_discover_services(connection._conn_handle, uuid)

    def characteristics(self, uuid=None, timeout_ms=2000):
        """Iterate over the characteristics, last one first; let the loop run to its end."""
        return ClientDiscover(self.connection, ClientCharacteristic, self, timeout_ms, uuid)

    async def characteristic(self, uuid, timeout_ms=2000):
        """The characteristic of this UUID, or None."""
        return await only(self.characteristics(uuid, timeout_ms), uuid)


class _Attribute:
    """Something with a value handle that can be read or written."""

    def __init__(self, value_handle, properties, uuid):
        self.uuid = uuid
        self.properties = properties
        self._value_handle = value_handle
        self._read_event = None
        self._read_data = None
        self._read_status = None
        self._write_event = None
        self._write_status = None

    def _check(self, flags):
        if not self.properties & flags:
            raise ValueError("Unsupported")

    def _listen(self):
        """Have events about this handle brought here from now on."""
        link = self._connection()
        link._characteristics[self._value_handle] = self
        return link

    async def read(self, timeout_ms=1000):
        """The value, as far as one answer holds it."""
        self._check(_FLAG_READ)
        link = self._listen()
        self._read_status = None
        if not self._read_event:
            self._read_event = asyncio.ThreadSafeFlag()
        ble.gattc_read(link._conn_handle, self._value_handle)
        with link.timeout(timeout_ms):
            while self._read_status is None:
                await self._read_event.wait()
        if self._read_status:
            raise GattError(self._read_status)
        return self._read_data

    async def write(self, data, response=None, timeout_ms=1000):
        """Set the value; by default with a response only where there is no other way."""
        self._check(_FLAG_WRITE | _FLAG_WRITE_NO_RESPONSE)
        if response is None:
            response = self.properties & (_FLAG_WRITE | _FLAG_WRITE_NO_RESPONSE) == _FLAG_WRITE
        link = self._connection()
        if response:
            self._listen()
            self._write_status = None
            if not self._write_event:
                self._write_event = asyncio.ThreadSafeFlag()
        ble.gattc_write(link._conn_handle, self._value_handle, data, response)
        if response:
            with link.timeout(timeout_ms):
                await self._write_event.wait()
            if self._write_status != 0:
                raise GattError(self._write_status)


class ClientCharacteristic(_Attribute):
    """A characteristic of a peer; comes from `service.characteristics()`."""

    def __init__(self, service, end_handle, value_handle, properties, uuid):
        super().__init__(value_handle, properties, uuid)
        self.service = service
        self.connection = service.connection
        self._end_handle = end_handle if end_handle > value_handle else value_handle + _DESCRIPTORS_GUESSED
        if properties & _FLAG_NOTIFY:
            self._notify_event = asyncio.ThreadSafeFlag()
            self._notify_queue = deque((), 1)  # noqa: RUF037 - one value: a newer one replaces it
        if properties & _FLAG_INDICATE:
            self._indicate_event = asyncio.ThreadSafeFlag()
            self._indicate_queue = deque((), 1)  # noqa: RUF037

    def __str__(self):
        return "Characteristic: %d %d %d %s" % (
            self._end_handle,
            self._value_handle,
            self.properties,
            self.uuid,
        )

    def _ask(service, uuid=None):
        ble.gattc_discover_characteristics(
            service.connection._conn_handle, service._start_handle, service._end_handle, uuid
        )

    def _connection(self):
        return self.connection

    def descriptors(self, timeout_ms=2000):
        """Iterate over the descriptors, last one first; let the loop run to its end."""
        return ClientDiscover(self.connection, ClientDescriptor, self, timeout_ms)

    async def descriptor(self, uuid, timeout_ms=2000):
        """The descriptor of this UUID, or None."""
        return await only(self.descriptors(timeout_ms), uuid)

    async def subscribe(self, notify=True, indicate=False):
        """Ask the peer to send values (both ways when only `indicate=True` is given)."""
        self._listen()
        cccd = await self.descriptor(bluetooth.UUID(_CCCD_UUID))
        if not cccd:
            raise ValueError("CCCD not found")
        await cccd.write(struct.pack("<H", bool(notify) | bool(indicate) << 1))

    async def notified(self, timeout_ms=None):
        """The latest notification that was not taken yet; waits for one."""
        self._check(_FLAG_NOTIFY)
        return await self._take(self._notify_queue, self._notify_event, timeout_ms)

    async def indicated(self, timeout_ms=None):
        """The latest indication that was not taken yet; waits for one."""
        self._check(_FLAG_INDICATE)
        return await self._take(self._indicate_queue, self._indicate_event, timeout_ms)

    async def _take(self, queue, event, timeout_ms):
        # A value that is waiting has set the flag as well: the wait returns at once and clears it.
        with self._listen().timeout(timeout_ms):
            await event.wait()
        return queue.popleft()

    def _arrived(self, queue, event, data):
        first = not queue
        queue.append(data)
        if first:
            event.set()


class ClientDescriptor(_Attribute):
    """A descriptor of a peer; comes from `characteristic.descriptors()`."""

    def __init__(self, characteristic, handle, uuid):
        super().__init__(handle, _FLAG_READ | _FLAG_WRITE, uuid)
        self.characteristic = characteristic

    def __str__(self):
        return "Descriptor: %d %d %s" % (self._value_handle, self.properties, self.uuid)

    def _ask(characteristic):
        ble.gattc_discover_descriptors(
            characteristic.connection._conn_handle, characteristic._value_handle, characteristic._end_handle
        )

    def _connection(self):
        return self.characteristic.connection


def _on_discovery(event, link, data):
    discovery = link._discover
    if not discovery:
        return
    if event in (_IRQ_SERVICE_DONE, _IRQ_CHARACTERISTIC_DONE, _IRQ_DESCRIPTOR_DONE):
        discovery._done(data[1])
    else:
        facts = [fact for fact in data]  # the tuple and its UUID die with the callback
        facts[-1] = bluetooth.UUID(facts[-1])
        discovery._found(facts[1:])


def _on_value(event, link, data):
    attribute = link._characteristics.get(data[1])
    if not attribute:
        return
    if event == _IRQ_READ_RESULT:
        attribute._read_data = bytes(data[2])
        attribute._read_event.set()
    elif event == _IRQ_READ_DONE:
        attribute._read_status = data[2]
        attribute._read_event.set()
    elif event == _IRQ_WRITE_DONE:
        attribute._write_status = data[2]
        attribute._write_event.set()
    elif event == _IRQ_NOTIFY:
        attribute._arrived(attribute._notify_queue, attribute._notify_event, bytes(data[2]))
    elif event == _IRQ_INDICATE:
        attribute._arrived(attribute._indicate_queue, attribute._indicate_event, bytes(data[2]))


def _on_event(event, data):
    if _IRQ_SERVICE_RESULT <= event <= _IRQ_INDICATE:
        link = DeviceConnection._connected.get(data[0])
        if link:
            (_on_discovery if event <= _IRQ_DESCRIPTOR_DONE else _on_value)(event, link, data)


register_irq_handler(_on_event, None)
