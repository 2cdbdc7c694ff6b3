"""What an advertisement says. Pure, and patient with malformed ones: what stands before the damage counts."""

from collections import namedtuple

from micropython import const

from drivers.device_information import text

# name: str or ""; services: 16-bit uuids as int, 128-bit ones as 16 octets; manufacturer: (company, octets)
# or None; flags: the octet, or None when the advert has none
Advert = namedtuple("Advert", ("name", "services", "manufacturer", "flags"))

_FLAGS = const(0x01)
_SERVICES_16 = (0x02, 0x03)
_SERVICES_128 = (0x06, 0x07)
_NAME_SHORT = const(0x08)
_NAME = const(0x09)
_MANUFACTURER = const(0xFF)
_LIMITED_DISCOVERABLE = const(0x01)
_NAME_OCTETS_MAX = const(62)  # both parts of a legacy advert together


def structures(octets):
    """Yield (type, octets) of each whole advertising structure; stop at the first that runs over the end."""
    at = 0
    while at + 1 < len(octets):
        length = octets[at]
        if length == 0 or at + 1 + length > len(octets):  # 0: the rest is padding (Core 5.4, 3.C.11)
            return
        yield octets[at + 1], bytes(octets[at + 2 : at + 1 + length])
        at += 1 + length


def parse(adv_data, resp_data=b"") -> Advert:
    """Read an advertisement and its scan response, either of which may be missing."""
    name = short = ""
    services: list = []
    manufacturer = flags = None
    for part in (adv_data, resp_data):
        for kind, octets in structures(part or b""):
            if kind == _FLAGS and flags is None and octets:
                flags = octets[0]
            elif kind in _SERVICES_16:
                for at in range(0, len(octets) - 1, 2):
                    services.append(octets[at] | octets[at + 1] << 8)
            elif kind in _SERVICES_128:
                for at in range(0, len(octets) - 15, 16):
                    services.append(octets[at : at + 16])
            elif kind == _NAME:
                name = name or text(octets, _NAME_OCTETS_MAX)
            elif kind == _NAME_SHORT:
                short = short or text(octets, _NAME_OCTETS_MAX)
            elif kind == _MANUFACTURER and manufacturer is None and len(octets) >= 2:
                manufacturer = (octets[0] | octets[1] << 8, octets[2:])
    return Advert(name or short, tuple(services), manufacturer, flags)


def wants(row, advert) -> "str | None":
    """Tell what a listed device asks for with this advert: "visit", "pairing", or None if it does not say.

    The caller has matched the address; a name is no identity and refuses nobody. Of a device whose pairing
    mode is a different advert, one without flags (a scan response that came alone, a damaged one) does not
    yet say which it is.
    """
    if isinstance(row.pairing_mode, tuple):
        formats, at, bit = row.pairing_mode
        company, octets = advert.manufacturer or (None, b"")
        if company == row.company and len(octets) > at and octets[0] in formats and octets[at] & bit:
            return "pairing"
        return "visit"
    if row.pairing_mode != "limited":
        return "visit"
    if advert.flags is None:
        return None
    return "pairing" if advert.flags & _LIMITED_DISCOVERABLE else "visit"


def resembles(row, advert) -> bool:
    """Tell whether an unlisted device looks like this row: a hint for pairing, no reason to connect."""
    if row.name_prefixes:
        return advert.name.startswith(row.name_prefixes)
    if row.company is not None and advert.manufacturer is not None:
        return advert.manufacturer[0] == row.company
    return row.services[0] in advert.services
