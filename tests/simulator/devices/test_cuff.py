"""The cuff, seen from a collector: pairing, order, deletion only on confirmation, hang-up, faults."""

import asyncio
import struct

import pytest
from bumble.att import ATT_Error
from bumble.core import ProtocolError

from tests.simulator.devices.home import Collector, Home, as_shown, shown
from tools.simulator.devices import Faults, Patient, Ua651ble, readings

ADDRESS = "c0:a1:b2:c3:d4:e5"


async def _home_with_cuff(home, **options):
    cuff, collector = Ua651ble(home, ADDRESS, **options), Collector(home)
    await cuff.start()
    await collector.start()
    return cuff, collector


async def _visit(cuff, collector):
    await collector.connect(cuff.address)
    await collector.connection.encrypt()
    await collector.discover()
    await collector.subscribe(0x2A35)
    return await collector.gone


def _run(story, **options):
    home = Home()

    async def go():
        cuff, collector = await _home_with_cuff(home, **options)
        return await story(cuff, collector)

    return home.run(go())


def _press_some(cuff, count):
    patient = Patient("heart_failure", cuff.chance)
    for _ in range(count):
        cuff.press(patient.blood_pressure())


def test_advertises_only_after_a_press_and_only_for_its_window():
    async def story(cuff, collector):
        assert await collector.hear(20) == []
        _press_some(cuff, 1)
        begun = cuff.world.loop.time()
        heard = await collector.hear(60)
        assert {flags for _, flags in heard} == {6}
        assert heard[-1][0] - begun == pytest.approx(cuff.WINDOW_S, abs=0.2)
        cuff.pairing_mode()
        assert {flags for _, flags in await collector.hear(5)} == {5}

    _run(story)


def test_discovery_before_bonding_shows_e10_and_hangs_up():
    async def story(cuff, collector):
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        looking = asyncio.ensure_future(collector.discover())
        await collector.gone
        looking.cancel()
        assert cuff.display == "E10"
        assert len(cuff.unsent()) == 1

    _run(story)


def test_pairs_in_pairing_mode_only():
    async def story(cuff, collector):
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        with pytest.raises(ProtocolError):
            await collector.connection.pair()
        await collector.connection.disconnect()
        await collector.bond(cuff)
        assert cuff.bumble.keystore.bonds

    _run(story)


def test_sends_oldest_first_deletes_on_confirmation_and_hangs_up():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 3)
        await _visit(cuff, collector)
        assert cuff.unsent() == []
        told = [as_shown("ad_ua651ble", 0x2A35, octets) for octets in collector.octets(0x2A35)]
        assert told == [shown(entry) for entry in cuff.taken]
        order = [words[1:3] for words in cuff.log if words[1] in ("indicate", "confirmed")]
        assert order == [(verb, number) for number in (1, 2, 3) for verb in ("indicate", "confirmed")]
        last = max(at for at, *words in cuff.log if words[0] == "confirmed")
        hung_up = next(at for at, *words in cuff.log if words == ["hang up"])
        assert 1000 <= hung_up - last <= 2000

    _run(story)


@pytest.mark.parametrize(
    "reading",
    [
        readings.blood_pressure("17.1", "10.3", "12.5", 71, kpa=True),
        readings.blood_pressure(118, 76, "NaN", 64),
        readings.blood_pressure(131, 84, 99, 80, status=("body_movement", "irregular_pulse")),
        readings.blood_pressure("NRes", "NRes", "NRes", status=("cuff_loose",)),
        readings.blood_pressure(131, 84, 99, 190, status=("pulse_above_range", "improper_position")),
    ],
)
def test_what_the_display_shows_is_what_is_sent(reading):
    async def story(cuff, collector):
        await collector.bond(cuff)
        cuff.press(reading)
        await _visit(cuff, collector)
        assert [as_shown("ad_ua651ble", 0x2A35, octets) for octets in collector.octets(0x2A35)] == [
            shown(cuff.taken[0])
        ]

    _run(story)


def test_octets_of_one_reading_by_hand():
    async def story(cuff, collector):
        cuff.press(readings.blood_pressure(128, 81, 97, 66, status=("irregular_pulse",)))
        octets = cuff.encode(cuff.memory[0])
        # GSS: flags time, pulse, status; 128, 81, 97; date; pulse 66; status bit 2
        assert octets[:7] == bytes.fromhex("16800051006100")
        assert octets[14:] == bytes.fromhex("42000400")
        assert struct.unpack("<H", octets[7:9]) == (2026,)

    _run(story)


