"""DER of what enrolment sends and TLS needs: PKCS#10 requests (RFC 2986), SEC 1 private keys (RFC 5915)."""

import hashlib

from micropython import const

from firmware.seal import p256

_INTEGER = const(0x02)
_BIT_STRING = const(0x03)
_OCTET_STRING = const(0x04)
_UTF8 = const(0x0C)
_SEQUENCE = const(0x30)
_SET = const(0x31)
_EC_PUBLIC_KEY = b"\x06\x07\x2a\x86\x48\xce\x3d\x02\x01"  # 1.2.840.10045.2.1
_PRIME256V1 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"  # 1.2.840.10045.3.1.7
_ECDSA_SHA256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02"  # 1.2.840.10045.4.3.2
_COMMON_NAME = b"\x06\x03\x55\x04\x03"  # 2.5.4.3


def request(key, name: str, point=None) -> bytes:
    """Return a certificate request for this key, subject CN=name, signed with the key itself.

    `key`: 32 octets, or a function that signs a digest, then with its public point.
    """
    if point is None:
        point = p256.public_key(key)
    public = _der(_SEQUENCE, _der(_SEQUENCE, _EC_PUBLIC_KEY + _PRIME256V1) + _bits(point))
    subject = _der(_SEQUENCE, _der(_SET, _der(_SEQUENCE, _COMMON_NAME + _der(_UTF8, name.encode()))))
    # version 0, subject, key, and no attributes ([0], empty)
    info = _der(_SEQUENCE, b"\x02\x01\x00" + subject + public + b"\xa0\x00")
    digest = hashlib.sha256(info).digest()
    signature = key(digest) if callable(key) else p256.sign(key, digest)
    pair = _der(_SEQUENCE, _integer(signature[:32]) + _integer(signature[32:]))
    return _der(_SEQUENCE, info + _der(_SEQUENCE, _ECDSA_SHA256) + _bits(pair))


def private_key(key) -> bytes:
    """Return an ECPrivateKey with its public key, as mbedTLS reads it."""
    return _der(
        _SEQUENCE,
        b"\x02\x01\x01"
        + _der(_OCTET_STRING, bytes(key))
        + _der(0xA0, _PRIME256V1)
        + _der(0xA1, _bits(p256.public_key(key))),
    )


def _der(tag, content):
    """Wrap content of at most 65535 octets."""
    length = len(content)
    if length < 0x80:
        head = bytes((tag, length))
    elif length < 0x100:
        head = bytes((tag, 0x81, length))
    else:
        head = bytes((tag, 0x82, length >> 8, length & 0xFF))
    return head + content


def _bits(octets):
    return _der(_BIT_STRING, b"\x00" + octets)


def _integer(octets):
    """Write an unsigned number: no leading zeros, but one where the sign bit would be set."""
    at = 0
    while at < len(octets) - 1 and octets[at] == 0:
        at += 1
    octets = octets[at:]
    return _der(_INTEGER, b"\x00" + octets if octets[0] & 0x80 else octets)
