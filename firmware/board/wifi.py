"""Wi-Fi as a station: joined when the uplink asks, joined again when it was lost."""

import network
from micropython import const

from firmware.board.ticks import sleep_ms
from firmware.contracts import PeerError

_JOIN_MS = const(15_000)  # association and DHCP on a busy home router
_POLL_MS = const(250)


class Wifi:
    def __init__(self, ssid: str, key: str):
        self._ssid = ssid
        self._key = key
        self._station = network.WLAN(network.STA_IF)

    def joined(self) -> bool:
        return self._station.isconnected()

    def name_server(self) -> str:
        """The DNS server that the router named."""
        return self._station.ifconfig()[3]

    async def join(self) -> None:
        """Return when there is an address. PeerError("wifi") after the limit."""
        station = self._station
        if station.isconnected():
            return
        station.active(True)
        try:
            station.disconnect()
        except OSError:
            pass  # it was not associated
        station.connect(self._ssid, self._key)
        for _ in range(_JOIN_MS // _POLL_MS):
            if station.isconnected():
                return
            await sleep_ms(_POLL_MS)
        station.disconnect()
        raise PeerError("wifi: not joined")
