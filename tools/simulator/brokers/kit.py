"""What somebody's own broker needs to serve the demo: one folder of certificates and rules, made once.

Hubs pin one authority and let it name the broker; the broker lets in whom that authority names. So one authority,
`ca.pem` with `ca.key`, stands behind everything in the folder; a programme that has one puts it there beforehand.
"""

import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tools.backend.service import CLIENT, parse_broker
from tools.host.output import WrongUse
from tools.simulator.air.net_home import BROKER_NAME
from tools.simulator.brokers import access, mosquitto, rabbitmq
from tools.simulator.house import HUB
from tools.technician.ca import Authority, Identity


def hub_host(url: str) -> str:
    """By what name hubs know the broker: the URL's own, or the demo's when that is only an address."""
    host = parse_broker(url)[0]
    return BROKER_NAME if _is_address(host) else host


def prepare(folder: Path, url: str) -> Authority:
    """Make what the folder lacks, leave what it has, and return its authority. WrongUse when it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        authority = _authority(folder)
        _broker(folder, url, authority)
        if not (folder / f"{CLIENT}.pem").exists():
            authority.client(CLIENT).save(folder, CLIENT)
        if not (folder / "acl").exists():
            (folder / "acl").write_text(access.mosquitto_acl())
            (folder / "acl").chmod(0o600)
        if not (folder / "mosquitto.conf").exists():
            port = parse_broker(url)[1]
            mosquitto.write_config(folder / "mosquitto.conf", mosquitto.settings(folder.resolve(), port))
        if not (folder / "rabbitmq.conf").exists():
            rabbitmq.write_kit(folder, parse_broker(url)[1], HUB)
    except OSError as error:
        raise WrongUse(f"{folder} cannot be used: {error.strerror}", "--broker-keys DIR, a folder of yours") from None
    return authority


def _authority(folder: Path) -> Authority:
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if certificate.exists() != key.exists():
        raise WrongUse(f"{folder} holds one of ca.pem and ca.key", "both, or neither: then they are made")
    if not certificate.exists():
        authority = Authority(name="telehub demo CA")
        authority.identity.save(folder, "ca")
        return authority
    try:
        private = serialization.load_pem_private_key(key.read_bytes(), None)
        loaded = x509.load_pem_x509_certificate(certificate.read_bytes())
    except (ValueError, TypeError) as error:
        raise WrongUse(f"{folder}/ca.pem or ca.key cannot be read: {error}", "PEM, without a password") from None
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.name != "secp256r1":
        raise WrongUse(f"{key} is no P-256 key", "hubs check nothing else: openssl ecparam -genkey -name prime256v1")
    return Authority.load(Identity(loaded, private))


def _broker(folder: Path, url: str, authority: Authority) -> None:
    """The broker's certificate, good for the names by which hubs and backend know it."""
    if (folder / "broker.pem").exists():
        return
    host = parse_broker(url)[0]
    addresses = (host,) if _is_address(host) else ()
    authority.broker(hub_host(url), addresses=addresses).save(folder, "broker")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
