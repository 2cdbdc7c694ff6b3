"""How each class of faults (tools/simulator/faults.py) strikes in this world.

`begin(world, name, facts)` and `end(world, name, facts)`. What took effect is told by `world.injected(name)`: here when
it is certain, else by the part that failed, at the moment when somebody met it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tools.simulator.world.devices import Device

if TYPE_CHECKING:
    from tools.simulator.world.home import World

Facts = dict[str, Any]
_SOON = 0.5  # of a second: a cut that nothing ran into is a plug that was pulled


def begin(world: "World", name: str, facts: Facts) -> None:
    """It strikes, or begins to last."""
    _BEGIN[name](world, facts)


def end(world: "World", name: str, facts: Facts) -> None:
    """It is over."""
    if name in _END:
        _END[name](world, facts)


def _one(world: "World") -> Device:
    return world.chance.choice(world.devices)


# -- power


def _power_cut(world: "World", facts: Facts) -> None:
    world.cut_armed("power_cut", facts["off_s"])
    world.cells.cut_at(octet=facts["octet"], tear=facts["tear"])


def _power_cut_erase(world: "World", facts: Facts) -> None:
    world.cut_armed("power_cut_erase", facts["off_s"])
    world.cells.cut_at(erase=facts["erase"], tear=facts["tear"])


def _double_cut(world: "World", facts: Facts) -> None:
    world.cut_armed("double_cut", facts["off_s"], again=(facts["second"], facts["second_tear"]))
    world.cells.cut_at(octet=facts["octet"], tear=facts["tear"])


def _plug_out(world: "World", facts: Facts) -> None:
    world.plugged("plug_pulled", False)


def _plug_in(world: "World", facts: Facts) -> None:
    world.plugged("plug_pulled", True)


def _starts_over(world: "World") -> None:
    """What only a hub meets that starts, meets it now."""
    if world.boot is not None:
        world.reset(world.boot, "brown-out")


def _brown_out(world: "World", facts: Facts) -> None:
    if world.boot is not None:
        world.injected("brown_out")
        world.reset(world.boot, "brown-out")


# -- radio


def _link_drop(world: "World", facts: Facts) -> None:
    troubles = _one(world).troubles
    troubles.drop_after_steps, troubles.drop_at_value = facts.get("steps"), facts.get("value")


def _confirmation_lost(world: "World", facts: Facts) -> None:
    _one(world).troubles.confirmations_lost = facts["count"]


def _slow(world: "World", facts: Facts) -> None:
    for device in world.devices:
        device.troubles.answer_delay_s = facts["delay_s"]
    world.injected("slow_device")


def _not_slow(world: "World", facts: Facts) -> None:
    for device in world.devices:
        device.troubles.answer_delay_s = 0.0


def _each(attribute: str, value: Any) -> Callable[["World", Facts], None]:
    def change(world: "World", facts: Facts) -> None:
        for device in world.devices:
            setattr(device.troubles, attribute, value)

    return change


def _value_repeated(world: "World", facts: Facts) -> None:
    timed = [device for device in world.devices if not device.kind.timeless]
    if timed:  # without a time nobody can tell a repeat from another reading
        world.chance.choice(timed).troubles.resends = facts["count"]


def _malformed(world: "World", facts: Facts) -> None:
    for device in world.devices:
        device.troubles.cut_octets, device.troubles.extra_octets = facts["cut"], facts["extra"]


def _well_formed(world: "World", facts: Facts) -> None:
    for device in world.devices:
        device.troubles.cut_octets = device.troubles.extra_octets = 0


def _bond_lost(world: "World", facts: Facts) -> None:
    bonding = [device for device in world.devices if device.kind.bonds]
    if bonding:
        world.chance.choice(bonding).keys = b""
        world.injected("bond_lost")


def _pairs_again(world: "World", facts: Facts) -> None:
    world.person_pairs_again()


def _impostor(world: "World", facts: Facts) -> None:
    bonding = [device for device in world.devices if device.kind.bonds]
    if bonding:
        world.impostor_comes(world.chance.choice(bonding))


def _impostor_goes(world: "World", facts: Facts) -> None:
    world.impostor_goes()


def _radio_mute(world: "World", facts: Facts) -> None:
    if world.boot is not None:
        world.air.mute = facts["cure"]
        world.injected("radio_mute")


def _radio_deaf(world: "World", facts: Facts) -> None:
    if world.boot is not None:
        world.air.deaf = facts["cure"]
        world.injected("radio_deaf")


def _clock_lost(world: "World", facts: Facts) -> None:
    _one(world).clock.lose()
    world.injected("clock_lost")


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
        world.injected("flash_worn")


# -- memory


def _memory(stage: str) -> Callable[["World", Facts], None]:
    def fail(world: "World", facts: Facts) -> None:
        world.memory.fails_in[stage] = facts["nth"]
        if stage == "boot":
            _starts_over(world)

    return fail


# -- network, broker, platform


def _set(part: str, anew: bool = False, **values: Any) -> Callable[["World", Facts], None]:
    """Switches of a part; a text that is a name of a fact is replaced by it. `anew`: it shows in a new connection."""

    def change(world: "World", facts: Facts) -> None:
        if anew:
            world.broker.cut()
        for name, value in values.items():
            setattr(getattr(world, part), name, facts.get(value, value) if isinstance(value, str) else value)

    return change


def _internet(up: bool) -> Callable[["World", Facts], None]:
    def change(world: "World", facts: Facts) -> None:
        world.network.up = up
        if not up:
            world.injected("internet")

    return change


def _dns(world: "World", facts: Facts) -> None:
    world.broker.cut()
    world.network.dns.fault = facts.get("fault")


def _dns_works(world: "World", facts: Facts) -> None:
    world.network.dns.fault = None


def _broker_restarts(world: "World", facts: Facts) -> None:
    if world.broker.connected():
        world.injected("broker_restarts")
    world.broker.cut()


def _counted(what: str) -> Callable[["World", Facts], None]:
    def change(world: "World", facts: Facts) -> None:
        setattr(world.broker, what + "_up", facts["up"])
        setattr(world.broker, what + "_down", facts["down"])

    return change


def _holds(wrong: bool) -> Callable[["World", Facts], None]:
    def change(world: "World", facts: Facts) -> None:
        world.platform.holds = wrong
        world.identity.misregister(world.keyring, wrong)

    return change


def _no_time(silent: bool) -> Callable[["World", Facts], None]:
    def change(world: "World", facts: Facts) -> None:
        world.network.ntp = "mute" if silent else None
        world.platform.tells_no_time = silent
        if silent:
            _starts_over(world)

    return change


def _ntp_lies(world: "World", facts: Facts) -> None:
    world.network.ntp, world.network.ntp_lie_s = "lies", facts["lie_s"]
    _starts_over(world)


# -- people


def _button_played(world: "World", facts: Facts) -> None:
    world.injected("button_played")
    if world.chance.random() < 0.5:
        world.press_button()
    else:
        _one(world).hold_button()


def _trait(world: "World", facts: Facts) -> None:
    """It was built in when the home was made; the world tells when it shows."""


_BEGIN: dict[str, Callable[["World", Facts], None]] = {
    "power_cut": _power_cut,
    "power_cut_erase": _power_cut_erase,
    "double_cut": _double_cut,
    "plug_pulled": _plug_out,
    "brown_out": _brown_out,
    "nightly_off": _trait,
    "link_drop": _link_drop,
    "confirmation_lost": _confirmation_lost,
    "slow_device": _slow,
    "silent_device": _each("silent", True),
    "early_values": _each("sends_early", True),
    "value_repeated": _value_repeated,
    "malformed_values": _malformed,
    "bond_lost": _bond_lost,
    "impostor": _impostor,
    "radio_mute": _radio_mute,
    "radio_deaf": _radio_deaf,
    "clock_lost": _clock_lost,
    "flash_refuses": _refuses,
    "flash_lies": _lies,
    "flash_rots": _rots,
    "flash_stuck": _stuck,
    "flash_worn": _worn,
    "flash_small": _trait,
    "flash_noise": _trait,
    "memory_callback": _memory("callback"),
    "memory_journal": _memory("journal"),
    "memory_visit": _memory("visit"),
    "memory_publish": _memory("publish"),
    "memory_boot": _memory("boot"),
    "wifi": _set("network", wifi=False),
    "internet": _internet(False),
    "dns": _dns,
    "tcp_half_open": _set("network", tcp="half_open"),
    "tcp_reset": _set("network", anew=True, tcp="how"),
    "tcp_one_octet": _set("network", tcp="one_octet"),
    "tcp_stall": _set("network", tcp="stall", stall_s="stall_s"),
    "tls": _set("network", anew=True, tls="how"),
    "broker_mute": _set("broker", mute=True),
    "broker_restarts": _broker_restarts,
    "broker_refuses": _set("broker", anew=True, refuses="code"),
    "broker_rubbish": _set("broker", anew=True, rubbish=True),
    "broker_loses": _counted("lose"),
    "broker_doubles": _counted("double"),
    "platform_down": _set("platform", down=True),
    "platform_holds": _holds(True),
    "platform_late": _set("platform", late_s="late_s"),
    "platform_twice": _set("platform", twice=True),
    "platform_never": _set("platform", silent_about_next=True),
    "receipt_forged": _set("platform", forges=True),
    "receipt_replayed": _set("platform", replays=True),
    "clock_unset": _no_time(True),
    "ntp_lies": _ntp_lies,
    "dst_night": _trait,
    "far_future": _trait,
    "two_users": _trait,
    "forgetful": _trait,
    "button_played": _button_played,
}
_END: dict[str, Callable[["World", Facts], None]] = {
    "plug_pulled": _plug_in,
    "slow_device": _not_slow,
    "silent_device": _each("silent", False),
    "early_values": _each("sends_early", False),
    "malformed_values": _well_formed,
    "bond_lost": _pairs_again,
    "impostor": _impostor_goes,
    "wifi": _set("network", wifi=True),
    "internet": _internet(True),
    "dns": _dns_works,
    **dict.fromkeys(("tcp_half_open", "tcp_reset", "tcp_one_octet", "tcp_stall"), _set("network", tcp=None)),
    "tls": _set("network", tls=None),
    "broker_mute": _set("broker", mute=False),
    "broker_refuses": _set("broker", refuses=0),
    "broker_rubbish": _set("broker", rubbish=False),
    "platform_down": _set("platform", down=False),
    "platform_holds": _holds(False),
    "platform_late": _set("platform", late_s=0.0),
    "platform_twice": _set("platform", twice=False),
    "receipt_forged": _set("platform", forges=False),
    "receipt_replayed": _set("platform", replays=False),
    "clock_unset": _no_time(False),
    "ntp_lies": _set("network", ntp=None),
}


def all_over(world: "World") -> None:
    """Nothing is wrong any more, whatever was."""
    for name, over in _END.items():
        if name not in ("plug_pulled", "bond_lost", "impostor"):
            over(world, {})
    if world.impostor is not None:
        world.impostor_goes()
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
