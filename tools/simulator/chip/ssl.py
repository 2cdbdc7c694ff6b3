"""The chip's `ssl`: as thin over the built-in `tls` as the one frozen into the image, trap included.

The trap: a new context verifies nothing until `verify_mode` is set.
"""

import io
import socket

import _seam
import tls
from micropython import const
from tls import (
    CERT_NONE,
    CERT_OPTIONAL,
    CERT_REQUIRED,
    MBEDTLS_VERSION,
    PROTOCOL_TLS_CLIENT,
    PROTOCOL_TLS_SERVER,
)

__all__ = (
    "CERT_NONE",
    "CERT_OPTIONAL",
    "CERT_REQUIRED",
    "MBEDTLS_VERSION",
    "PROTOCOL_TLS_CLIENT",
    "PROTOCOL_TLS_SERVER",
    "SSLContext",
    "wrap_socket",
)

_IOCTL_CLOSE = const(4)  # MP_STREAM_CLOSE


class _Stream(io.IOBase):
    """What mbedTLS gets in a socket's place: the C stream protocol, with error numbers, not exceptions.

    It also sees when the handshake's arithmetic is due, and has it charged.
    """

    def __init__(self, sock):
        self._socket = sock
        self._heard = False
        self._charged = False

    def setblocking(self, blocking):
        """Asked for by the TLS socket's own setblocking."""
        self._socket.setblocking(blocking)

    def readinto(self, buffer):
        """One receive; None for "not yet", a negative error number otherwise."""
        try:
            octets = self._socket._receive(len(buffer))
        except OSError as error:
            return -error.args[0]
        if octets is None:
            return None
        buffer[: len(octets)] = octets
        self._heard = True
        return len(octets)

    def write(self, octets):
        """One send; as readinto."""
        if self._heard and not self._charged:
            # The first record after the server's flight: its certificate and signature have been verified, a
            # key made, a secret agreed and our signature made. mbedTLS does all that at one go, with the
            # interpreter's lock held.
            self._charged = True
            _seam.charge("tls.handshake")
        try:
            return self._socket.write(octets)
        except OSError as error:
            return -error.args[0]

    def ioctl(self, request, argument):
        """As the socket's, but a close inside a collection is left to the socket's token."""
        if request == _IOCTL_CLOSE:
            try:
                bytearray(1)
            except MemoryError:
                return 0  # a finaliser's call: the heap is locked, and so is the seam for us
        try:
            return self._socket.ioctl(request, argument)
        except OSError as error:
            return -error.args[0]


def _octets(source):
    """A file's content for its name, octets as they are."""
    if isinstance(source, str):
        with open(source, "rb") as file:
            return file.read()
    return source


class SSLContext:
    """A TLS configuration."""

    def __init__(self, *protocol):
        self._context = tls.SSLContext(*protocol)
        self._context.verify_mode = CERT_NONE

    @property
    def verify_mode(self):
        """CERT_NONE until it is set."""
        return self._context.verify_mode

    @verify_mode.setter
    def verify_mode(self, mode):
        self._context.verify_mode = mode

    def load_cert_chain(self, certfile, keyfile):
        """Certificate and key, each DER or PEM octets or the name of such a file."""
        self._context.load_cert_chain(_octets(certfile), _octets(keyfile))

    def load_verify_locations(self, cafile=None, cadata=None):
        """The authority to believe."""
        self._context.load_verify_locations(_octets(cafile) if cafile else cadata)

    def wrap_socket(self, sock, server_side=False, do_handshake_on_connect=True, server_hostname=None):
        """A TLS socket over a connected (or connecting) one."""
        if isinstance(sock, socket.socket):
            sock = _Stream(sock)
        return self._context.wrap_socket(
            sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect,
            server_hostname=server_hostname,
        )


def wrap_socket(
    sock,
    server_side=False,
    key=None,
    cert=None,
    cert_reqs=CERT_NONE,
    cadata=None,
    server_hostname=None,
    do_handshake=True,
):
    """The older call: context and socket in one."""
    context = SSLContext(PROTOCOL_TLS_SERVER if server_side else PROTOCOL_TLS_CLIENT)
    if cert or key:
        context.load_cert_chain(cert, key)
    if cadata:
        context.load_verify_locations(cadata=cadata)
    context.verify_mode = cert_reqs
    return context.wrap_socket(
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake,
        server_hostname=server_hostname,
    )
