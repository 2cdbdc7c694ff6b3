"""Runs on the twin: a small collector on aioble that does what a hub does, without the hub."""
# ruff: noqa: UP041 - MicroPython knows asyncio.TimeoutError only

import asyncio
import json

import aioble
import bluetooth
from aioble import core, security

_INDICATED = 19
_RACP = bluetooth.UUID(0x2A52)
_REPORT_ALL = b"\x01\x01"


def collect(address, service, values, bond, visits):
    """Visit a device so many times; return what it indicated, per visit, as JSON."""
    return json.dumps(
        asyncio.run(_collect(address, bluetooth.UUID(service), bluetooth.UUID(values), bond, visits))
    )


async def _collect(address, service, values, bond, visits):
    arrived = []

    def keep(event, data):
        if event == _INDICATED:
            arrived.append(bytes(data[2]).hex())

    security.load_secrets("bonds.json")
    core._irq_handlers.insert(0, keep)
    told = []
    while len(told) < visits:
        await _heard(address)
        try:
            connection = await aioble.Device(aioble.ADDR_RANDOM, address).connect(timeout_ms=5000)
        except asyncio.TimeoutError:
            continue
        await _visit(connection, service, values, bond)
        told.append(arrived[:])
        arrived.clear()
    return told


async def _heard(address):
    async with aioble.scan(0, interval_us=30000, window_us=30000) as scanner:
        async for result in scanner:
            if result.device.addr_hex() == address:
                return


async def _visit(connection, service, values, bond):
    try:
        if bond:
            await connection.pair(timeout_ms=5000)
        found = await connection.service(service)
        measurement = await found.characteristic(values)
        racp = await found.characteristic(_RACP)
        await measurement.subscribe(notify=False, indicate=True)
        if racp:
            await racp.subscribe(notify=False, indicate=True)
            await racp.write(_REPORT_ALL, response=True)
        await connection.disconnected(timeout_ms=60000)
    except (aioble.DeviceDisconnectedError, asyncio.TimeoutError, OSError, AttributeError, TypeError):
        pass  # a lost link ends a discovery with nothing found, and the next one has no handle to ask with
    await connection.disconnect()
