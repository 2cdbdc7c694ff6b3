"""The last thing that ended the hub, kept in a file: for whoever looks for the reason after many boots."""

import io
import sys

from micropython import const

PATH = "hub/crash"
_OCTETS_MAX = const(1024)  # some twenty calls; the innermost ones, and the error, stand at the end


def keep(error) -> None:
    """Keep a trace. It names functions and lines; what the firmware raises carries no secret and no reading."""
    text = io.StringIO()
    sys.print_exception(error, text)
    octets = text.getvalue().encode()[-_OCTETS_MAX:]
    try:
        if octets != last():
            with open(PATH, "wb") as file:  # a boot that fails the same way each time writes no flash
                file.write(octets)
    except OSError:
        pass  # the hub starts anew all the same


def last() -> bytes:
    """The trace that was kept; b"" when there is none."""
    try:
        with open(PATH, "rb") as file:
            return file.read(_OCTETS_MAX)
    except OSError:
        return b""
