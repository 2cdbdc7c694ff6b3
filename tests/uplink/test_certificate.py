"""The dates of a certificate, against those that `cryptography` (OpenSSL) wrote."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.contracts import PeerError
from firmware.uplink import certificate

_KEY = ec.derive_private_key(12345, ec.SECP256R1())


def made(not_before, not_after, serial=1, name="broker"):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, _KEY.public_key(), serial, not_before, not_after)
    return builder.sign(_KEY, hashes.SHA256()).public_bytes(Encoding.DER)


def as_tuple(time):
    return time.timetuple()[:6]


# From 2050 on a certificate writes GeneralizedTime (RFC 5280, 4.1.2.5).
_TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2199, 12, 31)).map(
    lambda time: time.replace(microsecond=0)
)


@settings(max_examples=60, deadline=None)
@given(_TIMES, st.timedeltas(datetime.timedelta(0), datetime.timedelta(days=9000)), st.integers(1, 2**150))
def test_dates_are_those_that_were_written(begins, length, serial):
    ends = (begins + length).replace(microsecond=0)
    assert certificate.validity(made(begins, ends, serial)) == (as_tuple(begins), as_tuple(ends))


def test_now_must_lie_between_the_dates():
    der = made(datetime.datetime(2026, 1, 5, 8), datetime.datetime(2026, 2, 5, 8))
    certificate.check_dates(der, (2026, 1, 5, 8, 0, 0))
    certificate.check_dates(der, (2026, 2, 5, 8, 0, 0))
    with pytest.raises(PeerError, match="not yet valid"):
        certificate.check_dates(der, (2026, 1, 5, 7, 59, 59))
    with pytest.raises(PeerError, match="expired"):
        certificate.check_dates(der, (2026, 2, 5, 8, 0, 1))


@pytest.mark.promise("P10")
def test_a_clock_that_knows_its_floor_only_tells_what_is_over_and_not_what_has_not_begun():
    der = made(datetime.datetime(2026, 1, 5, 8), datetime.datetime(2026, 2, 5, 8))
    certificate.check_dates(der, (2025, 12, 1, 0, 0, 0), floor_only=True)
    with pytest.raises(PeerError, match="expired"):
        certificate.check_dates(der, (2026, 2, 5, 8, 0, 1), floor_only=True)


def test_every_truncation_is_refused_or_has_its_dates_whole():
    der = made(datetime.datetime(2026, 1, 5), datetime.datetime(2027, 1, 5))
    whole = certificate.validity(der)
    for end in range(len(der)):
        try:
            assert certificate.validity(der[:end]) == whole
        except PeerError:
            pass


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_rubbish_is_refused(octets):
    with pytest.raises(PeerError):
        certificate.validity(octets)
