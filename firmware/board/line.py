"""The hub's wire to the world: datagrams, and one TCP connection under mutual TLS. No protocol of ours is spoken here.

Nothing waits inside: every call yields to the event loop, but for ntptime's one second and mbedTLS's arithmetic in a
handshake, and the hub chooses when those happen (firmware/hub.py).
"""

import asyncio
import errno
import gc
import socket
import ssl
import time

import esp32
import machine
import ntptime
from micropython import const

from firmware.board.ticks import sleep_ms, within
from firmware.board.wifi import Wifi
from firmware.contracts import PeerError

_DATAGRAM_POLL_MS = const(50)
_DATAGRAM_OCTETS_MAX = const(512)  # a DNS answer over UDP (RFC 1035, 4.2.1)
_NTP_WAIT_S = const(1)  # ntptime blocks meanwhile: short enough that a device is still caught within its 3 s
_CLOSE_MS = const(2_000)
_TLS_HEAP_OCTETS = const(12_000)  # Python's share of a handshake
# mbedTLS takes its own from the chip's heap: a record in (16384 and its head) in one piece, one out (4096), and about
# as much again for certificates and curves while it shakes hands (ESP-IDF, CONFIG_MBEDTLS_SSL_IN_CONTENT_LEN).
_TLS_CHIP_OCTETS = const(40_960)
_TLS_CHIP_BLOCK_OCTETS = const(17_408)
_SECONDS_1970_TO_2000 = const(946_684_800)


def _chip_epoch_s() -> int:
    """Unix seconds of the instant from which the chip counts (2000 on the ESP32, 1970 on other ports)."""
    return _SECONDS_1970_TO_2000 if time.gmtime(0)[0] == 2000 else 0


def set_chip_clock(unix_s: int) -> None:
    """Set the chip's own clock, by which mbedTLS may judge certificates."""
    year, month, day, hour, minute, second, weekday, _ = time.gmtime(unix_s - _chip_epoch_s())
    machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))


class Line:
    """`load_tls()` gives (CA certificate, hub certificate, hub key), each DER."""

    def __init__(self, wifi: dict, load_tls):
        self._wifi = Wifi(wifi["ssid"], wifi.get("key", ""))
        self._load_tls = load_tls
        self._reader = None
        self._writer = None

    async def join(self) -> None:
        """Return once there is a network. PeerError when there is none."""
        await self._wifi.join()

    def name_server(self) -> str:
        """The address of the DNS server that the router named."""
        return self._wifi.name_server()

    async def ask(self, address: str, port: int, octets: bytes, wait_ms: int, accept) -> "object | None":
        """Send a datagram; return what `accept(answer octets)` makes of the first answer it takes, else None."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            # A numeric address: this look-up answers at once.
            sock.sendto(octets, socket.getaddrinfo(address, port)[0][-1])
            for _ in range(wait_ms // _DATAGRAM_POLL_MS):
                try:
                    answer, _ = sock.recvfrom(_DATAGRAM_OCTETS_MAX)
                except OSError as error:
                    if error.args[0] != errno.EAGAIN:
                        raise
                    await sleep_ms(_DATAGRAM_POLL_MS)
                    continue
                accepted = accept(answer)
                if accepted is not None:
                    return accepted
        except OSError as error:
            raise PeerError("line: datagram", error.args[0] if error.args else 0)
        finally:
            sock.close()
        return None

    def ntp_s(self, address: str) -> int:
        """Unix seconds, whole, from an NTP server. PeerError when it does not answer."""
        ntptime.host = address
        ntptime.timeout = _NTP_WAIT_S
        try:
            return ntptime.time() + _chip_epoch_s()
        except (OSError, OverflowError, ValueError, IndexError):
            raise PeerError("ntp: no answer")

    async def open(self, address: str, port: int, name: str) -> None:
        """Connect by TCP and prepare TLS with a peer that must prove `name`; the first write shakes hands."""
        gc.collect()
        if gc.mem_free() < _TLS_HEAP_OCTETS:
            raise PeerError("line: memory", gc.mem_free())
        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
        free, block = sum([region[1] for region in regions]), max([region[2] for region in regions])
        if free < _TLS_CHIP_OCTETS or block < _TLS_CHIP_BLOCK_OCTETS:
            raise PeerError("line: chip memory", free, block)
        authority, certificate, key = self._load_tls()
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=authority)
            context.load_cert_chain(certificate, key)
            # A numeric address again: open_connection's own look-up does not block.
            self._reader, self._writer = await asyncio.open_connection(address, port, context, name)
        except (OSError, ValueError) as error:
            raise PeerError("line: connect", error.args[0] if error.args else 0)

    def composer(self, client_id: str, name: str, keepalive_s: int, identifier: int):
        """What writes MQTT packets (board/mqtt.py); `identifier` is the last one that was used."""
        from firmware.board.mqtt import Composer

        composer = Composer(client_id.encode(), name, keepalive=keepalive_s)
        composer.pid = identifier
        return composer

    def certificate(self) -> bytes:
        """The peer's certificate, DER; after the handshake."""
        return self._writer.s.getpeercert(True)

    async def read(self, octets_max: int) -> bytes:
        """The octets that came, at least one. PeerError when the peer is gone."""
        try:
            octets = await self._reader.read(octets_max)
        except (OSError, ValueError) as error:
            raise PeerError("line: read", error.args[0] if error.args else 0)
        if not octets:
            raise PeerError("line: closed")
        return octets

    async def write(self, octets: "bytes | bytearray") -> None:
        """Return when TCP has taken all octets. One caller at a time."""
        try:
            self._writer.write(octets)
            await self._writer.drain()
        except OSError as error:
            number = error.args[0] if error.args else 0
            # Below 0 are mbedTLS's own numbers, such as -30592: the peer refused the handshake by an alert.
            raise PeerError("line: tls" if number < 0 else "line: write", number)
        except ValueError:
            raise PeerError("line: certificate")  # how mbedTLS tells that it is not the pinned CA's, or another's

    async def close(self) -> None:
        """Free the connection, whatever state it is in."""
        writer, self._writer, self._reader = self._writer, None, None
        if writer is not None:
            try:
                writer.close()
                await within(writer.wait_closed(), _CLOSE_MS)
            except (OSError, ValueError):
                pass  # it was gone already, or not let in
        gc.collect()
