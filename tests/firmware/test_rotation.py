"""A change of the signing key, with the plug pulled before and after every write and every removal."""

import hashlib
import os

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, encode_dss_signature

from firmware import config, enrolling, enrolment, rotation
from firmware.contracts import PeerError
from firmware.seal import p256
from tests.firmware.test_secure_element import Bus

HUB = bytes.fromhex("24d7eb0a1b2c")
_OPERATIONS_MAX = 20


class Cut(BaseException):
    """The power went."""


class Disk:
    """The hub's folder, on which the plug is pulled at one operation: before it, or after it and before the next."""

    def __init__(self, monkeypatch, folder):
        self.left = None
        self.done = 0
        monkeypatch.setattr(config, "FOLDER", str(folder))
        write, remove = config.write_whole, os.remove
        monkeypatch.setattr(config, "write_whole", lambda path, octets: self._do(write, path, octets))
        monkeypatch.setattr(rotation.os, "remove", lambda path: self._do(remove, path))

    def _do(self, call, *arguments):
        if self.left == 0:
            raise Cut
        result = call(*arguments)  # whole or not at all: through a temporary name (tests/firmware/pure_config.py)
        self.done += 1
        if self.left is not None:
            self.left -= 1
        return result


@pytest.fixture
def disk(monkeypatch, tmp_path):
    made = Disk(monkeypatch, tmp_path / "hub")
    (tmp_path / "hub").mkdir()
    monkeypatch.setattr(config.os, "listdir", os.listdir, raising=False)
    return made


def kid(key):
    return p256.key_id(p256.public_key(key))


class Hub:
    """Its keys, as a boot finds them, and a plan that was made under the first of them."""

    def __init__(self):
        self.source = Bus().random
        self.first = enrolling.make_key("signing.key", self.source)

    def boot(self):
        enrolment._heal()
        signing = enrolment.load("signing.key", 32)
        return enrolment.Keys(HUB, signing, kid(signing), None)


def changed(hub, keys, platform):
    """The whole change, from the order to the receipts of all that was sealed before."""
    rotation.begin(hub.source)
    told = rotation.announcement(HUB)
    if told:
        point, proof = told
        check(point, proof)
        platform.add(p256.key_id(point))  # it answers each announcement alike
        keys = rotation.taken(p256.key_id(point), keys)
    rotation.retire([])
    return keys


def check(point, proof):
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    digest = hashlib.sha256(b"telehub new key" + HUB + point).digest()
    pair = encode_dss_signature(int.from_bytes(proof[:32], "big"), int.from_bytes(proof[32:], "big"))
    public.verify(pair, digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def test_a_change_leaves_one_key_and_it_is_another(disk):
    hub, platform = Hub(), set()
    keys = hub.boot()
    assert not rotation.under_way() and rotation.announcement(HUB) is None
    after = changed(hub, keys, platform)
    assert after.signing != hub.first and after.signing_kid in platform
    assert hub.boot()[:3] == after[:3] and not rotation.under_way()
    assert sorted(os.listdir(config.FOLDER)) == ["signing.key", "signing.key.b"]


@pytest.mark.promise("P10")
def test_the_old_key_stays_until_every_plan_made_under_it_is_receipted(disk):
    hub, platform = Hub(), set()
    rotation.begin(hub.source)
    new = p256.key_id(rotation.announcement(HUB)[0])
    keys = rotation.taken(new, hub.boot())
    assert keys.signing_kid == new
    assert not rotation.retire([kid(hub.first), new])
    assert rotation.old_key(kid(hub.first)) == hub.first and rotation.old_key(new) == b""
    with pytest.raises(PeerError, match="wait"):
        rotation.begin(hub.source)  # one change after the other
    assert rotation.retire([new]) and rotation.old_key(kid(hub.first)) == b""
    assert platform == set()


@pytest.mark.promise("P10")
def test_only_the_key_that_the_platform_has_comes_into_force(disk):
    hub = Hub()
    keys = hub.boot()
    assert rotation.taken(b"nothing!", keys) is keys  # nothing was announced
    rotation.begin(hub.source)
    for wrong in (b"another!", keys.signing_kid):
        assert rotation.taken(wrong, keys) is keys
    assert hub.boot().signing == hub.first and rotation.announcement(HUB) is not None


@pytest.mark.promise("P2", "P10")
@pytest.mark.parametrize("cut", range(_OPERATIONS_MAX))
def test_the_plug_may_be_pulled_at_any_write(disk, cut):
    hub, platform = Hub(), {kid_of_first()}
    disk.done, disk.left = 0, cut
    try:
        changed(hub, hub.boot(), platform)
        assert disk.done <= cut  # everything was done: later cuts are the same
    except Cut:
        pass
    for again in range(3):  # and once more in what heals it
        disk.left = (cut * 7 + again) % 4
        try:
            hub.boot()
        except Cut:
            pass
    disk.left = None
    keys = hub.boot()
    # It signs with a key that the platform has, and what was sealed before can be signed still or was retired.
    assert keys.signing == hub.first or keys.signing_kid in platform
    if keys.signing != hub.first and rotation.under_way():
        assert rotation.old_key(kid(hub.first)) == hub.first
    for path in enrolment.paths("signing.key"):
        with open(path, "rb") as file:
            assert file.read()[:32] == keys.signing or rotation.under_way()
    finished = changed(hub, keys, platform) if keys.signing == hub.first else keys
    assert finished.signing != hub.first and finished.signing_kid in platform
    assert rotation.retire([]) and sorted(os.listdir(config.FOLDER)) == ["signing.key", "signing.key.b"]


def kid_of_first():
    return b"the first one's"


def test_a_bad_random_source_changes_nothing(disk):
    hub = Hub()
    with pytest.raises(PeerError, match="random source"):
        rotation.begin(bytes)
    assert hub.boot().signing == hub.first and not rotation.under_way()
