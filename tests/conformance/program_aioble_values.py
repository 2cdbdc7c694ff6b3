"""Runs on the twin: aioble's discovery, reads, writes, subscriptions and bonds."""

import asyncio
import json
import struct

import aioble
import bluetooth
from aioble import core, security

from tests.conformance.hub_side import (
    BATTERY,
    COMMAND,
    LEVEL,
    MAIN,
    OWN,
    REFUSING,
    VALUES,
    commanded,
    connected,
    found,
    refusal,
    report,
)

# -- discovery


async def check_discovery_gives_the_last_first():
    async with await connected() as connection:
        await connection.exchange_mtu(mtu=100)  # one answer holds them all, but for the 128-bit one
        services = []
        async for service in connection.services():
            services.append(service)
        mine = [service.uuid for service in services if service.uuid in (MAIN, BATTERY, OWN)]
        assert mine == [BATTERY, MAIN, OWN], mine
        main = await connection.service(MAIN)
        assert str(main).startswith("Service: ")
        uuids = set()
        async for characteristic in main.characteristics():
            uuids.add(characteristic.uuid)
        assert uuids == {REFUSING, VALUES}, uuids


async def check_discovery_by_uuid():
    async with await connected() as connection:
        assert await connection.service(bluetooth.UUID(0x1844)) is None
        main = await connection.service(MAIN)
        assert await main.characteristic(bluetooth.UUID(0x2A99)) is None
        values = await main.characteristic(VALUES)
        assert values.service is main
        assert values.properties == bluetooth.FLAG_INDICATE | bluetooth.FLAG_NOTIFY
        descriptors = []
        async for descriptor in values.descriptors():
            descriptors.append(descriptor)
        assert [one.uuid for one in descriptors] == [bluetooth.UUID(0x2902)], descriptors
        assert descriptors[0].characteristic is values
        assert (await values.descriptor(bluetooth.UUID(0x2902))).uuid == bluetooth.UUID(0x2902)
        assert await values.descriptor(bluetooth.UUID(0x2901)) is None
        assert await descriptors[0].read() == b"\0\0"


async def check_discovery_left_early_blocks_the_next():
    async with await connected() as connection:
        async for _ in connection.services():
            break
        assert await refusal(connection.service(MAIN)) == "ValueError"


# -- values


async def check_reads():
    async with await connected() as connection:
        level = await found(connection, BATTERY, LEVEL)
        assert await level.read() == b"\x64"
        assert await level.read(timeout_ms=500) == b"\x64"
        refusing = await found(connection, MAIN, REFUSING)
        try:
            await refusing.read()
            raise ValueError("read")
        except aioble.GattError as error:
            assert error._status == 0x180, error._status  # ATT 0x80, as the stack numbers it
        assert await refusal((await found(connection, MAIN, VALUES)).read()) == "ValueError"
        await commanded(connection, b"mute")
        await asyncio.sleep_ms(300)
        assert await refusal(level.read(timeout_ms=300)) == "TimeoutError"
        await connection.disconnect()


async def check_writes():
    async with await connected() as connection:
        command = await found(connection, OWN, COMMAND)
        await command.write(b"echo quietly")  # without a response where both ways exist
        await asyncio.sleep_ms(200)
        assert await command.read() == b"echo quietly"
        await command.write(b"echo aloud", response=True)
        assert await command.read() == b"echo aloud"
        try:
            await command.write(b"refuse", response=True)
            raise ValueError("written")
        except aioble.GattError as error:
            assert error._status == 0x181, error._status
        assert await refusal((await found(connection, MAIN, VALUES)).write(b"x")) == "ValueError"


async def check_subscribing_writes_the_descriptor():
    async with await connected() as connection:
        values = await found(connection, MAIN, VALUES)
        for options, written in (
            ({}, 1),
            ({"notify": False, "indicate": True}, 2),
            ({"indicate": True}, 3),  # trap: notifications are asked for unless they are declined
            ({"notify": False}, 0),
        ):
            await values.subscribe(**options)
            cccd = await values.descriptor(bluetooth.UUID(0x2902))
            assert struct.unpack("<H", await cccd.read()) == (written,), options
        level = await found(connection, BATTERY, LEVEL)
        assert await refusal(level.subscribe()) == "ValueError"


