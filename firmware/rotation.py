"""A new signing key: made by an order, announced under the old one, in force when the platform has it; through any cut.

| file | is |
|---|---|
| signing.key | the key that signs |
| signing.new | made and announced; the platform does not have it yet, as far as the hub knows |
| signing.old | the one before, for as long as a plan that was made under it waits for its receipt |

Each step can be done again, and after a cut it is.
"""

import hashlib
import os

from micropython import const

from firmware import config, enrolment
from firmware.contracts import PeerError
from firmware.seal import p256

_KEY_OCTETS = const(32)
_PURPOSE = b"telehub new key"
_KEY, _NEW, _OLD = "signing.key", "signing.new", "signing.old"


def begin(random_octets) -> None:
    """Make a new key, unless one was made already. PeerError("wait") while an older one is still needed."""
    if _found(_OLD):
        raise PeerError("wait")
    if not _found(_NEW):
        from firmware import enrolling

        enrolling.make_key(_NEW, random_octets)


def announcement(hub_id: bytes) -> "tuple | None":
    """(public point, proof by the new key that the hub has it), None when there is nothing to announce."""
    key = _found(_NEW)
    if not key:
        return None
    point = p256.public_key(key)
    return point, p256.sign(key, digest(hub_id, point))


def digest(hub_id: bytes, point: bytes) -> bytes:
    """What the new key signs to prove itself."""
    return hashlib.sha256(_PURPOSE + hub_id + point).digest()


def taken(kid: bytes, keys) -> tuple:
    """The platform has the key with this kid: from now on it signs. The hub's keys as they are then."""
    new = _found(_NEW)
    if not new or p256.key_id(p256.public_key(new)) != kid:
        return keys
    old = enrolment.load(_KEY, _KEY_OCTETS)
    if old != new:
        enrolment.keep(_OLD, old)
        enrolment.keep(_KEY, new)
    _remove(_NEW)
    return enrolment.Keys(keys.hub_id, new, kid, keys.receipts)


def heal() -> None:
    """Finish, at a boot, what a cut interrupted."""
    key = enrolment.load(_KEY, _KEY_OCTETS)
    if key == _found(_NEW):
        enrolment.keep(_KEY, key)  # its second copy may be the old key still
        _remove(_NEW)
    elif key == _found(_OLD):
        _remove(_OLD)  # it is in force again, or still: the new one is announced once more


def old_key(kid: bytes) -> bytes:
    """The key before, when it is the one with this kid; else b""."""
    key = _found(_OLD)
    return key if key and p256.key_id(p256.public_key(key)) == kid else b""


def retire(kids) -> bool:
    """Erase the old key when it is none of `kids`, those of plans that wait for receipts; True when there is none."""
    old = _found(_OLD)
    if old and p256.key_id(p256.public_key(old)) in kids:
        return False
    _remove(_OLD)
    return True


def tend(hub) -> "tuple | None":
    """The next step of a change that was ordered; what the report is to announce. Called for each report meanwhile.

    `hub.key_change` is the kid of the key that is to be changed, as the settings keep it with the order.
    """
    kid, hub.health.key_taken = hub.health.key_taken, b""
    if kid:
        hub.keys = taken(kid, hub.keys)
    if hub.keys.signing_kid.hex() == hub.key_change:
        begin(hub.random_octets)
        return announcement(hub.keys.hub_id)
    try:
        needed = [hub.journal.read_plan(sequence).kid for sequence in hub.journal.open_plans()]
    except ValueError:
        return None  # one cannot be read now
    if retire(needed):
        store = config.Store(config.FOLDER, "settings")
        settings = store.load()
        if settings and settings.pop("key_change", None):
            store.save(settings)
        hub.key_change = ""
    return None


def under_way() -> bool:
    """Whether there is a new or an old key."""
    return bool(_found(_NEW) or _found(_OLD))


def _found(name) -> bytes:
    try:
        return enrolment.load(name, _KEY_OCTETS)
    except PeerError:
        return b""


def _remove(name):
    for path in enrolment.paths(name):
        try:
            os.remove(path)
        except OSError:
            pass  # it was not there
