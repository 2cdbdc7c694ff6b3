"""Oximeters: stored records by RACP, live ones by subscription, clocks, Nonin's own service."""

import asyncio

import pytest
from bumble.att import ATT_Error
from bumble.core import ProtocolError

from tests.simulator.devices.home import Collector, Home, as_shown, shown
from tools.simulator.devices import Faults, Nonin3230, Oximeter, Patient, readings

ADDRESS = "c0:a1:b2:c3:d4:e7"
REPORT_ALL, COUNT_ALL = b"\x01\x01", b"\x04\x01"
NONIN_OXIMETRY = "0AAD7EA0-0D60-11E2-8E3C-0002A5D5C51B"
NONIN_CONTROL = "1447AF80-0D60-11E2-88B6-0002A5D5C51B"


def _run(story, make=Oximeter, **options):
    home = Home()

    async def go():
        oximeter, collector = make(home, ADDRESS, **options), Collector(home)
        await oximeter.start()
        await collector.start()
        return await story(oximeter, collector)

    return home.run(go())


def _press_some(oximeter, count):
    patient = Patient("copd", oximeter.chance)
    for _ in range(count):
        oximeter.press(patient.oximetry())


async def _visit(oximeter, collector, request=REPORT_ALL):
    await collector.connect(oximeter.address)
    if oximeter.BONDS:
        await collector.connection.encrypt()
    await collector.discover()
    await collector.subscribe(0x2A5E)
    if request:
        await collector.subscribe(0x2A52)
        await collector.write(0x2A52, request)
    return await collector.gone


def test_stored_records_come_oldest_first_and_then_success():
    async def story(oximeter, collector):
        _press_some(oximeter, 3)
        await _visit(oximeter, collector)
        told = [as_shown("pulse_oximeter_unbonded", 0x2A5E, octets) for octets in collector.octets(0x2A5E)]
        assert told == [shown(entry) for entry in oximeter.taken]
        assert collector.values[-1] == (0x2A52, bytes.fromhex("06000101"))
        assert oximeter.unsent() == []

    _run(story)


def test_no_records_is_said_and_counts_are_given():
    async def story(oximeter, collector):
        _press_some(oximeter, 2)
        await _visit(oximeter, collector, COUNT_ALL)
        await _visit(oximeter, collector)
        _press_some(oximeter, 1)
        oximeter.memory.clear()
        await _visit(oximeter, collector)
        assert collector.octets(0x2A52) == [
            bytes.fromhex(text) for text in ("05000200", "06000101", "06000106")
        ]

    _run(story)


@pytest.mark.parametrize(
    ("request_octets", "answer"), [("0201", "06000202"), ("0100", "06000103"), ("0103", "06000104")]
)
def test_deleting_and_filters_are_refused(request_octets, answer):
    async def story(oximeter, collector):
        _press_some(oximeter, 1)
        await _visit(oximeter, collector, bytes.fromhex(request_octets))
        assert collector.octets(0x2A52) == [bytes.fromhex(answer)]
        assert len(oximeter.unsent()) == 1

    _run(story)


def test_request_before_subscriptions_is_0xfd():
    async def story(oximeter, collector):
        _press_some(oximeter, 1)
        await collector.connect(oximeter.address)
        await collector.discover()
        await collector.subscribe(0x2A52)
        with pytest.raises(ATT_Error) as error:
            await collector.write(0x2A52, REPORT_ALL)
        assert error.value.error_code == 0xFD

    _run(story)


def test_one_without_memory_sends_its_present_reading_once():
    async def story(oximeter, collector):
        _press_some(oximeter, 2)
        await _visit(oximeter, collector, request=None)
        told = [as_shown("pulse_oximeter_unbonded", 0x2A5E, octets) for octets in collector.octets(0x2A5E)]
        assert told == [shown(oximeter.taken[1])]
        assert [entry["taken"] for entry in oximeter.overwritten] == [1]

    _run(story, stores=False)


