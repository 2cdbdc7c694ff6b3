"""A device's own clock: local, without a zone, drifting, and lost with the battery."""

from datetime import datetime, timedelta


class DeviceClock:
    """Shows what it was last set to, plus the time since, a little wrong; None while it was never set."""

    def __init__(self, loop, start: datetime | None, drift_ppm: float, counts_from: datetime | None):
        self._loop = loop
        self._drift_ppm = drift_ppm
        self._counts_from = counts_from  # what the model shows after a battery change; None: it shows no date
        self.is_set = False
        self._shown_at_set: datetime | None = None
        self._set_at_s = 0.0
        if start is None:
            self.lose()
        else:
            self.set(start)

    def set(self, shown: datetime) -> None:
        """A person or a collector set the clock."""
        self.is_set = True
        self._shown_at_set = shown
        self._set_at_s = self._loop.time()

    def lose(self) -> None:
        """The battery was out."""
        self.is_set = False
        self._shown_at_set = self._counts_from
        self._set_at_s = self._loop.time()

    def now(self) -> datetime | None:
        """What the display shows, to the second."""
        if self._shown_at_set is None:
            return None
        passed_s = (self._loop.time() - self._set_at_s) * (1 + self._drift_ppm / 1e6)
        return (self._shown_at_set + timedelta(seconds=passed_s)).replace(microsecond=0)


def parse(octets: bytes) -> datetime | None:
    """The date and time at the start of a written 2A08 or 2A2B value; None when it is none."""
    if len(octets) < 7:
        return None
    try:
        return datetime(octets[0] | octets[1] << 8, *octets[2:7])
    except ValueError:
        return None
