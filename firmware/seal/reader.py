"""Deterministic CBOR (RFC 8949, 4.2.1) from a peer, read by one that believes nothing.

The reader is asked for what must come next, so nothing nests deeper than the code that asks, nothing is
longer than the bound that it gives, and no item is made that nobody wanted. PeerError("cbor", what) is its
only complaint.
"""

from micropython import const

from firmware.contracts import PeerError
from firmware.seal.cbor import head_octets

_UINT = const(0)
_NEGATIVE = const(1)
_BYTES = const(2)
_TEXT = const(3)
_ARRAY = const(4)
_MAP = const(5)
_TAG = const(6)
_NULL = const(0xF6)
_Int = int  # a method below has the builtin's name


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
