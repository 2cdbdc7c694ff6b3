"""P10, P2: another signing key by the operator's order, through lost answers, open plans and a pulled plug."""

import asyncio

import cbor2
import pytest

from tests.twin import homes, ordering
from tools.backend.keys import kid_of
from tools.inspect.cose import sign1
from tools.simulator.devices import readings
from tools.simulator.house import CUFF, HUB

pytestmark = [pytest.mark.needs("micropython32", "library"), pytest.mark.promise("P2", "P4", "P10")]

_BP = readings.blood_pressure(128, 82, 97, 71)
_FILES = """
import json, os
from firmware import config
result = json.dumps(sorted(name for name in os.listdir(config.FOLDER) if name.startswith("signing")))
"""
_ONE_KEY = ["signing.key", "signing.key.b"]


def kids(house):
    return [sign1(arrival.octets).kid for arrival in house.platform.named("up")]


def announced(house):
    """The new keys in the reports that arrived, distinct."""
    found = []
    for arrival in house.platform.named("health"):
        if arrival.octets != b"gone":
            told = cbor2.loads(sign1(arrival.octets).payload).get(15)
            if told and told[0] not in found:
                found.append(told[0])
    return found


def changed(house):
    return house.keyring.hub(HUB).signing != house.enrolled.signing_point


async def delivered(house):
    await homes.measure(house, house.devices[0], _BP)
    await house.until(lambda: house.journal().waiting() == 0, 900, "it is freed")


def test_the_platform_gets_the_new_key_by_the_old_one_and_then_all_is_signed_with_it(home):
    house = home(CUFF)

    async def story():
        await delivered(house)
        assert await ordering.give(house, house.order(1, "change keys", which=2), 1) == ("done", "")
        await house.until(lambda: changed(house), 900, "the platform has it")
        await asyncio.sleep(60)
        await delivered(house)
        assert await ordering.asked(house, _FILES) == _ONE_KEY
        assert "key_change" not in await ordering.settings(house)
        await delivered(house)

    house.world.run(story())
    old, new = kid_of(house.enrolled.signing_point), house.keyring.hub(HUB).kid
    assert kids(house) == [old, new, new] and announced(house) == [house.keyring.hub(HUB).signing]
    assert homes.books(house) == (0, 0, 0) and house.platform.keyring.hub(HUB).before == (house.enrolled.signing_point,)


def test_what_was_sealed_before_is_signed_with_the_old_key_until_it_is_receipted(home):
    house = home(CUFF)

    async def story():
        house.platform.between = lambda one: [one.answer] if one.answer and one.name == "health" else []
        await homes.measure(house, house.devices[0], _BP)
        await house.until(lambda: len(house.platform.named("up")) >= 1, 60, "it is sent")
        house.platform.send(house.order(1, "change keys", which=2), name="order")
        await house.until(lambda: changed(house), 900, "the platform has it")
        await asyncio.sleep(60)
        files = await ordering.asked(house, _FILES)
        assert files == ["signing.key", "signing.key.b", "signing.old", "signing.old.b"]
        sent = len(house.platform.named("up"))
        house.platform.between = None
        await house.until(lambda: house.journal().waiting() == 0, 1300, "it is freed")
        assert set(kids(house)[sent:]) == {kid_of(house.enrolled.signing_point)}
        await asyncio.sleep(1300)  # two reports
        assert await ordering.asked(house, _FILES) == _ONE_KEY
        await delivered(house)
        assert kids(house)[-1] == house.keyring.hub(HUB).kid

    house.world.run(story())
    assert homes.books(house) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_the_plug_is_pulled_again_and_again_in_the_midst_of_it(home, seed):
    house = home(CUFF, seed=seed)

    async def story():
        house.platform.send(house.order(1, "change keys", which=2), name="order")
        for _ in range(5):
            await asyncio.sleep(house.chance.uniform(0.2, 12))
            await house.power_cycle()
        await house.until(house.connected, 900, "the line")
        await delivered(house)
        if house.keyring.hub(HUB).signing == house.enrolled.signing_point:  # the plug came before the order
            house.platform.send(house.order(2, "change keys", which=2), name="order")
        await house.until(lambda: changed(house), 1300, "the platform has it")
        await asyncio.sleep(1300)
        await delivered(house)
        assert await ordering.asked(house, _FILES) == _ONE_KEY

    house.world.run(story())
    assert kids(house)[-1] == house.keyring.hub(HUB).kid and len(announced(house)) == 1
    assert homes.books(house) == (0, 0, 0) and homes.stored(house, held=True) == []


@pytest.mark.parametrize("which", [1, 3])
def test_other_keys_are_not_changed_so_far(home, which):
    house = home(CUFF, paired=False)
    told = house.world.run(ordering.give(house, house.order(1, "change keys", which=which), 1))
    assert told == ("refused", "key change") or told[1] == "key change"
    assert not changed(house)
