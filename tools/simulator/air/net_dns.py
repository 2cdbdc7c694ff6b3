"""Names: the DNS server at the router, its misbehaviour, and lwIP's resolver, which asks it.

Message format: RFC 1035, section 4. Only what a hub asks: one question, class IN, type A.
"""

import struct
from collections.abc import Callable

from tools.simulator.air.net import Net

PORT = 53
LIFETIME_S = 300
FAULTS = {
    "mute": "answers nothing",
    "wrong": "answers with an address where nobody listens",
    "slow": "answers after `slow_s`",
    "unknown": "knows no name (NXDOMAIN)",
    "failing": "SERVFAIL",
    "foreign": "answers with another transaction's number",
    "rubbish": "answers with octets that are no message",
}
_NOBODY = "203.0.113.99"
_TYPE_A, _CLASS_IN = 1, 1
_QUESTION = struct.Struct("!HH")
_HEADER = struct.Struct("!HHHHHH")

# lwIP dns.c: asks after 0, 1, 2 and 4 s and gives a server up 3 s later (DNS_MAX_RETRIES 4, one tick a
# second), then goes to the next one. Two servers, as most leases name: 14 s until getaddrinfo fails.
_ASKS_S = (0, 1, 2, 4)
_SERVER_S = 7


class DnsServer:
    """Answers from `net.names`; put it at as many addresses as a lease names."""

    def __init__(self, net: Net):
        self._net = net
        self.fault: str | None = None
        self.slow_s = 5.0
        self.questions: list[str] = []
        for address in net.dns_servers:
            net.udp[(address, PORT)] = self._on_datagram

    def break_as(self, fault: str | None) -> None:
        """Misbehave as FAULTS says; None: work again."""
        assert fault is None or fault in FAULTS
        self.fault = fault

    def _on_datagram(self, octets: bytes, reply: Callable[[bytes], None]) -> None:
        if self.fault == "mute":
            return
        answer = self._answer(octets)
        if self.fault == "slow":
            self._net.loop.call_later(self.slow_s, reply, answer)
        else:
            reply(answer)

    def _answer(self, octets: bytes) -> bytes:
        number = int.from_bytes(octets[:2], "big")
        try:
            name, end = _read_name(octets, _HEADER.size)
            kind, _class = _QUESTION.unpack_from(octets, end)
        except (IndexError, struct.error, UnicodeDecodeError):
            return _HEADER.pack(number, 0x8001, 0, 0, 0, 0)  # FORMERR
        self.questions.append(name)
        if self.fault == "rubbish":
            return octets[:2] + b"\xc0" * 40
        if self.fault == "foreign":
            number ^= 0x5555
        question = octets[_HEADER.size : end + _QUESTION.size]
        if self.fault == "failing":
            return _HEADER.pack(number, 0x8182, 1, 0, 0, 0) + question
        address = _NOBODY if self.fault == "wrong" else self._net.names.get(name.lower())
        if address is None or self.fault == "unknown":
            return _HEADER.pack(number, 0x8183, 1, 0, 0, 0) + question
        if kind != _TYPE_A:
            return _HEADER.pack(number, 0x8180, 1, 0, 0, 0) + question
        record = struct.pack("!HHHIH", 0xC000 | _HEADER.size, _TYPE_A, _CLASS_IN, LIFETIME_S, 4)
        packed = bytes(int(part) for part in address.split("."))
        return _HEADER.pack(number, 0x8180, 1, 1, 0, 0) + question + record + packed


def _read_name(octets: bytes, at: int) -> tuple[str, int]:
    labels = []
    while octets[at]:
        if octets[at] > 63:
            raise IndexError  # a question has no reason to be compressed
        labels.append(octets[at + 1 : at + 1 + octets[at]].decode("ascii"))
        at += 1 + octets[at]
    return ".".join(labels), at + 1


class Query:
    """lwIP's resolver at work on one name: `done`, then `address` or None."""

    def __init__(self, net: Net, linked: Callable[[], bool], name: str, wake: Callable[[], None]):
        self.name = name
        self.done = False
        self.address: str | None = None
        self.lifetime_s = 0
        self._net = net
        self._linked = linked
        self._wake = wake
        number = 0x7468
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        question = (
            _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + _QUESTION.pack(_TYPE_A, _CLASS_IN)
        )
        asks = [
            (index * _SERVER_S + s, server) for index, server in enumerate(net.dns_servers) for s in _ASKS_S
        ]
        self._timers = [net.loop.call_later(s, self._ask, server, question) for s, server in asks]
        self._timers.append(net.loop.call_later(_SERVER_S * len(net.dns_servers), self._finish, None, 0))

    @classmethod
    def answered(cls, address: str | None) -> "Query":
        """A query that needed no server."""
        query = cls.__new__(cls)
        query.name, query.done, query.address, query.lifetime_s, query._timers = "", True, address, 0, []
        return query

    def cancel(self) -> None:
        """Ask no more."""
        self.done = True
        for timer in self._timers:
            timer.cancel()

    def _ask(self, server: str, question: bytes) -> None:
        if self._linked():
            self._net.send_datagram(server, PORT, question, lambda answer: self._hear(question, answer))

    def _hear(self, question: bytes, answer: bytes) -> None:
        if self.done or answer[:2] != question[:2] or answer[12 : len(question)] != question[12:]:
            return
        if answer[3] & 15 or int.from_bytes(answer[6:8], "big") == 0:
            self._finish(None, 0)
        else:
            self._finish(".".join(str(octet) for octet in answer[-4:]), LIFETIME_S)

    def _finish(self, address: str | None, lifetime_s: int) -> None:
        if not self.done:
            self.cancel()
            self.address, self.lifetime_s = address, lifetime_s
            self._wake()
