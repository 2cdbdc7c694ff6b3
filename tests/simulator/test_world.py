"""Lock step, virtual time, seeds, pre-emption, and what ends a run."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.simulator.bench import Bench
from tools.simulator.air.clock import Deadlock, TimeCeiling, VirtualLoop
from tools.simulator.air.hub import Preemption
from tools.simulator.air.world import HubStopped, World

ROOT = Path(__file__).resolve().parents[2]


def test_equal_deadlines_fire_in_the_order_of_their_making():
    """A heap alone would not say so, and in virtual time equality is the rule."""
    loop = VirtualLoop()
    fired = []
    for number in range(50):
        loop.call_at(1.0, fired.append, number)
    loop.run_until_complete(asyncio.sleep(2))
    loop.close()
    assert fired == list(range(50))


def test_a_deadlock_and_the_ceiling_end_the_run():
    """Neither is an ending that could be mistaken for success."""
    loop = VirtualLoop(ceiling_s=10)
    with pytest.raises(Deadlock):
        loop.run_until_complete(loop.create_future())
    with pytest.raises(TimeCeiling):
        loop.run_until_complete(asyncio.sleep(11))
    loop.close()


class _Actor:
    def __init__(self, due):
        self.due = due

    def run(self):
        """Not run here."""


def test_what_is_still_to_come_in_a_moment_is_known():
    """Who polls without waiting is told so; else the poll needs no exchange with the air."""
    loop = VirtualLoop()
    one = _Actor(0.0)
    loop.actors.append(one)
    assert not loop.is_pending(one)
    loop.call_at(1.0, lambda: None)
    assert not loop.is_pending(one)
    loop.call_soon(lambda: None)
    assert loop.is_pending(one)
    loop.run_until_complete(asyncio.sleep(0))
    assert not loop.is_pending(one)
    loop.call_at(0.0, lambda: None)
    assert loop.is_pending(one)
    loop._scheduled.clear()
    loop.actors.append(_Actor(5.0))
    assert not loop.is_pending(one)
    loop.actors.append(_Actor(0.0))
    assert loop.is_pending(one)
    loop.close()


_POLLS = """
import select, asyncio, time
flag = asyncio.ThreadSafeFlag()
asked = select.poll()
asked.register(flag, select.POLLIN)
ready, begun = 0, time.ticks_ms()
for _ in range(500):
    ready += len(list(asked.ipoll(0)))
flag.set()
ready += len(list(asked.ipoll(0)))
result = str((ready, time.ticks_ms() - begun))
"""


@pytest.mark.needs("micropython")
@pytest.mark.parametrize("preempted", [False, True])
def test_a_poll_of_no_time_takes_none_and_is_a_point_of_preemption(preempted):
    """500 of them exchange nothing with the air, unless a seed may hold the hub up at each."""
    with World(1, preemption=Preemption(1e-9) if preempted else None) as world:
        hub = world.add_hub()
        ready, ticks = json.loads("[" + world.run(world.run_program(hub, _POLLS)).strip("()") + "]")
        assert ready == 1 and ticks == 0
        assert (hub.counters.waits >= 500) is preempted


def test_an_error_in_a_callback_ends_the_run():
    """It must not vanish in a log."""
    loop = VirtualLoop()
    loop.call_later(1, lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(asyncio.sleep(5))
    loop.close()


def test_pace_makes_it_real_time_and_serves_real_sockets():
    """Sleeps the jumps, in the selector."""
    import socket

    loop = VirtualLoop(pace=10)
    here, there = socket.socketpair()
    here.setblocking(False)
    heard = []

    async def go():
        loop.call_later(1.0, there.send, b"x")
        heard.append(await asyncio.wait_for(loop.sock_recv(here, 1), 5))
        await asyncio.sleep(1)

    begun = time.monotonic()
    loop.run_until_complete(go())
    took = time.monotonic() - begun
    loop.close()
    here.close()
    there.close()
    assert heard == [b"x"] and 0.15 < took < 1.0


def test_a_firmware_that_ends_fails_the_run(tmp_path):
    """main.py never returns on a hub."""
    (tmp_path / "main.py").write_text("raise ValueError('no')\n")
    with World(1) as world:
        world.boot(world.add_hub(), tmp_path)
        with pytest.raises(HubStopped, match="ValueError: no"):
            world.run(60)


def test_boot_then_main_share_their_names_and_run_unchanged(tmp_path):
    """As on the chip: one namespace, files read from the root."""
    (tmp_path / "boot.py").write_text("seen = 5\n")
    (tmp_path / "main.py").write_text("import _seam\n_seam.call(250, str(seen).encode())\nwhile True: _seam.wait(-1)\n")
    with World(1) as world:
        world.crash_fails = False
        hub = world.add_hub()
        world.boot(hub, tmp_path)
        world.run(5)
        assert hub.result == "5"


def test_a_busy_loop_sees_time_pass_and_so_does_one_that_is_refused(bench):
    """Else a wait in a loop would stop the world."""
    told = bench().run(
        """
