"""Deterministic CBOR (RFC 8949, 4.2.1), written into a fixed buffer."""

from micropython import const

from firmware.contracts import Full

_UINT = const(0)
_NEGATIVE = const(1)
_BYTES = const(2)
_TEXT = const(3)
_ARRAY = const(4)
_MAP = const(5)
_TAG = const(6)
_Int = int  # a method below has the builtin's name
_EXTRA = {2: 24, 3: 25, 5: 26, 9: 27}  # length of a head -> its additional information


def head_octets(value: int) -> int:
    """Return the length of the head of an item with this argument."""
    if value < 24:
        return 1
    if value < 0x100:
        return 2
    if value < 0x10000:
        return 3
    return 5 if value >> 32 == 0 else 9


class Writer:
    """Writes items one after another into `buffer`; Full when one has no room, and nothing of it is."""

    def __init__(self, buffer: bytearray, at: _Int = 0, end: "_Int | None" = None):
        self.buffer = buffer
        self.at = at
        self.end = len(buffer) if end is None else end

    def head(self, major: _Int, value: _Int, follow: _Int = 0) -> None:
        """Write an item's head, once it is sure that `follow` octets more have room."""
        buffer, at, major = self.buffer, self.at, major << 5
        size = head_octets(value)
        if value < 0 or value >> 64 or at + size + follow > self.end:
            raise Full
        if size == 1:
            buffer[at] = major | value
        else:
            buffer[at] = major | _EXTRA[size]
            for index in range(size - 1, 0, -1):
                buffer[at + index] = value & 0xFF
                value >>= 8
        self.at = at + size

    def uint(self, value: _Int) -> None:
        """Write an unsigned integer."""
        self.head(_UINT, value)

    def int(self, value: _Int) -> None:
        """Write an integer."""
        if value >= 0:
            self.head(_UINT, value)
        else:
            self.head(_NEGATIVE, -1 - value)

    def bytes(self, octets) -> None:
        """Write a byte string."""
        self.head(_BYTES, len(octets), len(octets))
        self._put(octets)

    def text(self, text: str) -> None:
        """Write a text string."""
        octets = text.encode()
        self.head(_TEXT, len(octets), len(octets))
        self._put(octets)

    def array(self, count: _Int) -> None:
        """Begin an array of `count` items."""
        self.head(_ARRAY, count)

    def map(self, count: _Int) -> None:
        """Begin a map of `count` pairs; the caller writes them by ascending key."""
        self.head(_MAP, count)

    def tag(self, number: _Int) -> None:
        """Tag the item that follows."""
        self.head(_TAG, number)

    def null(self) -> None:
        """Write null."""
        self.raw(b"\xf6")

    def bool(self, value) -> None:
        """Write true or false."""
        self.raw(b"\xf5" if value else b"\xf4")

    def raw(self, octets) -> None:
        """Write octets that are CBOR already."""
        if self.at + len(octets) > self.end:
            raise Full
        self._put(octets)

    def widen(self, at: _Int, major: _Int, value: _Int) -> None:
        """Replace the one-octet head at `at` by the head that `value` needs; what follows moves along."""
        more = head_octets(value) - 1
        end = self.at
        if end + more > self.end:
            raise Full
        buffer = self.buffer
        if more:
            for index in range(end - 1, at, -1):
                buffer[index + more] = buffer[index]
        self.at = at
        self.head(major, value)
        self.at = end + more

    def _put(self, octets):
        at = self.at
        self.buffer[at : at + len(octets)] = octets
        self.at = at + len(octets)
