"""P5: numbers without gaps, hashes that join, reports that come: the platform and `telehub verify` name what lacks."""

import asyncio
import itertools
import json

import pytest

from tests.twin import homes
from tools.backend import completeness
from tools.backend.keys import load_point, public_jwk
from tools.inspect import chain, cose, keyfiles, verify
from tools.inspect.envelope import decode_envelope, decode_health, peek
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, HUB, OXIMETER, SCALE

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P5")]

REPORT_S = 900  # a platform notices a silent hub after a quarter of an hour
_READING = readings.blood_pressure(128, 82, 97, 71)


def _number(octets):
    named = peek(cose.sign1(octets))
    assert named is not None
    return named.sequence


def _known(house):
    keys = house.keyring.hub(HUB)
    return lambda kid: load_point(keys.signing) if kid == keys.kid else None


def _envelopes(house):
    """What arrived, read by tools/inspect, one of each number."""
    first = {_number(arrival.octets): arrival for arrival in reversed(house.platform.named("up"))}
    return [decode_envelope(first[number].octets, _known(house)) for number in sorted(first)]


def _reports(house):
    """(virtual second, signed report)."""
    arrivals = [arrival for arrival in house.platform.named("health") if arrival.octets != b"gone"]
    return [(arrival.at_s, decode_health(arrival.octets, _known(house))) for arrival in arrivals]


def _verified(house, folder, left_out=()):
    """The summary of `telehub verify` over what arrived and was answered."""
    for arrival in house.platform.named("up"):
        number = _number(arrival.octets)
        if number not in left_out:
            (folder / f"{number:06d}.cose").write_bytes(arrival.octets)
            (folder / f"{number:06d}.receipt.cose").write_bytes(arrival.answer)
    (folder / "hub.jwk").write_text(json.dumps(public_jwk(house.enrolled.signing_point)))
    files, orphans = verify.find([folder])
    kept = [verify.check(file, keyfiles.load(folder)) for file in files]
    return verify.summarise(kept, chain.judge(kept), orphans, allow_unreceipted=True)


async def _freed(house):
    await homes.delivered(house)
    await house.until(lambda: house.journal().waiting() == 0, 1300, "everything is freed", 2)


def test_numbers_and_hashes_go_on_over_reboots_and_outages(home, tmp_path):
    house = home(CUFF, SCALE, seed=4)
    cuff, scale = house.devices

    async def story():
        for turn in range(6):
            if turn % 2:
                house.network(False)
            await homes.measure(house, cuff, _READING)
            await homes.measure(house, scale, readings.weight("79.9"))
            if turn % 3 != 1:
                await house.power_cycle()
            await asyncio.sleep(house.chance.uniform(1, 120))
            house.network(True)
        await _freed(house)
        await homes.told(house)

    house.world.run(story())
    envelopes = _envelopes(house)
    assert [envelope.sequence for envelope in envelopes] == list(range(1, len(envelopes) + 1))
    previous = [bytes(16), *(envelope.hash[:16] for envelope in envelopes)]
    assert [envelope.previous for envelope in envelopes] == previous[:-1]
    assert len({envelope.chain for envelope in envelopes}) == 1
    captures = [n for envelope in envelopes for first, count in envelope.captures for n in range(first, first + count)]
    assert captures == list(range(1, house.taken() + 1))
    state = completeness.chains(house.store)[0]
    assert state.complete and state.last == len(envelopes)
    report = _reports(house)[-1][1]
    assert (report.sequence, report.capture, report.waiting) == (len(envelopes), house.taken(), 0)
    summary = _verified(house, tmp_path)
    assert summary["ok"] and summary["last"] == len(envelopes) and summary["readings"] == house.taken()


def test_platform_and_verify_name_the_same_missing_envelope(home, tmp_path):
    """The broker loses the second one again and again: it is named until it has come."""
    house = home(CUFF)

    def losing(topic, octets):
        if not (topic.endswith("/up") and _number(octets) == 2):
            house.platform.arrived(topic, octets)

    async def story():
        house.broker.backend.subscribe(losing)
        for _ in range(4):
            await homes.measure(house, house.devices[0], _READING)
            await asyncio.sleep(10)
        await asyncio.sleep(60)
        state = completeness.chains(house.store)[0]
        assert state.missing == ((2, 2),) and state.missing_captures == ((2, 2),) and not state.complete
        summary = _verified(house, tmp_path)
        assert summary["missing"] == [2] and not summary["ok"]
        house.broker.backend.subscribe(house.platform.arrived)
        await _freed(house)
        state = completeness.chains(house.store)[0]
        assert state.complete and state.missing == ()
        assert _verified(house, tmp_path)["ok"]

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


def test_what_lies_beyond_the_last_envelope_is_told_by_the_report(home):
    house = home(CUFF)

    def no_envelopes(topic, octets):
        if topic.endswith("/health"):
            house.platform.arrived(topic, octets)

    async def story():
        house.broker.backend.subscribe(no_envelopes)
        await homes.measure(house, house.devices[0], _READING)
        await homes.told(house)
        assert completeness.chains(house.store)[0].awaited == ((1, 1),)
        report = _reports(house)[-1][1]
        assert (report.sequence, report.capture, report.waiting) == (1, 1, 1)
        house.broker.backend.subscribe(house.platform.arrived)
        await _freed(house)
        assert completeness.chains(house.store)[0].complete

    house.world.run(story())


@pytest.mark.promise("P11")
@pytest.mark.parametrize("use", ["nothing", "visits one after another", "a platform that answers nothing"])
def test_a_report_comes_at_least_every_quarter_of_an_hour(home, use):
    house = home(OXIMETER, CUFF)
    oximeter = house.devices[0]

    async def story():
        if use == "a platform that answers nothing":
            house.platform.between = lambda arrival: []
            await homes.measure(house, house.devices[1], _READING)
        ends_s = house.loop.time() + 2000
        while house.loop.time() < ends_s:
            if use == "visits one after another":
                oximeter.press(readings.oximetry("95.0", "71.0"))
            await asyncio.sleep(25)

    house.world.run(story())
    moments = [at_s for at_s, _ in _reports(house)] + [house.loop.time()]
    assert max(later - earlier for earlier, later in itertools.pairwise(moments)) <= REPORT_S
    assert all(report.sequence or not report.waiting for _, report in _reports(house)[:1])