def test_unconfirmed_reading_is_sent_again():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 2)
        await _visit(cuff, collector)
        assert len(cuff.unsent()) == 1
        await _visit(cuff, collector)  # still in its window
        assert cuff.unsent() == []
        values = collector.octets(0x2A35)
        assert values[1] == values[2]
        assert len(values) == 3

    _run(story, faults=Faults(lose_confirmation_at=2))


def test_link_lost_under_way_loses_nothing():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 3)
        await _visit(cuff, collector)
        await _visit(cuff, collector)
        assert cuff.unsent() == []
        assert len(collector.octets(0x2A35)) == 3

    _run(story, faults=Faults(drop_at=2))


def test_collector_that_never_confirms_deletes_nothing():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 2)
        collector.confirms = False
        await _visit(cuff, collector)
        assert len(cuff.unsent()) == 2
        assert len(collector.octets(0x2A35)) == 1

    _run(story)


def test_kept_cccd_lets_it_send_before_discovery():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        await _visit(cuff, collector)
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        collector.handles = {0x2A35: cuff.measurement.handle}
        await collector.connection.encrypt()
        await collector.gone
        assert len(collector.octets(0x2A35)) == 2
        assert cuff.unsent() == []

    _run(story, sends_early=True)


def test_subscription_and_clock_need_encryption():
    async def story(cuff, collector):
        cuff.BOND_FIRST = False
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        await collector.discover()
        for refused in (
            collector.subscribe(0x2A35),
            collector.read(0x2A08),
            collector.write(0x2A08, bytes(7)),
        ):
            with pytest.raises(ATT_Error) as error:
                await refused
            assert error.value.error_code in (0x05, 0x0F)
        await collector.connection.disconnect()

    _run(story)


def test_clock_is_read_set_and_lost_with_the_battery():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        await collector.connection.encrypt()
        await collector.discover()
        clock = await collector.read(0x2A08)
        assert clock[:4] == bytes.fromhex("ea070105")
        await collector.write(0x2A08, bytes.fromhex("ea07020308091e"))
        assert cuff.clock.now().isoformat().startswith("2026-02-03T08:09:3")
        with pytest.raises(ATT_Error):
            await collector.write(0x2A08, b"\xea\x07\x02")
        cuff.remove_battery()
        await collector.gone
        assert cuff.clock.now().year == 2010
        assert len(cuff.unsent()) == 1

    _run(story)


def test_texts_have_their_trailing_blanks():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        await collector.connect(cuff.address)
        await collector.connection.encrypt()
        await collector.discover()
        texts = [await collector.read(number) for number in (0x2A29, 0x2A24, 0x2A26)]
        assert texts == [b"A&D Medical ", b"UA-651BLE ", b"BLP009_02_005"]

    _run(story)


def test_lost_bond_refuses_the_key_and_pairs_anew():
    async def story(cuff, collector):
        await collector.bond(cuff)
        cuff.become_impostor()
        _press_some(cuff, 1)
        assert cuff.taken == []
        assert cuff.forged[0]["for_patient"] is False
        await collector.connect(cuff.address)
        with pytest.raises(ProtocolError):
            await collector.connection.encrypt()
        if collector.gone.done():
            await collector.connect(cuff.address)
        await collector.connection.pair()

    _run(story)


def test_silent_device_connects_and_sends_nothing():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        await _visit(cuff, collector)
        assert collector.values == []
        assert len(cuff.unsent()) == 1

    _run(story, faults=Faults(silent=True))


def test_wrong_lengths_are_sent_as_told():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        await _visit(cuff, collector)
        assert len(collector.octets(0x2A35)[0]) == 18 - 3

    _run(story, faults=Faults(cut_octets=3))


def test_slow_answers_come_in_the_end():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 1)
        begun = cuff.world.loop.time()
        await _visit(cuff, collector)
        assert cuff.unsent() == []
        assert cuff.world.loop.time() - begun > 4

    _run(story, faults=Faults(answer_delay_ms=400))


def test_full_memory_overwrites_the_oldest_and_says_so():
    async def story(cuff, collector):
        _press_some(cuff, 32)
        assert [entry["taken"] for entry in cuff.overwritten] == [1, 2]
        assert len(cuff.unsent()) == 30

    _run(story)


def test_same_seed_gives_the_same_log():
    async def story(cuff, collector):
        await collector.bond(cuff)
        _press_some(cuff, 3)
        await _visit(cuff, collector)
        await _visit(cuff, collector)
        return cuff.log, cuff.taken, collector.values

    assert _run(story, faults=Faults(drop_at=2)) == _run(story, faults=Faults(drop_at=2))
