"""Pairing by the six digits that a device shows or has on its label: loaded for a device that pairs so, while it does.

MicroPython tells a central nothing of when digits are wanted (upstream issue 17805): they are given as soon as they are
known, again and again until they are taken.
"""

from aioble import core
from micropython import const

from firmware.board.ticks import within
from firmware.contracts import PeerError

_DIGITS_POLL_MS = const(200)  # pairing by digits waits for 30 s, most of which a person needs
_PASSKEY_INPUT = const(2)  # _PASSKEY_ACTION_INPUT
_ENOENT = const(2)
_EINVAL = const(22)
_AUTHENTICATED = const(4)
_ENCRYPTED = const(2)  # radio.py


async def bond_with(radio, device, limit_ms):
    """Pair and bond. PeerError as for the step, and "no_digits", "wrong_digits"."""
    radio.secured.clear()
    core.ble.gap_pair(radio.handle)
    ends_ms = radio.ticks.now_ms() + limit_ms
    given = None
    while not await within(radio.secured.wait(), _DIGITS_POLL_MS):
        if radio.ticks.now_ms() >= ends_ms:
            raise PeerError("timeout", "pair")
        if given is None and device.digits is not None:
            try:
                core.ble.gap_passkey(radio.handle, _PASSKEY_INPUT, device.digits)
                given = device.digits
            except OSError as error:
                if error.args[0] not in (_ENOENT, _EINVAL):  # no pairing runs, or none that is so far
                    raise
    if radio.bond_changed:
        raise PeerError("security", "bond changed")
    if radio.gone:
        raise PeerError("gone")
    if radio.security & _ENCRYPTED and radio.security & _AUTHENTICATED:
        return radio.bonds.flush()
    radio.bonds.forget(radio.identity)  # what has no display was bonded without digits: it is not this device
    if given is None and not radio.security & _ENCRYPTED:
        raise PeerError("no_digits")
    device.tries += 1
    raise PeerError("wrong_digits")
