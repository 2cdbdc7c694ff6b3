"""The home's Wi-Fi: a router that may be down or refuse a password, and each hub's station."""

import asyncio
import struct

from tools.simulator.air.hub import Hub

_STATE, _CONNECT, _DISCONNECT, _ACTIVE, _SCAN, _RECONNECTS = 80, 81, 82, 83, 84, 85

# ESP-IDF and 802.11 timings, rounded; none was measured on a board.
_SCAN_S = 2.2  # all channels, active
_ASSOCIATE_S = 0.4
_DHCP_S = 0.8
_BEACON_LOSS_S = 6.0  # ESP-IDF's default before it gives a silent access point up
_HANDSHAKE_FAIL_S = 3.0

_IDLE, _CONNECTING, _GOT_IP = 1000, 1001, 1010
_NO_AP_FOUND, _WRONG_PASSWORD, _BEACON_TIMEOUT = 201, 202, 200

_NETMASK, _GATEWAY = bytes((255, 255, 255, 0)), bytes((192, 168, 4, 1))
_FIRST_HOST = 17


class Router:
    """The access point. `up` may be set at any time: stations notice a silence seconds later."""

    def __init__(self, ssid: str = "home", key: str = "correct horse"):
        self.ssid = ssid
        self.key = key
        self.rssi_dbm = -60
        self.stations: list[Station] = []
        self._up = True

    @property
    def up(self) -> bool:
        """Whether it has power and forwards."""
        return self._up

    @up.setter
    def up(self, up: bool) -> None:
        self._up = up
        for station in self.stations:
            station.router_changed()


class Station:
    """One hub's Wi-Fi. As on the ESP32 it tries again for ever by itself, so a wrong password reads as "connecting"."""

    def __init__(self, hub: Hub, router: Router, number: int = 0):
        self.hub = hub
        self.router = router
        self.address = bytes((192, 168, 4, _FIRST_HOST + number))
        self.active = False
        self.associations = 0
        self._connected = False
        self._wanted: tuple[str, str] | None = None
        self._reason = 0
        self._tries_left = -1
        self._reconnects = -1
        self._timer: asyncio.TimerHandle | None = None
        hub.services.update(
            {
                _STATE: self._state,
                _CONNECT: self._connect,
                _DISCONNECT: self._disconnect,
                _ACTIVE: self._set_active,
                _SCAN: self._scan,
                _RECONNECTS: self._set_reconnects,
            }
        )
        hub.on_power.append(lambda on: self._off())
        router.stations.append(self)

    @property
    def connected(self) -> bool:
        """Whether the chip believes that it has an address; a dead router is noticed seconds later."""
        return self._connected

    @property
    def reachable(self) -> bool:
        """Whether octets really get through."""
        return self._connected and self.router.up

    def router_changed(self) -> None:
        """The router went up or down: an associated station notices a silence."""
        if self._connected and not self.router.up:
            self._later(_BEACON_LOSS_S, self._lost)

    def _off(self) -> None:
        self.active = self._connected = False
        self._wanted = None
        self._cancel()

    def _later(self, seconds: float, callback) -> None:
        self._cancel()
        self._timer = self.hub.loop.call_later(seconds, callback)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _lost(self) -> None:
        if self.router.up:
            return  # it came back in time
        self._connected = False
        self._failed(_BEACON_TIMEOUT)

    def _failed(self, reason: int) -> None:
        self._reason = reason
        if self._tries_left == 0:
            self._wanted = None
            return
        if self._tries_left > 0:
            self._tries_left -= 1
        self._later(_SCAN_S, self._try)
        self.hub.wake()

    def _try(self) -> None:
        ssid, key = self._wanted or ("", "")
        if not self.router.up or ssid != self.router.ssid:
            self._failed(_NO_AP_FOUND)
        elif key != self.router.key:
            self._later(_HANDSHAKE_FAIL_S, lambda: self._failed(_WRONG_PASSWORD))
        else:
            self._later(_ASSOCIATE_S + _DHCP_S, self._got_address)

    def _got_address(self) -> None:
        if not self.router.up:
            self._failed(_NO_AP_FOUND)
            return
        self._timer = None
        self._connected = True
        self.associations += 1
        self._tries_left = self._reconnects
        self.hub.wake()

    def _status(self) -> int:
        if self._connected:
            return _GOT_IP
        if self._wanted is not None:
            return _CONNECTING
        return self._reason or _IDLE

    def _state(self, _payload: bytes) -> bytes:
        there = self._connected
        nothing = bytes(4)
        return struct.pack(
            "<BBHb4s4s4s4s",
            self.active,
            there,
            self._status(),
            self.router.rssi_dbm if there else 0,
            self.address if there else nothing,
            _NETMASK if there else nothing,
            _GATEWAY if there else nothing,
            _GATEWAY if there else nothing,
        )

    def _connect(self, payload: bytes) -> None:
        ssid, _, key = payload.partition(b"\0")
        self._wanted = (ssid.decode(), key.decode())
        self._connected = False
        self._reason = 0
        self._tries_left = self._reconnects
        self._later(_SCAN_S, self._try)

    def _disconnect(self, _payload: bytes) -> None:
        self._connected = False
        self._wanted = None
        self._cancel()

    def _set_active(self, payload: bytes) -> None:
        if payload[0]:
            self.active = True
        else:
            self._off()

    def _scan(self, _payload: bytes) -> bytes:
        return self.router.ssid.encode() if self.router.up else b""

    def _set_reconnects(self, payload: bytes) -> None:
        self._reconnects = struct.unpack("<h", payload)[0]
