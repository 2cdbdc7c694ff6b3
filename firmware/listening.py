"""Hearing listed devices and visiting them, one at a time. What a device says is kept by `keep`, in the callback."""

from micropython import const

import drivers

_LISTEN_MS = const(60_000)
_MUTE_MS = const(15_000)  # a scan that has not ended so long after its time never will
_DEAF_MS = const(3_600_000)  # nothing heard of anybody: a home may have no neighbours, but then a restart harms nobody
_DEAF_REBOOT_MS = const(86_400_000)
_REST_FAILED_MS = const(5_000)  # after a visit that gave nothing; doubled each time it does so again
_REST_MAX_MS = const(300_000)
_DENIALS_MAX = const(3)  # a link lost three times just while it was being encrypted is no chance
_IGNORED_MS = const(1_000)  # an advert that wants nothing of us now: the next one may


class Device:
    """A line of the device list, and what the hub remembers of it in this boot."""

    def __init__(self, slot: int, address: bytes, row_name: str, identity: bytes, key: tuple):
        self.slot = slot
        self.address = address
        self.key = key  # (address type, address) under which it is heard
        self.row_name = row_name
        self.identity = identity
        self.not_before_ms = 0
        self.rest_ms = _REST_FAILED_MS
        self._denials = 0  # in a row

    def rest(self, now_ms: int, good: bool, row) -> None:
        """Not to be visited again just yet: soon after a good visit, later and later while they give nothing."""
        if good:
            self.rest_ms = _REST_FAILED_MS
            self.not_before_ms = now_ms + row.rest_ms
        else:
            self.not_before_ms = now_ms + self.rest_ms
            self.rest_ms = min(self.rest_ms * 2, _REST_MAX_MS)

    def denied(self, denied: bool) -> bool:
        """Whether its keys are no longer ours: the host tells it like a link that was lost at that moment."""
        self._denials = self._denials + 1 if denied else 0
        return self._denials >= _DENIALS_MAX

    def awake(self) -> None:
        """A person is at the device: it may be visited at once."""
        self.not_before_ms = 0
        self.rest_ms = _REST_FAILED_MS


