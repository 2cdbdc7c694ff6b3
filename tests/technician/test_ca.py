"""Certificates: who may sign whom, and that one random source gives one set of octets."""

import datetime
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from firmware.contracts import PeerError
from tools.technician import ca

HUB = "24d7eb0a1b2c"
NOW = datetime.datetime(2026, 1, 5, 8, tzinfo=datetime.UTC)


@pytest.fixture(scope="module")
def authority():
    return ca.Authority(ca.seeded(1, "ca"))


def request(key, name=HUB, *, tampered=False):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    der = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
    octets = der.public_bytes(serialization.Encoding.DER)
    if tampered:
        at = octets.index(name.encode())
        octets = octets[:at] + HUB.encode() + octets[at + len(name) :]
    return octets


CHANGED = request(ec.derive_private_key(7, ec.SECP256R1()))


def verifier(authority, now=NOW):
    return PolicyBuilder().store(Store([authority.identity.certificate])).time(now)


def test_a_broker_is_trusted_by_its_name(authority):
    broker = authority.broker("broker.demo")
    verifier(authority).build_server_verifier(x509.DNSName("broker.demo")).verify(broker.certificate, [])
    with pytest.raises(VerificationError):
        verifier(authority).build_server_verifier(x509.DNSName("other.demo")).verify(broker.certificate, [])


def test_a_broker_of_another_authority_is_not_trusted(authority):
    broker = ca.Authority(ca.seeded(2, "ca")).broker("broker.demo")
    with pytest.raises(VerificationError):
        verifier(authority).build_server_verifier(x509.DNSName("broker.demo")).verify(broker.certificate, [])


def test_dates_and_usage_of_the_variants_are_refused(authority):
    day = datetime.timedelta(days=1)
    for wrong in (
        {"valid_from": NOW - 9 * day, "valid_to": NOW - day},
        {"valid_from": NOW + day, "valid_to": NOW + 9 * day},
        {"usage": (ca.CLIENT,)},
    ):
        broker = authority.broker("broker.demo", **wrong)
        with pytest.raises(VerificationError):
            verifier(authority).build_server_verifier(x509.DNSName("broker.demo")).verify(
                broker.certificate, []
            )


def test_a_hubs_request_becomes_a_certificate_for_its_own_key_and_for_clients_alone(authority):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = x509.load_der_x509_certificate(authority.sign_request(request(key), HUB))
    certificate.verify_directly_issued_by(authority.identity.certificate)
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == f"CN={HUB}"
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "request malformed"),
        (b"\x30\x03\x02\x01\x00", "request malformed"),
        (bytes(2000), "request too long"),
        (request(ec.generate_private_key(ec.SECP256R1()), "24d7eb0a1b2d"), "request name"),
        (
            request(ec.generate_private_key(ec.SECP256R1()), "24d7eb0a1b2d", tampered=True),
            "request signature",
        ),
        (request(ec.generate_private_key(ec.SECP384R1())), "request key"),
        # Found by `make fuzz`: a curve that nobody has, version 36, a name of bits
        (CHANGED.replace(b"\xce\x3d\x03\x01\x07", b"\xce\x3d\x03\x01\x70"), "request malformed"),
        (CHANGED.replace(b"\x02\x01\x00\x30", b"\x02\x01\x24\x30", 1), "request malformed"),
        (CHANGED.replace(b"\x55\x04\x03\x0c", b"\x55\x04\x03\x03", 1), "request malformed"),
    ],
)
def test_a_request_that_is_not_this_hubs_is_refused(authority, octets, reason):
    with pytest.raises(PeerError) as refused:
        authority.sign_request(octets, HUB)
    assert refused.value.args[0] == reason


def test_one_seed_gives_the_same_octets_and_two_seeds_share_no_key():
    made = []
    for seed in (1, 1, 2):
        authority = ca.Authority(ca.seeded(seed, "ca"))
        made.append([authority.identity, authority.broker("broker.demo"), authority.client("backend")])
    same, again, other = made
    assert [i.certificate_der + i.key_der for i in same] == [i.certificate_der + i.key_der for i in again]
    keys = {i.key.private_numbers().private_value for i in same + other}
    assert len(keys) == 6


def test_a_saved_authority_goes_on_signing_and_its_key_is_its_owners(tmp_path, authority):
    certificate, key = authority.identity.save(tmp_path, "ca")
    authority.identity.save(tmp_path, "ca")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    kept = ca.Identity(
        x509.load_pem_x509_certificate(certificate.read_bytes()),
        serialization.load_pem_private_key(key.read_bytes(), None),
    )
    broker = ca.Authority.load(kept).broker("broker.demo")
    verifier(authority).build_server_verifier(x509.DNSName("broker.demo")).verify(broker.certificate, [])
