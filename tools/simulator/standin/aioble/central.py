"""Listening for advertisements and making links."""

import asyncio
import struct

import bluetooth
from micropython import const

from .core import ble, ensure_active, register_irq_handler
from .device import Device, DeviceConnection, DeviceTimeout

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)

_ADV_IND = const(0)
_ADV_SCAN_IND = const(2)
_ADV_NONCONN_IND = const(3)
_SCAN_RSP = const(4)

_FIELD_NAMES = (0x09, 0x08)  # complete, shortened
_FIELD_MANUFACTURER = const(0xFF)
_FIELDS_SERVICES = ((2, (0x02, 0x03)), (4, (0x04, 0x05)), (16, (0x06, 0x07)))  # octets each; part and whole

_active_scanner = None
_connecting = set()


def _on_event(event, data):
    if event == _IRQ_SCAN_RESULT:
        if _active_scanner:
            addr_type, addr, adv_type, rssi, adv_data = data
            _active_scanner._hear((addr_type, bytes(addr), adv_type, rssi, bytes(adv_data)))
    elif event == _IRQ_SCAN_DONE:
        if _active_scanner:
            _active_scanner._end()
    elif event == _IRQ_PERIPHERAL_CONNECT:
        conn_handle, addr_type, addr = data
        for device in _connecting:
            if device.addr_type == addr_type and device.addr == addr:
                device._connection._conn_handle = conn_handle
                device._connection._event.set()
                return
    elif event == _IRQ_PERIPHERAL_DISCONNECT:
        link = DeviceConnection._connected.get(data[0])
        if link:
            link._event.set()


def _forget():
    global _active_scanner, _connecting
    _active_scanner = None
    _connecting = set()


register_irq_handler(_on_event, _forget)


async def _stop_scanning():
    if _active_scanner:
        await _active_scanner.cancel()


async def _connect(link, timeout_ms, scan_duration_ms, min_conn_interval_us, max_conn_interval_us):
    """Make the link of a fresh DeviceConnection; `Device.connect` is the way in."""
    device = link.device
    if device in _connecting:
        return
    ensure_active()
    await _stop_scanning()
    _connecting.add(device)
    try:
        with DeviceTimeout(None, timeout_ms):
            ble.gap_connect(
                device.addr_type, device.addr, scan_duration_ms, min_conn_interval_us, max_conn_interval_us
            )
            await link._event.wait()
            DeviceConnection._connected[link._conn_handle] = link
    finally:
        _connecting.remove(device)


class ScanResult:
    """What was heard of one device, kept up to date while the scan runs."""

    def __init__(self, device):
        self.device = device
        self.adv_data = None
        self.resp_data = None
        self.rssi = None
        self.connectable = False

    def __str__(self):
        return "Scan result: %s %s" % (self.device, self.rssi)

    def _update(self, adv_type, rssi, payload):
        """Take a report in; True when it told something new."""
        news = rssi != self.rssi
        self.rssi = rssi
        if adv_type == _SCAN_RSP:
            if payload and payload != self.resp_data:
                self.resp_data = payload
                news = True
        elif adv_type in (_ADV_IND, _ADV_NONCONN_IND, _ADV_SCAN_IND):
            if payload != self.adv_data:
                self.adv_data = payload
                if adv_type == _ADV_SCAN_IND:  # told only once its response is known too
                    news = news or bool(self.resp_data)
                else:
                    self.connectable = adv_type == _ADV_IND
                    news = True
        return news

    def _fields(self, kinds):
        for payload in (self.adv_data, self.resp_data):
            at = 0
            while payload and at + 1 < len(payload):
                after = at + 1 + payload[at]
                if payload[at + 1] in kinds:
                    yield payload[at + 2 : after]
                at = after

    def name(self):
        """The advertised name, complete or shortened, or None."""
        for octets in self._fields(_FIELD_NAMES):
            return str(octets, "utf-8") if octets else ""

    def services(self):
        """The advertised service UUIDs."""
        for size, kinds in _FIELDS_SERVICES:
            for octets in self._fields(kinds):
                for at in range(0, len(octets), size):
                    yield bluetooth.UUID(octets[at : at + size])

    def manufacturer(self, filter=None):
        """Pairs of company number and data."""
        for octets in self._fields((_FIELD_MANUFACTURER,)):
            if len(octets) >= 2:
                company = struct.unpack("<H", octets[:2])[0]
                if filter is None or filter == company:
                    yield company, octets[2:]


class scan:
    """A scan: `async with scan(...) as scanner`, then `async for result in scanner`."""

    def __init__(self, duration_ms, interval_us=None, window_us=None, active=False):
        self._arguments = (duration_ms, interval_us or 1280000, window_us or 11250, active)
        self._queue = []
        self._results = {}
        self._event = asyncio.ThreadSafeFlag()
        self._done = False

    def _hear(self, report):
        self._queue.append(report)
        self._event.set()

    def _end(self):
        self._done = True
        self._event.set()

    async def __aenter__(self):
        global _active_scanner
        ensure_active()
        await _stop_scanning()
        _active_scanner = self
        ble.gap_scan(*self._arguments)
        return self

    async def __aexit__(self, kind, error, trace):
        if _active_scanner is self:
            await self.cancel()

    def __aiter__(self):
        assert _active_scanner is self
        return self

    async def __anext__(self):
        global _active_scanner
        if _active_scanner is not self:  # a link was asked for, or another scan
            raise StopAsyncIteration
        while True:
            while self._queue:
                addr_type, addr, adv_type, rssi, payload = self._queue.pop()  # the newest first
                key = (addr_type, addr)
                if key not in self._results:
                    self._results[key] = ScanResult(Device(addr_type, addr))
                result = self._results[key]
                if result._update(adv_type, rssi, payload):
                    return result
            if self._done:
                _active_scanner = None
                raise StopAsyncIteration
            await self._event.wait()

    async def cancel(self):
        """End the scan early and wait until the radio says so."""
        global _active_scanner
        if self._done:
            return
        ble.gap_scan(None)
        while not self._done:
            await self._event.wait()
        _active_scanner = None
