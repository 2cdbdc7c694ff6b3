"""The line never stands in a visit's way: wherever it hangs, a device that calls is connected within three seconds.

Times are the devices' own notes, in virtual time.
"""

import asyncio
import random

import pytest

from tests.twin import homes, wire
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P11")]

CONNECTED_S = 3.0
QUIET_S = 62  # after a visit; then the hub goes for the line
_LEFT_ALONE_S = 6  # a device rests so long after a good visit: it is not visited again before
_DUE_S = 15  # firmware/uplink/deliveries.py
_LEARNT_S = 0.05  # the two ends learn of a connection, and of its end, so far apart
_PRESSES = 6
_READING = readings.blood_pressure(128, 82, 97, 71)


def _dns(fault):
    return lambda house: house.world.home.dns.break_as(fault)


def _listener(fault, after=0):
    return lambda house: house.broker.listener.break_as(fault, after)


def _broker(fault):
    return lambda house: house.broker.break_as(fault)


def _router(house):
    house.network(False)


HANGS = {
    "dns mute": _dns("mute"),
    "dns slow": _dns("slow"),
    "connect mute": _listener("mute connect"),
    "handshake mute": _listener("mute"),
    "handshake stalls after the hello": _listener("stall", 1),
    "handshake stalls in the hub's flight": _listener("stall", 2),
    "stalls after the handshake": _listener("stall", 3),
    "stalls after the subscriptions": _listener("stall", 5),
    "octets dribble": _listener("dribble"),
    "broker mute": _broker("mute"),
    "broker mute after CONNACK": _broker("mute later"),
    "broker sends rubbish later": _broker("rubbish later"),
    "router down": _router,
}


def _worst(house):
    return max(seconds for device in house.devices for seconds in wire.waits(device))


async def _press(house, device):
    device.press(_READING)
    await homes.read(house, device)


@pytest.mark.parametrize("seed,hang", list(enumerate(HANGS)))
def test_a_device_that_calls_is_connected_at_once_wherever_the_line_hangs(home, seed, hang):
    """NTP is mute too, so that its blocking second is among the moments."""
    house = home(CUFF, seed=seed, world={"costs_scale": 1.0 + seed % 2})
    cuff = house.devices[0]
    chance = random.Random(hang)
    house.world.home.ntp.break_as("mute")
    HANGS[hang](house)

    async def story():
        await house.power_cycle()
        await asyncio.sleep(4)  # it boots
        for _ in range(_PRESSES):
            # From the end of a visit to well into the next tries.
            await asyncio.sleep(
                chance.choice((chance.uniform(_LEFT_ALONE_S, QUIET_S), QUIET_S + chance.uniform(0, 40)))
            )
            await _press(house, cuff)

    house.world.run(story())
    assert len(wire.waits(cuff)) == _PRESSES and _worst(house) <= CONNECTED_S
    assert house.kept() == {0: _PRESSES}
    assert hang == "octets dribble" or not house.delivered()
    assert house.hub.counters.boots == 4  # twice to be enrolled, once begun, once more here: no watchdog bit


# Moments within one try, by what the hub is heard or seen to begin.
MOMENTS = ("ntp", "connect", "hello", "tls.handshake", "p256.sign")


@pytest.mark.parametrize("moment,scale", [*((moment, 2.0) for moment in MOMENTS), ("tls.handshake", 1.0)])
def test_a_device_that_calls_in_the_midst_of_it_is_connected_at_once(home, moment, scale):
    """While NTP blocks, TCP connects, a hello is unanswered, a handshake or a signature is computed."""
    house = home(CUFF, SCALE, seed=5, world={"costs_scale": scale})
    cuff, scale_device = house.devices
    seen = wire.Wire(house)
    moments = []

    def now(offset_s):
        moments.append(house.loop.time())
        house.loop.call_later(offset_s, cuff.press, _READING)

    def watch(offset_s):
        if moment == "ntp":
            seen.on_datagram = lambda port: now(offset_s) if port == 123 else None
        elif moment in ("connect", "hello"):
            setattr(seen, f"on_{moment}", lambda: now(offset_s))
        else:
            wire.on_cost(house, moment, lambda: now(offset_s))

    async def story():
        for offset_s in (0.0, 0.4, 1.4):
            house.world.home.ntp.break_as("mute" if moment == "ntp" else None)
            watch(offset_s)
            await house.power_cycle()
            await house.until(lambda: bool(moments), 30, "the moment")
            seen.still()
            await house.until(lambda: bool(cuff.unsent()), 10, "the press")
            await homes.read(house, cuff)
            moments.clear()
            await homes.delivered(house)
            await asyncio.sleep(QUIET_S)

    house.world.run(story())
    assert len(wire.waits(cuff)) == 3 and _worst(house) <= CONNECTED_S
    assert homes.books(house) == (0, 0, 0)
    assert scale_device.taken == []


def test_nothing_is_sealed_or_signed_while_a_visit_is_open(home):
    """An envelope is due again after 15 s, and a slow scale is being visited: it has the processor to itself."""
    house = home(CUFF, SCALE, world={"costs_scale": 2.0})
    cuff, scale = house.devices
    scale.faults.answer_delay_ms = 2000
    signed = wire.costs_seen(house, "p256.sign")

    async def story():
        house.platform.between = lambda arrival: []
        for wait_s in (0.0, 0.5, 2.0):
            cuff.press(_READING)
            await house.until(lambda: not cuff.unsent() and cuff.link is None, 60, "the cuff is read", 0.05)
            await asyncio.sleep(wait_s)
            scale.press(readings.weight("79.9"))
            await homes.read(house, scale, 90)
            await asyncio.sleep(20)
        house.platform.between = None
        await homes.delivered(house)

    house.world.run(story())
    links = wire.visits(scale)[1:]  # the first one paired it
    assert len(links) == 3 and min(gone - begun for begun, gone in links) > _DUE_S
    assert len(signed) >= 9
    assert not [1 for at_s in signed for begun, gone in links if begun + _LEARNT_S < at_s < gone - _LEARNT_S]
