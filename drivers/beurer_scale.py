"""Beurer's BF scales: standard weight and body composition behind a user's consent.

Until a consent succeeds they send stubs: weight zero, fat zero. A stub is no person's weight. Seen by one public
code base on BF105 and BF720; the rest of the family is taken to be like them. None was seen here.
"""

from micropython import const

from drivers import Driver, make
from drivers.body_composition import DECODERS as STANDARD_DECODERS
from drivers.body_composition import DRIVER as STANDARD

_SERVICES = (0x181C, 0x181B, 0x181D, 0x1805)  # user data first: its control point is asked before the data
_MEASUREMENT = const(0x2A9C)
_WEIGHT = const(0x2A9D)
_USER_CONTROL_POINT = const(0x2A9F)
_COMPANY = const(0x0611)


def _without_stubs(decode):
    """Make a decoder that tells a stub from a person."""

    def decoder(octets):
        measurements = decode(octets)
        for measurement in measurements:
            mark_stub(measurement)
        return measurements

    return decoder


def mark_stub(measurement) -> None:
    """Mark a value whose every number is zero as invalid."""
    for quantity in measurement.quantities:
        if len(quantity) == 2 or quantity[1]:
            return
    measurement.quantities = tuple([(quantity[0], "no_reading") for quantity in measurement.quantities])
    measurement.flags = ("invalid",) + measurement.flags


_decoders = dict(STANDARD_DECODERS)
for _uuid in (_MEASUREMENT, _WEIGHT):
    _decoders[_uuid] = _without_stubs(STANDARD_DECODERS[_uuid])

_family = make(
    "beurer_bf720",
    "Beurer BF720",
    STANDARD.rows[0],
    name_prefixes=("BF720",),
    company=_COMPANY,
    bond_first=True,
    services=_SERVICES,
    consent=True,
    subscribe=((_USER_CONTROL_POINT, "indicate"),) + STANDARD.rows[0].subscribe,
    memory="until_confirmed",
)

DRIVER = Driver(
    _decoders,
    (
        _family,
        make("beurer_bf105", "Beurer BF105", _family, name_prefixes=("BF105",)),
        make("beurer_bf500", "Beurer BF500", _family, name_prefixes=("BF500",)),
        make("beurer_bf788", "Beurer BF788", _family, name_prefixes=("BF788",)),
        make("beurer_bf950", "Beurer BF950", _family, name_prefixes=("BF950",)),
    ),
    STANDARD.joints,
)
