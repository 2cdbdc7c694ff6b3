"""The chip's own modules: clock, resets, watchdog, pins, flash, Wi-Fi, and what outlives a power cut."""

import json

import pytest

from tools.simulator.air.board import Board
from tools.simulator.air.launch import heap_share
from tools.simulator.air.world import ProgramFailed, World


@pytest.fixture
def world():
    """A world, ended with the test."""
    with World(1, ceiling_s=7200) as made:
        yield made


def _run(world, hub, program):
    return json.loads(world.run(world.run_program(hub, "import json\n" + program + "\nresult = json.dumps(told)\n")))


def test_time_counts_from_2000_and_the_calendar_is_unset_at_power_up(world):
    """2000-01-01 at power-up; set, it counts on; eight fields, Monday is 0."""
    told = _run(
        world,
        world.add_hub(),
        """
import time, machine
told = {"start": time.time(), "year": time.localtime()[0], "epoch": list(time.gmtime(0))}
machine.RTC().datetime((2026, 1, 5, 0, 8, 0, 9, 0))
told["set"] = time.time()
time.sleep(100)
told["later"] = list(time.localtime())
told["rtc"] = list(machine.RTC().datetime()[:7])
told["back"] = time.mktime((2026, 1, 5, 8, 0, 9, 0, 0))
""",
    )
    assert told["start"] < 5 and told["year"] == 2000
    assert told["epoch"] == [2000, 1, 1, 0, 0, 0, 5, 1]
    # (2026-01-05 08:00:09 UTC) - (2000-01-01), by CPython's datetime
    assert told["set"] == told["back"] == 820_915_209
    assert told["later"] == [2026, 1, 5, 8, 1, 49, 0, 5]
    assert told["rtc"] == [2026, 1, 5, 0, 8, 1, 49]


def test_ticks_wrap_at_2_to_the_30(world):
    """ticks_diff and ticks_add go over the wrap, and so does asyncio."""
    hub = world.add_hub(hub={"ticks_start": (1 << 30) - 1500})
    told = _run(
        world,
        hub,
        """
import time, asyncio
a = time.ticks_ms()
async def nap():
    await asyncio.sleep_ms(2000)
asyncio.run(nap())
b = time.ticks_ms()
told = {"a": a, "b": b, "diff": time.ticks_diff(b, a), "add": time.ticks_add(a, 2000) == b}
""",
    )
    assert told["b"] < told["a"] and told["diff"] == 2000 and told["add"]


_ON_SECOND_BOOT = """
import machine, time, esp32
nvs = esp32.NVS("test")
try:
    boots = nvs.get_i32("boots")
except OSError:
    boots = 0
nvs.set_i32("boots", boots + 1)
nvs.commit()
told = {"cause": machine.reset_cause(), "year": time.localtime()[0], "ticks": time.ticks_ms()}
if not boots:
    machine.RTC().datetime((2026, 1, 5, 0, 8, 0, 9, 0))
    open("/kept", "w").close()
    %s
"""


@pytest.mark.parametrize(
    ("how", "cause", "year"),
    [
        ("machine.reset()", 2, 2026),
        ("machine.soft_reset()", 5, 2026),
        ("machine.deepsleep(5000)", 4, 2026),
        ("machine.WDT(timeout=3000)\n    while True: time.ticks_ms()", 3, 2026),
        ("machine.WDT(timeout=3000)\n    while True: time.sleep(1)", 3, 2026),
    ],
)
def test_resets_tell_their_cause_and_leave_the_calendar(world, how, cause, year):
    """As on the ESP32: the RTC outlives everything but a power cut; ticks begin anew."""
    told = _run(world, world.add_hub(), _ON_SECOND_BOOT % how)
    assert (told["cause"], told["year"]) == (cause, year) and told["ticks"] < 1000


