"""The key directory: what enrolment writes, the service reads; what is wrong is refused with its reason."""

import json
import stat

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.backend.envelopes import HUB, keyring_with, private_key, public
from tools.backend.keys import KeyProblem, Keyring, jwk_point, make_platform_keys, public_jwk
from tools.backend.receipt import receipt_key

# RFC 7517 appendix A.1, the first key.
RFC_X, RFC_Y = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"


def test_a_jwk_is_the_point_of_the_rfc():
    point = jwk_point({"kty": "EC", "crv": "P-256", "x": RFC_X, "y": RFC_Y})
    assert public_jwk(point)["x"] == RFC_X
    assert public_jwk(point)["y"] == RFC_Y
    numbers = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).public_numbers()
    assert numbers.x.to_bytes(32, "big") == point[1:33]


def test_what_enrolment_writes_the_service_reads(tmp_path):
    written = keyring_with(HUB, directory=tmp_path)
    read = Keyring.open(tmp_path)
    assert read.hubs() == [HUB]
    assert read.hub(HUB) == written.hub(HUB)
    assert receipt_key(read, read.hub(HUB)) == receipt_key(written, written.hub(HUB))


def test_a_hub_that_is_enrolled_while_the_service_runs_is_found(tmp_path):
    make_platform_keys(tmp_path)
    service = Keyring.open(tmp_path)
    assert service.hub(HUB) is None
    signing, agreement = public(private_key("a")), public(private_key("b"))
    Keyring.open(tmp_path).register(HUB, signing, agreement)
    assert service.hub(HUB).signing == signing


@pytest.mark.promise("P12")
def test_a_private_key_that_others_can_read_is_not_used(tmp_path):
    make_platform_keys(tmp_path)
    path = tmp_path / "platform-receipt.jwk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(KeyProblem, match="0640"):
        Keyring.open(tmp_path)


@pytest.mark.promise("P12")
def test_a_hubs_file_holds_no_private_key(tmp_path):
    keyring_with(HUB, directory=tmp_path)
    fields = json.loads((tmp_path / "hubs" / f"{HUB}.json").read_text())
    assert set(fields["signing"]) == set(fields["agreement"]) == {"kty", "crv", "x", "y", "kid"}


@pytest.mark.promise("P10")
def test_other_keys_for_a_known_hub_need_a_persons_word(tmp_path):
    keyring = keyring_with(HUB, directory=tmp_path)
    new = public(private_key("new"))
    with pytest.raises(KeyProblem, match="other keys"):
        keyring.register(HUB, new, new)
    keyring.register(HUB, new, new, replace=True)
    assert Keyring.open(tmp_path).hub(HUB).signing == new


@pytest.mark.promise("P10")
def test_keys_that_are_replaced_while_the_service_runs_are_not_believed_any_longer(tmp_path):
    keyring_with(HUB, directory=tmp_path)
    service = Keyring.open(tmp_path)
    old, new = service.hub(HUB), public(private_key("new"))
    Keyring.open(tmp_path).register(HUB, new, new, replace=True)
    assert service.hub(HUB) != old


def test_an_existing_platform_key_is_never_replaced(tmp_path):
    make_platform_keys(tmp_path)
    with pytest.raises(KeyProblem, match="exists"):
        make_platform_keys(tmp_path)


def test_one_random_source_gives_one_key():
    first, again = (make_platform_keys(random_octets=lambda count: b"\x07" * count) for _ in range(2))
    assert first.platform_point == again.platform_point
    draws = iter((bytes(32), b"\xff" * 32, b"\x07" * 32))  # zero and beyond the order are drawn again
    assert make_platform_keys(random_octets=lambda count: next(draws)).platform_point == first.platform_point


@pytest.mark.promise("P10")
@pytest.mark.parametrize(
    "change",
    [
        {"kty": "oct"},
        {"crv": "P-384"},
        {"x": RFC_Y},
        {"x": None},
        {"x": "!"},
        {"x": RFC_X[:-2]},
        {"kid": "0011223344556677"},
    ],
)
def test_a_jwk_that_is_no_key_is_refused(change):
    with pytest.raises(KeyProblem):
        jwk_point({"kty": "EC", "crv": "P-256", "x": RFC_X, "y": RFC_Y} | change)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "null", '{"format": 2}', '{"format": 1, "hub": "240ac4112234"}']
)
def test_a_damaged_registration_is_told(tmp_path, text):
    keyring_with(HUB, directory=tmp_path)
    (tmp_path / "hubs" / f"{HUB}.json").write_text(text)
    with pytest.raises(KeyProblem):
        Keyring.open(tmp_path).hub(HUB)
