"""Bonds as a Bluetooth host asks for them, on both interpreters."""

from firmware.ble.pairing import Bonds, identity

CUFF = identity(b"\xaa\xbb\xcc\xdd\xee\x01", 1)
SCALE = identity(b"\xaa\xbb\xcc\xdd\xee\x02", 0)
OURS, PEER, IRK = 1, 2, 10


def made(secrets=None):
    saved = []
    return Bonds(secrets or {}, saved.append), saved


def test_an_identity_is_type_and_address_least_octet_first():
    assert CUFF == b"\x01\x01\xee\xdd\xcc\xbb\xaa"


def test_secrets_survive_a_reboot_and_are_walked_by_index():
    bonds, saved = made()
    assert (
        bonds.set(OURS, CUFF, b"k1" * 40)
        and bonds.set(PEER, CUFF, b"k2" * 40)
        and bonds.set(PEER, SCALE, b"k3" * 40)
    )
    assert bonds.set(IRK, b"irk", b"i" * 16)
    assert saved == []  # not from the callback
    bonds.flush()
    bonds.flush()
    assert len(saved) == 1
    again, _ = made(saved[0])
    assert again.get(PEER, 0, CUFF) == b"k2" * 40 and again.has(CUFF) and again.has(SCALE)
    walked = [again.get(PEER, index, None) for index in range(3)]
    assert sorted(walked[:2]) == [b"k2" * 40, b"k3" * 40] and walked[2] is None
    assert again.get(IRK, 0, b"irk") == b"i" * 16 and again.get(PEER, 0, b"other") is None


def test_new_keys_for_a_stored_identity_are_refused_until_a_person_forgets_it():
    bonds, saved = made()
    bonds.set(PEER, CUFF, b"old" * 20)
    assert bonds.set(PEER, CUFF, b"new" * 20) is None
    assert bonds.get(PEER, 0, CUFF) == b"old" * 20
    assert bonds.set(PEER, CUFF, b"old" * 20) is True  # the same again is no new key
    bonds.flush()
    assert bonds.set(PEER, CUFF, b"old" * 20) is True
    bonds.flush()
    assert len(saved) == 1  # and no reason to write
    bonds.forget(CUFF)
    assert not bonds.has(CUFF) and bonds.set(PEER, CUFF, b"new" * 20) is True


def test_new_keys_replace_the_old_ones_in_a_window():
    bonds, saved = made()
    bonds.set(OURS, CUFF, b"old" * 20)
    assert bonds.set(OURS, CUFF, b"new" * 20, True) is True
    bonds.flush()
    assert made(saved[-1])[0].get(OURS, 0, CUFF) == b"new" * 20


def test_who_is_behind_a_private_address_is_told_once_and_is_nobody_else():
    private, itself, other = (identity(b"\x41\xbb\xcc\xdd\xee\x0a", 1), SCALE, identity(b"\x01" * 6, 0))
    bonds, saved = made()
    bonds.set(PEER, CUFF, b"k0" * 40)
    assert not bonds.learn(private, PEER, CUFF)  # another device of this home: its keys stay its own
    assert not bonds.learn(SCALE, PEER, other)  # an address that does not change is who it is
    assert bonds.learn(SCALE, PEER, SCALE) and bonds.learn(private, IRK, b"irk")
    assert bonds.address_of(private) == (1, b"\x41\xbb\xcc\xdd\xee\x0a") and not bonds.has(private)
    assert bonds.learn(private, OURS, itself) and bonds.set(OURS, itself, b"k1" * 40)
    assert bonds.learn(private, PEER, itself) and bonds.set(PEER, itself, b"k2" * 40)
    assert not bonds.learn(private, PEER, other)  # the same device cannot be a second one
    bonds.flush()
    again, saved = made(saved[-1])
    assert again.has(private) and again.known_as(private) == itself
    assert again.address_of(private) == (0, b"\xaa\xbb\xcc\xdd\xee\x02")
    assert again.get(PEER, 0, itself) == b"k2" * 40 and again.get(PEER, 2, None) is None
    again.forget(private)
    assert not again.has(private) and again.address_of(private)[0] == 1 and not again.has(itself)
    assert again.get(PEER, 0, CUFF) == b"k0" * 40
    again.flush()
    assert made(saved[-1])[0].known_as(private) == private


def test_deleting_and_the_limit():
    bonds, _ = made()
    assert bonds.set(PEER, CUFF, None) is False
    bonds.set(PEER, CUFF, b"k")
    assert bonds.set(PEER, CUFF, None) is True and not bonds.has(CUFF)
    stored = [bonds.set(PEER, bytes((number,)) * 7, b"k") for number in range(30)]
    assert stored.count(True) == 24
    assert bonds.set(IRK, b"x", b"k" * 257) is False
