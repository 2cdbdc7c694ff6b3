"""GATT databases of devices: characteristics whose use needs encryption, and the texts that they hold."""

from bumble import att
from bumble.core import UUID
from bumble.gatt import (
    GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
    Characteristic,
    CharacteristicValue,
    Descriptor,
    Service,
)

READ = Characteristic.Properties.READ
WRITE = Characteristic.Properties.WRITE
NOTIFY = Characteristic.Properties.NOTIFY
INDICATE = Characteristic.Properties.INDICATE

DISCOVERIES = (  # the requests with which a collector looks around
    att.Opcode.ATT_FIND_INFORMATION_REQUEST,
    att.Opcode.ATT_FIND_BY_TYPE_VALUE_REQUEST,
    att.Opcode.ATT_READ_BY_TYPE_REQUEST,
    att.Opcode.ATT_READ_BY_GROUP_TYPE_REQUEST,
)


REQUESTS = (  # what is answered, and may be refused
    *DISCOVERIES,
    att.Opcode.ATT_READ_REQUEST,
    att.Opcode.ATT_WRITE_REQUEST,
)


def uuid(value: int | str) -> UUID:
    """A UUID from 16 bits or from its 128-bit text."""
    return UUID.from_16_bits(value) if isinstance(value, int) else UUID(value)


def characteristic(value_uuid: int | str, properties, value=b"", encrypted: bool = False) -> Characteristic:
    """A characteristic; `value` is octets, or the pair read(connection) and write(connection, octets)."""
    permissions = Characteristic.Permissions(0)
    if properties & READ:
        permissions |= Characteristic.READABLE
        if encrypted:
            permissions |= Characteristic.READ_REQUIRES_ENCRYPTION
    if properties & WRITE:
        permissions |= Characteristic.WRITEABLE
        if encrypted:
            permissions |= Characteristic.WRITE_REQUIRES_ENCRYPTION
    if isinstance(value, tuple):
        value = CharacteristicValue(read=value[0], write=value[1])
    return Characteristic(uuid(value_uuid), properties, permissions, value)


def guard_subscription(server, guarded: Characteristic) -> None:
    """Give a characteristic a CCCD that only an encrypted link may write (ATT error 0x0F otherwise)."""
    guarded.descriptors = [
        *guarded.descriptors,
        Descriptor(
            GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR,
            Descriptor.READABLE | Descriptor.WRITEABLE | Descriptor.WRITE_REQUIRES_ENCRYPTION,
            server.make_descriptor_value(guarded),
        ),
    ]


def service(value_uuid: int | str, *characteristics: Characteristic) -> Service:
    """A primary service."""
    return Service(uuid(value_uuid), list(characteristics))


def device_information(manufacturer: str, model: str, serial: str, firmware: str, udi: bytes = b"") -> Service:
    """Device Information 180A; the texts as the device pads them."""
    texts = ((0x2A29, manufacturer), (0x2A24, model), (0x2A25, serial), (0x2A26, firmware))
    told = [characteristic(number, READ, text.encode()) for number, text in texts]
    return service(0x180A, *told, *([characteristic(0x2BFF, READ, udi)] if udi else []))


def battery(level: int) -> Service:
    """Battery 180F."""
    return service(0x180F, characteristic(0x2A19, READ, bytes((level,))))