class Listening:
    def __init__(self, hub, devices: list):
        self._hub = hub
        self.devices = devices
        self._by_key = {device.key: device for device in devices}
        self._visit = 0
        self._slot = 0
        # value handle -> [least ms between two, most of them, when the last, how many]
        self.sampled: "dict[int, list[int]]" = {}
        self.visiting = False
        self.kept = False  # something was, in this visit
        self.heard_ms = None  # when a listed device was last heard or visited
        self._scan_ends_ms = None  # when the present scan ends at the latest
        self._restarted = False  # the radio was, and no scan has ended by itself since
        self._air_ms = 0  # when anybody was last heard
        self._deaf_ms = 0  # the same, or when something was last done about it

    # -- in the Bluetooth callback -------------------------------------------------------------------------

    def keep(self, handle: int, flags: int, octets: "memoryview") -> None:
        """Put one value on flash. Raises when that failed: the radio then hangs up before it is confirmed."""
        hub = self._hub
        now_ms = hub.ticks.now_ms()
        sampled = self.sampled.get(handle)
        if sampled is not None:
            if sampled[3] >= sampled[1] or (sampled[3] and now_ms - sampled[2] < sampled[0]):
                return  # a stream's policy, from the device's row
            sampled[2] = now_ms
            sampled[3] += 1
        timekeeper = hub.timekeeper
        hub.journal.capture(
            self._visit, self._slot, handle, flags, now_ms, timekeeper.time_s(), timekeeper.quality, octets
        )
        self.kept = True
        hub.news.set()

    # -- the loop ------------------------------------------------------------------------------------------

    def description_of(self, slot: int) -> int:
        """The number of this device's description in this chain; 0 when it has none."""
        session = self._hub.journal.last_session(slot)
        return session.description if session else 0

    def awake(self) -> None:
        """Let every device be visited at once."""
        for device in self.devices:
            device.awake()

    async def run(self) -> None:
        hub = self._hub
        while True:
            hub.promise("listening", _LISTEN_MS)
            if hub.line_first():
                await hub.turned.wait_ms(1_000)
                continue
            now_ms = hub.ticks.now_ms()
            wanted = {}
            limit_ms = _LISTEN_MS
            for device in self.devices:
                if device.not_before_ms <= now_ms:
                    wanted[device.key] = device
                else:
                    limit_ms = min(limit_ms, device.not_before_ms - now_ms)
            self._scan_ends_ms = now_ms + limit_ms + _MUTE_MS
            heard = await hub.radio.listen(wanted, limit_ms)
            if self._scan_ends_ms is not None:
                self._scan_ends_ms, self._restarted = None, False
            if heard is not None and not hub.line_first():
                await self._heard(*heard)

    def radio_works(self, now_ms: int) -> bool:
        """Look after a radio that says nothing: count it, restart it, and when that does not help, tell so."""
        hub = self._hub
        if hub.radio.heard:
            hub.radio.heard = False
            self._air_ms = self._deaf_ms = now_ms
        if self._scan_ends_ms is None:
            return True  # a visit, which has limits of its own, or nobody listens
        if now_ms >= self._scan_ends_ms:
            hub.health.count("radio mute")
            if self._restarted:
                return False
        elif now_ms - self._deaf_ms >= _DEAF_MS:
            hub.health.count("radio deaf")
            if now_ms - self._air_ms >= _DEAF_REBOOT_MS:
                return False
        else:
            return True
        self._deaf_ms, self._scan_ends_ms, self._restarted = now_ms, None, True
        hub.health.count("radio restarted")
        hub.radio.restart()
        return True

    async def _heard(self, key, advert_octets, response_octets) -> None:
        from firmware.ble import advert

        hub = self._hub
        device = self._by_key[key]
        self.heard_ms = hub.ticks.now_ms()
        row = drivers.row(device.row_name)
        wants = advert.wants(row, advert.parse(advert_octets, response_octets))
        del advert
        hub.forget()
        if wants is None or (wants == "pairing" and not hub.window_open()):
            device.not_before_ms = self.heard_ms + _IGNORED_MS
            return
        if row.bonds and not hub.bonds.has(device.identity) and not hub.window_open():
            hub.health.count("visit not_bonded")  # not even connected to: some devices show an error then
            if hub.journal.last_session(device.slot) is not None:
                hub.needs_help("bond_lost")  # it was paired once, and nobody would notice
            device.rest(self.heard_ms, False, row)
            return
        needed = hub.journal.needed(row.burst, row.value_octets_max)
        while not self._fits(needed) and hub.tidied():
            await hub.ticks.sleep_ms(1)
        if not self._fits(needed):
            hub.needs_help("no_room")
            device.rest(self.heard_ms, False, row)
            return
        if wants == "pairing":
            hub.bonds.forget(device.identity)  # a person opened the window and put the device into its pairing mode
        await self._visit_one(device, row)
        hub.forget()

    def _fits(self, needed):
        journal = self._hub.journal
        return journal.room() >= needed and journal.may_visit()

    async def _visit_one(self, device, row) -> None:
        from firmware.ble import visit

        hub = self._hub
        limit_ms = visit.limit_ms(row)
        hub.promise("listening", limit_ms)
        self._visit += 1
        self._slot = device.slot
        self.sampled = {}
        self.kept = False
        self.visiting = True
        hub.news.set()
        visiting = hub.visiting(device, row, self._visit)
        try:
            await hub.ticks.within(visiting.run(), limit_ms)
        finally:
            await hub.radio.close()
            self.visiting = False
            self.heard_ms = hub.ticks.now_ms()
            hub.turned.set()
        key = hub.bonds.address_of(device.identity)
        if key != device.key:  # it told who it is behind its private address
            device.key = key
            self._by_key = {one.key: one for one in self.devices}
        if hub.radio.bond_changed:
            hub.keeps(visiting.bond_changed)
            hub.needs_help("bond_changed")
        elif visiting.outcome == "no_consent":
            hub.needs_help("no_consent")
        elif visiting.outcome == "bond_lost" or device.denied(hub.radio.denied):
            hub.needs_help("bond_lost")
        if hub.radio.lost:
            hub.radio.lost = 0
            hub.needs_help("possible_loss")
        hub.health.count("visit " + visiting.outcome)
        if visiting.outcome == "capped" and not self.kept:
            device.awake()  # cut short for the line's sake, not by any fault of the device's: it goes on when it may
        else:
            good = self.kept and visiting.outcome in ("drained", "capped", "no_clock")
            device.rest(self.heard_ms, good, row)
        hub.work.set()
        hub.news.set()
