"""What each order does. `obey` alters the settings that are to be kept with the order's number, and gives

(what to do once they are kept, or None; what has come of the order until then: DONE, BEGUN or TRIAL).

PeerError("bad argument", field), PeerError("not possible", why), or PeerError("wait"): it comes again in a while, and
when its time is over it has expired.
"""

import drivers
from firmware import config
from firmware import devices as devices_file
from firmware.contracts import PeerError
from firmware.uplink import order_fields as actions
from firmware.uplink.order_fields import BEGUN, DONE, TRIAL


def obey(hub, settings: dict, action: int, fields: dict) -> tuple:
    """What an order that was understood changes."""
    return _OBEY[action](hub, settings, fields)


def _bad(field):
    return PeerError("bad argument", field)


# -- devices ---------------------------------------------------------------------------------------------


def _slot_of(settings, address):
    for slot, entry in enumerate(settings["devices"]):
        if entry and config.address_octets(entry["address"]) == address:
            return slot
    return None


def _allow(hub, settings, fields):
    if fields["row"] not in drivers.ROWS:
        raise _bad("row")
    row = drivers.row(fields["row"])
    if "users" in fields and not row.consent:
        raise _bad("users")
    if "passkey" in fields and row.bonds != "digits":
        raise _bad("passkey")
    entry = {"address": fields["address"].hex(), "address_type": fields["address_type"], "row": fields["row"]}
    for name in ("counts_from", "user_slot", "users", "passkey"):
        if name in fields:
            entry[name] = fields[name]
    devices = settings["devices"]
    slot = _slot_of(settings, fields["address"])
    if "replaces" in fields and fields["replaces"] != fields["address"]:
        old = _slot_of(settings, fields["replaces"])
        if old is None or slot is not None:
            raise _bad("replaces")
        slot = old
        _free(hub)
    elif slot is None and len(devices) < config.DEVICES_MAX:
        slot = len(devices)
        devices.append(None)
    elif slot is None:
        if None not in devices:
            raise PeerError("not possible", "device list is full")
        slot = devices.index(None)
        _free(hub)
    devices[slot] = entry
    return lambda: _relist(hub, devices), DONE


def _free(hub):
    """A slot goes to another device when nothing of the one before waits any more: a capture names its slot alone."""
    if hub.journal.waiting():
        raise PeerError("wait")


def _remove(hub, settings, fields):
    slot = _slot_of(settings, fields["address"])
    if slot is None:
        raise _bad("address")
    devices = settings["devices"]
    devices[slot] = None
    return lambda: _relist(hub, devices), DONE


def _relist(hub, devices):
    """The device list is another one from now on; what is being heard for the old one is heard anew."""
    hub.entries = devices
    listed = devices_file.listed(devices, hub.bonds, hub.health.count)
    kept = [device.identity for device in listed]
    for device in hub.listening.devices:
        if device.identity not in kept:
            hub.bonds.forget(device.identity)
    hub.bonds.flush()
    hub.listening.list(listed)
    hub.radio.cut()


def _restart(hub, why):
    hub.restart = why
    hub.radio.cut()
    hub.news.set()


# -- pairing ---------------------------------------------------------------------------------------------


def _window(hub, settings, fields):
    return lambda: hub.open_window(fields["seconds"] * 1000), BEGUN


def _digits(hub, settings, fields):
    slot = _slot_of(settings, fields["address"])
    if slot is None or drivers.row(settings["devices"][slot]["row"]).bonds != "digits":
        raise _bad("address")
    if not hub.window_open():
        raise PeerError("not possible", "no window is open")

    def after():
        for device in hub.listening.devices:
            if device.address == fields["address"]:
                device.digits = fields["passkey"]

    return after, BEGUN


# -- settings --------------------------------------------------------------------------------------------


def _zone(hub, settings, fields):
    from firmware.measurement.zone import Zone

    rule = settings["zone"] = fields["rule"]
    try:
        Zone(rule)
    except ValueError:
        raise _bad("rule")

    def after():
        hub.zone_rule = rule

    return after, DONE


def _plan(hub, settings, fields):
    settings["plan"] = fields

    def after():
        hub.health.every_ms = fields["health_s"] * 1000

    return after, DONE


def _network(hub, settings, fields):
    """The old settings stay beside the new ones until these have carried an answer (order_trial.py)."""
    if not fields:
        raise _bad("arguments")
    if ("ssid" in fields) != ("key" in fields):
        raise _bad("key" if "ssid" in fields else "ssid")  # an open network is said with an empty key
    if hub.window_open():
        raise PeerError("wait")  # a restart would close it
    settings["trial"] = {name: settings[name] for name in ("wifi", "broker", "time")}
    for group, names in (("wifi", ("ssid", "key")), ("broker", ("host", "port")), ("time", ("ntp",))):
        changed = {name: fields[name] for name in names if name in fields}
        if changed:
            settings[group] = dict(settings[group])
            settings[group].update(changed)
    return lambda: _restart(hub, "new settings"), TRIAL


# -- the hub itself --------------------------------------------------------------------------------------


def _reset(hub, settings, fields):
    """Everything that makes the hub somebody's goes, at its next start (order_wipe.py)."""
    if not fields["at_once"] and hub.journal.waiting():
        raise PeerError("wait")

    def after():
        from firmware import order_wipe

        order_wipe.begin()
        _restart(hub, "reset")

    return after, BEGUN


def _change_keys(hub, settings, fields):
    """Another key of the hub's own, by number: 1 TLS, 2 signing, 3 agreement. The signing key alone, so far."""
    if fields["which"] != 2 or isinstance(hub.keys.signing, tuple):
        raise PeerError("not possible", "key change")
    if hub.key_change:
        raise PeerError("wait")  # one change after the other
    settings["key_change"] = hub.keys.signing_kid.hex()

    def after():
        hub.key_change = settings["key_change"]
        hub.health.hurry()
        hub.work.set()

    return after, BEGUN


_OBEY = {
    actions.ALLOW_DEVICE: _allow,
    actions.REMOVE_DEVICE: _remove,
    actions.OPEN_WINDOW: _window,
    actions.DIGITS: _digits,
    actions.ZONE: _zone,
    actions.PLAN: _plan,
    actions.NETWORK: _network,
    actions.RESET: _reset,
    actions.CHANGE_KEYS: _change_keys,
}
