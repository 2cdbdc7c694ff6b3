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


# --- made by hand: DER (X.690, 8.1) with one thing wrong in each


def element(tag, contents):
    """Tag, length in the shortest form, contents."""
    size = len(contents)
    length = (size,) if size < 128 else (0x81, size) if size < 256 else (0x82, size >> 8, size & 255)
    return bytes((tag, *length)) + contents


_BEGINS, _ENDS = (0x17, b"260105080000Z"), (0x17, b"270105080000Z")


def by_hand(begins=_BEGINS, ends=_ENDS, version=True, issuer=b"", outer=0x30, inner=0x30, dates=0x30):
    """A certificate as far as its dates, of whatever parts."""
    fields = element(0xA0, element(0x02, b"\x02")) if version else b""
    fields += element(0x02, b"\x01") + element(0x30, b"") + element(0x30, issuer)
    fields += element(dates, element(*begins) + element(*ends)) + element(0x30, b"")
    return element(outer, element(inner, fields))


_FROM, _TILL = (2026, 1, 5, 8, 0, 0), (2027, 1, 5, 8, 0, 0)


@pytest.mark.parametrize("version", [True, False])
@pytest.mark.parametrize("octets", [0, 120, 127, 128, 255, 256, 3000])
def test_lengths_of_one_two_and_three_octets_are_read(version, octets):
    assert certificate.validity(by_hand(version=version, issuer=bytes(octets))) == (_FROM, _TILL)


def test_two_digits_of_a_year_are_of_the_years_that_the_standard_says():
    for digits, year in ((b"49", 2049), (b"50", 1950), (b"51", 1951), (b"00", 2000), (b"99", 1999)):
        assert certificate.validity(by_hand((0x17, digits + b"1231235958Z")))[0] == (year, 12, 31, 23, 59, 58)
    assert certificate.validity(by_hand((0x18, b"20500102030405Z")))[0] == (2050, 1, 2, 3, 4, 5)


@pytest.mark.promise("P10")
def test_each_thing_that_is_no_certificate_is_refused_by_its_name():
    def refused(der):
        with pytest.raises(PeerError) as error:
            certificate.validity(der)
        return error.value.args[0]

    for part in ("outer", "inner", "dates"):
        assert refused(by_hand(**{part: 0x31})) == "certificate: structure"
    for time in (
        (0x17, b"2601050800Z"), (0x17, b"20260105080000Z"), (0x18, b"260105080000Z"), (0x16, b"260105080000Z"),
        (0x17, b"26010508000:Z"), (0x17, b"2601050800/0Z"), (0x17, b"26 105080000Z"), (0x18, b"20260105080000"),
    ):  # fmt: skip
        assert refused(by_hand(time)) == "certificate: time", time
        assert refused(by_hand(ends=time)) == "certificate: time", time
    for length in (b"\x80", b"\x83\0\0\1", b"\x84\0\0\0\1", b"\x82\1", b"\x81"):
        assert refused(b"\x30" + length) == "certificate: length", length
    good = by_hand()
    assert refused(b"") == refused(b"\x30") == refused(b"\x30\x01") == "certificate: truncated"
    assert refused(good[:-3]) == "certificate: truncated"
    assert certificate.validity(bytes(good)) == (_FROM, _TILL)