async def check_notifications_and_indications():
    async with await connected() as connection:
        values = await found(connection, MAIN, VALUES)
        await values.subscribe(notify=True, indicate=True)
        await commanded(connection, b"notify 1")
        assert await values.notified(timeout_ms=2000) == b"n1"
        await commanded(connection, b"indicate 1")
        assert await values.indicated(timeout_ms=2000) == b"i1"
        assert await refusal(values.indicated(timeout_ms=200)) == "TimeoutError"
        level = await found(connection, BATTERY, LEVEL)
        assert await refusal(level.notified()) == "ValueError"
        assert await refusal(level.indicated()) == "ValueError"


async def check_second_value_replaces_the_first():
    async with await connected() as connection:
        values = await found(connection, MAIN, VALUES)
        await values.subscribe(notify=True, indicate=True)
        await commanded(connection, b"indicate 2")
        await asyncio.sleep_ms(800)
        assert await values.indicated(timeout_ms=500) == b"i2"
        assert await refusal(values.indicated(timeout_ms=200)) == "TimeoutError"


async def check_own_handler_sees_what_the_queue_loses():
    kept = []

    def keep(event, data):
        if event == 19:
            kept.append(bytes(data[2]))

    core._irq_handlers.insert(0, keep)
    try:
        await check_second_value_replaces_the_first()
    finally:
        core._irq_handlers.remove(keep)
    assert kept == [b"i1", b"i2"], kept


# -- security


async def check_pairing_and_bond():
    security.load_secrets("bonds.json")
    async with await connected() as connection:
        await commanded(connection, b"pairing yes")
        await connection.pair(bond=True, le_secure=True, mitm=False, io=3)
        assert connection.encrypted and connection.bonded and not connection.authenticated
        assert connection.key_size == 16
        await asyncio.sleep_ms(1000)
    with open("bonds.json") as file:
        rows = json.load(file)
    assert sorted(row[0] for row in rows)[:2] == [1, 2], rows  # our and the peer's key
    secrets = dict(security._secrets)
    assert all(isinstance(key[1], bytes) for key in secrets)
    aioble.stop()
    assert not security._secrets
    security.load_secrets("bonds.json")
    assert security._secrets == secrets
    async with await connected() as connection:
        await connection.pair()
        assert connection.encrypted and connection.bonded
        await commanded(connection, b"echo count")
        count = await (await found(connection, OWN, COMMAND)).read()
        assert count == b"1", count  # paired once only


async def check_unreadable_secrets_are_no_secrets():
    with open("torn.json", "w") as file:
        file.write('[[1, "AAA')
    security.load_secrets("torn.json")
    assert security._secrets == {}
    security.load_secrets("absent.json")
    assert security._secrets == {}
    assert security._get_secret(1, 0, None) is None if hasattr(security, "_get_secret") else True


async def check_refused_pairing_is_a_timeout_and_the_link_stays():
    security.load_secrets("absent.json")
    async with await connected() as connection:
        await commanded(connection, b"pairing no")
        assert await refusal(connection.pair(timeout_ms=4000)) == "TimeoutError"
        assert connection.is_connected()
        assert not connection.encrypted


result = report(
    check_discovery_gives_the_last_first,
    check_discovery_by_uuid,
    check_discovery_left_early_blocks_the_next,
    check_reads,
    check_writes,
    check_subscribing_writes_the_descriptor,
    check_notifications_and_indications,
    check_second_value_replaces_the_first,
    check_own_handler_sees_what_the_queue_loses,
    check_pairing_and_bond,
    check_unreadable_secrets_are_no_secrets,
    check_refused_pairing_is_a_timeout_and_the_link_stays,
)
