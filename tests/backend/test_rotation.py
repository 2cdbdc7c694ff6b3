"""A hub's signing keys on the platform: changed by the hub, withdrawn by a person, all of them given up."""

import pytest

from tests.backend.envelopes import HUB, Pressure, cuff_session, keyring_with, payload, private_key, public, seal
from tests.backend.platform import OTHER, Platform
from tools.backend import withdraw
from tools.backend.keys import KeyProblem, Keyring, kid_of

OLD, NEW = private_key("sign " + HUB), private_key("the hub's next")
STORED, HELD = ("stored", None), ("held", "keys")


def letter(sequence, key, previous=bytes(16)):
    sessions = [cuff_session([Pressure(minute=sequence, after_s=60 * sequence)], visit=sequence)]
    return seal(payload(sessions, sequence, previous, sequence), key)


@pytest.fixture
def platform():
    return Platform()


@pytest.mark.promise("P10")
def test_both_keys_are_believed_until_the_old_one_is_withdrawn(platform):
    assert platform.answer(letter(1, OLD)) == STORED
    assert platform.answer(letter(3, NEW)) == HELD
    platform.keyring.renew(HUB, public(NEW))
    assert platform.answer(letter(5, OLD)) == platform.answer(letter(7, NEW)) == STORED
    platform.keyring.withdraw(HUB, kid_of(public(OLD)))
    assert platform.answer(letter(9, OLD)) == HELD
    assert platform.answer(letter(11, NEW)) == STORED
    assert platform.answer(letter(1, OLD)) == STORED  # what is stored stays so


@pytest.mark.promise("P10")
def test_nothing_of_a_lost_hub_is_believed_and_all_of_it_is_kept(platform):
    platform.keyring.renew(HUB, public(NEW))
    platform.keyring.lose(HUB)
    for key in (OLD, NEW):
        octets = letter(1, key)
        assert platform.answer(octets) == HELD and platform.kept()[-1] == ("held", "keys", octets)
    assert platform.readings() == [] and platform.keyring.hub(OTHER).lost is False
    with pytest.raises(KeyProblem, match="lost"):
        platform.keyring.renew(HUB, public(private_key("a thief's")))
    known = platform.keyring.hub(HUB)
    with pytest.raises(KeyProblem, match="lost"):
        platform.keyring.register(HUB, known.signing, known.agreement)
    platform.keyring.register(HUB, known.signing, known.agreement, replace=True)
    assert platform.answer(letter(2, NEW)) == STORED


def test_what_is_said_of_keys_is_on_disk_and_found_by_the_running_service(tmp_path):
    writer = keyring_with(HUB, directory=tmp_path)
    service = Keyring.open(tmp_path)
    assert service.hub(HUB).public(kid_of(public(OLD))) is not None
    writer.renew(HUB, public(NEW))
    found = Keyring.open(tmp_path).hub(HUB)
    assert found.signing == public(NEW) and found.before == (public(OLD),)
    assert writer.renew(HUB, public(NEW)) == found  # announced again
    writer.register(HUB, found.signing, found.agreement)  # enrolled again: nothing is forgotten
    assert Keyring.open(tmp_path).hub(HUB) == found
    assert withdraw.main(["--keys", str(tmp_path), HUB, "--kid", kid_of(public(OLD)).hex()]) == 0
    assert Keyring.open(tmp_path).hub(HUB).before == ()
    assert withdraw.main(["--keys", str(tmp_path), HUB]) == 0
    assert Keyring.open(tmp_path).hub(HUB).lost


@pytest.mark.parametrize(
    "arguments",
    [[OTHER], [HUB, "--kid", "00" * 8], [HUB, "--kid", "no hex"], [HUB, "--kid", kid_of(public(OLD)).hex()]],
)
def test_what_is_not_there_is_not_withdrawn(tmp_path, arguments):
    keyring_with(HUB, directory=tmp_path)
    before = Keyring.open(tmp_path).hub(HUB)
    assert withdraw.main(["--keys", str(tmp_path), *arguments]) == 2
    assert Keyring.open(tmp_path).hub(HUB) == before


def test_no_hub_fills_the_platform_with_keys(platform):
    for number in range(9):
        platform.keyring.renew(HUB, public(private_key(f"key {number}")))
    assert len(platform.keyring.hub(HUB).before) == 4
