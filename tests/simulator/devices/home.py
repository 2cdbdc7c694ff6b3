"""A home for devices under test: virtual time, a link, and a collector that does what it is told."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime

from bumble import gatt_client, hci
from bumble.core import UUID
from bumble.device import Peer
from bumble.pairing import PairingConfig, PairingDelegate

from drivers import decode
from firmware.measurement.measurement import decimal_text
from tools.simulator.air.clock import VirtualLoop
from tools.simulator.air.controller import make_device, seed_bumble
from tools.simulator.air.link import Link

START_S = 1767599700  # 2026-01-05T07:55:00Z
COLLECTOR = "c0:00:00:00:00:01"
_CEILING_S = 3600


class Home:
    """What the devices call world, and how a test runs in it."""

    def __init__(self, seed: int = 1):
        self.seed = seed
        chance = random.Random(seed)
        seed_bumble(chance)
        self.loop = VirtualLoop(ceiling_s=_CEILING_S)
        asyncio.set_event_loop(self.loop)
        self.link = Link(self.loop, chance)

    def time(self) -> float:
        """Unix seconds of virtual time."""
        return START_S + self.loop.time()

    def run(self, coroutine):
        """Run to the end of a test's story."""
        try:
            return self.loop.run_until_complete(_ended(coroutine))
        finally:
            left = asyncio.all_tasks(self.loop)
            for task in left:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            asyncio.set_event_loop(None)
            self.loop.close()


async def _ended(coroutine):
    result = await coroutine
    await asyncio.sleep(0.1)  # commands on their way to a controller are not cut short
    return result


@dataclass
class Collector:
    """A central: pairs, discovers, reads, subscribes; keeps what it was given, in order."""

    home: Home
    values: list[tuple[int, bytes]] = field(default_factory=list)  # characteristic, octets
    confirms: bool = True

    async def start(self) -> None:
        """Switch it on."""
        self.device = make_device(self.home.link, "collector", COLLECTOR)
        self.device.pairing_config_factory = lambda connection: PairingConfig(
            sc=True,
            mitm=False,
            bonding=True,
            identity_address_type=PairingConfig.AddressType.RANDOM,
            delegate=PairingDelegate(PairingDelegate.NO_OUTPUT_NO_INPUT),
        )
        await self.device.power_on()

    async def hear(self, seconds: float) -> list[tuple[float, bytes]]:
        """Scan: when each advertisement was heard, and its flags field."""
        heard: list = []

        def listen(advertisement):
            flags = advertisement.data.get(1, raw=True)
            if flags:
                heard.append((self.home.loop.time(), flags[0] if isinstance(flags, bytes) else flags))

        self.device.on("advertisement", listen)
        await self.device.start_scanning(legacy=True, active=True, filter_duplicates=False)
        await asyncio.sleep(seconds)
        await self.device.stop_scanning(legacy=True)
        self.device.remove_listener("advertisement", listen)
        return heard

    async def connect(self, address: str) -> None:
        """Make the link."""
        self.connection = await self.device.connect(hci.Address(address), timeout=60)
        self.gone = asyncio.get_running_loop().create_future()
        self.connection.on("disconnection", lambda reason: self.gone.set_result(int(reason)))
        self.peer = Peer(self.connection)
        self.handles: dict[int, int] = {}
        client = self.connection.gatt_client
        confirm = client.send_confirmation

        def on_indication(pdu):
            number = next((u for u, h in self.handles.items() if h == pdu.attribute_handle), 0)
            self.values.append((number, bytes(pdu.attribute_value)))
            if self.confirms:
                confirm(gatt_client.att.ATT_Handle_Value_Confirmation())

        client.on_att_handle_value_indication = on_indication
        client.on_att_handle_value_notification = lambda pdu: self.values.append(
            (0, bytes(pdu.attribute_value))
        )

    async def discover(self) -> None:
        """Find everything."""
        await self.peer.discover_services()
        for service in self.peer.services:
            for one in await service.discover_characteristics():
                self.handles.setdefault(_number(one.uuid), one.handle)

    def characteristic(self, number):
        """What was discovered under this UUID."""
        uuid = UUID.from_16_bits(number) if isinstance(number, int) else UUID(number)
        return self.peer.get_characteristics_by_uuid(uuid)[0]

    async def read(self, number) -> bytes:
        """Read a value."""
        return bytes(await self.characteristic(number).read_value())

    async def write(self, number, octets: bytes) -> None:
        """Write a value and wait for the answer."""
        await self.characteristic(number).write_value(octets, with_response=True)

    async def subscribe(self, number, notify: bool = False) -> None:
        """Write the CCCD, without Bumble's own bookkeeping."""
        one = self.characteristic(number)
        await one.discover_descriptors()
        cccd = one.get_descriptor(UUID.from_16_bits(0x2902))
        await cccd.write_value(b"\x01\x00" if notify else b"\x02\x00", with_response=True)

    async def bond(self, device) -> None:
        """Pair in the device's pairing mode, then leave."""
        device.pairing_mode()
        await self.connect(device.address)
        await self.connection.pair()
        await asyncio.sleep(1)
        await self.connection.disconnect()
        await asyncio.sleep(1)

    def octets(self, number) -> list[bytes]:
        """The values of one characteristic, in the order of arrival."""
        return [value for one, value in self.values if one == number]


def _number(uuid) -> int | str:
    octets = bytes(uuid)
    return int.from_bytes(octets, "little") if len(octets) == 2 else str(uuid)


def as_shown(row: str, uuid, octets: bytes):
    """What the project's decoder reads in an encoder's octets, in the words of taken.jsonl."""
    (measurement,) = decode(row, uuid, octets)
    quantities = []
    for code, *rest in measurement.quantities:
        if len(rest) == 1:
            quantities.append({"code": code, "reason": rest[0]})
        else:
            quantities.append({"code": code, "value": decimal_text(rest[0], rest[1]), "unit": rest[2]})
    time = measurement.device_time
    device_time = datetime(*time).isoformat() if time else None
    return measurement.kind, device_time, quantities, list(measurement.status)


def shown(entry: dict):
    """The same facts of what a display showed."""
    return entry["kind"], entry["device_time"], entry["quantities"], entry["status"]
