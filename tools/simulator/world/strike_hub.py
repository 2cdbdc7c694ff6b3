"""Faults of the hub itself: its power, its flash, its memory."""

from typing import TYPE_CHECKING

from tools.simulator.world.strike import Facts, Strike, starts_over, trait

if TYPE_CHECKING:
    from tools.simulator.world.home import World


# -- power


def _power_cut(world: "World", facts: Facts) -> None:
    world.power.cut_armed("power_cut", facts["off_s"])
    world.cells.cut_at(octet=facts["octet"], tear=facts["tear"])


def _power_cut_erase(world: "World", facts: Facts) -> None:
    world.power.cut_armed("power_cut_erase", facts["off_s"])
    world.cells.cut_at(erase=facts["erase"], tear=facts["tear"])


def _double_cut(world: "World", facts: Facts) -> None:
    world.power.cut_armed("double_cut", facts["off_s"], again=(facts["second"], facts["second_tear"]))
    world.cells.cut_at(octet=facts["octet"], tear=facts["tear"])


def _plug_out(world: "World", facts: Facts) -> None:
    world.power.plugged("plug_pulled", False)


def _plug_in(world: "World", facts: Facts) -> None:
    world.power.plugged("plug_pulled", True)


def _brown_out(world: "World", facts: Facts) -> None:
    if world.power.boot is not None:
        world.injected("brown_out")
        world.power.reset(world.power.boot, "brown-out")


# -- flash


def _refuses(world: "World", facts: Facts) -> None:
    world.cells.refuse_program(facts["programs"])
    world.cells.refuse_erase(facts["erases"])
    world.injected("flash_refuses")


def _lies(world: "World", facts: Facts) -> None:
    world.cells.silent = facts["programs"]
    world.injected("flash_lies")


def _at(world: "World", facts: Facts) -> int:
    return int(facts["at"] * world.cells.sector_count * world.cells.sector_octets)


def _rots(world: "World", facts: Facts) -> None:
    at = _at(world, facts)
    if not world.holds_only_copy(at, at + 1):
        world.cells.rot(at, facts["mask"])
        world.harm("flash")
        world.injected("flash_rots")


def _stuck(world: "World", facts: Facts) -> None:
    world.cells.stuck[_at(world, facts)] = (facts["mask"], facts["level"])
    world.harm("flash")
    world.injected("flash_stuck")


def _worn(world: "World", facts: Facts) -> None:
    sector = int(facts["at"] * world.cells.sector_count)
    start = sector * world.cells.sector_octets
    if not world.holds_only_copy(start, start + world.cells.sector_octets):
        world.cells.ruin(sector)
        world.harm("flash")
        world.harm("sector")
        world.injected("flash_worn")


# -- memory


def _memory(stage: str) -> Strike:
    def fail(world: "World", facts: Facts) -> None:
        world.memory.fails_in[stage] = facts["nth"]
        if stage == "boot":
            starts_over(world)

    return fail


BEGIN: dict[str, Strike] = {
    "power_cut": _power_cut,
    "power_cut_erase": _power_cut_erase,
    "double_cut": _double_cut,
    "plug_pulled": _plug_out,
    "brown_out": _brown_out,
    "nightly_off": trait,
    "flash_refuses": _refuses,
    "flash_lies": _lies,
    "flash_rots": _rots,
    "flash_stuck": _stuck,
    "flash_worn": _worn,
    "flash_small": trait,
    "flash_noise": trait,
    "memory_callback": _memory("callback"),
    "memory_journal": _memory("journal"),
    "memory_visit": _memory("visit"),
    "memory_publish": _memory("publish"),
    "memory_boot": _memory("boot"),
}
END: dict[str, Strike] = {
    "plug_pulled": _plug_in,
}
