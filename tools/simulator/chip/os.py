"""The chip's `os`: the interpreter's own, with a random source that follows the seed of the run.

No released image can be seeded: on the chip `os.urandom` is the hardware's.
"""

import _seam
import uos
from uos import *  # noqa: F403

_URANDOM_OP = 40


def urandom(count):
    """`count` octets of the run's seed and this hub."""
    return _seam.call(_URANDOM_OP, count.to_bytes(2, "little"))


def sync():
    """Nothing is buffered beyond LittleFS's own files."""


def uname():
    """As the ESP32's, saying what it is."""
    return ("esp32", "esp32", "1.26.1", "the digital twin", "telehub twin with ESP32S3")


def getenv(name):
    """The host's; the chip has none, so only the twin's own modules call it."""
    return uos.getenv(name)
