"""What all faults of the world share: their shape, and what more than one of them does."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.simulator.world.home import World

Facts = dict[str, Any]
Strike = Callable[["World", Facts], None]


def starts_over(world: "World") -> None:
    """What only a hub meets that starts, meets it now."""
    if world.power.boot is not None:
        world.power.reset(world.power.boot, "brown-out")


def trait(world: "World", facts: Facts) -> None:
    """It was built in when the home was made; the world tells when it shows."""
