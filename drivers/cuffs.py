"""Blood pressure monitors that keep to the standard's layout and have ways of their own: Omron, Beurer and its kin."""

from micropython import const

from drivers import Driver, make
from drivers.blood_pressure import DECODERS, STANDARD
from drivers.formats import nothing

# Beurer and its kin send all of their memory, oldest first, each time, and hang up within a second or two.
BEURER = make("beurer_bm57", "Beurer BM57", STANDARD, name_prefixes=("BM57",), memory="all", burst=120)

_GENERIC_ATTRIBUTE = const(0x1801)
_SERVICE_CHANGED = const(0x2A05)

_decoders = {_SERVICE_CHANGED: nothing}
_decoders.update(DECODERS)

DRIVER = Driver(
    _decoders,
    (
        # Its clock must never be written. A bit in its adverts says that it wants to be paired. It sends nothing
        # before its Service Changed was subscribed to.
        make(
            "omron_blood_pressure",
            "Omron blood pressure monitor (BLEsmart)",
            STANDARD,
            name_prefixes=("BLEsmart_", "HEM-"),
            company=0x020E,
            pairing_mode=(b"\x01\x02\x03\x06\x08\x09", 1, 0x08),
            bond_first=True,
            clock_write=False,
            services=(_GENERIC_ATTRIBUTE,) + STANDARD.services,
            subscribe=((_SERVICE_CHANGED, "indicate"),) + STANDARD.subscribe,
        ),
        BEURER,
        make("medisana_bu5", "Medisana BU 5xx", BEURER, name_prefixes=("1490BS", "1872B")),
        make("sanitas_sbm", "Sanitas SBM", BEURER, name_prefixes=("SBM",)),
    ),
    {},
)
