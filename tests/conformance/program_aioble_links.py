"""Runs on the twin: aioble's handlers, configuration, scans and links."""
# ruff: noqa: UP041, UP031 - MicroPython knows asyncio.TimeoutError only

import asyncio

import aioble
from aioble import core

from tests.conformance.hub_side import (
    ABSENT,
    ADDRESS,
    BATTERY,
    MAIN,
    NAME,
    OWN,
    VALUES,
    commanded,
    connected,
    found,
    refusal,
    report,
)

# -- handlers and configuration


def check_handlers_are_asked_in_order_and_the_first_answer_counts():
    heard = []
    before = core._irq_handlers[:]

    def first(event, data):
        heard.append(("first", event))

    def stopping(event, data):
        heard.append(("stopping", event))
        return 5

    def last(event, data):
        heard.append(("last", event))

    core.register_irq_handler(last, None)
    assert core._irq_handlers[-1] is last
    core._irq_handlers.insert(0, stopping)
    core._irq_handlers.insert(0, first)
    assert core.ble_irq(99, ()) == 5
    core._irq_handlers.remove(stopping)
    assert core.ble_irq(98, ()) is None
    core._irq_handlers[:] = before
    assert heard == [("first", 99), ("stopping", 99), ("first", 98), ("last", 98)], heard


def check_config_switches_the_radio_on():
    _, address = aioble.config("mac")
    assert core.ble.active()
    assert len(address) == 6
    aioble.config(gap_name="telehub", mtu=128)
    assert aioble.config("gap_name") == b"telehub"
    assert aioble.config("mtu") == 128


def check_stop_switches_off_and_tells_the_modules():
    told = []
    core.register_irq_handler(None, lambda: told.append(1))
    aioble.stop()
    assert told == [1]
    assert not core.ble.active()
    core._shutdown_handlers.pop()
    aioble.config(mtu=128)
    assert core.ble.active()


def check_device_by_address():
    device = aioble.Device(aioble.ADDR_RANDOM, ADDRESS)
    assert device.addr == b"\xc0\xc0\xc0\x00\x00\x01"
    assert device.addr_hex() == ADDRESS
    assert device == aioble.Device(1, b"\xc0\xc0\xc0\x00\x00\x01")
    assert not device == aioble.Device(0, ADDRESS)
    assert len({device, aioble.Device(1, ADDRESS)}) == 1
    assert str(device) == "Device(ADDR_RANDOM, %s)" % ADDRESS, str(device)


# -- scanning


async def seen(active):
    results = []
    async with aioble.scan(1500, interval_us=30000, window_us=30000, active=active) as scanner:
        async for result in scanner:
            if result.device.addr_hex() == ADDRESS:
                results.append((result, result.name(), list(result.services())))
    return results


async def check_passive_scan():
    results = await seen(False)
    assert results
    result, name, services = results[-1]
    assert name is None
    assert services == [MAIN, BATTERY], services
    assert result.connectable
    assert isinstance(result.rssi, int)
    assert result.resp_data is None


async def check_active_scan_completes_one_result():
    results = await seen(True)
    result = results[-1][0]
    assert all(one[0] is result for one in results)
    assert result.name() == NAME
    assert list(result.manufacturer()) == [(0x1234, b"\x01\x02")]
    assert list(result.manufacturer(filter=0x1234)) == [(0x1234, b"\x01\x02")]
    assert list(result.manufacturer(filter=0x4321)) == []
    assert list(result.services()) == [MAIN, BATTERY, OWN], list(result.services())
    assert str(result).startswith("Scan result: Device(ADDR_RANDOM")
    assert result.adv_data and result.resp_data


async def check_newest_report_is_taken_first():
    async with aioble.scan(1500, interval_us=30000, window_us=30000, active=True) as scanner:
        await asyncio.sleep_ms(400)  # both reports of an advertisement wait
        async for result in scanner:
            assert result.name() == NAME  # the scan response came last
            assert result.adv_data is None
            break


async def check_scan_ends_with_its_time_and_when_left():
    async with aioble.scan(300, interval_us=30000, window_us=30000) as scanner:
        async for _ in scanner:
            pass
    async with aioble.scan(60000, interval_us=30000, window_us=30000) as scanner:
        async for _ in scanner:
            break
    async with aioble.scan(0, interval_us=30000, window_us=30000) as scanner:
        await scanner.cancel()


async def check_connecting_ends_the_scan():
    ended = []

    async def scanning():
        async with aioble.scan(0, interval_us=30000, window_us=30000) as scanner:
            async for _ in scanner:
                pass
        ended.append(True)

    task = asyncio.create_task(scanning())
    await asyncio.sleep_ms(300)
    async with await connected() as connection:
        assert connection.is_connected()
    await asyncio.wait_for_ms(task, 2000)
    assert ended == [True]


# -- links


async def check_connect_and_disconnect():
    device = aioble.Device(aioble.ADDR_RANDOM, ADDRESS)
    connection = await device.connect(timeout_ms=5000)
    assert connection.is_connected()
    assert connection.device is device
    assert str(device).endswith(", CONNECTED)")
    assert await device.connect() is connection
    assert connection.mtu is None
    assert not connection.encrypted and not connection.bonded
    await connection.disconnect()
    assert not connection.is_connected()
    assert await refusal(connection.exchange_mtu()) == "ValueError"
    await connection.disconnect()  # once more is no error


async def check_connect_in_vain_is_a_timeout():
    device = aioble.Device(aioble.ADDR_RANDOM, ABSENT)
    try:
        await device.connect(timeout_ms=700, scan_duration_ms=500)
        raise ValueError("connected")
    except asyncio.TimeoutError:
        pass
    dead = await device.connect(timeout_ms=700)  # trap: the object keeps what it never had
    assert not dead.is_connected()


async def check_link_lost_while_waiting():
    connection = await connected()
    values = await found(connection, MAIN, VALUES)
    await commanded(connection, b"hang up")
    assert await refusal(values.indicated(timeout_ms=3000)) == "DeviceDisconnectedError"
    assert not connection.is_connected()
    assert await refusal(connection.service(MAIN)) == "TypeError"  # trap: it asks with None for a handle
    assert await refusal(connection.pair()) == "TypeError"


async def check_timeout_block():
    async with await connected() as connection:
        for wait, limit in ((1000, 100), (10, 1000), (10, None)):
            late = False
            try:
                with connection.timeout(limit):
                    await asyncio.sleep_ms(wait)
            except asyncio.TimeoutError:
                late = True
            assert late == (wait == 1000)
        try:
            with connection.timeout(1000):
                raise KeyError
        except KeyError:
            pass
        task = asyncio.create_task(connection.disconnected())
        await commanded(connection, b"hang up")
        await asyncio.wait_for_ms(task, 2000)


async def check_mtu():
    async with await connected() as connection:
        assert await connection.exchange_mtu(mtu=100) == 100
        assert connection.mtu == 100


result = report(
    check_handlers_are_asked_in_order_and_the_first_answer_counts,
    check_config_switches_the_radio_on,
    check_stop_switches_off_and_tells_the_modules,
    check_device_by_address,
    check_passive_scan,
    check_active_scan_completes_one_result,
    check_newest_report_is_taken_first,
    check_scan_ends_with_its_time_and_when_left,
    check_connecting_ends_the_scan,
    check_connect_and_disconnect,
    check_link_lost_while_waiting,
    check_timeout_block,
    check_mtu,
    check_connect_in_vain_is_a_timeout,
)
