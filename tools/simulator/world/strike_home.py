"""Faults of what is at home: devices, the air between, and people."""

from typing import TYPE_CHECKING, Any

from tools.simulator.world.devices import Device
from tools.simulator.world.strike import Facts, Strike, trait

if TYPE_CHECKING:
    from tools.simulator.world.home import World


def _one(world: "World") -> Device:
    return world.chance.choice(world.devices)


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


def _each(attribute: str, value: Any) -> Strike:
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
    world.people.person_pairs_again()


def _impostor(world: "World", facts: Facts) -> None:
    bonding = [device for device in world.devices if device.kind.bonds]
    if bonding:
        world.people.impostor_comes(world.chance.choice(bonding))


def _impostor_goes(world: "World", facts: Facts) -> None:
    world.people.impostor_goes()


def _radio_mute(world: "World", facts: Facts) -> None:
    if world.power.boot is not None:
        world.air.mute = facts["cure"]
        world.injected("radio_mute")


def _radio_deaf(world: "World", facts: Facts) -> None:
    if world.power.boot is not None:
        world.air.deaf = facts["cure"]
        world.injected("radio_deaf")


def _clock_lost(world: "World", facts: Facts) -> None:
    _one(world).clock.lose()
    world.injected("clock_lost")


# -- people


def _button_played(world: "World", facts: Facts) -> None:
    world.injected("button_played")
    if world.chance.random() < 0.5:
        world.people.press_button()
    else:
        _one(world).hold_button()


BEGIN: dict[str, Strike] = {
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
    "dst_night": trait,
    "far_future": trait,
    "two_users": trait,
    "forgetful": trait,
    "button_played": _button_played,
}
END: dict[str, Strike] = {
    "slow_device": _not_slow,
    "silent_device": _each("silent", False),
    "early_values": _each("sends_early", False),
    "malformed_values": _well_formed,
    "bond_lost": _pairs_again,
    "impostor": _impostor_goes,
}
