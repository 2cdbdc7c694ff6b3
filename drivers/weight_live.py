"""Scales that speak as the Weight Scale Service says, but send each number that their display shows until one stands.

Such a scale keeps nothing and puts no time on its numbers; the layout is the standard's (weight_scale.py). What it
sent in one visit is one weighing, and the last number is the weight: the ones before are what it was made of.
"""

from micropython import const

from drivers import Driver, Joint, make
from drivers.joining import ENDED, PART
from drivers.weight_scale import DECODERS, STANDARD, final, final_body

_MEASUREMENT = const(0x2A9D)


def _takes(parts: list, uuid, octets) -> int:
    # Other flags are another kind of number: pounds for kilograms, a time, a person who is known.
    return PART if not parts or (len(octets) and octets[0] == parts[-1][1][0]) else ENDED


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
    {_MEASUREMENT: Joint(_takes, final, final_body, True)},
)
