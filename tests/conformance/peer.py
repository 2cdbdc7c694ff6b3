"""The device that aioble's conformance programs talk to; it obeys what they write into its command."""

import asyncio

from bumble import att
from bumble.core import UUID, AdvertisingData
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.pairing import PairingConfig, PairingDelegate

ADDRESS = "c0:c0:c0:00:00:01"
NAME = "conformance"
OWN = "12345678-1234-5678-1234-56789abcdef0"

_READ, _WRITE = Characteristic.Properties.READ, Characteristic.Properties.WRITE
_SILENT = Characteristic.Properties.WRITE_WITHOUT_RESPONSE
_NOTIFY, _INDICATE = Characteristic.Properties.NOTIFY, Characteristic.Properties.INDICATE

_REFUSED_READ, _REFUSED_WRITE = 0x80, 0x81


class _Delegate(PairingDelegate):
    def __init__(self, peer):
        super().__init__(io_capability=PairingDelegate.NO_OUTPUT_NO_INPUT)
        self._peer = peer

    async def accept(self) -> bool:
        return self._peer.pairs


class ConformancePeer:
    """Advertises whenever nobody is connected."""

    def __init__(self, device):
        self.device = device
        self.pairs = False
        self.pairings = 0
        self._echo = b""
        self._mute = False
        self._tasks: list = []
        device.gatt_server.max_mtu = 200
        device.pairing_config_factory = lambda connection: PairingConfig(
            sc=True,
            mitm=False,
            bonding=True,
            identity_address_type=PairingConfig.AddressType.RANDOM,
            delegate=_Delegate(self),
        )
        readable = Characteristic.READABLE
        self._values = Characteristic(
            UUID.from_16_bits(0x2A35), _NOTIFY | _INDICATE, Characteristic.Permissions(0)
        )
        refusing = Characteristic(
            UUID.from_16_bits(0x2A49), _READ, readable, CharacteristicValue(read=self._refuse)
        )
        level = Characteristic(
            UUID.from_16_bits(0x2A19), _READ, readable, CharacteristicValue(read=lambda _: b"\x64")
        )
        command = Characteristic(
            UUID.from_16_bits(0x2A52),
            _READ | _WRITE | _SILENT,
            readable | Characteristic.WRITEABLE,
            CharacteristicValue(read=lambda _: self._echo, write=self._on_command),
        )
        device.add_service(Service(UUID.from_16_bits(0x1810), [self._values, refusing]))
        device.add_service(Service(UUID.from_16_bits(0x180F), [level]))
        device.add_service(Service(UUID(OWN), [command]))
        self._respond = device.gatt_server.send_response
        device.gatt_server.send_response = self._answer
        device.on("connection", self._on_connection)

    async def start(self) -> None:
        """Switch it on."""
        await self.device.power_on()
        await self._advertise()

    async def _advertise(self) -> None:
        advertisement = [
            (AdvertisingData.FLAGS, b"\x06"),
            (AdvertisingData.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS, b"\x10\x18\x0f\x18"),
            (AdvertisingData.MANUFACTURER_SPECIFIC_DATA, b"\x34\x12\x01\x02"),
        ]
        response = [
            (AdvertisingData.COMPLETE_LOCAL_NAME, NAME.encode()),
            (AdvertisingData.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, bytes(UUID(OWN))),
        ]
        await self.device.start_advertising(
            advertising_data=bytes(AdvertisingData(advertisement)),
            scan_response_data=bytes(AdvertisingData(response)),
            auto_restart=False,
            advertising_interval_min=100,
            advertising_interval_max=100,
        )

    def _run(self, coroutine) -> None:
        self._tasks = [task for task in self._tasks if not task.done()]
        self._tasks.append(asyncio.get_running_loop().create_task(coroutine))

    def _on_connection(self, connection) -> None:
        self.connection = connection
        self._mute = False
        connection.on("disconnection", lambda reason: self._run(self._advertise()))
        connection.on("pairing", lambda keys: self._count_pairing())

    def _count_pairing(self) -> None:
        self.pairings += 1

    def _answer(self, connection, response) -> None:
        if not self._mute:
            self._respond(connection, response)

    def _refuse(self, _connection) -> bytes:
        raise att.ATT_Error(_REFUSED_READ)

    def _on_command(self, connection, octets: bytes) -> None:
        verb, _, rest = bytes(octets).partition(b" ")
        if verb == b"echo":
            self._echo = str(self.pairings).encode() if rest == b"count" else bytes(octets)
        elif verb == b"refuse":
            raise att.ATT_Error(_REFUSED_WRITE)
        elif verb == b"pairing":
            self.pairs = rest == b"yes"
        else:
            self._run(self._do(connection, verb, rest))

    async def _do(self, connection, verb: bytes, rest: bytes) -> None:
        await asyncio.sleep(0.1)
        if verb == b"hang":
            await connection.disconnect()
        elif verb == b"mute":
            self._mute = True
        else:
            for number in range(1, int(rest) + 1):
                if verb == b"notify":
                    await self.device.notify_subscriber(connection, self._values, b"n%d" % number)
                else:
                    await self.device.indicate_subscriber(connection, self._values, b"i%d" % number)
