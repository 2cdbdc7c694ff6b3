"""A programme's certificate authority: it signs brokers, hubs and the platform; nobody else's word counts.

All keys are P-256 and all signatures RFC 6979, so that one random source gives one set of octets. A source is
a callable n -> n octets: os.urandom for a programme, `seeded` for the twin, where two seeds share no key.
"""

import datetime
import hashlib
import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from firmware.contracts import PeerError

RandomOctets = Callable[[int], bytes]

SERVER = ExtendedKeyUsageOID.SERVER_AUTH
CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
HUB_NAME = re.compile(r"[0-9a-f]{12}")  # machine.unique_id(), as in the topics

# Good in the twin's virtual time and by the host's own clock, which mbedTLS on the unix port asks; the end
# stays below 2050, where X.509 changes from UTCTime to GeneralizedTime.
VALID_FROM = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
VALID_TO = datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)

# SEC 2, 2.4.2: the order of P-256.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_KEY_OCTETS = 48  # 128 bits more than the order: the remainder is as good as uniform (FIPS 186-5, A.2.1)
_REQUEST_OCTETS_MAX = 1024  # a P-256 request with one name has about 220


def seeded(seed: int | str, label: str) -> RandomOctets:
    """A random source that gives the same octets for the same seed and label, and never the same for two."""
    key = repr((seed, label)).encode()
    drawn = 0

    def octets(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(b"telehub certificates %d " % drawn + key).digest(count)

    return octets


def new_key(random_octets: RandomOctets) -> ec.EllipticCurvePrivateKey:
    """Make a P-256 key from a random source."""
    drawn = int.from_bytes(random_octets(_KEY_OCTETS), "big")
    return ec.derive_private_key(drawn % (_ORDER - 1) + 1, ec.SECP256R1())


def encrypted_pem(key: ec.EllipticCurvePrivateKey, passphrase: str) -> bytes:
    """PKCS #8, encrypted by what the library holds to be best."""
    lock = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def load_key(path: Path, passphrase: str = "") -> ec.EllipticCurvePrivateKey:
    """A key that was written here. ValueError or TypeError when the passphrase does not open it."""
    key = serialization.load_pem_private_key(path.read_bytes(), passphrase.encode() or None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("no elliptic-curve key")
    return key


def write_secret(path: Path, octets: bytes) -> None:
    """Write a new file that only its owner may read."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(octets)


@dataclass(frozen=True)
class Identity:
    """A certificate and, unless it stayed on a hub, its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def certificate_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_der(self) -> bytes:
        """ECPrivateKey of RFC 5915, as a hub keeps it."""
        return self._key(serialization.Encoding.DER)

    @property
    def key_pem(self) -> bytes:
        return self._key(serialization.Encoding.PEM)

    def _key(self, encoding: serialization.Encoding) -> bytes:
        plain = serialization.NoEncryption()
        return self.key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, plain)

    def save(self, folder: Path, name: str, passphrase: str = "") -> tuple[Path, Path]:
        """Write `name`.pem and `name`.key, the key for its owner alone (encrypted, PKCS #8); return both paths."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(self.certificate_pem)
        write_secret(key, encrypted_pem(self.key, passphrase) if passphrase else self.key_pem)
        return certificate, key

    @classmethod
    def load(cls, folder: Path, name: str, passphrase: str = "") -> "Identity":
        """What was saved. ValueError or TypeError when the passphrase does not open it, OSError when it is absent."""
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
        return cls(certificate, load_key(folder / f"{name}.key", passphrase))


class Authority:
    """One programme's root: make it once, keep its key apart, pin its certificate on every hub."""

    def __init__(
        self,
        random_octets: RandomOctets = os.urandom,
        name: str = "telehub CA",
        *,
        valid_from: datetime.datetime = VALID_FROM,
        valid_to: datetime.datetime = VALID_TO,
    ) -> None:
        self._random = random_octets
        self._valid = (valid_from, valid_to)
        key = new_key(random_octets)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(self._name, key.public_key(), self._valid)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_key_usage(authority=True), critical=True)
        self.identity = Identity(_sign(builder, key), key)

    @classmethod
    def load(cls, identity: Identity, random_octets: RandomOctets = os.urandom) -> "Authority":
        """An authority whose certificate and key were kept."""
        authority = cls.__new__(cls)
        authority._random = random_octets
        certificate = identity.certificate
        authority._valid = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
        authority._name = certificate.subject
        authority.identity = identity
        return authority

    @property
    def certificate_der(self) -> bytes:
        """What a hub pins."""
        return self.identity.certificate_der

    @property
    def certificate_pem(self) -> bytes:
        return self.identity.certificate_pem

    def broker(
        self,
        name: str,
        *,
        addresses: Sequence[str] = (),
        usage: Sequence[x509.ObjectIdentifier] = (SERVER,),
        valid_from: datetime.datetime | None = None,
        valid_to: datetime.datetime | None = None,
    ) -> Identity:
        """Key and certificate of a broker that hubs reach by `name`."""
        key = new_key(self._random)
        names = [x509.DNSName(name), *(x509.IPAddress(ipaddress.ip_address(one)) for one in addresses)]
        return Identity(self._issue(name, key.public_key(), usage, valid_from, valid_to, names), key)

    def client(
        self,
        name: str,
        *,
        usage: Sequence[x509.ObjectIdentifier] = (CLIENT,),
        valid_from: datetime.datetime | None = None,
        valid_to: datetime.datetime | None = None,
    ) -> Identity:
        """Key and certificate of the platform's backend, or of a test's hub."""
        key = new_key(self._random)
        return Identity(self._issue(name, key.public_key(), usage, valid_from, valid_to), key)

    def sign_request(
        self,
        request_der: bytes,
        hub: str,
        *,
        usage: Sequence[x509.ObjectIdentifier] = (CLIENT,),
        valid_from: datetime.datetime | None = None,
        valid_to: datetime.datetime | None = None,
    ) -> bytes:
        """Certificate (DER) for a hub's key; PeerError unless that hub asks, signed by that key."""
        public = check_request(request_der, hub)
        certificate = self._issue(hub, public, usage, valid_from, valid_to)
        return certificate.public_bytes(serialization.Encoding.DER)

    def withdrawn(self, certificates: Sequence[x509.Certificate], now: datetime.datetime) -> bytes:
        """A revocation list (PEM, RFC 5280, 5) of lost hubs' certificates. It counts as long as the authority."""
        builder = x509.CertificateRevocationListBuilder(issuer_name=self._name)
        builder = builder.last_update(now).next_update(self._valid[1])
        for one in certificates:
            entry = x509.RevokedCertificateBuilder(serial_number=one.serial_number, revocation_date=now)
            builder = builder.add_revoked_certificate(entry.build())
        made = builder.sign(self.identity.key, hashes.SHA256(), ecdsa_deterministic=True)
        return made.public_bytes(serialization.Encoding.PEM)

    def _issue(
        self,
        name: str,
        public: ec.EllipticCurvePublicKey,
        usage: Sequence[x509.ObjectIdentifier],
        valid_from: datetime.datetime | None,
        valid_to: datetime.datetime | None,
        names: Sequence[x509.GeneralName] = (),
    ) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, public, (valid_from or self._valid[0], valid_to or self._valid[1]))
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_key_usage(authority=False), critical=True)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.identity.key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return _sign(builder, self.identity.key)

    def _builder(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        valid: tuple[datetime.datetime, datetime.datetime],
    ) -> x509.CertificateBuilder:
        # One fixed top bit: no serial number is shorter than another, so no certificate is.
        serial = int.from_bytes(self._random(16), "big") >> 2 | 1 << 126
        builder = x509.CertificateBuilder(issuer_name=self._name, subject_name=subject, public_key=public)
        builder = builder.serial_number(serial).not_valid_before(valid[0]).not_valid_after(valid[1])
        return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def check_request(request_der: bytes, hub: str) -> ec.EllipticCurvePublicKey:
    """The public key of a hub's certificate request (PKCS#10), or PeerError with the reason."""
    if len(request_der) > _REQUEST_OCTETS_MAX:
        raise PeerError("request too long", len(request_der))
    if not HUB_NAME.fullmatch(hub):
        raise PeerError("hub name")
    try:
        request = x509.load_der_x509_csr(request_der)
        names = [attribute.value for attribute in request.subject]
        kinds = [attribute.oid for attribute in request.subject]
        public = request.public_key()
        signed = request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:  # `make fuzz` found each
        raise PeerError("request malformed") from error
    if not signed:
        raise PeerError("request signature")
    if kinds != [NameOID.COMMON_NAME] or names != [hub]:
        raise PeerError("request name")
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        raise PeerError("request key")
    return public


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(key, hashes.SHA256(), ecdsa_deterministic=True)
