"""The firmware's own visit, step by step, against each device: what was shown is what would be kept."""

import asyncio

import pytest
from bumble.att import ATT_Error
from bumble.core import UUID, ProtocolError

import drivers
from firmware.ble.visit import visit
from firmware.contracts import PeerError
from tests.simulator.devices.home import Collector, Home, as_shown, shown
from tools.simulator.devices import Faults, Nonin3230, Oximeter, Patient, Ua651ble, Uc352ble

ADDRESS = "c0:a1:b2:c3:d4:e8"
DEVICES = (
    (Ua651ble, "ad_ua651ble", "blood_pressure"),
    (Uc352ble, "ad_uc352ble", "weight"),
    (Oximeter, "pulse_oximeter_unbonded", "oximetry"),
    (Nonin3230, "nonin_3230", "oximetry"),
)
every_device = pytest.mark.parametrize(("make", "row", "measure"), DEVICES)


class Context:
    """What the hub knows."""

    clock_confirmed = True
    window_open = False
    bonded = False
    described = True

    def local_time(self):
        """A time that is easy to find again."""
        return 2026, 2, 3, 8, 9, 30


class Executor:
    """Carries out a visit's steps with Bumble."""

    def __init__(self, collector: Collector, context: Context):
        self.collector = collector
        self.context = context
        self.facts: list[dict] = []
        self.kept: list[tuple[int, bytes]] = []  # value handle, octets

    async def visit(self, address: str, row: str) -> str:
        """One visit; its outcome."""
        collector = self.collector
        await collector.connect(address)
        kept = collector.connection.gatt_client
        confirm = kept.on_att_handle_value_indication

        def keep(pdu):
            self.kept.append((pdu.attribute_handle, bytes(pdu.attribute_value)))
            confirm(pdu)

        kept.on_att_handle_value_indication = keep
        steps = visit(drivers.row(row), self.context)
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._do(step)
                except ATT_Error as error:
                    step = steps.throw(PeerError("att", int(error.error_code)))
                except ProtocolError:
                    step = steps.throw(PeerError("security", "refused"))
                except asyncio.CancelledError:
                    step = steps.throw(PeerError("gone"))
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            return end.value
        finally:
            if not collector.gone.done():
                await collector.connection.disconnect()

    async def _do(self, step):
        return await getattr(self, "_" + step[0])(*step[1:])

    async def _until_gone(self, work):
        work = asyncio.ensure_future(work)
        await asyncio.wait([work, self.collector.gone], return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            raise asyncio.CancelledError
        return work.result()

    async def _encrypt(self):
        await self._until_gone(self.collector.connection.encrypt())

    async def _pair(self):
        await self._until_gone(self.collector.connection.pair())
        self.context.bonded = True

    async def _mtu(self):
        return None

    async def _discover(self, services):
        await self._until_gone(self.collector.discover())
        found = {}
        for uuid in services:
            for service in self.collector.peer.get_services_by_uuid(_uuid(uuid)):
                for one in service.characteristics:
                    key = bytes(one.uuid)
                    key = int.from_bytes(key, "little") if len(key) == 2 else key
                    found.setdefault(key, (one.handle, int(one.properties), one.end_group_handle))
        return found

    def _characteristic(self, uuid):
        return self.collector.peer.get_characteristics_by_uuid(_uuid(uuid))[0]

    async def _read(self, uuid):
        return bytes(await self._until_gone(self._characteristic(uuid).read_value()))

    async def _write(self, uuid, octets, response):
        await self._until_gone(self._characteristic(uuid).write_value(octets, with_response=response))

    async def _subscribe(self, uuid, how):
        one = self._characteristic(uuid)
        await self._until_gone(one.discover_descriptors())
        cccd = one.get_descriptor(UUID.from_16_bits(0x2902))
        await self._until_gone(
            cccd.write_value(b"\x01\0" if how == "notify" else b"\x02\0", with_response=True)
        )

    async def _session(self, facts):
        self.facts.append(facts)

    async def _describe(self, facts):
        self.facts.append(facts)

    async def _drain(self, idle_ms, cap_ms):
        loop = asyncio.get_running_loop()
        until = loop.time() + cap_ms / 1000
        while loop.time() < until:
            before = len(self.kept)
            done, _ = await asyncio.wait([self.collector.gone], timeout=idle_ms / 1000)
            if done:
                return "gone"
            if len(self.kept) == before:
                return "idle"
        return "cap"

    async def _disconnect(self):
        if not self.collector.gone.done():
            await self.collector.connection.disconnect()


def _uuid(uuid):
    return UUID.from_16_bits(uuid) if isinstance(uuid, int) else UUID.from_bytes(bytes(uuid))


def _run(make, story, **options):
    home = Home()

    async def go():
        device, collector = make(home, ADDRESS, **options), Collector(home)
        await device.start()
        await collector.start()
        return await story(device, Executor(collector, Context()))

    return home.run(go())


async def _bond(device, hub, row):
    device.pairing_mode()
    if device.BONDS:
        hub.context.window_open, hub.context.described = True, False
        assert await hub.visit(device.address, row) == "drained"
        hub.context.window_open, hub.context.described = False, True
        assert device.bumble.keystore.bonds


def _press(device, measure, count):
    patient = Patient("heart_failure", device.chance)
    for _ in range(count):
        device.press(getattr(patient, measure)())


def _told(hub, row):
    characteristics = {}
    for facts in hub.facts:
        characteristics.update(
            {handle: int.from_bytes(uuid, "little") for handle, uuid in facts.get("characteristics", ())}
        )
    values = [(characteristics[handle], octets) for handle, octets in hub.kept]
    return [as_shown(row, uuid, octets) for uuid, octets in values if drivers.decode(row, uuid, octets)]


@every_device
def test_visit_brings_everything_in_order(make, row, measure):
    async def story(device, hub):
        await _bond(device, hub, row)
        _press(device, measure, 3)
        assert await hub.visit(device.address, row) == "drained"
        assert device.unsent() == []
        assert _told(hub, row) == [shown(entry) for entry in device.taken]
        assert hub.facts[-1]["clock_written"]
        assert device.clock.now().isoformat().startswith("2026-02-03T08:09")

    _run(make, story)


@every_device
def test_reading_whose_confirmation_was_lost_comes_again(make, row, measure):
    async def story(device, hub):
        await _bond(device, hub, row)
        _press(device, measure, 3)
        await hub.visit(device.address, row)
        await hub.visit(device.address, row)
        assert device.unsent() == []
        told = _told(hub, row)
        assert told[1] == told[2]
        assert [told[0], *told[2:]] == [shown(entry) for entry in device.taken]

    _run(make, story, faults=Faults(lose_confirmation_at=2))


@pytest.mark.parametrize(("make", "row", "measure"), [one for one in DEVICES if one[0].BONDS])
def test_device_that_lost_its_bond_gets_nothing_confirmed(make, row, measure):
    async def story(device, hub):
        await _bond(device, hub, row)
        device.forget_bonds()
        _press(device, measure, 1)
        assert await hub.visit(device.address, row) in ("bond_lost", "gone")
        assert len(device.unsent()) == 1

    _run(make, story)


@pytest.mark.parametrize(("make", "row", "measure"), [one for one in DEVICES if one[0].BONDS])
def test_description_is_read_with_its_blanks_taken_off(make, row, measure):
    async def story(device, hub):
        await _bond(device, hub, row)
        described = [facts for facts in hub.facts if "model" in facts]
        assert described[0]["model"] == device.MODEL
        assert described[0]["serial"] == device.serial
        assert described[0]["firmware"] == device.FIRMWARE

    _run(make, story)
