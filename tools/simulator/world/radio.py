"""The hub's radio contract (what firmware/board/radio.py is on the chip), over devices that are plain objects.

What it must do as the chip does: an indication is confirmed when the callback returns, whatever came of it, and hanging
up inside the callback is the one refusal; new keys for a stored identity are refused there, too.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from firmware.ble.pairing import Bonds
from firmware.contracts import PeerError
from tools.simulator.nor import PowerCut
from tools.simulator.world.clock import Ticks
from tools.simulator.world.devices import Device, Link

INDICATED, ENCRYPTED, BONDED, BOND_CHANGED = 1, 2, 8, 16  # capture flags (firmware/journal/records.py)
_LTK_OURS, _LTK_PEER = 1, 2  # kinds of secrets (firmware/ble/pairing.py)
_ADVERT_S = 0.2  # until the scanner hears the first advertisement of a device that woke
_STEP_S = 0.03  # a few connection intervals
_CONNECT_S = 0.1
_CONNECT_TIMEOUT_S = 4.5
_SECURE_S = 0.5
_SCAN_S_MAX = 60.0


class Air:
    """Who is in reach; a scanner is told when a device wakes."""

    def __init__(self) -> None:
        self.devices: list[Device] = []
        self.scanner: Callable[[], None] = lambda: None
        self.mute: str | None = None  # the hub's stack says nothing, not even that a scan ended, until this
        self.deaf: str | None = None  # it says that scans end, and hears nobody, until this

    def wake(self) -> None:
        """Somebody advertises."""
        self.scanner()


class Radio:
    """One boot's radio."""

    def __init__(self, air: Air, bonds: Bonds, memory: Callable[[str], None], tell: Callable[[str], None]):
        self._air = air
        self._bonds = bonds
        self._memory = memory
        self._tell = tell
        self.keep: Callable[[int, int, Any], None] = lambda handle, flags, octets: None
        self._identity = b""
        self._scan = asyncio.Event()
        self._value = asyncio.Event()
        self._link: Link | None = None
        self._cut_scan = self._cut_visit = False
        self.security = 0
        self.bond_changed = False
        self.denied = False  # this link's encryption failed
        self.lost = 0
        self.faults = 0
        self.last_value_ms: int | None = None
        self._ticks: Ticks
        self.dead = False

    @property
    def heard(self) -> bool:
        """Neighbours advertise all the time."""
        return not (self._air.mute or self._air.deaf)

    @heard.setter
    def heard(self, heard: bool) -> None:
        """Asked, and cleared: the next neighbour is heard within the second."""

    def restart(self) -> None:
        """Switch it off and on again; a scan that waits ends."""
        self._alive()
        if self._air.mute == "restart":
            self._air.mute = None
        if self._air.deaf == "restart":
            self._air.deaf = None
        self._cut_scan = True
        self._scan.set()

    def start(self, ticks: Ticks) -> None:
        """Switch it on."""
        self._alive()
        self._ticks = ticks
        self._air.scanner = self._scan.set

    # -- the callback

    def on_indication(self, link: Link, handle: int, octets: bytes) -> bool:
        """Keep one value; whether it is confirmed. PowerCut when the power goes inside."""
        self._alive()
        if link is not self._link:
            link.drop()
            return False
        flags = self.security | INDICATED | (BOND_CHANGED if self.bond_changed else 0)
        try:
            self._memory("callback")
            self.keep(handle, flags, memoryview(octets))
        except Exception:  # noqa: BLE001 - as on the chip: not kept, so it must not be confirmed
            self.lost += 1
            link.drop()
            return False
        self._tell("kept")
        self.last_value_ms = self._ticks.now_ms()
        self._value.set()
        return True

    def on_gone(self, link: Link) -> None:
        """A link ended."""
        if link is self._link:
            self._link = None
            self._value.set()

    # -- listening

    async def listen(self, wanted: dict, limit_ms: int) -> tuple | None:
        """Scan until one of `wanted` is heard; None after the limit."""
        self._alive()
        self._cut_scan = False
        loop = self._ticks.loop
        ends_s = loop.time() + min(limit_ms / 1000, _SCAN_S_MAX)
        while not self._cut_scan:
            self._scan.clear()
            for device in self._air.devices:
                key = (1, bytes.fromhex(device.address.replace(":", "")))
                if key in wanted and device.awake() and self.heard:
                    await asyncio.sleep(_ADVERT_S)
                    self._alive()
                    if device.awake():
                        return (key, *device.advert())
            left_s = ends_s - loop.time()
            if left_s <= 0 and not self._air.mute:
                break
            try:
                async with asyncio.timeout(None if self._air.mute else left_s):
                    await self._scan.wait()
            except TimeoutError:
                pass
            self._alive()
        return None

    # -- one visit

    async def connect(self, address: bytes, identity: bytes) -> None:
        """Open the link to the device that was heard. PeerError("gone") when it did not answer."""
        self._alive()
        self._memory("visit")
        self._identity = identity
        self._cut_visit = False
        self.bond_changed = self.denied = False
        self.last_value_ms = None
        self.security = 0
        for device in self._air.devices:
            if device.awake() and bytes.fromhex(device.address.replace(":", "")) == address:
                await asyncio.sleep(_CONNECT_S)
                self._alive()
                self._link = device.connected(self)
                return
        await asyncio.sleep(_CONNECT_TIMEOUT_S)
        self._alive()
        raise PeerError("gone")

    async def do(self, step: tuple, limit_ms: int) -> object:
        """Do one step of firmware/ble/visit.py that needs the link."""
        self._alive()
        verb = step[0]
        if verb == "disconnect":
            await self.close()
            return None
        self._memory("visit")
        link = self._there()
        if verb == "drain":
            return await self._drain(step[1], step[2])
        link.device.step(link)
        link = self._there()
        delay_s = link.device.troubles.answer_delay_s + _STEP_S
        if delay_s * 1000 > limit_ms:
            await asyncio.sleep(limit_ms / 1000)
            self._alive()
            raise PeerError("timeout", verb)
        await asyncio.sleep(delay_s)
        self._alive()
        link = self._there()
        if verb in ("encrypt", "pair"):
            await self._secure(link, verb)
            return None
        if verb == "mtu":
            return 247
        if verb == "discover":
            return link.device.discover(step[1])
        if verb == "read":
            return link.device.read(link, step[1])
        if verb == "write":
            link.device.write(link, step[1], step[2])
            return None
        assert verb == "subscribe"
        link.device.subscribe(link, step[1])
        return None

    def _there(self) -> Link:
        if self._link is None:
            raise PeerError("gone")
        return self._link

    async def _secure(self, link: Link, verb: str) -> None:
        device = link.device
        if verb == "pair":
            self._bonds.forget(self._identity)  # else its new keys would be refused
        await asyncio.sleep(_SECURE_S)
        self._alive()
        link = self._there()
        known = self._bonds.get(_LTK_PEER, 0, self._identity) or b""
        if not device.accepts(known):
            if not device.takes_new_keys():
                self.denied = True
                raise PeerError("security", "failed")
            keys = bytes(device.chance.randrange(256) for _ in range(16))
            for kind in (_LTK_PEER, _LTK_OURS):
                if self._bonds.set(kind, self._identity, keys) is None:
                    self.bond_changed = True
                    self._tell("bond_changed")
                    link.drop()
                    raise PeerError("security", "bond changed")
            device.keys = keys
            device.troubles.new_keys = False
        self.security = ENCRYPTED | BONDED
        device.encrypted(link)
        self._bonds.flush()

    async def _drain(self, idle_ms: int, cap_ms: int) -> str:
        loop = self._ticks.loop
        ends_s = loop.time() + cap_ms / 1000
        while True:
            left_s = ends_s - loop.time()
            if left_s <= 0 or self._cut_visit:
                return "cap"
            self._value.clear()
            if self._link is None:
                return "gone"
            try:
                async with asyncio.timeout(min(idle_ms / 1000, left_s)):
                    await self._value.wait()
            except TimeoutError:
                self._alive()
                if self._link is not None and left_s > idle_ms / 1000 and not self._cut_visit:
                    return "idle"
            self._alive()

    def cut(self) -> None:
        """End listening, and an open visit's waiting."""
        self._alive()
        self._cut_visit = True
        self._cut_scan = True
        self._scan.set()
        self._value.set()

    async def close(self) -> None:
        """Hang up."""
        self._alive()
        link, self._link = self._link, None
        if link is not None:
            link.drop()
        self._bonds.flush()

    def end(self) -> None:
        """The power is gone."""
        self.dead = True
        link, self._link = self._link, None
        if link is not None:
            link.drop()

    def _alive(self) -> None:
        if self.dead:
            raise PowerCut
