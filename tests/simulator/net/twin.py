"""A hub that runs one program of MicroPython on the twin's network, and tells what came of it."""

import asyncio
import json
import logging
import random

from tools.simulator.air import launch
from tools.simulator.air.board import Board
from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.flash import FlashChip
from tools.simulator.air.hub import Hub, Preemption
from tools.simulator.air.net_home import BROKER_NAME, Home
from tools.simulator.brokers.embedded import EmbeddedBroker
from tools.technician import ca

NAME = "24d7eb0a1b2c"
START_S = 1767599700  # 2026-01-05 07:55 UTC
_HEAP_OCTETS = 256 * 1024

AUTHORITY = ca.Authority(ca.seeded(1, "ca"))
BROKER = AUTHORITY.broker(BROKER_NAME)
CLIENT = AUTHORITY.client(NAME)

logging.getLogger("amqtt").setLevel(logging.CRITICAL)

# What every program begins with. `told` goes back to the test.
PRELUDE = f"""
import time, socket, ssl, json
told = {{}}
def context(certificate=True, authority={AUTHORITY.certificate_der!r}):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=authority)
    if certificate:
        made.load_cert_chain({CLIENT.certificate_der!r}, {CLIENT.key_der!r})
    return made
def timed(name, work, *arguments):
    began = time.ticks_ms()
    try:
        answer = work(*arguments)
    except Exception as error:
        answer = [type(error).__name__] + [one for one in error.args if isinstance(one, int)]
    told[name] = [time.ticks_diff(time.ticks_ms(), began), answer]
"""
_EPILOGUE = "\nresult = json.dumps(told)\n"


class World:
    """A loop, a network with broker, DNS and NTP, and one hub."""

    def __init__(self, folder, *, identity=BROKER, ceiling_s=1800.0, station=None, preemption=None):
        self.folder = folder
        self.loop = VirtualLoop(ceiling_s=ceiling_s)
        home = Home(self.loop, lambda: START_S + self.loop.time())
        self.net, self.dns, self.ntp = home.net, home.dns, home.ntp
        self.broker = EmbeddedBroker(self.net, identity, AUTHORITY)
        self.heard: list[tuple[str, bytes]] = []
        self.broker.backend.subscribe(lambda topic, payload: self.heard.append((topic, payload)))
        self.preemption = preemption
        self.hub = Hub(self.loop, chance=random.Random(1), preemption=preemption or Preemption())
        self.board = Board(self.hub, bytes.fromhex(NAME), random.Random(1))
        FlashChip(self.hub)
        self.net.attach(self.hub, station)
        self.loop.run_until_complete(self.broker.start())

    def boot(self, program):
        """Start the hub on this program."""
        path = self.folder / "program.py"
        path.write_text(PRELUDE + program + _EPILOGUE)
        env = launch.environment(program=path, preempted=self.preemption is not None)
        self.hub.boot(launch.command(_HEAP_OCTETS), env)

    def run(self, program, *, meanwhile=None):
        """Run a program to its end (and what happens `meanwhile`); return what it told."""
        self.boot(program)
        try:
            self.loop.run_until_complete(self._until_ended(meanwhile))
        finally:
            self.hub.power_cut()
            self.net.close()
            self.loop.close()
        try:
            return json.loads(self.hub.result)
        except (TypeError, ValueError):
            raise AssertionError(self.hub.result, self.hub.exit_code) from None

    async def _until_ended(self, meanwhile):
        if meanwhile is not None:
            await meanwhile()
        ended = asyncio.Event()
        self.hub.on_power.append(lambda on: on or ended.set())
        if self.hub.alive:
            await ended.wait()