import machine
begun = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), begun) < 50:
    pass
tries = 0
while time.ticks_diff(time.ticks_ms(), begun) < 100:
    error(ble.gap_scan, 1)
    tries += 1
told["tries"] = tries
"""
    )
    assert told["tries"] > 10


_RUN = """
import sys
sys.path.insert(0, {root!r})
from tests.simulator.test_world import pairing_log
print(pairing_log({seed}))
"""


def pairing_log(seed: int) -> str:
    """Everything that a hub heard in a scan, a pairing and three indications."""
    made = Bench(seed=seed, preemption=Preemption(0.2))
    try:

        async def meanwhile():
            await made.connected()
            for number in range(3):
                await asyncio.sleep(0.5)
                made.peer.indicate(bytes([number]))

        told = made.run(
            """
kept = {}
hooks[30] = lambda data: kept.update({(data[0], bytes(data[1])): bytes(data[2])}) or True
ble.active(True)
ble.config(bond=True)
ble.gap_scan(500, 60000, 30000, True)
time.sleep_ms(600)
link = connect()
ble.gap_pair(link)
until(28)
time.sleep_ms(3000)
import os, random
told["random"] = [os.urandom(8).hex(), random.getrandbits(30)]
told["kept"] = [kept[one].hex() for one in sorted(kept)]
""",
            meanwhile,
        )
        return json.dumps(told)
    finally:
        made.world.close()


def test_the_seed_decides_everything():
    """Two processes, two hash seeds: the same octets, keys included; another seed: others."""
    said = []
    for seed, hash_seed in ((1, "0"), (1, "7"), (2, "0")):
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", _RUN.format(root=str(ROOT), seed=seed)]
        said.append(subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
    assert said[0] == said[1] != said[2]
    assert len(json.loads(said[0])["kept"]) == 3


# A journal whose offset is shared by the callback and the main loop: each reads it, programs, then moves it on.
_SHARED_OFFSET = """
import esp32
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0]
offset = 0
taken = []
def append(kind, number):
    global offset
    at = offset
    part.writeblocks(at // 4096, bytes([kind, number]) * 8, at % 4096)
    offset = at + 16
    taken.append(at)
hooks[19] = lambda data: append(1, data[2][0])
ble.active(True)
link = connect()
for number in range(150):
    append(2, number)
    time.sleep_ms(10)
told["doubled"] = len(taken) - len(set(taken))
"""


def _shared_offset(made) -> bool:
    """Whether the fault showed: a unit programmed twice."""
    from tools.simulator.nor import Misuse

    async def meanwhile():
        await made.connected()
        for number in range(60):
            await asyncio.sleep(0.02)
            if made.hub.alive:
                made.peer.indicate(bytes([number]))

    try:
        return bool(made.run(_SHARED_OFFSET, meanwhile)["doubled"])
    except Misuse:
        return True


def test_preemption_catches_an_offset_shared_by_callback_and_main_loop(bench):
    """Without pre-emption the fault stays hidden: events then come at waits alone."""
    assert not _shared_offset(bench())
    assert any(_shared_offset(bench(seed=seed, preemption=Preemption(0.2))) for seed in (1, 2, 3))


def test_costs_hold_events_back_or_let_them_in(bench):
    """An erase holds the interpreter's lock: the indication is handled when it is done. A signature does not."""
    body = """
import esp32, _seam
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0]
ble.active(True)
link = connect()
begun = time.ticks_ms()
%s
told["work"] = [begun, time.ticks_ms()]
time.sleep_ms(200)
"""

    def handled(work):
        made = bench()

        async def meanwhile():
            await made.connected()
            await asyncio.sleep(0.02)
            made.peer.indicate(b"\x01")

        told = made.run(body % work, meanwhile)
        return told["work"], [at for at, event, _ in told["log"] if event == 19]

    (begun, ended), (at,) = handled("part.ioctl(6, 3)\npart.ioctl(6, 4)\npart.ioctl(6, 5)")
    assert ended - begun >= 135 and any(abs(at - begun - done) <= 1 for done in (45, 90, 135))
    (begun, ended), (at,) = handled('_seam.charge("p256.verify")')
    assert ended - begun >= 200 and at < begun + 60


def test_doubling_every_cost_is_one_option():
    """The boot takes twice as long."""
    times = []
    for scale in (1.0, 2.0):
        with World(1, costs_scale=scale) as world:
            world.run(world.run_program(world.add_hub(), "result = 1"))
            times.append(world.costs.ms("boot"))
    assert times[1] == 2 * times[0]
