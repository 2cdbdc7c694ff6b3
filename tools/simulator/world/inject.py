"""How each class of faults (tools/simulator/faults.py) strikes in this world.

`begin(world, name, facts)` and `end(world, name, facts)`. What took effect is told by `world.injected(name)`: where it
strikes when that is certain, else by the part that failed, at the moment when somebody met it.
"""

from typing import TYPE_CHECKING

from tools.simulator.world import strike_home, strike_hub, strike_line
from tools.simulator.world.strike import Facts

if TYPE_CHECKING:
    from tools.simulator.world.home import World

_BEGIN = strike_hub.BEGIN | strike_home.BEGIN | strike_line.BEGIN
_END = strike_hub.END | strike_home.END | strike_line.END


def begin(world: "World", name: str, facts: Facts) -> None:
    """It strikes, or begins to last."""
    _BEGIN[name](world, facts)


def end(world: "World", name: str, facts: Facts) -> None:
    """It is over."""
    if name in _END:
        _END[name](world, facts)


def all_over(world: "World") -> None:
    """Nothing is wrong any more, whatever was."""
    for name, over in _END.items():
        if name not in ("plug_pulled", "bond_lost", "impostor"):
            over(world, {})
    if world.people.impostor is not None:
        world.people.impostor_goes()
    world.air.mute = world.air.deaf = None
    for device in world.devices:
        device.troubles.drop_after_steps = device.troubles.drop_at_value = None
        device.troubles.confirmations_lost = device.troubles.resends = 0
    cells = world.cells
    cells.cut_at()
    cells.refuse_program(0)
    cells.refuse_erase(0)
    cells.silent = 0
    cells.stuck.clear()
    world.memory.fails_in.clear()
    for part, names in ((world.broker, ("lose_up", "lose_down", "double_up", "double_down")),):
        for name in names:
            setattr(part, name, 0)
    world.platform.answer_all()
