"""How much of its C stack the Bluetooth callback takes, measured in its deepest place: while it programs a capture.

On the chip MicroPython calls the handler on the Bluetooth host's own task, so what counts there is what lies between
that call and the deepest place, and nothing of the main task's stack. Both ends are asked of `micropython.stack_use()`
inside the hub, on the 32-bit interpreter, in a whole visit:

- `callback.stack_octets`: from where the host calls the firmware's handler to where that calls the chip's
  `writeblocks`. What the chip's flash driver then takes is C of its own and not in it.
- `callback.stack_octets_main`: the same place counted from the beginning of the main task's stack, as `stack_use()`
  says it on the unix port, where the callback lies on top of whatever was waiting.

One call of a Python function takes about as much on Xtensa as on x86 (registers for pushed arguments, window spills for
them): the figure is of the chip's order, and only a board can say it exactly.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from tools.host import budget, image
from tools.host.bench.plan import Plan
from tools.host.figures import Figure
from tools.host.parts import need
from tools.simulator.devices import Patient
from tools.simulator.house import CUFF, House

_MARK = "stack"
_HOST = "/host"  # tools/simulator/chip/_boot.py: where the host's files are on the hub

# Runs before main.py, on the hub. It puts a function between host and handler, and one in the place of writeblocks; the
# latter's own frame is taken off, since on the chip C stands there.
_PROGRAM = """
import bluetooth, esp32
from micropython import stack_use

entered = most = inside = 0

def watch(handler):
    def called(event, data):
        global entered, inside
        inside += 1
        entered = stack_use()
        try:
            return handler(event, data)
        finally:
            inside -= 1
    return called

irq = bluetooth.BLE.irq
bluetooth.BLE.irq = lambda self, handler: irq(self, watch(handler))

def frame():
    return stack_use()

write = esp32.Partition.writeblocks
def watched(self, block, octets, offset=None):
    global most
    if inside:
        here = stack_use()
        here -= frame() - here
        if here - entered > most:
            most = here - entered
            print("MARK", most, here)
    return write(self, block, octets, offset)
esp32.Partition.writeblocks = watched
execfile("ROOT/main.py")
"""


class _Watched(House):
    """A house whose hub runs main.py under watch."""

    def __init__(self, seed: int):
        super().__init__(seed, (CUFF,), heap_octets=2 * budget.HUB_HEAP_OCTETS)  # what watches is no part of the hub

    def power_on(self) -> None:
        """Start the program instead of main.py."""
        program = Path(self.world.folder, "watched.py")
        program.write_text(_PROGRAM.replace("ROOT", f"{_HOST}{image.hub_root()}").replace("MARK", _MARK))
        self.hub.start(program=program)


def measure(plan: Plan) -> Iterator[Figure]:
    """The callback's stack."""
    need("micropython32")
    most, on_main = watch(plan.seed)
    yield Figure("callback.stack_octets", most, "octets", budget.CALLBACK_STACK_OCTETS_MAX)
    yield Figure("callback.stack_octets_main", on_main, "octets")


def watch(seed: int) -> tuple[int, int]:
    """Octets from the host's call and from the stack's beginning to the program of a capture, the most of a visit."""
    with _Watched(seed) as house:
        house.world.run(house.ready())
        house.devices[0].press(Patient("heart_failure", random.Random(seed)).blood_pressure())
        house.world.run(house.read(house.devices[0]))
        marks = [line.split()[1:] for line in house.hub.output().splitlines() if line.startswith(_MARK)]
    most, on_main = map(int, marks[-1])
    return most, on_main
