"""The chip's `network`: a Wi-Fi station whose state the air knows (air/wifi.py)."""

import struct

import _seam
from micropython import const

_STATE_OP = const(80)
_CONNECT_OP = const(81)
_DISCONNECT_OP = const(82)
_ACTIVE_OP = const(83)
_SCAN_OP = const(84)
_RECONNECTS_OP = const(85)

STA_IF = const(0)
AP_IF = const(1)
STAT_IDLE = const(1000)
STAT_CONNECTING = const(1001)
STAT_GOT_IP = const(1010)
STAT_NO_AP_FOUND = const(201)
STAT_WRONG_PASSWORD = const(202)
STAT_BEACON_TIMEOUT = const(200)
STAT_ASSOC_FAIL = const(203)
STAT_HANDSHAKE_TIMEOUT = const(204)
AUTH_OPEN = const(0)
AUTH_WPA2_PSK = const(3)

_WIFI_NOT_STARTED = const(0x3002)
_hostname = "mpy-esp32s3"


def hostname(name=None):
    """Read or set the name told to DHCP."""
    global _hostname
    if name is not None:
        _hostname = name
    return _hostname


def country(code=None):
    """The regulatory domain."""
    return "DK"


class WLAN:
    """The station; the twin has no access point."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    PM_NONE = const(0)
    PM_PERFORMANCE = const(1)
    PM_POWERSAVE = const(2)

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            raise ValueError("no access point on the twin")
        self._config = {"reconnects": -1, "pm": WLAN.PM_PERFORMANCE, "txpower": 20.0}

    def _state(self):
        """(active, connected, status, rssi, address, netmask, gateway, name server)."""
        return struct.unpack("<BBHb4s4s4s4s", _seam.call(_STATE_OP))

    def active(self, on=None):
        """Read or set whether the radio is on."""
        if on is not None:
            _seam.call(_ACTIVE_OP, bytes([bool(on)]))
        return bool(self._state()[0])

    def connect(self, ssid=None, key=None, *, bssid=None):
        """Begin to associate; the chip goes on trying by itself."""
        if not self._state()[0]:
            raise OSError(_WIFI_NOT_STARTED)
        _seam.call(_CONNECT_OP, (ssid or "").encode() + b"\0" + (key or "").encode())

    def disconnect(self):
        """Leave, and stop trying."""
        if not self._state()[0]:
            raise OSError(_WIFI_NOT_STARTED)
        _seam.call(_DISCONNECT_OP)

    def isconnected(self):
        """Whether there is an address."""
        return bool(self._state()[1])

    def status(self, what=None):
        """How far it has come, or the signal strength."""
        state = self._state()
        if what is None:
            return state[2]
        if what == "rssi":
            return state[3]
        raise ValueError("unknown status param")

    def ifconfig(self, fields=None):
        """(address, netmask, gateway, name server) as text."""
        if fields is not None:
            raise OSError(22)  # the twin's router gives addresses out
        return tuple([".".join([str(octet) for octet in quad]) for quad in self._state()[4:]])

    def ipconfig(self, name):
        """The newer form of ifconfig, read only."""
        address, netmask, gateway, _ = self.ifconfig()
        if name == "addr4":
            return (address, netmask)
        if name == "gw4":
            return gateway
        raise ValueError("unknown config param")

    def scan(self):
        """[(ssid, bssid, channel, rssi, security, hidden)]."""
        answer = _seam.call(_SCAN_OP)
        return [(bytes(answer), b"\x02\x00\x00\x00\x00\x01", 6, -60, AUTH_WPA2_PSK, False)] if answer else []

    def config(self, *args, **kwargs):
        """Read one parameter or set some."""
        if kwargs:
            for name, value in kwargs.items():
                self._config[name] = value
                if name == "reconnects":
                    _seam.call(_RECONNECTS_OP, struct.pack("<h", value))
            return None
        if args[0] == "mac":
            import machine

            return machine.unique_id()
        return self._config[args[0]]
