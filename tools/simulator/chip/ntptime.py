"""The chip's `ntptime`: one blocking question, and faith in whatever 48 octets come back."""

import socket
import struct
from time import gmtime

host = "pool.ntp.org"
timeout = 1

_OCTETS = 48
_CLIENT = 0x23  # version 4, mode 3
_TRANSMIT_AT = 40
_OLDEST = 3_913_056_000  # 2024-01-01 in seconds of 1900: less means that the 32 bits have wrapped (2036)
_TO_2000 = 3_155_673_600
_TO_1970 = 2_208_988_800


def time():
    """Seconds of the chip's epoch, from the server."""
    question = bytearray(_OCTETS)
    question[0] = _CLIENT
    address = socket.getaddrinfo(host, 123)[0][-1]
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        asking.settimeout(timeout)
        asking.sendto(question, address)
        answer = asking.recv(_OCTETS)
    finally:
        asking.close()
    seconds = struct.unpack("!I", answer[_TRANSMIT_AT : _TRANSMIT_AT + 4])[0]
    if seconds < _OLDEST:
        seconds += 1 << 32
    return seconds - (_TO_2000 if gmtime(0)[0] == 2000 else _TO_1970)


def settime():
    """Set the chip's clock to that."""
    seconds = time()
    import machine

    year, month, day, hour, minute, second, weekday, _ = gmtime(seconds)
    machine.RTC().datetime((year, month, day, weekday + 1, hour, minute, second, 0))
