"""Certificate requests and private keys, read by OpenSSL."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from firmware.seal import csr, p256

HUB = "30aea4123456"
KEYS = [
    bytes(31) + b"\x05",
    bytes.fromhex("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"),
]


@pytest.mark.parametrize("key", KEYS)
def test_a_request_is_one_that_openssl_would_sign(key):
    request = x509.load_der_x509_csr(csr.request(key, HUB))
    assert request.is_signature_valid
    assert isinstance(request.signature_hash_algorithm, hashes.SHA256)
    [name] = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert name.value == HUB and len(list(request.subject)) == 1
    public = request.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert public == p256.public_key(key)
    assert request.public_bytes(serialization.Encoding.DER) == csr.request(key, HUB)


def test_numbers_with_a_high_bit_or_leading_zeros_are_written_as_der_wants_them():
    # Enough names that r and s begin with every kind of octet.
    for number in range(40):
        assert x509.load_der_x509_csr(csr.request(KEYS[1], f"{number:012x}")).is_signature_valid


@pytest.mark.parametrize("key", KEYS)
def test_a_private_key_is_one_that_openssl_reads(key):
    loaded = serialization.load_der_private_key(csr.private_key(key), None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    assert loaded.private_numbers().private_value == int.from_bytes(key, "big")
    whole = loaded.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    assert whole == csr.private_key(key)
