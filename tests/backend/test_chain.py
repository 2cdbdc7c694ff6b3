"""Complete and in order: gaps, forks and broken chains are told, whichever comes first."""

import pytest

from tests.backend.envelopes import CHAIN, HUB, Chain, Pressure, cuff_session, payload, seal
from tests.backend.platform import OTHER, Platform
from tools.backend import completeness


@pytest.fixture
def platform(database):
    platform = Platform(database)
    yield platform
    platform.store.close()


@pytest.mark.promise("P5")
def test_a_gap_is_accepted_named_and_filled(platform):
    hub = Chain()
    letters = [hub.seal(Pressure(minute=n, after_s=60 * n)) for n in range(5)]
    for number in (0, 3, 4):
        assert platform.answer(letters[number]) == ("stored", None)
    assert platform.chain().missing == ((2, 3),)
    assert platform.chain().missing_captures == ((2, 3),)
    assert not platform.chain().complete
    for number in (2, 1):
        assert platform.answer(letters[number]) == ("stored", None)
    assert platform.chain().complete
    assert [reading["captures"] for reading in platform.readings()] == [[1], [2], [3], [4], [5]]


@pytest.mark.promise("P5")
def test_the_missing_beginning_of_a_chain_is_named(platform):
    hub = Chain()
    hub.seal(Pressure())
    platform.take(hub.seal(Pressure(minute=1)))
    assert platform.chain().missing == ((1, 1),)


@pytest.mark.promise("P5")
def test_a_second_content_under_one_number_is_held_and_told(platform):
    first, second = Chain(), Chain()
    platform.take(first.seal(Pressure(systolic=120)))
    fork = second.seal(Pressure(systolic=121, minute=1))
    assert platform.answer(fork) == platform.answer(fork) == ("held", "fork")
    assert platform.chain().forked == (1,)
    assert platform.systolic() == ["120"]
    assert platform.answer(second.seal(Pressure(minute=2))) == ("held", "previous")
    assert platform.answer(first.seal(Pressure(minute=3))) == ("held", "fork")


@pytest.mark.promise("P5")
def test_an_envelope_that_does_not_join_its_neighbour_is_held_whichever_comes_first(platform):
    hub = Chain()
    first, second = hub.seal(Pressure()), hub.seal(Pressure(minute=1))
    stranger = seal(payload([cuff_session([Pressure(minute=2)])], 2, bytes(31) + b"x", first=2))
    platform.take(first)
    assert platform.answer(stranger) == ("held", "previous")
    late = Chain(OTHER)
    late.seal(Pressure(minute=3))
    assert platform.answer(late.seal(Pressure(minute=4)), OTHER) == ("stored", None)
    assert platform.answer(Chain(OTHER).seal(Pressure(minute=5)), OTHER) == ("held", "previous")
    assert platform.answer(second) == (
        "held",
        "fork",
    )  # the number is taken by what is held: a person decides


@pytest.mark.promise("P5")
def test_a_first_envelope_with_a_predecessor_is_held(platform):
    assert platform.answer(seal(payload([cuff_session([Pressure()])], 1, b"p" * 32))) == ("held", "previous")


@pytest.mark.promise("P5")
def test_a_chain_after_a_damaged_one_says_how_far_that_had_come(platform):
    old, new = Chain(), Chain(chain=bytes.fromhex("c0ffee0000000002"))
    platform.take(old.seal(Pressure()))
    platform.take(new.seal(Pressure(minute=1), more={2: [CHAIN, 3, 5]}))
    ended, follows = completeness.chains(platform.store, HUB)
    assert (ended.missing, ended.awaited, follows.complete) == (((2, 3),), (), True)


@pytest.mark.promise("P5")
def test_capture_numbers_that_come_again_with_other_octets_are_held(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(systolic=120)))
    again = seal(payload([cuff_session([Pressure(systolic=121)])], 2, hub.previous, more={1: 1}))
    assert platform.answer(again) == ("held", "captures")
    assert platform.systolic() == ["120"]
