"""Deterministic CBOR (RFC 8949, 4.2.1): a writer into a fixed buffer, and a reader that believes nothing.

The reader is asked for what must come next, so nothing nests deeper than the code that asks, nothing is
longer than the bound that it gives, and no item is made that nobody wanted. PeerError("cbor", what) is its
only complaint.
"""

from micropython import const

from firmware.contracts import Full, PeerError

_UINT = const(0)
_NEGATIVE = const(1)
_BYTES = const(2)
_TEXT = const(3)
_ARRAY = const(4)
_MAP = const(5)
_TAG = const(6)
_NULL = const(0xF6)
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


class Reader:
    """Reads expected items from octets of a peer."""

    def __init__(self, octets):
        self._octets = memoryview(octets)
        self._at = 0

    def _head(self, major):
        octets, at = self._octets, self._at
        if at >= len(octets):
            raise PeerError("cbor", "truncated")
        first = octets[at]
        if first >> 5 != major:
            raise PeerError("cbor", "type")
        value = first & 0x1F
        at += 1
        if value >= 24:
            if value > 27:  # 28..30 are reserved, 31 has no definite length
                raise PeerError("cbor", "head")
            size = 1 << (value - 24)
            if at + size > len(octets):
                raise PeerError("cbor", "truncated")
            value = 0
            for index in range(at, at + size):
                value = value << 8 | octets[index]
            at += size
            if head_octets(value) != size + 1:
                raise PeerError("cbor", "not shortest")
        self._at = at
        return value

    def uint(self, value_max: _Int = 0xFFFFFFFF) -> _Int:
        """Read an unsigned integer no greater than `value_max`."""
        value = self._head(_UINT)
        if value > value_max:
            raise PeerError("cbor", "range")
        return value

    def int(self, value_max: _Int = 0xFFFFFFFF) -> _Int:
        """Read an integer whose magnitude is no greater than `value_max`."""
        octets, at = self._octets, self._at
        if at < len(octets) and octets[at] >> 5 == _NEGATIVE:
            value = -1 - self._head(_NEGATIVE)
        else:
            value = self._head(_UINT)
        if not -value_max <= value <= value_max:
            raise PeerError("cbor", "range")
        return value

    def bytes(self, length_min: _Int, length_max: _Int) -> memoryview:
        """Read a byte string of so many octets; a view of what was given."""
        return self._string(_BYTES, length_min, length_max)

    def text(self, length_max: _Int) -> str:
        """Read a text string of at most so many octets."""
        octets = bytes(self._string(_TEXT, 0, length_max))
        try:
            return octets.decode()
        except UnicodeError:
            raise PeerError("cbor", "text")

    def array(self, count_max: _Int) -> _Int:
        """Enter an array of at most `count_max` items; returns how many."""
        return self._count(_ARRAY, count_max)

    def map(self, count_max: _Int) -> _Int:
        """Enter a map of at most `count_max` pairs; returns how many."""
        return self._count(_MAP, count_max)

    def tag(self, number: _Int) -> None:
        """Read this tag."""
        if self._head(_TAG) != number:
            raise PeerError("cbor", "tag")

    def null(self) -> bool:
        """Tell whether null comes next, and step over it."""
        if self._at < len(self._octets) and self._octets[self._at] == _NULL:
            self._at += 1
            return True
        return False

    def key(self, number: _Int) -> None:
        """Read this map key."""
        if self._head(_UINT) != number:
            raise PeerError("cbor", "key")

    def end(self) -> None:
        """Nothing may follow."""
        if self._at != len(self._octets):
            raise PeerError("cbor", "trailing")

    def _string(self, major, length_min, length_max):
        length = self._head(major)
        at = self._at
        if not length_min <= length <= length_max:
            raise PeerError("cbor", "length")
        if at + length > len(self._octets):
            raise PeerError("cbor", "truncated")
        self._at = at + length
        return self._octets[at : at + length]

    def _count(self, major, count_max):
        count = self._head(major)
        if count > count_max:
            raise PeerError("cbor", "length")
        return count
