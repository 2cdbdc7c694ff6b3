"""Stand-in for MicroPython's aioble: central, GATT client and security. See ../README.md for what and why."""

from micropython import const

from .central import scan
from .core import GattError, config, log_error, log_info, log_warn, stop
from .device import Device, DeviceDisconnectedError

__all__ = (
    "ADDR_PUBLIC",
    "ADDR_RANDOM",
    "Device",
    "DeviceDisconnectedError",
    "GattError",
    "config",
    "log_error",
    "log_info",
    "log_warn",
    "scan",
    "stop",
)

ADDR_PUBLIC = const(0)
ADDR_RANDOM = const(1)
