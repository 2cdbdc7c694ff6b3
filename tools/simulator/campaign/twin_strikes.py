"""Faults as they are done to the twin: those that strike a house (tools/simulator/house.py) can be told to have."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.simulator.campaign.twin_home import Twin

_BROKER_DOWN_S = 20.0

Strike = Callable[["Twin", dict[str, Any]], None]


def _link_drop(twin: "Twin", facts: dict[str, Any]) -> None:
    device = twin.one()
    device.faults.drop_at = device._sent_count + 1 + facts.get("value", 0)
    twin.injected["link_drop"] += 1


def _confirmation_lost(twin: "Twin", facts: dict[str, Any]) -> None:
    device = twin.one()
    device.faults.lose_confirmation_at = device._sent_count + 1
    twin.injected["confirmation_lost"] += 1


def _faults(name: str, attribute: str, value: Callable[[dict[str, Any]], Any]) -> Strike:
    def strike(twin: "Twin", facts: dict[str, Any]) -> None:
        twin.injected[name] += bool(value(facts))
        for device in twin.house.devices:
            setattr(device.faults, attribute, value(facts))

    return strike


def _clock_lost(twin: "Twin", facts: dict[str, Any]) -> None:
    twin.one().remove_battery()
    twin.injected["clock_lost"] += 1


def _brown_out(twin: "Twin", facts: dict[str, Any]) -> None:
    if twin.house.hub.alive and twin.cut is None:
        twin.injected["brown_out"] += 1
        twin.spawn(twin.house.power_cycle())


def _network(name: str, up: bool) -> Strike:
    def strike(twin: "Twin", facts: dict[str, Any]) -> None:
        twin.injected[name] += not up
        twin.house.network(up)

    return strike


def _dns(twin: "Twin", facts: dict[str, Any]) -> None:
    twin.injected["dns"] += bool(facts)
    twin.house.world.home.dns.break_as(facts.get("fault"))


def _ntp(name: str, fault: str | None) -> Strike:
    def strike(twin: "Twin", facts: dict[str, Any]) -> None:
        twin.injected[name] += fault is not None
        twin.house.world.home.ntp.break_as(fault, facts.get("lie_s", 0.0))
        if fault is not None:  # only a hub that starts asks
            _brown_out(twin, facts)

    return strike


def _broker_restarts(twin: "Twin", facts: dict[str, Any]) -> None:
    twin.injected["broker_restarts"] += 1
    twin.spawn(twin.house.broker.restart(_BROKER_DOWN_S, keep_sessions=False))


def _refuses(twin: "Twin", facts: dict[str, Any]) -> None:
    twin.injected["flash_refuses"] += 1
    twin.house.journal_cells.refuse_program(facts["programs"])
    twin.house.journal_cells.refuse_erase(facts["erases"])


def _lies(twin: "Twin", facts: dict[str, Any]) -> None:
    twin.injected["flash_lies"] += 1
    twin.house.journal_cells.silent = facts["programs"]


def _attribute(name: str, value: Callable[[dict[str, Any]], Any]) -> Strike:
    def strike(twin: "Twin", facts: dict[str, Any]) -> None:
        setattr(twin, name, value(facts))

    return strike


def _trait(twin: "Twin", facts: dict[str, Any]) -> None:
    """The scenario has it."""


BEGIN: dict[str, Strike] = {
    "power_cut": lambda twin, facts: twin.arm("power_cut", facts, octet=facts["octet"]),
    "power_cut_erase": lambda twin, facts: twin.arm("power_cut_erase", facts, erase=facts["erase"]),
    "plug_pulled": lambda twin, facts: twin.plug("plug_pulled", False),
    "brown_out": _brown_out,
    "nightly_off": _trait,
    "link_drop": _link_drop,
    "confirmation_lost": _confirmation_lost,
    "slow_device": _faults("slow_device", "answer_delay_ms", lambda facts: int(1000 * facts.get("delay_s", 0))),
    "silent_device": _faults("silent_device", "silent", lambda facts: True),
    "clock_lost": _clock_lost,
    "flash_refuses": _refuses,
    "flash_lies": _lies,
    "flash_noise": _trait,
    "wifi": _network("wifi", False),
    "internet": _network("internet", False),
    "dns": _dns,
    "clock_unset": _ntp("clock_unset", "mute"),
    "ntp_lies": _ntp("ntp_lies", "lying"),
    "broker_restarts": _broker_restarts,
    "platform_down": _attribute("down", lambda facts: True),
    "platform_late": _attribute("late_s", lambda facts: facts.get("late_s", 0.0)),
    "platform_twice": _attribute("twice", lambda facts: True),
    "platform_never": _attribute("silent_about_next", lambda facts: True),
    "two_users": _trait,
    "forgetful": _trait,
}
END: dict[str, Strike] = {
    "plug_pulled": lambda twin, facts: twin.plug("plug_pulled", True),
    "slow_device": _faults("slow_device", "answer_delay_ms", lambda facts: 0),
    "silent_device": _faults("silent_device", "silent", lambda facts: False),
    "wifi": _network("wifi", True),
    "internet": _network("internet", True),
    "dns": lambda twin, facts: _dns(twin, {}),
    "clock_unset": _ntp("clock_unset", None),
    "ntp_lies": _ntp("ntp_lies", None),
    "platform_down": _attribute("down", lambda facts: False),
    "platform_late": _attribute("late_s", lambda facts: 0.0),
    "platform_twice": _attribute("twice", lambda facts: False),
}
CLASSES = tuple(BEGIN)