def test_unset_clock_is_said_and_keeps_zeros():
    async def story(oximeter, collector):
        _press_some(oximeter, 1)
        await _visit(oximeter, collector)
        (octets,) = collector.octets(0x2A5E)
        assert octets[0] & 0x10
        assert octets[5:12] == bytes(7)
        assert oximeter.taken[0]["device_time"] is None

    _run(story, clock_is_set=False)


def test_clock_is_set_by_current_time():
    async def story(oximeter, collector):
        _press_some(oximeter, 1)
        await collector.connect(oximeter.address)
        await collector.discover()
        assert (await collector.read(0x2A2B))[:4] == bytes.fromhex("ea070105")
        await collector.write(0x2A2B, bytes.fromhex("ea07020308091e020002"))
        assert oximeter.clock.now().isoformat() == "2026-02-03T08:09:30"
        with pytest.raises(ATT_Error):
            await collector.write(0x2A2B, bytes(7))

    _run(story)


def test_cannot_bond():
    async def story(oximeter, collector):
        oximeter.pairing_mode()
        await collector.connect(oximeter.address)
        with pytest.raises(ProtocolError):
            await collector.connection.pair()

    _run(story)


def test_record_lost_with_its_link_comes_at_the_next_visit():
    async def story(oximeter, collector):
        _press_some(oximeter, 3)
        await _visit(oximeter, collector)
        await _visit(oximeter, collector)
        values = collector.octets(0x2A5E)
        assert len(values) == 4
        assert values[1] == values[2]
        assert oximeter.unsent() == []
        return oximeter.log, collector.values

    def run():
        return _run(story, faults=Faults(lose_confirmation_at=2))

    assert run() == run()


@pytest.mark.parametrize("make", [Oximeter, Nonin3230])
def test_statuses_and_odd_exponents_are_sent_as_shown(make):
    status = ("from_storage", "questionable", "low_perfusion", "poor_signal")
    ordered = ("from_storage", "questionable", "poor_signal", "low_perfusion")

    async def story(oximeter, collector):
        oximeter.press(readings.oximetry("98.0", "71.0", "4.12", status=ordered))
        octets = oximeter.encode(oximeter.memory[0])
        assert octets[1:5] == bytes.fromhex("d4f3c6f2")  # 980 and 710 tenths: IEEE 11073-20601 SFLOAT
        assert as_shown("nonin_3230", 0x2A5E, octets) == shown(oximeter.taken[0])

    assert sorted(status) == sorted(ordered)
    _run(story, make)


def test_nonin_bonds_and_gives_its_spot_check():
    async def story(oximeter, collector):
        assert oximeter.name() == "Nonin3230_501234567"
        await collector.bond(oximeter)
        _press_some(oximeter, 2)
        await _visit(oximeter, collector)
        told = [as_shown("nonin_3230", 0x2A5E, octets) for octets in collector.octets(0x2A5E)]
        assert told == [shown(entry) for entry in oximeter.taken]
        assert oximeter.unsent() == []

    _run(story, Nonin3230, serial="501234567")


def test_nonin_streams_big_endian_while_the_finger_is_in():
    async def story(oximeter, collector):
        await collector.bond(oximeter)
        oximeter.press(readings.oximetry("93.0", "258.0"))
        await collector.connect(oximeter.address)
        await collector.connection.encrypt()
        await collector.discover()
        await collector.subscribe(NONIN_OXIMETRY, notify=True)
        await asyncio.sleep(12)
        stream = [octets for number, octets in collector.values if number == 0]
        assert stream[0] == bytes.fromhex("0a541b019c00005d0102")
        assert stream[-1][7:] == bytes.fromhex("7f01ff")
        await collector.write(NONIN_CONTROL, b"\x64NMI\x01")
        await asyncio.sleep(0.2)
        assert collector.values[-1] == (0, b"\xe4\x00")
        assert await collector.read(0x2A19) == b"\x64"

    _run(story, Nonin3230)
