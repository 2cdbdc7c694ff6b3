"""The time server of the air (RFC 5905, section 7.3), and the ways in which one misleads."""

import struct
from collections.abc import Callable

from tools.simulator.air.net import NTP, Net

PORT = 123
FAULTS = {
    "mute": "answers nothing",
    "lying": "is `lie_s` seconds off and sure of itself",
    "kiss": "kiss of death: stratum 0, code RATE, no time",
    "unsynchronised": "says itself that it does not know (leap indicator 3, stratum 16)",
    "short": "answers with too few octets",
}
_FROM_1900_S = 2_208_988_800  # RFC 5905, figure 4: Unix epoch in NTP seconds
_OCTETS = 48


class NtpServer:
    """Answers with the world's time."""

    def __init__(self, net: Net, address: str = NTP):
        self._net = net
        self.fault: str | None = None
        self.lie_s = 0.0
        self.questions = 0
        net.udp[(address, PORT)] = self._on_datagram

    def break_as(self, fault: str | None, lie_s: float = 0.0) -> None:
        """Misbehave as FAULTS says; None: work again."""
        assert fault is None or fault in FAULTS
        self.fault, self.lie_s = fault, lie_s

    def _on_datagram(self, octets: bytes, reply: Callable[[bytes], None]) -> None:
        self.questions += 1
        if self.fault == "mute" or len(octets) < _OCTETS:
            return
        if self.fault == "short":
            reply(octets[:12])
            return
        unix = self._net.unix_time() + (self.lie_s if self.fault == "lying" else 0.0)
        stamp = struct.pack("!II", int(unix + _FROM_1900_S) & 0xFFFFFFFF, int(unix % 1 * 2**32))
        leap, stratum, reference = 0, 2, b"\xcb\x00\x71\x01"
        if self.fault == "kiss":
            leap, stratum, reference, stamp = 3, 0, b"RATE", bytes(8)
        elif self.fault == "unsynchronised":
            leap, stratum = 3, 16
        head = struct.pack("!BBbbII4s", leap << 6 | 4 << 3 | 4, stratum, 6, -20, 0, 0, reference)
        originate = octets[40:48]  # the client's transmit time comes back
        reply(head + stamp + originate + stamp + stamp)
