"""TLS ended in the air: OpenSSL on memory, so that it runs in virtual time and tells the client's name.

TLS 1.2 and one suite, as the ESP32's mbedTLS has them (ESP-IDF leaves TLS 1.3 off); no tickets, so that a
handshake is always the same messages in the same sends.
"""

import os
import ssl
import tempfile
from collections.abc import Callable

from tools.simulator.air.net_tcp import Endpoint
from tools.technician.ca import Identity

SUITE = "ECDHE-ECDSA-AES128-GCM-SHA256"
_READ_OCTETS = 16384  # one record


def server_context(identity: Identity, authority_pem: bytes | None) -> ssl.SSLContext:
    """A broker's context; with an authority, a client without its certificate is refused in the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SUITE)
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION
    load(context, identity)
    if authority_pem is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority_pem.decode())
    return context


def load(context: ssl.SSLContext, identity: Identity) -> None:
    """Give a context its certificate and key; Python's ssl reads files only, so they exist for a moment."""
    handle, path = tempfile.mkstemp()
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(identity.certificate_pem + identity.key_pem)
        context.load_cert_chain(path)
    finally:
        os.unlink(path)


class TlsService:
    """Stands before a plain service: calls `service(endpoint)` when a handshake is done; endpoint.name is the
    client."""

    def __init__(self, context: ssl.SSLContext, service: Callable):
        self.context = context
        self.service = service
        self.refused: list[str] = []  # OpenSSL's reasons, for tests and the story
        self.accepted: list[str | None] = []

    def __call__(self, outer: Endpoint) -> None:
        _Session(self, outer)


class _Session(Endpoint):
    """One connection: what the plain service holds as its endpoint."""

    def __init__(self, tls: TlsService, outer: Endpoint):
        self.on_octets = lambda octets: None
        self.on_gone = lambda reset: None
        self.name = None
        self._tls = tls
        self._outer = outer
        self._incoming, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = tls.context.wrap_bio(self._incoming, self._leaving, server_side=True)
        self._shaken = False
        self._over = False
        outer.on_octets = self._feed
        outer.on_gone = self._gone

    def send(self, octets: bytes) -> None:
        """Encrypt and send."""
        if self._shaken and not self._over:
            self._object.write(octets)
            self._flush()

    def close(self) -> None:
        """close_notify, then the end of the connection."""
        if not self._over:
            self._over = True
            try:
                self._object.unwrap()
            except ssl.SSLError:
                pass  # the client has not said goodbye: it need not
            self._flush()
            self._outer.close()

    def reset(self) -> None:
        """End at once."""
        self._over = True
        self._outer.reset()

    def _flush(self) -> None:
        if self._leaving.pending:
            self._outer.send(self._leaving.read())

    def _feed(self, octets: bytes) -> None:
        if self._over:
            return
        self._incoming.write(octets)
        try:
            if not self._shaken:
                self._object.do_handshake()
                self._shaken = True
                self.name = _common_name(self._object.getpeercert())
                self._flush()
                self._tls.accepted.append(self.name)
                self._tls.service(self)
            while not self._over:
                plain = self._object.read(_READ_OCTETS)
                if not plain:
                    self._ended(False)
                    return
                self.on_octets(plain)
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLZeroReturnError:
            self._ended(False)
        except ssl.SSLError as error:
            self._tls.refused.append(error.reason or str(error))
            self._flush()  # the alert
            self._ended(True)

    def _ended(self, reset: bool) -> None:
        self._over = True
        self._outer.close()
        self._tell(reset)

    def _gone(self, reset: bool) -> None:
        self._over = True
        self._tell(reset)

    def _tell(self, reset: bool) -> None:
        tell, self.on_gone = self.on_gone, lambda reset: None
        tell(reset)


def _common_name(certificate: dict | None) -> str | None:
    for names in (certificate or {}).get("subject", ()):
        for kind, value in names:
            if kind == "commonName":
                return value
    return None
