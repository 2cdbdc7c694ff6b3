"""Faults of the line: router, names, sockets, broker, platform, time servers."""

from typing import TYPE_CHECKING, Any

from tools.simulator.world.strike import Facts, Strike, starts_over

if TYPE_CHECKING:
    from tools.simulator.world.home import World


# -- network, broker, platform


def _set(part: str, anew: bool = False, **values: Any) -> Strike:
    """Switches of a part; a text that is a name of a fact is replaced by it. `anew`: it shows in a new connection."""

    def change(world: "World", facts: Facts) -> None:
        if anew:
            world.broker.cut()
        for name, value in values.items():
            setattr(getattr(world, part), name, facts.get(value, value) if isinstance(value, str) else value)

    return change


def _internet(up: bool) -> Strike:
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


def _counted(what: str) -> Strike:
    def change(world: "World", facts: Facts) -> None:
        setattr(world.broker, what + "_up", facts["up"])
        setattr(world.broker, what + "_down", facts["down"])

    return change


def _holds(wrong: bool) -> Strike:
    def change(world: "World", facts: Facts) -> None:
        world.platform.holds = wrong
        world.identity.misregister(world.keyring, wrong)

    return change


def _no_time(silent: bool) -> Strike:
    def change(world: "World", facts: Facts) -> None:
        world.network.ntp = "mute" if silent else None
        world.platform.tells_no_time = silent
        if silent:
            starts_over(world)

    return change


def _ntp_lies(world: "World", facts: Facts) -> None:
    world.network.ntp, world.network.ntp_lie_s = "lies", facts["lie_s"]
    starts_over(world)


BEGIN: dict[str, Strike] = {
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
}
END: dict[str, Strike] = {
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
