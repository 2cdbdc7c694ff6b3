"""Hearing listed devices and visiting them, one at a time. What a device says is kept by `keep`, in the callback."""

from micropython import const

_LISTEN_MS = const(60_000)
_MUTE_MS = const(15_000)  # a scan that has not ended so long after its time never will
_DEAF_MS = const(3_600_000)  # nothing heard of anybody: a home may have no neighbours, but then a restart harms nobody
_DEAF_REBOOT_MS = const(86_400_000)
_REST_FAILED_MS = const(5_000)  # after a visit that gave nothing; doubled each time it does so again
_REST_MAX_MS = const(300_000)
_DENIALS_MAX = const(3)  # a link lost three times just while it was being encrypted is no chance


class Device:
    """A line of the device list, and what the hub remembers of it in this boot."""

    digits: "int | None" = None  # the six that it is paired by: its own, or those that an order brought for this window
    tries = 0  # wrong digits in this window

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
        self.tries = 0


class Listening:
    def __init__(self, hub, devices: list):
        self.hub = hub
        self.list(devices)
        self.visit = 0
        self.slot = 0
        # value handle -> [least ms between two, most of them, when the last, how many]
        self.sampled: "dict[int, list[int]]" = {}
        self.visiting = False
        self.kept = False  # something was, in this visit
        self.heard_ms = None  # when a listed device was last heard or visited
        self._scan_ends_ms = None  # when the present scan ends at the latest
        self.scanned = False  # the radio has listened, and said so
        self._restarted = False  # the radio was, and no scan has ended by itself since
        self._air_ms = 0  # when anybody was last heard
        self._deaf_ms = 0  # the same, or when something was last done about it

    # -- in the Bluetooth callback -------------------------------------------------------------------------

    def keep(self, handle: int, flags: int, octets: "memoryview") -> None:
        """Put one value on flash. Raises when that failed: the radio then hangs up before it is confirmed."""
        hub = self.hub
        now_ms = hub.ticks.now_ms()
        sampled = self.sampled.get(handle)
        if sampled is not None:
            if sampled[3] >= sampled[1] or (sampled[3] and now_ms - sampled[2] < sampled[0]):
                return  # a stream's policy, from the device's row
            sampled[2] = now_ms
            sampled[3] += 1
        timekeeper = hub.timekeeper
        hub.journal.capture(
            self.visit, self.slot, handle, flags, now_ms, timekeeper.time_s(), timekeeper.quality, octets
        )
        self.kept = True
        hub.news.set()

    # -- the loop ------------------------------------------------------------------------------------------

    def last_session(self, device):
        """A device's last session, or None: the slot may have been another's."""
        session = self.hub.journal.last_session(device.slot)
        return session if session is not None and bytes(session.address) == device.address else None

    def description_of(self, device) -> int:
        """The number of this device's description in this chain; 0 when it has none."""
        session = self.last_session(device)
        return session.description if session else 0

    def list(self, devices: list) -> None:
        """These are listened for; another list comes by order, never in a visit."""
        self.devices = devices
        self.by_key = {device.key: device for device in devices}

    def awake(self) -> None:
        """Let every device be visited at once; what an order told of one was for an earlier window."""
        for device in self.devices:
            device.digits = self.hub.entries[device.slot].get("passkey")
            device.awake()

    async def run(self) -> None:
        hub = self.hub
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
                self.scanned = True
            if heard is not None and not hub.line_first():
                await self._heard(*heard)

    async def _heard(self, key, advert_octets, response_octets) -> None:
        from firmware import meeting

        await meeting.heard(self, key, advert_octets, response_octets)

    def radio_works(self, now_ms: int) -> bool:
        """Look after a radio that says nothing: count it, restart it, and when that does not help, tell so."""
        hub = self.hub
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