def test_a_power_cut_leaves_the_flash_and_unsets_the_calendar(world):
    """In the middle of a program: the torn octets stay, the files are whole."""
    hub = world.add_hub()

    async def go():
        world.loop.call_later(1.0, lambda: hub.flash.cells["journal"].cut_at(octet=24))
        with pytest.raises(ProgramFailed):
            await world.run_program(
                hub,
                _ON_SECOND_BOOT
                % 'esp32.Partition.find(1, label="journal")[0].writeblocks(0, b"A" * 48, 0)\n    time.sleep(9)',
            )

    world.run(go())
    assert hub.flash.cells["journal"].image()[:28] == b"A" * 24 + b"\xff" * 4
    told = _run(world, hub, (_ON_SECOND_BOOT % "pass") + "\nimport os\ntold['files'] = os.listdir('/')\n")
    assert (told["cause"], told["year"]) == (1, 2000) and "kept" in told["files"]


def test_littlefs_lies_on_the_simulated_flash(world):
    """Files outlive a boot; a power cut inside a write leaves the old file."""
    hub = world.add_hub()
    _run(world, hub, "f = open('/bonds', 'w'); f.write('old' * 100); f.close()\ntold = 0")
    assert hub.flash.cells["vfs"].programmed_octets > 300

    async def cut():
        world.loop.call_later(1.0, lambda: hub.flash.cells["vfs"].cut_at(octet=200))
        with pytest.raises(ProgramFailed):
            await world.run_program(hub, "f = open('/bonds', 'w'); f.write('new' * 1000); f.close()\nresult = 0")

    world.run(cut())
    assert _run(world, hub, "f = open('/bonds'); told = f.read(); f.close()") == "old" * 100


def test_partitions_refuse_what_the_chip_refuses(world):
    """Outside the partition; a label that is not there; info as the table says."""
    told = _run(
        world,
        world.add_hub(),
        """
import esp32
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0]
def refused(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        return error.args[0]
told = {"none": esp32.Partition.find(1, label="nothing") == [], "name": refused(esp32.Partition, "nothing"),
        "outside": refused(part.readblocks, 128, bytearray(16)), "info": list(part.info()),
        "blocks": [part.ioctl(4, 0), part.ioctl(5, 0)], "running": esp32.Partition(esp32.Partition.RUNNING).info()[4]}
part.writeblocks(1, b"x" * 32, 4064)
into = bytearray(40)
part.readblocks(1, into, 4060 - 4)
told["read"] = into.hex()
""",
    )
    assert told["none"] and (told["name"], told["outside"]) == (2, 22)
    assert told["info"] == [1, 0x40, 0x280000, 128 * 4096, "journal", False]
    assert told["blocks"] == [128, 4096] and told["running"] == "factory"
    assert bytes.fromhex(told["read"]) == b"\xff" * 8 + b"x" * 32


def test_flash_calls_allocate_nothing(world):
    """The chip's do not: the callback's path and a file's finaliser call them with the heap locked."""
    told = _run(
        world,
        world.add_hub(),
        """
import esp32, micropython
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="journal")[0]
octets, into = bytearray(b"0123456789abcdef"), bytearray(16)
micropython.heap_lock()
part.ioctl(6, 2)
part.writeblocks(2, octets, 32)
part.readblocks(2, into, 32)
micropython.heap_unlock()
told = into == octets
""",
    )
    assert told is True


def test_pins_show_and_are_pressed(world):
    """What the light showed is kept with its times; a press calls the handler once per edge asked for."""
    hub = world.add_hub()
    world.loop.call_later(2.5, hub.board.press, 0)
    told = _run(
        world,
        hub,
        """
import machine, time
edges = []
button = machine.Pin(0, machine.Pin.IN, machine.Pin.PULL_UP)
button.irq(lambda pin: edges.append(pin.value()), machine.Pin.IRQ_FALLING)
light = machine.Pin(2, machine.Pin.OUT)
told = {"idle": button.value()}
light.value(1)
time.sleep(1)
light.off()
machine.PWM(light, freq=2, duty_u16=32768)
time.sleep(2)
told["edges"] = edges
""",
    )
    assert told == {"idle": 1, "edges": [0]}
    shown = hub.board.pin(2).shown
    assert [(hertz, percent) for _, hertz, percent in shown] == [(0, 100), (0, 0), (2, 50), (0, 0)]
    assert shown[1][0] - shown[0][0] == pytest.approx(1.0, abs=0.01)


