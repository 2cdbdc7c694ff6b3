"""Pairing, and the bonds that outlive a power cut in one JSON file."""

import asyncio
import binascii
import json

from micropython import const, schedule

from .core import ble, log_info, log_warn, register_irq_handler
from .device import DeviceConnection

_IRQ_ENCRYPTION_UPDATE = const(28)
_IRQ_GET_SECRET = const(29)
_IRQ_SET_SECRET = const(30)

_IO_CAPABILITY_NO_INPUT_OUTPUT = const(3)

_DEFAULT_PATH = "ble_secrets.json"

_secrets = {}  # (type, key) -> value
_modified = False
_path = None


def load_secrets(path=None):
    """Read the bonds; without a readable file there are none. Before the radio is switched on."""
    global _path, _secrets
    _path = path or _path or _DEFAULT_PATH
    _secrets = {}
    try:
        with open(_path) as file:
            for kind, key, value in json.load(file):
                _secrets[kind, binascii.a2b_base64(key)] = binascii.a2b_base64(value)
    except Exception:  # noqa: BLE001 - absent, cut short or edited: all read as no bonds
        log_warn("No secrets available")


def _save_secrets(_=None):
    global _path, _modified
    _path = _path or _DEFAULT_PATH
    rows = []
    for (kind, key), value in _secrets.items():
        rows.append((kind, binascii.b2a_base64(key), binascii.b2a_base64(value)))
    with open(_path, "w") as file:
        json.dump(rows, file)
    _modified = False


def _on_encryption(conn_handle, encrypted, authenticated, bonded, key_size):
    log_info("encryption update", conn_handle, encrypted, authenticated, bonded, key_size)
    link = DeviceConnection._connected.get(conn_handle)
    if link:
        link.encrypted = encrypted
        link.authenticated = authenticated
        link.bonded = bonded
        link.key_size = key_size
        if encrypted and link._pair_event:  # a refusal wakes nobody: see README
            link._pair_event.set()


def _get_secret(kind, index, key):
    if key is not None:
        return _secrets.get((kind, bytes(key)))
    for (other, _), value in _secrets.items():
        if other == kind:
            if index == 0:
                return value
            index -= 1
    return None


def _set_secret(kind, key, value):
    global _modified
    name = kind, bytes(key)
    if value:
        _secrets[name] = bytes(value)
    elif name in _secrets:
        del _secrets[name]
    else:
        return False
    if not _modified:
        _modified = True
        schedule(_save_secrets, None)  # no file is written inside the radio's callback
    return True


def _on_event(event, data):
    if event == _IRQ_GET_SECRET:
        return _get_secret(*data)
    if event == _IRQ_SET_SECRET:
        return _set_secret(*data)
    if event == _IRQ_ENCRYPTION_UPDATE:
        _on_encryption(*data)


def _forget():
    global _secrets, _modified, _path
    _secrets = {}
    _modified = False
    _path = None


register_irq_handler(_on_event, _forget)


async def pair(
    link, bond=True, le_secure=True, mitm=False, io=_IO_CAPABILITY_NO_INPUT_OUTPUT, timeout_ms=20000
):
    """Encrypt a link; `DeviceConnection.pair` is the way in."""
    ble.config(bond=bond, le_secure=le_secure, mitm=mitm, io=io)
    with link.timeout(timeout_ms):
        link._pair_event = asyncio.ThreadSafeFlag()
        ble.gap_pair(link._conn_handle)
        await link._pair_event.wait()
