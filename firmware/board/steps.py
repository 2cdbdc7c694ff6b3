"""A visit's steps (firmware/ble/visit.py) on the link, by aioble. Loaded for a visit; what lasts is Radio's."""

import asyncio

import aioble
import bluetooth
from aioble import core
from micropython import const

from firmware.board.ticks import within
from firmware.contracts import PeerError

_CONNECT_MS = const(4_000)
_CONNECT_MARGIN_MS = const(500)  # the host gives up first, so that no late connection is left over
_IO_KEYBOARD = const(2)
_IO_NONE = const(3)
_ENCRYPTED = const(2)  # radio.py
_CCCD = const(0x2902)
_NOTIFY = b"\1\0"
_INDICATE = b"\2\0"
_ATTRIBUTE_NOT_FOUND = const(0x0A)  # ATT error code (Core 5.4, 3.F.3.4.1.1)


async def connect(radio, address: bytes, identity: bytes) -> None:
    """Open the link to the device that was heard. PeerError("gone") when it did not answer."""
    # A Security Request acts with the settings of its moment: they stand before the link does. Keyboard alone is never
    # answered by numeric comparison, of which a central is told no number (MicroPython has no such event for it).
    core.ble.config(mitm=radio.by is not None, io=_IO_KEYBOARD if radio.by else _IO_NONE)
    radio.identity = identity
    radio.characteristics = {}
    radio.asked = None
    radio.cut_short = False
    radio.bond_changed = radio.denied = False
    radio.last_value_ms = None
    radio.value.clear()
    radio.secured.clear()
    radio.connecting = True
    try:
        radio.connection = await aioble.Device(radio.heard_as, address).connect(
            timeout_ms=_CONNECT_MS + _CONNECT_MARGIN_MS, scan_duration_ms=_CONNECT_MS
        )
    except (asyncio.TimeoutError, OSError):
        raise PeerError("gone")
    finally:
        radio.connecting = False


async def do(radio, step: tuple, limit_ms: int) -> object:
    """Do one step of firmware/ble/visit.py that needs the link; PeerError as its docstring says."""
    verb = step[0]
    if radio.gone and verb != "disconnect":
        raise PeerError("gone")
    try:
        if verb == "drain":
            return await _drain(radio, step[1], step[2])
        if verb == "answer":
            return await _drain(radio, step[2], step[3], True)
        if verb == "disconnect":
            return await radio.close()
        if verb == "pair":
            radio.bonds.forget(radio.identity)  # else its new keys would be refused
            if radio.by is not None:
                from firmware.board import digits

                return await digits.bond_with(radio, radio.by, limit_ms)
        if verb == "encrypt" or verb == "pair":
            return await _secure(radio, limit_ms)
        with radio.connection.timeout(limit_ms):  # aioble's own discovery never ends on a dead link
            return await _gatt(radio, verb, step)
    except asyncio.TimeoutError:
        raise PeerError("timeout", verb)
    except aioble.DeviceDisconnectedError:
        raise PeerError("gone")
    except aioble.GattError as error:
        status = error._status  # aioble offers no other way to the ATT code
        raise PeerError("gone") if status < 256 else PeerError("att", status - 256)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        # aioble meets a link that vanished between two of its lines with any of these
        if radio.gone:
            raise PeerError("gone")
        raise PeerError("refused", verb, error.args[0] if error.args else 0)


async def _gatt(radio, verb, step):
    if verb == "mtu":
        return await radio.connection.exchange_mtu(timeout_ms=None)
    if verb == "discover":
        return await _discover(radio, step[1])
    characteristic = radio.characteristics[_uuid(step[1])]
    if verb == "read":
        return await characteristic.read(timeout_ms=None)
    if verb == "write":
        radio.asked, radio.answer = characteristic._value_handle, None
        return await characteristic.write(step[2], response=step[3], timeout_ms=None)
    configuration = await characteristic.descriptor(bluetooth.UUID(_CCCD))
    if configuration is None:
        raise PeerError("att", _ATTRIBUTE_NOT_FOUND)
    # Not aioble's subscribe(): its write gives up after one second, on a slow link too soon.
    return await configuration.write(_INDICATE if step[2] == "indicate" else _NOTIFY, timeout_ms=None)


async def _discover(radio, services):
    found = {}
    radio.refused = 0
    for wanted in services:
        service = await radio.connection.service(_uuid(wanted))
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
                radio.characteristics[one.uuid] = one
    if radio.refused:
        raise PeerError("att", radio.refused - 256) if radio.refused > 256 else PeerError("gone")
    return found


async def _secure(radio, limit_ms):
    radio.secured.clear()
    core.ble.gap_pair(radio.handle)
    if not await within(radio.secured.wait(), limit_ms):
        raise PeerError("timeout", "pair")
    if radio.bond_changed:
        raise PeerError("security", "bond changed")
    if radio.gone:
        raise PeerError("gone")
    if not radio.security & _ENCRYPTED:
        raise PeerError("security", "failed")
    radio.bonds.flush()


async def _drain(radio, idle_ms, cap_ms, answer=False):
    ends_ms = radio.ticks.now_ms() + cap_ms
    while True:
        if answer and radio.answer is not None:
            return radio.answer
        left_ms = ends_ms - radio.ticks.now_ms()
        if left_ms <= 0 or radio.cut_short:
            return "cap"
        arrived = await within(radio.value.wait(), min(idle_ms, left_ms))
        if radio.gone:
            return "gone"
        if not arrived and left_ms > idle_ms and not radio.cut_short:
            return "idle"


def _uuid(uuid):
    return bluetooth.UUID(uuid)
