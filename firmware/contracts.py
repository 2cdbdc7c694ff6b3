"""The words that the rooms share: whose fault an error is, and what a chip must offer.

The classes below the errors are contracts: board/ fulfils them on the chip, tools/simulator in a world on the host.
They hold no code, so that what a room asks of its neighbours can be read in one place.
"""


class PeerError(Exception):
    """A device, broker, platform or flash chip gave what its format forbids. Handled: count it, drop it, go on.

    args[0] is a short name of the reason; what follows is data. Never octets of a reading, never a secret.
    """


class OutOfTurn(Exception):
    """Our own code called in the wrong state. Not handled: the supervisor restarts the hub."""


class Full(Exception):
    """No erased room or no buffer space is left for what was asked."""


class Flash:
    """NOR flash. Programming only clears bits; erasing a sector frees its units to be programmed once more."""

    sector_octets: int
    sector_count: int

    def read(self, at: int, into: "bytearray | memoryview") -> None:
        """Fill `into` from octet offset `at`."""

    def program(self, at: int, octets: "bytes | bytearray | memoryview") -> None:
        """Program whole 16-octet units at a multiple of 16. OSError when the chip refuses."""

    def erase(self, sector: int) -> None:
        """Erase one sector. OSError when the chip refuses."""


class Clock:
    """Time as the hub knows it. Monotonic time never wraps and starts at 0 with the boot."""

    def now_ms(self) -> int:
        """Milliseconds since this boot."""

    def time_s(self) -> int:
        """Unix seconds, never before the floor."""

    def quality(self) -> int:
        """How far `time_s` can be trusted (firmware.journal.records CLOCK_*)."""

    async def sleep_ms(self, ms: int) -> None:
        """Let others run for at least `ms`."""


class Flag:
    """Set from the Bluetooth callback or by a task, awaited by one task; clears itself when it is taken."""

    def set(self) -> None:
        """Wake the one who waits, now or at its next wait."""

    def clear(self) -> None:
        """Forget an earlier set."""

    async def wait(self) -> None:
        """Return once set."""
