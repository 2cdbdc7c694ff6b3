"""Scales that speak as the Weight Scale Service says, but send each number that their display shows until one stands.

Such a scale keeps nothing; the layout is the standard's (weight_scale.py). What it sent in one visit is one weighing,
and the last number is the weight: the ones before are what it was made of. Nothing in a value says that it is on the
way, nor do equal times: a scale whose clock stands still gives them to true weighings. So it is the row that says it.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.joining import ENDED, PART
from drivers.weight_scale import DECODERS, STANDARD, decode

_MEASUREMENT = const(0x2A9D)


def _takes(parts: list, uuid, octets) -> int:
    # Other flags are another kind of number: pounds for kilograms, a time, a person who is known.
    return PART if not parts or (len(octets) and octets[0] == parts[-1][1][0]) else ENDED


def _final(parts: list) -> list:
    return decode(parts[-1][1])


def _body(parts: list) -> bytes:
    return bytes(parts[-1][1])


DRIVER = Driver(
    DECODERS,
    (
        make(
            "weight_scale_live",
            "Weight scale (standard, sends until the weight stands)",
            STANDARD,
            memory="none",
        ),
    ),
    {_MEASUREMENT: Joint(_takes, _final, _body, True)},
)
