"""The hub's own session (firmware/uplink/session.py, board/line.py) against one broker after the other, on the twin.

Each try is one connection: a `Try` says who answers it, what the hub holds, and by which clock it judges. What came of
all of them is told by one run of one hub.
"""

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulator.net.twin import AUTHORITY, BROKER, BROKER_NAME, CLIENT, NAME, World
from tools.simulator.air import net
from tools.simulator.air.net_tls import TlsService, server_context

# One try: (authority, certificate, key, [time, quality], ballast), octets in hex; the answer is
# [reason or None, its number, milliseconds].
_PROGRAM = f"""
import asyncio, gc
from firmware.board.line import Line
from firmware.board.ticks import Ticks
from firmware.contracts import PeerError
from firmware.timekeeping import Timekeeper
from firmware.uplink.session import Session

def left():
    gc.collect()
    return gc.mem_free()

async def once(one):
    ticks = Ticks()
    clock = Timekeeper(ticks.now_ms, one[3][0], 1)
    if one[3][1]:
        clock.ntp(one[3][0], 1000)
    identity = [bytes.fromhex(octets) for octets in one[:3]]
    line = Line({{"ssid": "home"}}, lambda: identity)
    session = Session(line, ticks, clock, {{"host": "{BROKER_NAME}", "port": 8883}}, "{NAME}")
    ballast = None
    while one[4] and left() > one[4]:
        ballast = ballast, bytearray(1024 if left() > 2 * one[4] else 32)
    began, reason, number = time.ticks_ms(), None, 0
    try:
        await session.connect("203.0.113.10", 10_000)
        await session.open(b"gone")
        await session.publish("health", b"signed")
        await ticks.sleep_ms(1000)
    except PeerError as error:
        reason, number = error.args[0], error.args[1] if len(error.args) > 1 else 0
    ended = time.ticks_diff(time.ticks_ms(), began)
    failure = await session.close()
    if failure is not None:
        reason, number = failure.args[0], failure.args[1] if len(failure.args) > 1 else 0
    del ballast
    gc.collect()
    return [reason, number, ended]

told["tries"] = []
with open("PATH") as file:
    for text in file:
        told["tries"].append(asyncio.run(once(json.loads(text))))
"""

NOW_S = 1767599700  # as the world begins (tests/simulator/net/twin.py)


@dataclass
class Try:
    """`answers(world, endpoint)` is the broker's machine; else it is a TLS server with `context`, before the broker."""

    answers: Callable | None = None
    context: Callable[[], ssl.SSLContext] = lambda: server_context(BROKER, AUTHORITY.certificate_pem)
    authority: bytes = AUTHORITY.certificate_der
    certificate: bytes = CLIENT.certificate_der
    key: bytes = CLIENT.key_der
    clock: tuple = (NOW_S, True)
    ballast: int = 0
    connects: bool = True


@dataclass
class Outcome:
    """What the hub said of a try, and what the broker saw of it."""

    reason: str | None
    number: int
    ms: int
    accepted: list = field(default_factory=list)  # names of those whose handshake the broker's side completed
    refused: list = field(default_factory=list)
    heard: list = field(default_factory=list)  # messages that reached the platform


def tried(folder, tries, ceiling_s=2_000.0, prepared=None, before=""):
    """Run them all on one hub; returns an Outcome each.

    `prepared(world)` may put something else before the broker, `before` is run on the hub first.
    """
    world = World(folder, ceiling_s=ceiling_s)
    if prepared:
        prepared(world)
    listener = world.net.listeners[(net.BROKER, 8883)]
    behind = listener.service
    outcomes = [Outcome(None, 0, 0) for _ in tries]
    waiting = iter([at for at, one in enumerate(tries) if one.connects])
    current = [0]

    def service(endpoint):
        current[0] = at = next(waiting)
        one = tries[at]
        if one.answers is not None:
            one.answers(world, endpoint)
        elif prepared:
            behind(endpoint)
        else:
            tls = TlsService(one.context(), world.broker.tls.service)
            tls.accepted, tls.refused = outcomes[at].accepted, outcomes[at].refused
            tls(endpoint)

    listener.service = service
    world.broker.backend.subscribe(lambda topic, payload: outcomes[current[0]].heard.append((topic, payload)))
    path = folder / "tries.jsonl"
    with path.open("w") as file:
        for one in tries:
            octets = [part.hex() for part in (one.authority, one.certificate, one.key)]
            file.write(json.dumps([*octets, one.clock, one.ballast]) + "\n")
    told = world.run(before + _PROGRAM.replace("PATH", "/host" + str(path)))
    for outcome, (reason, number, ms) in zip(outcomes, told["tries"], strict=True):
        outcome.reason, outcome.number, outcome.ms = reason, number, ms
    assert next(waiting, None) is None, "a try did not connect"
    return outcomes


def cut(context, octets, how):
    """A server whose first `octets` octets reach the hub; then it is silent, closes or resets."""

    def answers(world, endpoint):
        left = [octets]
        send = endpoint.send

        def some(more):
            if left[0] > 0:
                send(more[: left[0]])
            left[0] -= len(more)
            if left[0] <= 0 and how != "silent":
                getattr(endpoint, how)()

        endpoint.send = some
        TlsService(context, world.broker.tls.service)(endpoint)
        if octets == 0 and how != "silent":
            getattr(endpoint, how)()

    return answers


def counted(context, into):
    """A server that counts the octets that it sends."""

    def answers(world, endpoint):
        send = endpoint.send

        def some(more):
            into.append(len(more))
            send(more)

        endpoint.send = some
        TlsService(context, world.broker.tls.service)(endpoint)

    return answers