def test_the_station_joins_loses_and_finds_its_router(world):
    """A wrong password reads as connecting for ever, a dead router is noticed after some seconds."""
    hub = world.add_hub()
    world.loop.call_later(40, lambda: setattr(world.router, "up", False))
    world.loop.call_later(60, lambda: setattr(world.router, "up", True))
    told = _run(
        world,
        hub,
        f"""
import network, time
wlan = network.WLAN(network.STA_IF)
told = {{"off": wlan.status(), "refused": 0}}
try:
    wlan.connect("home", "x")
except OSError:
    told["refused"] = 1
wlan.active(True)
wlan.connect({world.router.ssid!r}, "wrong")
time.sleep(20)
told["wrong"] = [wlan.isconnected(), wlan.status()]
wlan.disconnect()
wlan.connect({world.router.ssid!r}, {world.router.key!r})
seen = []
for _ in range(80):
    state = wlan.isconnected()
    if not seen or seen[-1][0] != state:
        seen.append([state, time.ticks_ms() // 1000, wlan.status()])
    time.sleep(1)
told["seen"] = seen
told["config"] = wlan.ifconfig()
""",
    )
    assert told["off"] == 1000 and told["refused"] == 1 and told["wrong"] == [False, 1001]
    assert [one[0] for one in told["seen"]] == [False, True, False, True]
    assert 44 <= told["seen"][2][1] <= 48 and told["seen"][2][2] == 1001
    assert told["config"] == ["192.168.4.17", "255.255.255.0", "192.168.4.1", "192.168.4.1"]


def test_the_twins_share_of_the_heap_is_measured_and_given_on_top(world):
    """The hub has its own heap whole; what lives on it is told."""
    hub = world.add_hub(heap_octets=100_000)
    told = _run(world, hub, "import gc\ngc.collect()\ntold = gc.mem_free() + gc.mem_alloc()\nkeep = bytearray(30000)")
    assert told == pytest.approx(100_000 + heap_share(), rel=0.05)
    assert 30_000 < world.heap_peak(hub) < 60_000


def test_the_random_source_follows_the_seed():
    """No two hubs, and no two seeds, share an octet."""
    said = set()
    for seed, unique_id in ((1, b"\0" * 6), (1, b"\1" * 6), (2, b"\0" * 6), (1, b"\0" * 6)):
        with World(seed) as world:
            said.add(_run(world, world.add_hub(unique_id), "import os\ntold = os.urandom(16).hex()"))
    assert len(said) == 3


def test_board_needs_six_octets_of_identity(world):
    """machine.unique_id() is six octets on the ESP32."""
    with pytest.raises(AssertionError):
        Board(world.add_hub(b"\x07" * 6), b"short", world.chance)


def test_a_handler_that_waits_itself_takes_no_wake_from_the_wait_that_it_came_into(world):
    """Its flag is seen at once; lost, it would be seen when something else ended the wait."""
    told = _run(
        world,
        world.add_hub(),
        """
import asyncio, bluetooth, time
flag = asyncio.ThreadSafeFlag()
ble = bluetooth.BLE()
def handler(event, data):
    if event == 6:
        time.sleep_ms(3)
        flag.set()
ble.irq(handler)
ble.active(True)
async def waits():
    ble.gap_scan(100, 30000, 30000)
    begun = time.ticks_ms()
    await asyncio.wait_for_ms(flag.wait(), 5000)
    return time.ticks_diff(time.ticks_ms(), begun)
told = asyncio.run(waits())
""",
    )
    assert 103 <= told <= 110
