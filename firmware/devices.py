"""The device list, as settings tell it and listening takes it. Loaded at a start, and for an order that changes it."""

import drivers
from firmware import config
from firmware.ble import pairing
from firmware.listening import Device


def listed(entries: list, bonds, count) -> list:
    """A Device for each entry; one of a kind that this firmware does not know is counted, and the others are heard."""
    devices = []
    for slot, entry in enumerate(entries):
        if entry is None:
            continue  # a device was here: captures of it name the slot
        if entry["row"] not in drivers.ROWS:
            count("unknown row")
            continue
        address = config.address_octets(entry["address"])
        identity = pairing.identity(address, entry["address_type"])
        device = Device(slot, address, entry["row"], identity, bonds.address_of(identity))
        if "passkey" in entry:
            device.digits = entry["passkey"]
        devices.append(device)
    return devices
