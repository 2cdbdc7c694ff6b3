"""What the conformance programs share on the hub's side: the peer's facts, and running checks to a report.

A `check_…` is one thing that aioble's documentation, or its behaviour, lets its users rely on. The peer is
peer.ConformancePeer.
"""

import asyncio
import json
import sys

import aioble
import bluetooth

ADDRESS = "c0:c0:c0:00:00:01"
ABSENT = "c0:c0:c0:00:00:99"
NAME = "conformance"
MAIN, BATTERY = bluetooth.UUID(0x1810), bluetooth.UUID(0x180F)
OWN = bluetooth.UUID("12345678-1234-5678-1234-56789abcdef0")
VALUES, COMMAND = bluetooth.UUID(0x2A35), bluetooth.UUID(0x2A52)
REFUSING, LEVEL = bluetooth.UUID(0x2A49), bluetooth.UUID(0x2A19)

_CHECK_S_MAX = 60
_REST_MS = 3000  # a link that a failed check left behind ends by then


async def refusal(awaitable):
    """Return the name of the exception with which an awaitable ends, or None."""
    try:
        await awaitable
    except Exception as error:  # noqa: BLE001 - it is the answer
        return type(error).__name__


async def connected():
    """Return a fresh link to the peer."""
    return await aioble.Device(aioble.ADDR_RANDOM, ADDRESS).connect(timeout_ms=5000)


async def found(connection, service, uuid):
    """Return one characteristic of the peer."""
    return await (await connection.service(service)).characteristic(uuid)


async def commanded(connection, text):
    """Have the peer do something."""
    await (await found(connection, OWN, COMMAND)).write(text, response=True)


def report(*checks):
    """Run the checks in their order; return {name: "ok" or what went wrong} as JSON."""
    return json.dumps(asyncio.run(_run(checks)))


async def _run(checks):
    results = {}
    for check in checks:
        try:
            waiting = check()
            if waiting is not None:
                await asyncio.wait_for(waiting, _CHECK_S_MAX)
            results[check.__name__] = "ok"
        except Exception as error:  # noqa: BLE001 - reported under the check's name
            sys.print_exception(error)
            results[check.__name__] = repr(error)
        await asyncio.sleep_ms(_REST_MS)
    return results
