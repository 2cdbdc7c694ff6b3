"""What can go wrong in a home: classes of faults as data. Each run switches classes on or off whole (swarm testing).

A class says how often it strikes and how long it lasts; its parameters are drawn from the run's own chance, so that a
seed and a list of classes are the whole of a run. Who can inject it: tools/simulator/world/inject.py in the fast world,
tools/simulator/campaign/twin_strikes.py on the twin.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

DAY_S = 86_400.0
_HOUR_S = 3_600.0
_MINUTE_S = 60.0

Draw = Callable[[Random], dict[str, Any]]


class Act(NamedTuple):
    """Something that happens at a moment of the scenario."""

    at_s: float
    verb: str  # "begin" or "end" of a fault, or what people do
    name: str  # the fault's class, or the device
    facts: dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """A class of faults. `lasts_s` (0, 0): it strikes once. `every_s` None: a trait of the whole run."""

    name: str
    group: str
    what: str
    every_s: tuple[float, float] | None
    lasts_s: tuple[float, float] = (0.0, 0.0)
    draw: Draw = lambda chance: {}

    def acts(self, chance: Random, begin_s: float, end_s: float) -> list[Act]:
        """When it strikes, between two moments; everything that lasts has ended by then."""
        if self.every_s is None:
            return [Act(begin_s, "begin", self.name, self.draw(chance))]
        found = []
        # The first comes early, so that no chosen class goes without.
        at_s = begin_s + chance.uniform(0, min(self.every_s[0], (end_s - begin_s) / 2))
        while at_s < end_s:
            facts = self.draw(chance)
            found.append(Act(at_s, "begin", self.name, facts))
            if self.lasts_s[1]:
                at_s = min(end_s, at_s + chance.uniform(*self.lasts_s))
                found.append(Act(at_s, "end", self.name, facts))
            at_s += chance.uniform(*self.every_s)
        return found


def _often(days: float) -> tuple[float, float]:
    return days * DAY_S / 2, days * DAY_S * 3 / 2


def _tear(chance: Random) -> str:
    return chance.choice(("prefix", "half_cleared", "page"))


def _program_cut(chance: Random) -> dict[str, Any]:
    return {"octet": chance.randrange(1, 4000), "tear": _tear(chance), "off_s": chance.uniform(2, 7200)}


def _erase_cut(chance: Random) -> dict[str, Any]:
    return {"erase": chance.randrange(2), "tear": _tear(chance), "off_s": chance.uniform(2, 7200)}


def _double_cut(chance: Random) -> dict[str, Any]:
    return _program_cut(chance) | {"second": chance.randrange(1, 600), "second_tear": _tear(chance)}


def _steps(chance: Random) -> dict[str, Any]:
    if chance.random() < 0.5:
        return {"steps": chance.randrange(14)}
    return {"value": chance.randrange(3)}


def _malformed(chance: Random) -> dict[str, Any]:
    # Not both at once: a value whose end is made up has a time that another one may have, too.
    return {"cut": chance.choice((1, 3, 7)), "extra": 0} if chance.random() < 0.7 else {"cut": 0, "extra": 4}


def _bit(chance: Random) -> dict[str, Any]:
    return {"at": chance.random(), "mask": 1 << chance.randrange(8)}


def _stuck(chance: Random) -> dict[str, Any]:
    return _bit(chance) | {"level": chance.choice((0, 255))}


def _one_of(**options: tuple) -> Draw:
    return lambda chance: {name: chance.choice(values) for name, values in options.items()}


def _between(**ranges: tuple[float, float]) -> Draw:
    return lambda chance: {name: chance.uniform(*bounds) for name, bounds in ranges.items()}


def _whole(**ranges: tuple[int, int]) -> Draw:
    return lambda chance: {name: chance.randint(*bounds) for name, bounds in ranges.items()}


_SHORT, _LONG = (_MINUTE_S, 2 * _HOUR_S), (_HOUR_S, 60 * _HOUR_S)

_ALL = (
    # -- power
    Fault("power_cut", "power", "the plug is pulled inside a program, at any octet", _often(2), draw=_program_cut),
    Fault("power_cut_erase", "power", "the plug is pulled inside an erase", _often(4), draw=_erase_cut),
    Fault("double_cut", "power", "and again while the hub recovers", _often(5), draw=_double_cut),
    Fault("plug_pulled", "power", "someone needs the socket", _often(1.5), (_MINUTE_S, 9 * _HOUR_S)),
    Fault("brown_out", "power", "a reset at any moment", _often(1)),
    Fault(
        "nightly_off",
        "power",
        "everything is switched off at night, sometimes for a year",
        None,
        draw=lambda chance: {"off_h": chance.uniform(21, 24), "on_h": chance.uniform(5.5, 9)},
    ),
    # -- radio
    Fault("link_drop", "radio", "the link is lost at any step of a visit", _often(0.7), draw=_steps),
    Fault(
        "confirmation_lost",
        "radio",
        "the device does not hear that its reading was kept",
        _often(1),
        draw=_whole(count=(1, 2)),
    ),
    Fault("slow_device", "radio", "every answer takes its time", _often(3), _LONG, _between(delay_s=(0.3, 6.0))),
    Fault("silent_device", "radio", "connects, answers, and sends no reading", _often(3), _LONG),
    Fault("early_values", "radio", "a bonded device sends before it is asked", _often(2), _LONG),
    Fault(
        "value_repeated", "radio", "a device sends again what was confirmed", _often(1.5), draw=_whole(count=(1, 60))
    ),
    Fault("malformed_values", "radio", "values too short or too long", _often(5), _LONG, _malformed),
    Fault("bond_lost", "radio", "a device forgets its bond; a person pairs it again", _often(9), (_HOUR_S, 2 * DAY_S)),
    Fault("impostor", "radio", "somebody else under a device's address", _often(8), _LONG),
    Fault(
        "radio_mute",
        "radio",
        "the hub's Bluetooth stack says nothing any more",
        _often(7),
        draw=_one_of(cure=("restart", "reboot")),
    ),
    Fault(
        "radio_deaf",
        "radio",
        "the hub's radio hears nobody any more",
        _often(9),
        draw=_one_of(cure=("restart", "reboot")),
    ),
    Fault("clock_lost", "radio", "a device's battery is changed: its clock is unset", _often(4)),
    # -- flash
    Fault("flash_refuses", "flash", "programs or erases fail", _often(1), draw=_whole(programs=(0, 6), erases=(0, 3))),
    Fault("flash_lies", "flash", "programs report success and store nothing", _often(2), draw=_whole(programs=(1, 3))),
    Fault(
        "flash_rots",
        "flash",
        "bits flip in what was written, but for the only copy of a reading",
        _often(1.5),
        draw=_bit,
    ),
    Fault("flash_stuck", "flash", "a bit that nothing changes any more", _often(6), draw=_stuck),
    Fault(
        "flash_worn",
        "flash",
        "a sector that holds no reading becomes rubbish",
        _often(9),
        draw=lambda chance: {"at": chance.random()},
    ),
    Fault("flash_small", "flash", "a journal that is soon full", None),
    Fault("flash_noise", "flash", "erased flash reads as noise, as under flash encryption", None),
    # -- memory
    *(
        Fault(f"memory_{stage}", "memory", f"an allocation fails: {where}", _often(1.5), draw=_whole(nth=(0, most)))
        for stage, where, most in (
            ("callback", "in the Bluetooth callback", 6),
            ("journal", "while the journal is written", 40),
            ("visit", "in a visit", 30),
            ("publish", "on the line", 60),
            ("boot", "while the hub starts", 300),
        )
    ),
    # -- network
    Fault("wifi", "network", "no Wi-Fi: router off, changed, out of reach", _often(3), _LONG),
    Fault("internet", "network", "nothing behind the router answers", _often(3), _LONG),
    Fault(
        "dns",
        "network",
        "names are not answered, or wrongly",
        _often(2),
        _SHORT,
        _one_of(fault=("mute", "wrong", "unknown", "failing", "foreign", "rubbish")),
    ),
    Fault("tcp_half_open", "network", "octets vanish, the connection stands", _often(2), _SHORT),
    Fault(
        "tcp_reset", "network", "connections are refused or reset", _often(2), _SHORT, _one_of(how=("reset", "refused"))
    ),
    Fault("tcp_one_octet", "network", "octets come one at a time", _often(2), _SHORT),
    Fault("tcp_stall", "network", "half a minute until anything comes", _often(2), _SHORT, _between(stall_s=(5, 60))),
    Fault(
        "tls",
        "network",
        "handshakes fail, or the certificate's time is wrong",
        _often(2),
        _SHORT,
        _one_of(how=("fails", "closed", "expired", "not_yet")),
    ),
    # -- broker
    Fault("broker_mute", "broker", "takes everything and says nothing", _often(3), _SHORT),
    Fault("broker_restarts", "broker", "every session is lost", _often(1)),
    Fault("broker_refuses", "broker", "lets nobody in", _often(3), _SHORT, _whole(code=(1, 5))),
    Fault("broker_rubbish", "broker", "answers with what is no MQTT", _often(4), _SHORT),
    Fault("broker_loses", "broker", "confirms messages and loses them", _often(1), draw=_whole(up=(0, 3), down=(0, 3))),
    Fault("broker_doubles", "broker", "delivers twice", _often(1), draw=_whole(up=(0, 3), down=(0, 3))),
    # -- platform
    Fault("platform_down", "platform", "takes nothing", _often(3), _LONG),
    Fault("platform_holds", "platform", "knows the hub by a wrong key: all is held", _often(8), _LONG),
    Fault("platform_late", "platform", "answers late", _often(2), _LONG, _between(late_s=(1, 90))),
    Fault("platform_twice", "platform", "answers twice", _often(2), _LONG),
    Fault("platform_never", "platform", "never answers one envelope, while the ring wraps", _often(6)),
    Fault(
        "receipt_forged",
        "platform",
        "receipts by someone without the key, or for what was never sent",
        _often(2),
        _LONG,
    ),
    Fault("receipt_replayed", "platform", "old receipts come again", _often(2), _LONG),
    # -- clock
    Fault("clock_unset", "clock", "nobody tells the time", _often(4), (_HOUR_S, 4 * DAY_S)),
    Fault(
        "ntp_lies",
        "clock",
        "the time server is wrong",
        _often(3),
        _LONG,
        _one_of(lie_s=(-86_400, -3600, -60, 30, 7200, 40_000_000)),
    ),
    Fault("dst_night", "clock", "summer time begins or ends", None, draw=_one_of(month=(3, 10))),
    Fault(
        "far_future", "clock", "2036 or 2038, when counters of seconds overflow", None, draw=_one_of(year=(2036, 2038))
    ),
    # -- people
    Fault("two_users", "people", "two in one house, at the same devices", None),
    Fault("forgetful", "people", "days without measuring, then many readings at once", None),
    Fault("button_played", "people", "someone presses the hub's button, or a device's", _often(2)),
)

FAULTS = {fault.name: fault for fault in _ALL}


def swarm(seed: int) -> tuple[str, ...]:
    """The classes that a seed's run has; each run lacks most of them."""
    chance = Random(f"swarm {seed}")
    count = chance.randint(1, len(FAULTS) // 3)
    return tuple(sorted(chance.sample(sorted(FAULTS), count)))
