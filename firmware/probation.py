"""Whether what runs may stay: an update proves itself or is undone (boot.py); what is kept shows that it works.

Loaded on a board with slots alone.
"""

from micropython import const

_TRIAL_MS = const(3_600_000)  # for the platform's answer: routers and brokers are down for minutes, seldom for hours
_WORKED_MS = const(300_000)  # whoever works for so long did not fail at its start
_RECOVERY_MS = const(600_000)  # readings are fetched and kept, and nothing is done that may be the trouble


class Probation:
    """`slots()` is what boot.py goes by, loaded for the moment; `retire_spare()` lets nobody start the other slot."""

    def __init__(self, hub, slots, retire_spare):
        self._hub = hub
        self._slots = slots
        self._retire_spare = retire_spare
        state = slots()
        self._on_trial = state.on_trial
        self.recovering = state.failing and state.boots & 1 == 1  # each second boot tries all of it
        self._undone = state.undone != 0
        self._works = self._answered = False
        if self._undone:
            hub.health.count("update undone")
        if self.recovering:
            hub.health.count("recovery")
            hub.needs_help("recovery")

    def tend(self, now_ms: int) -> str:
        """Look after the time since the start; return why to start over, "" when there is no reason."""
        if self.recovering:
            return "recovery over" if now_ms >= _RECOVERY_MS else ""
        if self._on_trial and self._answered and self._hub.listening.scanned:
            self._on_trial = False
            self._slots().proved()
            self._hub.health.count("update kept")
            self._hub.health.hurry()
        if not self._works and now_ms >= _WORKED_MS:
            self._works = True
            self._slots().worked()
        return "update not proved" if self._on_trial and now_ms >= _TRIAL_MS else ""

    def answered(self) -> None:
        """The platform answered with its MAC: network, TLS, broker, signature and clock work.

        With the journal read at the start, and a scan that ended, this is all that an update must keep alive.
        """
        self._answered = True
        if self._undone:
            self._undone = False
            self._slots().told()

    def stays(self) -> bool:
        """Whether this firmware stays. The other slot's may not read a journal of a newer format: it goes first."""
        if self._on_trial or self.recovering:
            return False
        if self._hub.journal.outdated:
            try:
                self._retire_spare()
            except OSError:
                return False
        return True
