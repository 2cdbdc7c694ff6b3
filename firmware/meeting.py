"""A listed device was heard: whether it is visited now, and what comes of the visit. Loaded for that moment."""

from micropython import const

import drivers

_TRIES_MAX = const(3)  # of wrong digits in a window: a fourth would help nobody but who guesses
_PAIRING_FAILED = const(2)  # events.py
_BOND_CHANGED = const(3)
_IGNORED_MS = const(1_000)  # an advert that wants nothing of us now: the next one may


async def heard(listening, key, advert_octets, response_octets) -> None:
    """Visit the device that said this, when it wants that, may be visited, and there is room for what it has."""
    from firmware.ble import advert

    hub = listening.hub
    device = listening.by_key.get(key)
    if device is None:
        return  # no longer listed
    listening.heard_ms = hub.ticks.now_ms()
    row = drivers.row(device.row_name)
    wants = advert.wants(row, advert.parse(advert_octets, response_octets))
    del advert
    hub.forget()
    if wants is None or (wants == "pairing" and not hub.window_open()):
        device.not_before_ms = listening.heard_ms + _IGNORED_MS
        return
    if row.bonds and not hub.bonds.has(device.identity) and not hub.window_open():
        hub.health.count("visit not_bonded")  # not even connected to: some devices show an error then
        if listening.last_session(device) is not None:
            hub.needs_help("bond_lost")  # it was paired once, and nobody would notice
        device.rest(listening.heard_ms, False, row)
        return
    if device.tries >= _TRIES_MAX and not hub.bonds.has(device.identity):
        hub.needs_help("digits")  # until another window is opened
        device.rest(listening.heard_ms, False, row)
        return
    needed = hub.journal.needed(row.burst, row.value_octets_max)
    while not _fits(listening, needed) and hub.tidied():
        await hub.ticks.sleep_ms(1)
    if device not in listening.devices or hub.line_first():
        return  # meanwhile the list became another, or the hub is about to start over
    if not _fits(listening, needed):
        hub.needs_help("no_room")
        device.rest(listening.heard_ms, False, row)
        return
    if wants == "pairing":
        hub.bonds.forget(device.identity)  # a person opened the window and put the device into its pairing mode
    await _visit_one(listening, device, row)
    hub.forget()


def _fits(listening, needed):
    journal = listening.hub.journal
    return journal.room() >= needed and journal.may_visit()


async def _visit_one(listening, device, row) -> None:
    from firmware.ble import visit

    hub = listening.hub
    limit_ms = visit.limit_ms(row)
    hub.promise("listening", limit_ms)
    listening.visit += 1
    listening.slot = device.slot
    listening.sampled = {}
    listening.kept = False
    listening.visiting = True
    hub.news.set()
    visiting = hub.visiting(device, row, listening.visit)
    try:
        await hub.ticks.within(visiting.run(), limit_ms)
    finally:
        await hub.radio.close()
        listening.visiting = False
        listening.heard_ms = hub.ticks.now_ms()
        hub.turned.set()
    key = hub.bonds.address_of(device.identity)
    if key != device.key:  # it told who it is behind its private address
        device.key = key
        listening.by_key = {one.key: one for one in listening.devices}
    if hub.radio.bond_changed:
        hub.keeps(visiting.bond_changed)
        hub.needs_help("bond_changed")
        hub.health.event(_BOND_CHANGED, "slot %d" % device.slot)
    elif visiting.outcome == "no_consent":
        hub.needs_help("no_consent")
    elif visiting.outcome == "bond_lost" or device.denied(hub.radio.denied):
        hub.needs_help("bond_lost")
    if hub.radio.lost:
        hub.radio.lost = 0
        hub.needs_help("possible_loss")
    hub.health.count("visit " + visiting.outcome)
    if visiting.outcome == "wrong_digits":  # those of an order were for one try
        device.digits = hub.entries[device.slot].get("passkey")
    if visiting.outcome in ("pairing_failed", "no_digits", "wrong_digits"):
        hub.health.event(_PAIRING_FAILED, visiting.outcome)
    if visiting.outcome == "capped" and not listening.kept:
        device.awake()  # cut short for the line's sake, not by any fault of the device's: it goes on when it may
    else:
        good = listening.kept and visiting.outcome in ("drained", "capped", "no_clock")
        device.rest(listening.heard_ms, good, row)
    hub.work.set()
    hub.news.set()
