"""Device information and battery: who a device is, not what it measured."""

from micropython import const

DEVICE_INFORMATION = const(0x180A)
BATTERY = const(0x180F)
BATTERY_LEVEL = const(0x2A19)

# (characteristic, what it is called, most octets kept): together with battery and features under the
# journal's 200
TEXTS = (
    (0x2A29, "manufacturer", 24),
    (0x2A24, "model", 24),
    (0x2A25, "serial", 24),
    (0x2A27, "hardware", 16),
    (0x2A26, "firmware", 24),
    (0x2A28, "software", 16),
)

UDI = const(0x2BFF)  # UDI for Medical Devices (Device Information Service 1.2): carried as it is, or not at all
UDI_OCTETS_MAX = const(96)  # a label of 40, a GTIN and two OIDs; a longer one would take the serial number's room


def text(octets, octets_max: int) -> str:
    """Read a string as devices send it: padded with NUL or blanks, cut short, seldom not UTF-8."""
    octets = bytes(octets)
    end = octets.find(b"\0")
    octets = (octets if end < 0 else octets[:end]).strip()[:octets_max]
    try:
        return octets.decode()
    except UnicodeError:  # also when the cut went through a letter: what is plain stays readable
        return "".join([chr(octet) if 0x20 <= octet < 0x7F else "?" for octet in octets])


def battery(octets) -> "int | None":
    """Read a Battery Level (2A19) in percent; None when it is none."""
    return octets[0] if len(octets) and octets[0] <= 100 else None
