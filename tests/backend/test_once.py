"""Each reading once, as the device sent it: repeats of envelope, plan, device and hub."""

import pytest

from tests.backend.envelopes import Chain, Pressure, cuff_session, hash_of, payload, seal
from tests.backend.platform import OTHER, Platform


@pytest.fixture
def platform(database):
    platform = Platform(database)
    yield platform
    platform.store.close()


@pytest.mark.promise("P4")
def test_the_same_envelope_again_gives_the_same_receipt_and_no_second_reading(platform):
    octets = Chain().seal(Pressure())
    assert len({platform.take(octets) for _ in range(3)}) == 1
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_a_retry_with_another_signature_is_the_same_envelope(platform):
    fields = payload([cuff_session([Pressure()])])
    first, again = seal(fields), seal(fields)  # this signer draws its nonces: two signatures, one hash
    assert first != again
    assert platform.take(first) == platform.take(again)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_a_plan_made_again_under_a_new_number_brings_each_capture_once(platform):
    hub = Chain()
    platform.take(
        hub.seal(Pressure(systolic=120, minute=None), Pressure(systolic=121, minute=None, after_s=5))
    )
    readings = [Pressure(systolic=120 + n, minute=None, after_s=n) for n in range(3)]
    fields = payload([cuff_session(readings)], 2, hub.previous, more={1: 1})
    assert platform.answer(seal(fields)) == ("stored", None)
    assert platform.systolic() == ["120", "121", "122"]


@pytest.mark.promise("P4")
def test_a_plan_made_again_after_its_session_was_lost_brings_no_capture_twice(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(minute=7)))
    lost = cuff_session(
        [Pressure(minute=7, extras={2: 2})], device=0
    )  # the device is known by its slot alone
    assert platform.answer(seal(payload([lost], 2, hub.previous, more={1: 1}))) == ("stored", None)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4", "P5")
def test_a_replaced_number_that_never_comes_is_not_missing(platform):
    lost = hash_of(Chain().seal(Pressure()))
    platform.take(seal(payload([cuff_session([Pressure()])], 2, lost, more={1: 1})))
    assert platform.chain().complete
    assert platform.chain().replaced == (1,)


@pytest.mark.promise("P4")
def test_a_reading_that_the_device_sends_twice_is_stored_once(platform):
    hub = Chain()
    for visit in range(2):  # another visit, another capture, the same octets with the same time
        platform.take(hub.seal(Pressure(minute=7, after_s=visit * 60)))
    assert len(platform.readings()) == 1
    assert platform.chain().complete


@pytest.mark.promise("P4")
def test_a_reading_that_two_hubs_bring_is_stored_once(platform):
    platform.take(Chain().seal(Pressure(minute=7)))
    platform.take(Chain(OTHER).seal(Pressure(minute=7)), OTHER)
    assert len(platform.readings()) == 1


@pytest.mark.promise("P4")
def test_two_true_equal_readings_without_a_time_are_both_there(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(minute=None), Pressure(minute=None, after_s=9)))
    platform.take(hub.seal(Pressure(minute=None, after_s=60)))
    assert len(platform.readings()) == 3


@pytest.mark.promise("P4")
def test_a_timeless_resend_stands_beside_the_first_and_is_marked(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(minute=None)))
    platform.take(hub.seal(Pressure(minute=None, after_s=30, extras={2: 1})))
    assert [reading["flags"] for reading in platform.readings()] == [[], ["possible_repeat"]]


@pytest.mark.promise("P3")
@pytest.mark.parametrize("told", [129, 127, 300])
def test_numbers_that_the_octets_do_not_give_are_held(platform, told):
    octets = Chain().seal(Pressure(systolic=128, told_systolic=told))
    assert platform.answer(octets) == ("held", "readings")
    assert platform.readings() == []
    assert platform.kept() == [("held", "readings", octets)]


@pytest.mark.promise("P3")
def test_a_reading_more_or_less_than_the_octets_give_is_held(platform):
    more, less = cuff_session([Pressure()]), cuff_session([Pressure()])
    more.append([None, 0, 1, bytes((128, 80, 104, 66)), 0, 0])
    less[-1] = less[-1][:2]
    assert platform.answer(Chain().seal(session=more)) == ("held", "readings")
    assert platform.answer(Chain(chain=bytes(8)).seal(session=less)) == ("held", "readings")


@pytest.mark.promise("P3")
def test_every_stored_reading_names_its_captures_and_octets(platform):
    hub = Chain()
    platform.take(hub.seal(Pressure(), Pressure(minute=1, after_s=60)))
    platform.take(hub.seal(Pressure(minute=2, after_s=120)))
    assert [reading["captures"] for reading in platform.readings()] == [[1], [2], [3]]
    assert platform.readings()[2]["source"] == [
        {"characteristic": "2A35", "hex": Pressure(minute=2).octets().hex()}
    ]
