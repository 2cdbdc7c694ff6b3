"""What the chip's work costs in virtual time: one row per kind of work, its source beside it.

`scale` multiplies every row, so that "twice as slow everywhere" is one option. `held` says whether the interpreter's
lock is held meanwhile: then Bluetooth events queue until the work is done, else they come in between.
"""

from typing import NamedTuple


class Cost(NamedTuple):
    """Milliseconds once and per octet, and whether Bluetooth events must wait."""

    ms: float
    ms_per_octet: float
    held: bool


# Flash: a W25Q32 class chip's typical figures (256-octet page 27.5 us + 2.5 us an octet, sector erase 45 ms, read 5 us
# and 0.1 us an octet). P-256 with machine code and its table: counted instructions (`make bench-xtensa`: 3.2 million a
# signature, 2.6 a public key, 26 a check, 23 an agreement) at 2.3 cycles each and 240 MHz, which is what published
# scores of bm_pidigits on an ESP32 come to, and 8 ms for 32 reads of the table through LittleFS (estimated). All rows
# wait for a board.
_ROWS = {
    "flash.read": Cost(0.005, 0.0001, True),
    "flash.program": Cost(0.0275, 0.0025, True),
    "flash.erase": Cost(45.0, 0.0, True),
    "p256.sign": Cost(39.0, 0.0, False),
    "p256.public_key": Cost(33.0, 0.0, False),
    "p256.verify": Cost(260.0, 0.0, False),
    "p256.ecdh": Cost(230.0, 0.0, False),
    "tls.handshake": Cost(900.0, 0.0, True),  # estimated: mbedTLS, mutual ECDSA P-256 on an ESP32 at 240 MHz
    "boot": Cost(1200.0, 0.0, True),  # estimated: ROM, IDF start and mounting, until boot.py's first line
    # Estimated: a call into a module and the lines around it. Without it a loop that tries again would stop time.
    "call": Cost(0.02, 0.0, False),
}


class Costs:
    """The table with its scale."""

    def __init__(self, scale: float = 1.0):
        self.scale = scale

    def ms(self, name: str, octets: int = 0) -> float:
        """Milliseconds that `name` takes for `octets`."""
        row = _ROWS[name]
        return self.scale * (row.ms + row.ms_per_octet * octets)

    def held(self, name: str) -> bool:
        """Whether Bluetooth events wait until it is done."""
        return _ROWS[name].held
