"""One visit, driven: what its steps (ble/visit.py) ask of the link goes to the radio, of flash to the journal."""

from micropython import const

from firmware.ble import visit
from firmware.contracts import Full, PeerError
from firmware.journal.records import BOND_CHANGED, Session
from firmware.measurement.zone import Zone

_DESCRIPTION_OCTETS_MAX = const(200)  # the journal's limit

_PAIRED = const(1)  # events.py

SESSION_FIELDS = (
    "visit",
    "boot",
    "device",
    "address",
    "address_type",
    "row",
    "security",
    "opened_ms",
    "clock",
    "clock_ms",
    "clock_written",
    "offset_min",
    "characteristics",
    "description",
)


class Visiting:
    """Made for one visit to one device; `outcome` is one of visit.OUTCOMES, or why no link came to be."""

    def __init__(self, hub, device, row, number: int):
        self._hub = hub
        self._device = device
        self._row = row
        self.visit = number
        self._opened_ms = hub.ticks.now_ms()
        self.journal = hub.journal
        self.first = hub.journal.next_capture
        self.entry = hub.entries[device.slot]
        self._zone = Zone(hub.zone_rule)
        self._clock_ms = 0
        self._session: "Session | None" = None
        self._description = 0
        self.outcome = "timeout"

    # -- what the steps may ask: their context ---------------------------------------------------------------

    @property
    def clock_confirmed(self) -> bool:
        return self._hub.timekeeper.confirmed()

    @property
    def window_open(self) -> bool:
        return self._hub.window_open()

    @property
    def bonded(self) -> bool:
        return self._hub.bonds.has(self._device.identity)

    @property
    def described(self) -> bool:
        return self._hub.listening.description_of(self._device) != 0

    def local_time(self) -> tuple:
        return self._zone.local(self._hub.timekeeper.time_s())

    def offset_min(self) -> int:
        return self._zone.offset_min(self._hub.timekeeper.time_s())

    def store(self, name: str):
        from firmware import config

        return config.Store(config.FOLDER, name)

    # -- driving ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and go through the steps. Whoever calls this bounds it and closes the link."""
        device = self._device
        self._hub.radio.by = device if self._row.bonds == "digits" else None
        try:
            await self._hub.radio.connect(device.key[1], device.identity)
        except PeerError as error:
            self.outcome = error.args[0]
            return
        steps = visit.visit(self._row, self)
        try:
            step = next(steps)
            while True:
                try:
                    answer = await self._do(step)
                except PeerError as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as end:
            self.outcome = end.value
        finally:
            steps.close()

    async def _do(self, step):
        verb, row = step[0], self._row
        if verb == "session" or verb == "describe":
            try:
                return self._keep_session(step[1]) if verb == "session" else self._keep_description(step[1])
            except (Full, OSError):
                raise PeerError("flash")  # without a session record its values would have no meaning
        answer = await self._hub.radio.do(step, visit.LIMIT_MS.get(verb, row.cap_ms))
        if verb == "pair":
            self._hub.health.event(_PAIRED, "slot %d" % self._device.slot)
        if verb == "discover":
            for policy in row.sampling:
                if policy.uuid in answer:
                    self._hub.listening.sampled[answer[policy.uuid][0]] = [policy.every_ms, policy.take_max, 0, 0]
        elif verb == "read" and step[1] == row.clock:
            self._clock_ms = self._hub.ticks.now_ms()
        return answer

    # -- what it learns of its device ------------------------------------------------------------------------

    def _keep_session(self, facts) -> Session:
        """Keep what the handles of this visit mean, and the device's clock."""
        hub, device = self._hub, self._device
        session = self._session = Session(
            self.visit,
            hub.journal.boot,
            device.slot,
            device.address,
            device.identity[0],
            device.row_name,
            hub.radio.security,
            self._opened_ms,
            bytes(facts["clock"]),
            self._clock_ms if facts["clock"] else 0,
            facts["clock_written"],
            self.offset_min(),
            facts["characteristics"],
            self._description or hub.listening.description_of(device),
        )
        hub.journal.session(session)
        return session

    def _keep_description(self, facts) -> None:
        """Keep the device's description, once per chain."""
        from firmware.seal.description import description

        self._description = self._hub.journal.describe(description(facts, _DESCRIPTION_OCTETS_MAX))
        if self._session is not None:
            self._again(self._session, description=self._description)

    def bond_changed(self) -> None:
        """Mark everything this visit gave: someone with other keys said it."""
        session = self._session
        if session is None:  # it came to that before anything was discovered
            last = self._hub.listening.last_session(self._device)
            known = last.characteristics if last else ()
            session = self._keep_session({"clock": b"", "clock_written": False, "characteristics": known})
        self._again(session, security=session.security | BOND_CHANGED)

    def _again(self, session, **changes):
        self._session = Session(*[changes.get(name, getattr(session, name)) for name in SESSION_FIELDS])
        self._hub.journal.session(self._session)
