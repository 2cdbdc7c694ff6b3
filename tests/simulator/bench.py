"""A hub's program and a scripted Bumble peer in one world: how each point of the measured host is tried."""

import json

from bumble import att
from bumble.core import UUID
from bumble.gatt import Characteristic, CharacteristicValue, Service
from bumble.pairing import PairingConfig, PairingDelegate

from tools.simulator.air.controller import make_device
from tools.simulator.air.world import World

ADDRESS = "C0:C0:C0:00:00:01"
LONG_VALUE = bytes(range(256)) * 2
_HEAP_OCTETS = 300_000
_ADVERT = b"\x02\x01\x06\x03\x03\x10\x18"

# What every program begins with: `log` keeps (ms, event, fields); hooks[event](data) may act inside the handler.
PRELUDE = """
import bluetooth, json, struct, time
log = []
hooks = {}
def plain(field):
    return field if isinstance(field, int) or field is None else (
        str(field) if isinstance(field, bluetooth.UUID) else bytes(field).hex())
def irq(event, data):
    log.append([time.ticks_ms(), event, [plain(field) for field in data]])
    if event in hooks:
        return hooks[event](data)
ble = bluetooth.BLE()
ble.irq(irq)
peer = bytes.fromhex("c0c0c0000001")
def until(event, ms=5000, since=0):
    end = time.ticks_add(time.ticks_ms(), ms)
    while time.ticks_diff(end, time.ticks_ms()) > 0:
        for at, one, fields in log[since:]:
            if one == event:
                return fields
        time.sleep_ms(5)
    return None
def connect(address=peer):
    mark = len(log)
    ble.gap_connect(1, address, 4000)
    return until(7, since=mark)[0]
def error(call, *arguments):
    try:
        call(*arguments)
    except OSError as raised:
        return raised.args[0]
    return 0
def events(*wanted):
    return [[event] + fields for _, event, fields in log if event in wanted]
told = {}
"""
_EPILOGUE = "\ntold['log'] = log\nresult = json.dumps(told)\n"


class Delegate(PairingDelegate):
    """Shows a fixed passkey, or never answers."""

    def __init__(self, peer):
        io = PairingDelegate.DISPLAY_OUTPUT_ONLY if peer.passkey else PairingDelegate.NO_OUTPUT_NO_INPUT
        super().__init__(io)
        self._peer = peer

    async def accept(self) -> bool:
        self._peer.on_pairing_request()
        if self._peer.mute_pairing:
            await self._peer.world.loop.create_future()
        return True

    async def generate_passkey(self) -> int:
        return self._peer.passkey

    async def display_number(self, number: int, digits: int) -> None:
        """A display."""


class Peer:
    """A blood-pressure monitor as far as tests need one: everything on command."""

    def __init__(self, world: World, address: str = ADDRESS):
        self.world = world
        self.device = make_device(world.link, "peer", address)
        self.passkey = 0
        self.mute_pairing = False
        self.mute = False
        self.on_pairing_request = lambda: None
        self.received: list[tuple[float, bytes]] = []
        self.connections: list = []
        self.gone: list[float] = []
        permissions = Characteristic.READABLE | Characteristic.WRITEABLE
        properties = Characteristic.Properties
        self.measurement = Characteristic(
            UUID.from_16_bits(0x2A35), properties.INDICATE | properties.NOTIFY, permissions
        )
        self.feature = Characteristic(
            UUID.from_16_bits(0x2A49), properties.READ, permissions, CharacteristicValue(read=lambda _: LONG_VALUE)
        )
        self.clock = Characteristic(
            UUID.from_16_bits(0x2A08),
            properties.READ | properties.WRITE | properties.WRITE_WITHOUT_RESPONSE,
            permissions,
            CharacteristicValue(read=lambda _: b"now", write=lambda _, value: None),
        )
        self.device.add_service(Service(UUID.from_16_bits(0x1810), [self.measurement, self.feature, self.clock]))
        self.device.pairing_config_factory = lambda connection: PairingConfig(
            sc=True,
            mitm=bool(self.passkey),
            bonding=True,
            identity_address_type=PairingConfig.AddressType.RANDOM,
            delegate=Delegate(self),
        )
        self.device.l2cap_channel_manager.register_fixed_channel(att.ATT_CID, self._on_att)
        self.device.on("connection", self._on_connection)

    def _on_att(self, handle, pdu):
        self.received.append((self.world.loop.time(), pdu))
        if not self.mute:
            self.device.on_gatt_pdu(handle, pdu)

    def _on_connection(self, connection):
        self.connections.append(connection)
        connection.on("disconnection", lambda reason: self.gone.append(self.world.loop.time()))

    @property
    def connection(self):
        """The last one."""
        return self.connections[-1]

    async def start(self) -> None:
        """Switch it on and advertise for ever."""
        await self.device.power_on()
        await self.device.start_advertising(
            advertising_data=_ADVERT,
            scan_response_data=b"\x05\x09peer",
            auto_restart=True,
            advertising_interval_min=50,
            advertising_interval_max=50,
        )

    def send(self, pdu: bytes) -> None:
        """One raw ATT PDU."""
        self.connection.send_l2cap_pdu(att.ATT_CID, pdu)

    def indicate(self, octets: bytes, handle: int | None = None) -> None:
        """One indication, asked for or not."""
        self.send(b"\x1d" + (handle or self.measurement.handle).to_bytes(2, "little") + octets)

    def confirmations(self) -> list[float]:
        """When confirmations arrived."""
        return [at for at, pdu in self.received if pdu[0] == 0x1E]

    def requests(self, op: int) -> list[float]:
        """When requests with `op` arrived."""
        return [at for at, pdu in self.received if pdu[0] == op]


class Bench:
    """World, hub and peer."""

    def __init__(self, host: str = "esp", errno: str = "newlib", seed: int = 1, preemption=None):
        self.world = World(seed, preemption=preemption, ceiling_s=600)
        self.hub = self.world.add_hub(heap_octets=_HEAP_OCTETS, host=host, errno=errno)
        self.peer = Peer(self.world)
        self._booted = False

    def run(self, body: str, meanwhile=None) -> dict:
        """Run a program; `meanwhile()` is a coroutine of the peer's side. Gives what it told, with its log."""

        async def both():
            if not self._booted:
                self._booted = True
                await self.peer.start()
            task = self.world.loop.create_task(meanwhile()) if meanwhile else None
            said = await self.world.run_program(self.hub, PRELUDE + body + _EPILOGUE)
            if task is not None:
                await task
            return json.loads(said)

        return self.world.run(both())

    async def connected(self, count: int = 1) -> None:
        """Wait until the hub has connected so often."""
        import asyncio

        while len(self.peer.connections) < count:
            await asyncio.sleep(0.01)

    def events(self, told: dict, *wanted: int) -> list[list]:
        """[event, field, ...] of those events, in order."""
        return [[event, *fields] for _, event, fields in told["log"] if event in wanted]
