"""JSON as both interpreters write it: keys in the order given, numbers exact and as the device wrote them."""

from firmware.measurement.measurement import decimal_text

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Number:
    """A decimal with its precision."""

    def __init__(self, mantissa: int, exponent: int):
        self.text = decimal_text(mantissa, exponent)


class Object:
    """A JSON object under construction."""

    def __init__(self) -> None:
        self._keys: list = []
        self._values: dict = {}

    def put(self, key: str, value) -> None:
        """Add a field, or replace it where it stands."""
        if key not in self._values:
            self._keys.append(key)
        self._values[key] = value

    def keys(self) -> tuple:
        """The keys, in their order."""
        return tuple(self._keys)

    def get(self, key: str):
        """The value of a field that is there."""
        return self._values[key]

    def bits(self, key: str, raw: int, names) -> None:
        """Add a bit field: the names of the bits that are set, and the number itself."""
        self.put(key + "_raw", raw)
        self.put(key, list(names))

    def extra(self, count: int) -> None:
        """Add how many octets nothing announced, when there are any."""
        if count:
            self.put("extra_octets", count)

    def text(self) -> str:
        """Write it."""
        return "{" + ",".join([write(key) + ":" + write(self._values[key]) for key in self._keys]) + "}"


def number(read) -> "Number | str":
    """Make a field of what drivers.formats reads: (mantissa, exponent), or the name of a special value."""
    return read if isinstance(read, str) else Number(read[0], read[1])


def write(value) -> str:
    """Write one value as JSON."""
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return "%d" % value
    if isinstance(value, str):
        return '"' + "".join([_escaped(letter) for letter in value]) + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ",".join([write(item) for item in value]) + "]"
    return value.text if isinstance(value, Number) else value.text()


def _escaped(letter):
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    return "\\u%04x" % ord(letter) if ord(letter) < 0x20 or ord(letter) == 0x7F else letter
